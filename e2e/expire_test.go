package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// stretch is a range of epochs that can be restored.
type stretch struct {
	Timeline int64 `json:"timeline"`
	From     int64 `json:"from_epoch"`
	To       int64 `json:"to_epoch"`
}

// amount is a number of objects and their bytes.
type amount struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// fate is what expire --json says of one backup.
type fate struct {
	Type    string   `json:"type"`
	Seq     int64    `json:"seq"`
	Stays   bool     `json:"stays"`
	Because []string `json:"because"`
	Label   string   `json:"label"`
}

// expired is what expire --json says in all.
type expired struct {
	Type           string           `json:"type"`
	Applied        bool             `json:"applied"`
	Head           int64            `json:"head"`
	Keep           int64            `json:"keep"`
	Removed        int              `json:"removed"`
	Kept           int              `json:"kept"`
	ReachBefore    []stretch        `json:"reach_before"`
	ReachAfter     []stretch        `json:"reach_after"`
	Deleted        amount           `json:"deleted"`
	Waiting        amount           `json:"waiting"`
	Refused        []answer         `json:"refused"`
	Versioned      *bool            `json:"versioned"`
	Locked         *bool            `json:"locked"`
	Versions       *oldVersions     `json:"versions"`
	RefusedObjects int64            `json:"refused_objects"`
	Requests       map[string]int64 `json:"requests"`
	Cost           *cost            `json:"cost"`

	backups []fate
}

func parseExpired(t testing.TB, r result) (e expired) {
	t.Helper()
	for line := range strings.Lines(r.stdout) {
		var f fate
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %v: %s", r.args, err, line)
		}
		if f.Type == "expire_backup" {
			e.backups = append(e.backups, f)
		} else if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %v: %s", r.args, err, line)
		}
	}
	if e.Type != "expire" {
		t.Fatalf("%v: %s", r.args, r.stdout)
	}
	return e
}

func expire(t testing.TB, args ...string) expired {
	t.Helper()
	return parseExpired(t, must(t, append([]string{"expire", "--json"}, args...)...))
}

// goes returns the numbers of the backups that go.
func (e expired) goes() (seqs []int64) {
	for _, b := range e.backups {
		if !b.Stays {
			seqs = append(seqs, b.Seq)
		}
	}
	return seqs
}

// contentsAt returns what is in a place.
func contentsAt(t testing.TB, at place) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range at.keys(t) {
		all[key] = string(at.read(t, key))
	}
	return all
}

// retainedHistory makes an archive of a database with the backups 1 (full), 2, 3, 4,
// 5 (full), 6 and 7, with objects of their own, and returns the goals of all epochs.
func retainedHistory(t testing.TB, at place, more ...string) (db *database, goals map[int64]goal) {
	t.Helper()
	commits := []string{"--nodes", "40", "--pad", "4000", "--commits", "2"}
	db = create(t, "0.6.0", "--kill", commits...)
	for seq := 1; seq <= 7; seq++ {
		args := append([]string{"backup", db.path, at.address()}, more...)
		if seq == 5 {
			args = append(args, "--full", "--fresh")
		}
		if b := must(t, append(args, "--json")...).one(t, "backup"); b.Seq != int64(seq) || (b.Kind == "full") != (seq == 1 || seq == 5) || b.Segments == 0 {
			t.Fatalf("%+v", b)
		}
		ending := "--kill"
		if seq == 4 {
			ending = "" // the next full backup has an image
		}
		db.write(t, ending, commits...)
	}
	goals = map[int64]goal{}
	b, err := os.ReadFile(db.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var c commit
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		goals[c.Epoch] = goal{[]string{"--epoch", fmt.Sprint(c.Epoch)}, c.Digest, c.Epoch, nil}
	}
	return db, goals
}

