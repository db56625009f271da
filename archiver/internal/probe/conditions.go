package probe

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Writers is how many writers race for an object.
const Writers = 8

// raceBytes are the sizes of the objects that writers race for: those of manifests, and
// larger ones, which take long enough on the way to overlap.
var raceBytes = [...]int{64 << 10, 4 << 10, 64 << 10, 700}

// maxBody is the most that is read of an object of the probe.
const maxBody = 128 << 10

// Conditions finds out how the store treats conditional puts. It can show that the store
// does not support them, but never prove that it does. An error means that there is no
// verdict: the store cannot be reached, or these credentials may not write to it.
//
// One round is enough for a good verdict. A bad verdict may be the fault of a single wrong
// answer, so it must come twice; three good rounds outweigh one bad one.
func (p *Probe) Conditions(ctx context.Context) (manifest.Verdict, error) {
	const outweighs = 3
	bad, good := 0, 0
	for {
		verdict, err := p.round(ctx)
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

// round tries to create an object twice, and then runs the races and the overtaking. They
// run at the same time, each on a key of its own, because a store makes the writers of one
// key wait.
func (p *Probe) round(ctx context.Context) (manifest.Verdict, error) {
	verdict, err := p.twice(ctx)
	if err != nil || verdict != manifest.Honoured {
		return verdict, err
	}
	if p.Effort.Races == 0 {
		return verdict, nil
	}
	verdicts := make([]manifest.Verdict, p.Effort.Races+1)
	g, ctx := errgroup.WithContext(ctx)
	for i := range p.Effort.Races {
		g.Go(func() (err error) {
			verdicts[i], err = p.race(ctx, raceBytes[i%len(raceBytes)])
			return err
		})
	}
	g.Go(func() (err error) {
		verdicts[p.Effort.Races], err = p.overtake(ctx)
		return err
	})
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
		key, first, second := p.key("twice"), randomBytes(1<<10), randomBytes(1<<10)
		begin := time.Now()
		created := p.create(ctx, key, first)
		p.took = time.Since(begin)
		if created != nil && !errors.Is(created, storage.ErrPreconditionFailed) {
			return p.refused(ctx, created)
		}
		p.refusals = 0
		denied := p.create(ctx, key, second)
		if objects.IsPermanent(denied) && !errors.Is(denied, storage.ErrPreconditionFailed) {
			return p.refused(ctx, denied)
		}
		found, err := p.store.Read(ctx, key, maxBody, func(b []byte) bool { return bytes.Equal(b, first) || bytes.Equal(b, second) })
		if err != nil && !errors.Is(err, storage.ErrNotExist) {
			return "", err
		}
		switch {
		case denied == nil && created == nil && bytes.Equal(found, second):
			return manifest.Ignored, nil
		case denied == nil, !bytes.Equal(found, first):
			return manifest.Lying, nil
		case errors.Is(denied, storage.ErrPreconditionFailed):
			// If the first put was refused, too, then something on the way sends
			// requests twice: the object of that put exists.
			return manifest.Honoured, nil
		}
		// Perhaps an answer was lost. Or all answers are like this one: some stores tell
		// the loser 409, try again, and a commit then finds out by reading the object.
		if unclear++; unclear < objects.Attempts {
			return "", denied
		}
		return manifest.Honoured, nil
	})
}

// refused distinguishes a store that does not support conditional puts from one that does
// not answer, or that these credentials may not write to. It believes a refusal only when
// it is repeated.
func (p *Probe) refused(ctx context.Context, err error) (manifest.Verdict, error) {
	if errors.Is(err, storage.ErrNoConditionalPut) {
		return manifest.Rejected, nil
	}
	denied := errors.Is(err, storage.ErrPermission)
	// The error of a system call is about a disk or a permission, not about the condition.
	var errno syscall.Errno
	if errors.As(err, &errno) && (denied || p.refusals >= objects.Attempts-1) {
		return "", err
	}
	if errors.Is(err, storage.ErrUnavailable) || objects.IsPermanent(err) && !denied {
		return "", err
	}
	if p.refusals++; p.refusals < objects.Attempts && !denied {
		return "", err
	}
	// It may be that plain puts are forbidden and conditional ones are not; then
	// the first error is the one to report.
	if denied && p.create(ctx, p.key("again"), randomBytes(1)) == nil {
		return "", err
	}
	if _, plain := p.store.Storage.Put(ctx, p.key("plain"), bytes.NewReader(randomBytes(1)), storage.PutOptions{}); plain == nil {
		return manifest.Rejected, nil
	}
	return "", err
}

// race lets several writers create one object of n bytes at the same time. One of them
// must win, and the object must have its bytes.
func (p *Probe) race(ctx context.Context, n int) (manifest.Verdict, error) {
	return objects.Retry(ctx, p.store.Patience, func() (manifest.Verdict, error) {
		var (
			key    = p.key("race")
			start  = make(chan struct{})
			bodies = make([][]byte, Writers)
			errs   = make([]error, Writers)
			done   sync.WaitGroup
		)
		for i := range Writers {
			bodies[i] = randomBytes(n)
			done.Go(func() {
				<-start
				errs[i] = p.create(ctx, key, bodies[i])
			})
		}
		close(start)
		done.Wait()
		return p.judge(ctx, key, bodies, errs)
	})
}

// judge says what it means that several writers tried to create an object, each with a body
// of its own, and were answered errs.
func (p *Probe) judge(ctx context.Context, key string, bodies [][]byte, errs []error) (manifest.Verdict, error) {
	whose := func(b []byte) int {
		return slices.IndexFunc(bodies, func(body []byte) bool { return bytes.Equal(b, body) })
	}
	found, err := p.store.Read(ctx, key, maxBody, func(b []byte) bool { return whose(b) >= 0 })
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
		return manifest.Honoured, nil // a writer without a clear answer, or refused because of its own request, has not won
	case winners == 0 && unclear != nil:
		return "", unclear
	}
	return manifest.Lying, nil
}

// create creates an object if it is absent.
func (p *Probe) create(ctx context.Context, key string, body []byte) error {
	_, err := p.store.Storage.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true})
	return err
}
