package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// A commit is a put that creates an object only if it is absent. Some stores
// ignore that condition, some check it and write later, some refuse it. The probe
// finds out which, on keys of its own (FORMAT.md, "Objects").
const (
	Writers  = 8
	maxProbe = 128 << 10

	probeCleanup = 20 * time.Second // for removing its objects, also from an interrupted run
)

// probeBytes are the sizes of what writers race with: long enough on the way to
// overlap, and such as manifests have.
var probeBytes = [...]int{64 << 10, 4 << 10, 64 << 10, 700}

// Thoroughness is how much a probe does: less in some tests.
type Thoroughness struct {
	Races      int // how often writers race
	SpeedBytes int // size of each object that speed is measured with
}

var Thorough = Thoroughness{Races: 4, SpeedBytes: 4 << 20}

// Probe is one look at what a store does.
type Probe struct {
	store    *objects.Store
	Effort   Thoroughness
	Prefix   string // of its keys, which nobody else uses
	refusals int

	mu   sync.Mutex
	Keys []string
}

func New(s *objects.Store, t Thoroughness) *Probe {
	return &Probe{store: s, Effort: t, Prefix: manifest.ProbePrefix + manifest.NewID() + "/"}
}

// Key is a new one: what an attempt with an unclear outcome has left there
// disturbs no later one.
func (p *Probe) Key(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := fmt.Sprintf("%s%02d-%s", p.Prefix, len(p.Keys), name)
	p.Keys = append(p.Keys, key)
	return key
}

// Conditions finds out how the store treats conditional puts. The probe may
// refute that it keeps them, and never prove it. An error means that nothing was
// found out: the store cannot be reached, or may not be written to.
//
// One trial is enough for a good verdict. A bad one rests on answers, one of which
// may be wrong: it must come twice, or is outweighed.
func (p *Probe) Conditions(ctx context.Context) (manifest.Verdict, error) {
	const outweighs = 3
	bad, good := 0, 0
	for {
		verdict, err := p.once(ctx)
		switch {
		case err != nil:
			return "", err
		case verdict == manifest.Honoured:
			if good++; bad == 0 || good == outweighs {
				return verdict, nil
			}
		default:
			if bad++; bad == 2 {
				return verdict, nil
			}
		}
	}
}