// inReach returns the goals of all epochs in some ranges.
func inReach(t testing.TB, goals map[int64]goal, ranges []stretch) (all []goal) {
	t.Helper()
	for _, r := range ranges {
		for epoch := r.From; epoch <= r.To; epoch++ {
			g, ok := goals[epoch]
			if !ok && epoch > 0 {
				t.Errorf("nothing was committed at epoch %d, which can be restored: %v", epoch, ranges)
			}
			if ok {
				all = append(all, g)
			}
		}
	}
	return all
}

// A dry run changes nothing and says what an expiry then does: every epoch that it calls
// restorable is, before and after; what it says is freed is gone.
func TestExpire(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at := p.make(t)
			_, goals := retainedHistory(t, at)
			must(t, "pin", at.address(), "2", "--label", "before 0.6")
			rules := []string{at.address(), "--keep-full", "1"}

			before := contentsAt(t, at)
			planned := expire(t, rules...)
			if !reflect.DeepEqual(before, contentsAt(t, at)) {
				t.Fatal("the dry run changed the archive")
			}
			if got := planned.goes(); !slices.Equal(got, []int64{3, 4}) || planned.Applied || planned.Removed != 2 || planned.Kept != 5 || planned.Head != 8 ||
				planned.Waiting.Objects != 2 || planned.Waiting.Bytes == 0 || planned.Deleted.Objects != 0 {
				t.Fatalf("%v goes: %+v", got, planned)
			}
			for seq, want := range map[int][]string{1: {"chain of 2"}, 2: {"pin"}, 5: {"full", "chain of 6"}, 7: {"newest", "full"}} {
				if got := planned.backups[seq-1]; !slices.Equal(got.Because, want) || (got.Label == "before 0.6") != (seq == 2) {
					t.Errorf("backup %d: %+v", seq, got)
				}
			}
			if len(planned.ReachBefore) != 1 || len(planned.ReachAfter) != 2 {
				t.Errorf("before %v, after %v", planned.ReachBefore, planned.ReachAfter)
			}
			reach(t, "0.6.0", at, inReach(t, goals, planned.ReachAfter))

			text := must(t, append([]string{"expire"}, rules...)...).stdout
			for _, want := range []string{
				"\n2       ", `pinned "before 0.6"`, "stays for 2\n", "\n3-4     ", "2 backups    - goes\n", "newest, full\n",
				"goes from the list: 2 backups; 5 stay\n", "to be deleted by an expiry after the grace (23h): ",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			if last := text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]; !strings.HasSuffix(last, " --keep-full 1 --apply --if-head 8\n") {
				t.Errorf("the last line is %q", last)
			}

			if f := gbak(t, append([]string{"expire", "--json", "--apply", "--if-head", "7"}, rules...)...).want(t, exitConflict).failure(t); f.Code != "conflict" {
				t.Errorf("%+v", f)
			}
			applied := expire(t, append(rules, "--apply", "--if-head", "8")...)
			if !applied.Applied || applied.Keep != 9 || applied.Removed != 2 || applied.Waiting != planned.Waiting || !reflect.DeepEqual(applied.ReachAfter, planned.ReachAfter) {
				t.Errorf("%+v, planned %+v", applied, planned)
			}
			var seqs []int64
			for _, b := range must(t, "list", at.address(), "--json").answers(t) {
				seqs = append(seqs, b.Seq)
			}
			gone := must(t, "list", at.address(), "--removed", "--json").answers(t)
			if !slices.Equal(seqs, []int64{1, 2, 5, 6, 7}) || len(gone) != 2 || gone[0].Seq != 3 || gone[1].Seq != 4 || !gone[0].Removed {
				t.Errorf("%v, removed %+v", seqs, gone)
			}
			if s := must(t, "status", at.address(), "--json").one(t, "status"); s.Backups != 5 || s.WaitingBytes == nil || *s.WaitingBytes != planned.Waiting.Bytes {
				t.Errorf("%+v", s)
			}
			if again := expire(t, append(rules, "--apply")...); again.Applied || again.Keep != 0 || again.Waiting != planned.Waiting {
				t.Errorf("there was nothing to do, and it says %+v", again)
			}

			keys := len(at.keys(t))
			freed := expire(t, append(rules, "--apply", "--grace", "0")...)
			// Its own record and a fence come, and two objects go.
			if freed.Deleted != planned.Waiting || freed.Waiting.Objects != 0 || len(at.keys(t)) != keys {
				t.Errorf("%+v, %d keys, and %d before", freed, len(at.keys(t)), keys)
			}
			if s := must(t, "status", at.address(), "--json").one(t, "status"); *s.WaitingBytes != 0 {
				t.Errorf("%d bytes wait", *s.WaitingBytes)
			}
			verifyClean(t, at, 5)
			reach(t, "0.6.0", at, inReach(t, goals, planned.ReachAfter))
		})
	}
}

