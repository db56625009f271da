package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TestKillExpire kills expiries and compactions at random moments, without any grace,
// beside backups and restores. Whatever is in the list afterwards can be restored to
// what was committed, nobody was told a wrong success, and expiries that end leave
// nothing that no backup needs.
func TestKillExpire(t *testing.T) {
	t.Parallel()
	const kills = 30
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			k := &expiring{at: p.make(t), db: create(t, "0.6.0", "--kill", "--nodes", "30", "--commits", "2")}
			k.backups(t, 12)
			clean := timed(t, "expire", k.at.address(), "--keep-last", "10", "--grace", "0", "--apply")
			hit, until := 0, clean // beside others, it takes longer: until follows
			for i := range kills / len(places) {
				if k.kill(t, i, time.Duration(rand.Float64()*2*float64(until))) {
					hit++
					until = until * 3 / 2
				} else {
					until /= 2
				}
				k.backups(t, 1)
				k.check(t, 2)
			}
			if hit == 0 {
				t.Error("nothing was killed")
			}
			t.Logf("%d of %d were killed; undisturbed, an expiry takes %v, beside others some %v", hit, kills/len(places), clean, until)
			for range 2 {
				must(t, "expire", k.at.address(), "--keep-last", "5", "--grace", "0", "--apply")
			}
			k.check(t, 1000)
			v := must(t, "verify", k.at.address(), "--deep", "--json").one(t, "verify")
			if !v.OK || v.WaitingSegments != 0 || v.UnusedSegments != 0 {
				t.Errorf("%+v", v)
			}
		})
	}
}

// expiring is an archive from which backups are removed while others are added.
type expiring struct {
	at place
	db *database
}

// backups adds n commits, each with a backup, some of them full ones.
func (k *expiring) backups(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		k.db.write(t, "--kill", "--nodes", "10", "--commits", "1")
		args := []string{"backup", k.db.path, k.at.address()}
		if i%5 == 4 || rand.IntN(6) == 0 {
			args = append(args, "--full")
		}
		must(t, args...)
	}
}

// kill kills an expiry or a compaction beside a backup and a restore, and reports whether
// it still ran.
func (k *expiring) kill(t *testing.T, i int, moment time.Duration) bool {
	t.Helper()
	k.db.write(t, "--kill", "--nodes", "10", "--commits", "1")
	backup := start(t, "backup", k.db.path, k.at.address())
	target := filepath.Join(t.TempDir(), "people.grafeo")
	restore := start(t, "restore", k.at.address(), target)
	args := []string{"expire", k.at.address(), "--keep-last", "4", "--keep-full", "2", "--grace", "0", "--apply"}
	if i%3 == 2 {
		args = []string{"compact", k.at.address(), "--min", "2", "--tail", "1", "--apply"}
	}
	killed := killAt(t, moment, args...)
	if code := backup.wait(t); code != exitOK && code != exitConflict {
		t.Fatalf("a backup beside it: %+v", backup.result())
	}
	switch code := restore.wait(t); code {
	case exitOK:
		k.isCommitted(t, target, 0)
	case exitUnreachable:
	default:
		t.Fatalf("a restore beside it: %+v", restore.result())
	}
	return killed
}

// check restores some of the backups in the list, the newest among them.
func (k *expiring) check(t *testing.T, n int) {
	t.Helper()
	list := must(t, "list", k.at.address(), "--json").answers(t)
	if len(list) == 0 {
		t.Fatal("no backup is left")
	}
	newest := len(list) - 1
	rand.Shuffle(newest, func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, b := range append(list[:min(n-1, newest)], list[newest]) {
		target := filepath.Join(t.TempDir(), "people.grafeo")
		must(t, "restore", k.at.address(), target, "--backup", strconv.FormatInt(b.Seq, 10))
		k.isCommitted(t, target, b.EndEpoch)
	}
}

// isCommitted demands that a restored database has what was committed by an epoch, or,
// for 0, by any.
func (k *expiring) isCommitted(t *testing.T, path string, epoch int64) {
	t.Helper()
	got := inspect(t, k.db.version, path)
	log, err := os.ReadFile(k.db.log)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(log)); lines.Scan(); {
		var c commit
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Digest == got.Digest && (epoch == 0 || c.Epoch == epoch) {
			return
		}
	}
	t.Fatalf("restored by epoch %d: nobody has committed %+v", epoch, got)
}
