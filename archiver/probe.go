package archiver

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// A commit is a put that creates an object only if it is absent. Some stores
// ignore that condition, some check it and write later, some refuse it. The probe
// finds out which, on keys of its own (FORMAT.md, "Objects").
const (
	probeWriters = 8
	probeBytes   = 64 << 10 // of what writers race with: long enough on the way to overlap

	probeCleanup = 20 * time.Second // for removing its objects, also from an interrupted run
)

// trial is how thoroughly a store is tried: less so in some tests.
type trial struct {
	races      int // how often writers race
	speedBytes int // size of each object that speed is measured with
}

var fullTrial = trial{races: 4, speedBytes: 4 << 20}

// probe is one trial of an archive's store.
type probe struct {
	*Archive
	prefix   string // of its keys, which nobody else uses
	keys     []string
	refusals int
}

func (a *Archive) newProbe() *probe {
	return &probe{Archive: a, prefix: manifest.ProbePrefix + randomID() + "/"}
}

// key is a new one: what an attempt with an unclear outcome has left there
// disturbs no later one.
func (p *probe) key(name string) string {
	key := fmt.Sprintf("%s%02d-%s", p.prefix, len(p.keys), name)
	p.keys = append(p.keys, key)
	return key
}

// conditions finds out how the store treats conditional puts. The probe may
// refute that it keeps them, and never prove it. An error means that nothing was
// found out: the store cannot be reached, or may not be written to.
func (p *probe) conditions(ctx context.Context) (manifest.Verdict, error) {
	verdict, err := p.twice(ctx)
	for round := 0; err == nil && verdict == manifest.Honoured && round < p.trial.races; round++ {
		verdict, err = p.race(ctx)
	}
	return verdict, err
}

// twice creates an object and then tries to create it again.
func (p *probe) twice(ctx context.Context) (manifest.Verdict, error) {
	unclear := 0
	return again(ctx, p.patience, func() (manifest.Verdict, error) {
		key, first, second := p.key("twice"), probeBody(1<<10), probeBody(1<<10)
		err := p.create(ctx, key, first)
		if errors.Is(err, storage.ErrPreconditionFailed) {
			return manifest.Lying, nil // nobody else knows the key
		}
		if err != nil {
			return p.refused(ctx, err)
		}
		denied := p.create(ctx, key, second)
		if final(denied) && !errors.Is(denied, storage.ErrPreconditionFailed) {
			return p.refused(ctx, denied)
		}
		found, err := p.readObject(ctx, key, probeBytes, func(b []byte) bool { return bytes.Equal(b, first) || bytes.Equal(b, second) })
		if err != nil && !errors.Is(err, storage.ErrNotExist) {
			return "", err
		}
		kept := bytes.Equal(found, first)
		switch {
		case denied == nil && bytes.Equal(found, second):
			return manifest.Ignored, nil
		case denied == nil, !kept:
			return manifest.Lying, nil
		case errors.Is(denied, storage.ErrPreconditionFailed):
			return manifest.Honoured, nil
		}
		// An answer was lost. Or all are like that: some stores say 409, try again,
		// to whoever comes late, and a commit finds out by reading what is there.
		if unclear++; unclear < tries {
			return "", denied
		}
		return manifest.Honoured, nil
	})
}

// refused tells a store that has no conditional puts from one that may not be
// written to, or gives no answer. It is asked for the second time, or more, before
// that is believed.
func (p *probe) refused(ctx context.Context, err error) (manifest.Verdict, error) {
	if errors.Is(err, errors.ErrUnsupported) {
		return manifest.Rejected, nil
	}
	denied := errors.Is(err, storage.ErrPermission)
	if errors.Is(err, storage.ErrUnavailable) || final(err) && !denied {
		return "", err
	}
	if p.refusals++; p.refusals < tries && !denied {
		return "", err
	}
	// It may be that plain puts are forbidden and conditional ones are not; then
	// the first error is the one to report.
	if denied && p.create(ctx, p.key("again"), probeBody(1)) == nil {
		return "", err
	}
	if _, plain := p.store.Put(ctx, p.key("plain"), bytes.NewReader(probeBody(1)), storage.PutOptions{}); plain == nil {
		return manifest.Rejected, nil
	}
	return "", err
}

// race lets writers create one object at the same time: one of them wins, and
// its bytes are there.
func (p *probe) race(ctx context.Context) (manifest.Verdict, error) {
	return again(ctx, p.patience, func() (manifest.Verdict, error) {
		var (
			key    = p.key("race")
			start  = make(chan struct{})
			bodies [probeWriters][]byte
			errs   [probeWriters]error
			done   sync.WaitGroup
		)
		for i := range probeWriters {
			bodies[i] = probeBody(probeBytes)
			done.Go(func() {
				<-start
				errs[i] = p.create(ctx, key, bodies[i])
			})
		}
		close(start)
		done.Wait()
		found, err := p.readObject(ctx, key, 2*probeBytes, func(b []byte) bool {
			return slices.ContainsFunc(bodies[:], func(body []byte) bool { return bytes.Equal(b, body) })
		})
		if err != nil && !errors.Is(err, storage.ErrNotExist) {
			return "", err
		}
		winners, unclear, right := 0, error(nil), false
		for i, err := range errs {
			switch {
			case err == nil:
				winners++
				right = bytes.Equal(found, bodies[i])
			case !errors.Is(err, storage.ErrPreconditionFailed):
				unclear = err
			}
		}
		switch {
		case winners > 1:
			return manifest.NotAtomic, nil
		case winners == 1 && right:
			return manifest.Honoured, nil // who got no clear answer has not won
		case winners == 0 && unclear != nil:
			return "", unclear
		}
		return manifest.Lying, nil
	})
}

func (p *probe) create(ctx context.Context, key string, body []byte) error {
	_, err := p.store.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true})
	return err
}

// clean removes the probe's objects, also when ctx is over, and gives the first
// error: who may not delete leaves a few small objects behind.
func (p *probe) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeCleanup)
	defer cancel()
	for _, key := range p.keys {
		if err := p.store.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// probeBody gives n bytes that no other call gives, and that no store can
// compress.
func probeBody(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}