// Who may only read is told what an expiry would do.
func TestExpireNeedsNoPermissionToLook(t *testing.T) {
	var readOnly atomic.Bool
	p, _ := behindProxy(t, func(r *s3test.Request) s3test.Fault {
		if readOnly.Load() && (r.Op == storage.OpPut || r.Op == storage.OpDelete) {
			t.Errorf("a dry run asked for %s %s", r.Op, r.Key)
			return s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return s3test.Fault{}
	})
	at := proxied{through: p.Address}
	smallArchive(t, at, 3)
	readOnly.Store(true)
	if planned := expire(t, at.address(), "--keep-last", "1"); planned.Removed != 2 || planned.Cost == nil || planned.Cost.USD != usd(planned.Requests) {
		t.Errorf("%+v", planned)
	}
}

// A store that does not let objects be deleted does not keep backups in the list: the next
// expiry deletes them. --mark-only does not ask.
func TestExpireWithoutPermissionToDelete(t *testing.T) {
	var denied atomic.Bool
	var asked atomic.Int64
	p, bucket := behindProxy(t, func(r *s3test.Request) s3test.Fault {
		if r.Op == storage.OpDelete && denied.Load() {
			asked.Add(1)
			return s3test.Fault{Status: 403, Code: "AccessDenied"}
		}
		return s3test.Fault{}
	})
	directory := newDirectory(t)
	for name, c := range map[string]struct {
		at      place
		address string
		deny    func() (allow func())
	}{
		"bucket": {bucket, p.Address, func() func() { denied.Store(true); return func() { denied.Store(false) } }},
		"directory": {directory, directory.address(), func() func() {
			var all []func()
			for _, folder := range names(t, directory.path("segments")) {
				all = append(all, locked(t, directory.path("segments/"+folder), 0o555))
			}
			return func() {
				for _, unlock := range all {
					unlock()
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			retainedHistory(t, c.at)
			asked.Store(0)
			allow := c.deny()
			args := []string{"expire", c.address, "--keep-full", "1", "--grace", "0", "--apply", "--json"}
			marked := parseExpired(t, asUser(t, append(args, "--mark-only")...).want(t, exitOK))
			if !marked.Applied || marked.Removed != 4 || marked.Deleted.Objects != 0 || asked.Load() != 0 {
				t.Errorf("%+v, asked %d times", marked, asked.Load())
			}
			r := asUser(t, args...).want(t, exitError)
			if f := r.failure(t); f.Code != "permission_denied" {
				t.Errorf("%+v", f)
			}
			refused := parseExpired(t, r)
			if refused.Removed != 0 || refused.Kept != 3 || refused.Deleted.Objects != 0 {
				t.Errorf("%+v", refused)
			}
			if name == "directory" && (refused.RefusedObjects < 4 || len(refused.Refused) == 0 || refused.Refused[0].Code != "permission_denied") {
				t.Errorf("%+v", refused)
			}
			if backups := must(t, "list", c.address, "--json").answers(t); len(backups) != 3 {
				t.Errorf("%+v", backups)
			}
			allow()
			if freed := parseExpired(t, must(t, args...)); freed.Deleted.Objects < 4 {
				t.Errorf("%+v", freed)
			}
			verifyClean(t, c.at, 3)
		})
	}
}
