package e2e

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRacingWriters lets 2 to 16 processes back up into one archive at the same
// time, some asked for a full backup, and some killed on the way. Everybody who
// is told "committed" is in the journal, as told; nobody else is, but for those that
// were killed; nobody fails but with a conflict; and the journal has no gaps.
func TestRacingWriters(t *testing.T) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			at, db := p.make(t), create(t, "0.6.0", "--kill", "--nodes", "50", "--commits", "2")
			r := &race{at: at, db: db, log: map[int64]answer{}}
			for round, writers := range []int{2, 16, 3, 8, 5, 12, 4, 2, 6, 10, 16, 7, 3, 9, 2} {
				if round%3 == 1 {
					db.write(t, "--kill", "--nodes", "20", "--commits", "1")
				}
				r.round(t, writers, round%2 == 1)
			}
			verifyClean(t, at, int64(len(r.log)))
			target := filepath.Join(t.TempDir(), "people.grafeo")
			must(t, "restore", at.address(), target)
			if diff := cmp.Diff(db.state(t), inspect(t, db.version, target)); diff != "" {
				t.Errorf("the newest backup differs (-original +restored):\n%s", diff)
			}
		})
	}
}

// race is what is known of an archive that many write to.
type race struct {
	at  place
	db  *database
	log map[int64]answer // all backups, as listed after the last round
}

func (r *race) round(t *testing.T, writers int, kills bool) {
	t.Helper()
	var all []*process
	for i := range writers {
		args := []string{"backup", r.db.path, r.at.address(), "--json"}
		if i%3 != 0 {
			args = append(args, "--full")
		}
		all = append(all, start(t, args...))
	}
	for i := 2; kills && i < writers; i += 4 {
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		all[i].end(t, syscall.SIGKILL)
	}
	killed, conflicts := 0, 0
	told := map[int64]answer{}
	for _, p := range all {
		switch p.wait(t) {
		case -1:
			killed++
			continue
		case exitConflict:
			conflicts++
			continue
		}
		a := p.result().want(t, exitOK).one(t, "backup")
		if a.Kind == "none" {
			continue
		}
		if other, twice := told[a.Seq]; twice {
			t.Fatalf("two were told that backup %d is theirs: %+v and %+v", a.Seq, other, a)
		}
		told[a.Seq] = a
	}
	before := len(r.log)
	unexpected := 0
	for i, b := range must(t, "list", r.at.address(), "--json").answers(t) {
		if b.Seq != int64(i+1) {
			t.Fatalf("the log has a hole: backup %d is number %d", i+1, b.Seq)
		}
		old, known := r.log[b.Seq]
		if known && !cmp.Equal(old, b) {
			t.Fatalf("backup %d has changed: %+v, it was %+v", b.Seq, b, old)
		}
		if a, ours := told[b.Seq]; ours {
			if known || short(a) != short(b) {
				t.Fatalf("backup %d was told to be %s and is %s", b.Seq, short(a), short(b))
			}
			delete(told, b.Seq)
		} else if !known {
			unexpected++
		}
		if b.Timeline != 1 {
			t.Errorf("backup %d is on timeline %d", b.Seq, b.Timeline)
		}
		r.log[b.Seq] = b
	}
	if len(told) > 0 {
		t.Fatalf("told to be committed, and not in the log: %+v", told)
	}
	if unexpected > killed {
		t.Fatalf("%d backups are nobody's, and %d writers were killed", unexpected, killed)
	}
	t.Logf("%d writers, %d killed, %d gave up: %d backups are new", writers, killed, conflicts, len(r.log)-before)
}

// short is what distinguishes one backup from another.
func short(a answer) string {
	return fmt.Sprintf("%s of %s, epochs %d to %d", a.Kind, a.CreatedAt, a.StartEpoch, a.EndEpoch)
}
