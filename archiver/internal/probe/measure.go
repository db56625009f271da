package probe

import (
	"bytes"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Clock returns how far the store's clock is ahead of this host's, judged by the time that
// a new object gets; nil if the store reports none. Stores keep whole seconds, so less than
// one counts as 0.
func (p *Probe) Clock(ctx context.Context) (*time.Duration, error) {
	var before time.Time
	key, err := objects.Retry(ctx, p.store.Patience, func() (string, error) {
		before = time.Now()
		key := p.key("clock")
		return key, p.create(ctx, key, randomBytes(1))
	})
	if err != nil {
		return nil, err
	}
	after := time.Now()
	info, err := p.store.Storage.Head(ctx, key)
	if err != nil || info.ModTime.IsZero() {
		return nil, nil //nolint:nilerr // the store does not tell
	}
	var ahead time.Duration
	switch {
	case info.ModTime.Before(before.Truncate(time.Second)):
		ahead = info.ModTime.Sub(before)
	case info.ModTime.After(after):
		ahead = info.ModTime.Sub(after)
	}
	ahead = ahead.Round(time.Second)
	return &ahead, nil
}

// SpeedObjects is how many objects are transferred at a time to measure speed.
const SpeedObjects = 4

// speedRequests is how many requests latency is the median of.
const speedRequests = 5

// Speed is how fast a store is.
type Speed struct {
	Latency  time.Duration // of a request without a body; 0 if none was answered
	Upload   float64       // bytes a second, of SpeedObjects objects at a time; 0 if not measured
	Download float64
}

// Speed measures latency and throughput with a few objects. An error comes with what was
// measured before it.
func (p *Probe) Speed(ctx context.Context) (s Speed, err error) {
	var bodies [SpeedObjects][]byte
	var keys [SpeedObjects]string
	for i := range bodies {
		bodies[i] = randomBytes(p.Effort.SpeedBytes)
	}
	bytesEach := float64(p.Effort.SpeedBytes)
	s.Upload, err = throughput(ctx, bytesEach, func(ctx context.Context, i int) (err error) {
		keys[i], err = p.put(ctx, "speed", bodies[i])
		return err
	})
	if err != nil {
		return s, err
	}
	s.Download, err = throughput(ctx, bytesEach, func(ctx context.Context, i int) error {
		same := func(b []byte) bool { return bytes.Equal(b, bodies[i]) }
		b, err := p.store.Read(ctx, keys[i], int64(p.Effort.SpeedBytes), same)
		if err == nil && !same(b) {
			err = &manifest.ObjectError{Key: keys[i], Problem: "the store returns other bytes than it was given"}
		}
		return err
	})
	if err != nil {
		return s, err
	}
	var times []time.Duration
	for range speedRequests {
		begin := time.Now()
		if _, err := p.store.Storage.Head(ctx, keys[0]); err != nil {
			return s, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	s.Latency = times[len(times)/2]
	return s, nil
}

// throughput does one thing with each of the objects at the same time, and returns the
// bytes a second.
func throughput(ctx context.Context, bytesEach float64, do func(ctx context.Context, i int) error) (float64, error) {
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range SpeedObjects {
		g.Go(func() error { return do(ctx, i) })
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return SpeedObjects * bytesEach / time.Since(begin).Seconds(), nil
}