// once is one trial. The races are at the same time, each on a key of its own:
// stores make those wait who write to one.
func (p *Probe) once(ctx context.Context) (manifest.Verdict, error) {
	verdict, err := p.twice(ctx)
	if err != nil || verdict != manifest.Honoured {
		return verdict, err
	}
	verdicts := make([]manifest.Verdict, p.Effort.Races)
	g, ctx := errgroup.WithContext(ctx)
	for i := range verdicts {
		g.Go(func() (err error) {
			verdicts[i], err = p.race(ctx, probeBytes[i%len(probeBytes)])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	if i := slices.IndexFunc(verdicts, func(v manifest.Verdict) bool { return v != manifest.Honoured }); i >= 0 {
		return verdicts[i], nil
	}
	return manifest.Honoured, nil
}

// twice creates an object and then tries to create it again.
func (p *Probe) twice(ctx context.Context) (manifest.Verdict, error) {
	unclear := 0
	return objects.Retry(ctx, p.store.Patience, func() (manifest.Verdict, error) {
		key, first, second := p.Key("twice"), Body(1<<10), Body(1<<10)
		created := p.create(ctx, key, first)
		if created != nil && !errors.Is(created, storage.ErrPreconditionFailed) {
			return p.refused(ctx, created)
		}
		p.refusals = 0
		denied := p.create(ctx, key, second)
		if objects.IsPermanent(denied) && !errors.Is(denied, storage.ErrPreconditionFailed) {
			return p.refused(ctx, denied)
		}
		found, err := p.store.Read(ctx, key, maxProbe, func(b []byte) bool { return bytes.Equal(b, first) || bytes.Equal(b, second) })
		if err != nil && !errors.Is(err, storage.ErrNotExist) {
			return "", err
		}
		switch {
		case denied == nil && created == nil && bytes.Equal(found, second):
			return manifest.Ignored, nil
		case denied == nil, !bytes.Equal(found, first):
			return manifest.Lying, nil
		case errors.Is(denied, storage.ErrPreconditionFailed):
			// That the first put was refused as well is the doing of something that
			// sends requests twice: its object is there.
			return manifest.Honoured, nil
		}
		// An answer was lost. Or all are like that: some stores say 409, try again,
		// to whoever comes late, and a commit finds out by reading what is there.
		if unclear++; unclear < objects.Tries {
			return "", denied
		}
		return manifest.Honoured, nil
	})
}

// refused tells a store that has no conditional puts from one that may not be
// written to, or gives no answer. It is asked for the second time, or more, before
// that is believed.
func (p *Probe) refused(ctx context.Context, err error) (manifest.Verdict, error) {
	if errors.Is(err, storage.ErrNoConditionalPut) {
		return manifest.Rejected, nil
	}
	denied := errors.Is(err, storage.ErrPermission)
	// What a system call says of a disk or a permission is about no condition.
	var errno syscall.Errno
	if errors.As(err, &errno) && (denied || p.refusals >= objects.Tries-1) {
		return "", err
	}
	if errors.Is(err, storage.ErrUnavailable) || objects.IsPermanent(err) && !denied {
		return "", err
	}
	if p.refusals++; p.refusals < objects.Tries && !denied {
		return "", err
	}
	// It may be that plain puts are forbidden and conditional ones are not; then
	// the first error is the one to report.
	if denied && p.create(ctx, p.Key("again"), Body(1)) == nil {
		return "", err
	}
	if _, plain := p.store.Storage.Put(ctx, p.Key("plain"), bytes.NewReader(Body(1)), storage.PutOptions{}); plain == nil {
		return manifest.Rejected, nil
	}
	return "", err
}

// race lets writers create one object of n bytes at the same time: one of them
// wins, and its bytes are there.
func (p *Probe) race(ctx context.Context, n int) (manifest.Verdict, error) {
	return objects.Retry(ctx, p.store.Patience, func() (manifest.Verdict, error) {
		var (
			key    = p.Key("race")
			start  = make(chan struct{})
			bodies [Writers][]byte
			errs   [Writers]error
			done   sync.WaitGroup
		)
		for i := range Writers {
			bodies[i] = Body(n)
			done.Go(func() {
				<-start
				errs[i] = p.create(ctx, key, bodies[i])
			})
		}
		close(start)
		done.Wait()
		whose := func(b []byte) int {
			return slices.IndexFunc(bodies[:], func(body []byte) bool { return bytes.Equal(b, body) })
		}
		found, err := p.store.Read(ctx, key, maxProbe, func(b []byte) bool { return whose(b) >= 0 })
		if err != nil && !errors.Is(err, storage.ErrNotExist) {
			return "", err
		}
		winners, unclear := 0, error(nil)
		for _, err := range errs {
			switch {
			case err == nil:
				winners++
			case !errors.Is(err, storage.ErrPreconditionFailed):
				unclear = err
			}
		}
		switch i := whose(found); {
		case winners > 1:
			return manifest.NotAtomic, nil
		case winners == 1 && i >= 0 && errs[i] == nil, winners == 0 && i >= 0 && unclear == nil:
			return manifest.Honoured, nil // who got no clear answer, or was refused because of his own request, has not won
		case winners == 0 && unclear != nil:
			return "", unclear
		}
		return manifest.Lying, nil
	})
}

func (p *Probe) create(ctx context.Context, key string, body []byte) error {
	_, err := p.store.Storage.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true})
	return err
}

// Clean removes the probe's objects, also when ctx is over, and gives the first
// error: who may not delete leaves a few small objects behind.
func (p *Probe) Clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
	defer cancel()
	var g errgroup.Group // without a context: one that fails stops no other
	for _, key := range p.Keys {
		g.Go(func() error { return p.store.Storage.Delete(ctx, key) })
	}
	return g.Wait()
}

// Body gives n bytes that no other call gives, and that no store can
// compress.
func Body(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
