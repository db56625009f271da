package certificates

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

const (
	// past is how far back drills are looked for.
	past = 800 * 24 * time.Hour

	// readOfNewest and readOfOlder are how many certificates are read to find drills: the newest
	// ones, and some of those before, evenly. As each says what the last drill and the last proof
	// before it were, drills are seen that far more samples are between.
	readOfNewest = 16
	readOfOlder  = 64

	maxRemembered = 1 << 16 // keys
	readsAtATime  = 8
)

// Drilled is a drill of the past.
type Drilled struct {
	manifest.DrillOutcome
	Restore time.Duration // how long the restore took; 0 if that is not known
}

// Drills returns the drills of the archive with this id that are known after a look at few
// certificates, the oldest first. All since a time are among them; the time is zero if these
// are all. Certificates that cannot be read are passed over.
func Drills(ctx context.Context, s *objects.Store, archiveID string) (all []Drilled, since time.Time, err error) {
	from := time.Now().Add(-past)
	keys, err := listPast(ctx, s, manifest.CertificatesFrom(from))
	if err != nil || len(keys) == 0 {
		return nil, time.Time{}, err
	}
	chosen := choose(keys)
	read := make([]*manifest.Certificate, len(chosen))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtATime)
	for i, key := range chosen {
		g.Go(func() error {
			c, err := readOrNil(gctx, s, archiveID, key)
			read[i] = c
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, time.Time{}, err
	}
	for _, c := range read {
		all = appendDrills(all, c)
	}
	slices.SortStableFunc(all, func(a, b Drilled) int { return a.At.Compare(b.At) })
	all = slices.CompactFunc(all, func(a, b Drilled) bool { return a.At.Equal(b.At) && a.Timeline == b.Timeline && a.Epoch == b.Epoch })
	if len(chosen) < len(keys) {
		since, _ = manifest.ParseCertificateKey(keys[len(keys)-readOfNewest])
	}
	return all, since, nil
}

// listPast returns the keys of certificates after a key, the newest if there are too many.
func listPast(ctx context.Context, s *objects.Store, after string) ([]string, error) {
	var keys []string
	for info, err := range s.ListAfter(ctx, manifest.CertificatePrefix, after, maxListed) {
		if err != nil {
			return nil, err
		}
		if _, ok := manifest.ParseCertificateKey(info.Key); !ok {
			continue
		}
		if keys = append(keys, info.Key); len(keys) == 2*maxRemembered {
			keys = slices.Clone(keys[maxRemembered:])
		}
	}
	return keys, nil
}

// choose returns which of these certificates are read.
func choose(keys []string) []string {
	if len(keys) <= readOfNewest+readOfOlder {
		return keys
	}
	older := len(keys) - readOfNewest
	var chosen []string
	for i := range readOfOlder {
		chosen = append(chosen, keys[(i+1)*older/readOfOlder-1])
	}
	return append(chosen, keys[older:]...)
}

// readOrNil reads a certificate; nil if it cannot be read.
func readOrNil(ctx context.Context, s *objects.Store, archiveID, key string) (*manifest.Certificate, error) {
	c, err := read(ctx, s, archiveID, key)
	if object, isDamaged := errors.AsType[*manifest.ObjectError](err); isDamaged {
		s.Log.Debug("a certificate cannot be read, so its drill is not shown", "key", key, "err", object.Problem)
		return nil, nil
	}
	return c, err
}

// appendDrills appends what a certificate says of drills; what is complete comes first.
func appendDrills(all []Drilled, c *manifest.Certificate) []Drilled {
	if c == nil {
		return all
	}
	if d := c.Drill; d != nil {
		all = append(all, drilledOf(d, c.OK, c.Why))
	}
	if d := c.Proven; d != nil {
		all = append(all, drilledOf(d, true, ""))
	}
	if d := c.LastDrill; d != nil {
		all = append(all, Drilled{DrillOutcome: *d})
	}
	return all
}

func drilledOf(d *manifest.Drill, ok bool, why string) Drilled {
	return Drilled{
		manifest.DrillOutcome{At: d.At, OK: ok, Why: why, Timeline: d.Timeline, Epoch: d.Epoch, Random: d.Random},
		time.Duration(d.RestoreMS) * time.Millisecond,
	}
}
