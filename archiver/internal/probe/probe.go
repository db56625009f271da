// Package probe finds out what a store does, with a few objects of its own: whether it
// supports conditional writes, how far its clock is off, how fast it is, and what a thief of
// these credentials could do to what is stored.
//
// A conditional write is a put that creates an object only if it is absent; every commit
// is one. Some stores ignore the condition, some check it too early, some refuse it. The
// verdict says which ([manifest.Verdict]). The first backup into an archive probes the
// store, and so does a doctor. The keys are below "probe/" (FORMAT.md, "Objects"); no
// other run uses them.
package probe

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// cleanUpTime limits the removal of the objects, also of an interrupted run.
const cleanUpTime = 20 * time.Second

// Thoroughness is how much a probe does. Some tests do less than [Thorough].
type Thoroughness struct {
	Races      int // how many races there are; with none, no writer is overtaken either
	SpeedBytes int // size of each object that speed is measured with
}

// Thorough is what a probe of a real store does.
var Thorough = Thoroughness{Races: 4, SpeedBytes: 4 << 20}

// Requests returns what it takes to probe a store that supports conditional writes, and to
// remove the objects again.
func (t Thoroughness) Requests() storage.RequestCounts {
	r := storage.RequestCounts{Put: 2, Get: 1, Delete: 1}
	if races := int64(t.Races); races > 0 { // and one writer is overtaken
		r = r.Plus(storage.RequestCounts{Put: races*Writers + 2, Get: races + 1, Delete: races + 1})
	}
	return r
}

// Probe is one probe of a store.
type Probe struct {
	Effort Thoroughness
	Prefix string // of its keys
	Left   int    // objects that stay after Clean, if only as versions

	store           *objects.Store
	took            time.Duration // by the put that came first
	refusals        int           // of a first put, one after another
	keepsVersions   bool          // as far as that was seen
	deletesVersions bool          // of its objects

	mu   sync.Mutex
	keys []string
	made int // keys, with those that were forgotten
}

// New returns a probe of s. It does no I/O.
func New(s *objects.Store, t Thoroughness) *Probe {
	return &Probe{store: s, Effort: t, Prefix: manifest.ProbePrefix + manifest.NewID() + "/"}
}

// key returns a new key, so that no attempt is disturbed by what an earlier one with an
// unclear outcome has left.
func (p *Probe) key(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%s%02d-%s", p.Prefix, p.made, name)
	p.made++
	p.keys = append(p.keys, key)
	return key
}

// forget takes back a key: nothing is left there that could be removed.
func (p *Probe) forget(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = slices.DeleteFunc(p.keys, func(k string) bool { return k == key })
}

// Clean removes the probe's objects, even when ctx has ended, and returns the first error.
// Without the permission to delete, a few small objects stay.
func (p *Probe) Clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	var g errgroup.Group // without a context: one that fails stops no other
	var stay atomic.Int64
	for _, key := range p.keys {
		g.Go(func() error {
			if p.deletesVersions && p.deleteVersions(ctx, key) {
				return nil
			}
			err := p.store.Storage.Delete(ctx, key)
			if err != nil || p.keepsVersions {
				stay.Add(1)
			}
			return err
		})
	}
	err := g.Wait()
	if p.Left = int(stay.Load()); p.keepsVersions {
		p.Left += p.made - len(p.keys) // which were deleted before
	}
	return err
}

// randomBytes returns n random bytes: no other call returns the same, and no store can compress
// them.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
