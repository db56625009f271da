package e2e

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// TestZombieCommitLandsLate delays the request that commits until the client has
// seen that nothing is there: the client puts again, loses to itself, and says
// "committed", once.
func TestZombieCommitLandsLate(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	var zombie *s3test.Request
	var mu sync.Mutex
	seen := 0
	p, at := behindProxy(t, nil)
	p.Do(onCommit(func(r *s3test.Request, put int) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch put {
		case 0:
			seen++
		case 1:
			zombie = r
			return s3test.Fault{Lose: s3test.RST}
		case 2:
			if got := p.Forward(zombie).Status; got != http.StatusOK || seen == 0 {
				t.Errorf("the zombie was answered %d, after %d reads", got, seen)
			}
		}
		return s3test.Fault{}
	}))
	must(t, "backup", path, p.Address, "--no-hold")
	truth(t, at, path, 1)
	nothingDeleted(t, p)
}

// TestZombieLandsAfterUnknown lets the request that commits land when its client
// has long given up with "unknown", and another one has committed: there is one
// backup with that number, and it is the other one's. What the zombie names is
// stored still.
func TestZombieLandsAfterUnknown(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	for name, c := range map[string]struct {
		other   bool // one that commits before it lands
		status  int
		backups int
	}{
		"before another backup": {false, http.StatusOK, 1},
		"behind another backup": {true, http.StatusPreconditionFailed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var zombie atomic.Pointer[s3test.Request]
			p, at := behindProxy(t, onCommit(func(r *s3test.Request, put int) s3test.Fault {
				if put == 1 {
					zombie.Store(r)
				}
				return s3test.Fault{Lose: s3test.RST}
			}))
			gbak(t, "backup", path, p.Address, "--no-hold", "--commit-timeout", "2s").want(t, exitUnknown)
			truth(t, at, path, 0)
			if c.other {
				must(t, "backup", path, at.address(), "--no-hold")
			}
			if got := p.Forward(zombie.Load()).Status; got != c.status {
				t.Errorf("the zombie was answered %d, want %d", got, c.status)
			}
			truth(t, at, path, c.backups)
			must(t, "backup", path, at.address(), "--no-hold", "--full")
			truth(t, at, path, c.backups+1)
			nothingDeleted(t, p)
		})
	}
}

// TestRivalCommitsFirst lets another backup commit at the very moment that ours
// is about to, whatever the answer to our put is then: ours continues after it.
func TestRivalCommitsFirst(t *testing.T) {
	t.Parallel()
	path := closedImage(t)
	for name, fault := range map[string]s3test.Fault{
		"we hear it":          {},
		"our 412 is lost":     {Lose: s3test.RST, Apply: true},
		"it is 500":           {Status: 500, Code: "InternalError", Apply: true},
		"it is 409":           {Status: 409, Code: "ConditionalRequestConflict", Apply: true},
		"it never comes":      {Hang: true, Apply: true},
		"our put is lost":     {Lose: s3test.FIN},
		"it is cut to pieces": {CutUpload: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newBucket(t)
			var rival atomic.Pointer[result]
			p := s3test.NewProxy(t, at.address(), onCommit(func(_ *s3test.Request, put int) s3test.Fault {
				if put != 1 {
					return s3test.Fault{}
				}
				r := gbak(t, "backup", path, at.address(), "--no-hold", "--full", "--json")
				rival.Store(&r)
				return fault
			}))
			must(t, "backup", path, at.address(), "--no-hold")
			ours := must(t, "backup", path, p.Address, "--no-hold", "--full", "--json", "--commit-timeout", "9s").one(t, "backup")
			if theirs := rival.Load().want(t, exitOK).one(t, "backup"); theirs.Seq != 2 || ours.Seq != 3 {
				t.Errorf("theirs is %d and ours %d, want 2 and 3", theirs.Seq, ours.Seq)
			}
			truth(t, at, path, 3)
			nothingDeleted(t, p)
		})
	}
}
