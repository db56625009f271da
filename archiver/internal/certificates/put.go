package certificates

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/ring"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// maxPuts is how often a certificate is put, each time with more of what others have put meanwhile.
const maxPuts = 8

// Put stores the certificate that build makes of the newest one, which is nil if there is none,
// and returns it. Put sets its Key and Generation, and carries on LastDrill, Proven and, unless build
// sets them, Arcs. A drill that failed stays LastDrill until another one shows that this is mended, and
// until no other one has failed.
//
// If others put certificates at the same time, build is called again, with what they say, too.
func Put(ctx context.Context, s *objects.Store, archiveID string, build func(newest *manifest.Certificate) manifest.Certificate) (*manifest.Certificate, error) {
	newest, _, err := newest(ctx, s, archiveID) // if none can be read, what they said has to be proved again
	if err != nil {
		return nil, err
	}
	began, base := "", newest
	if newest != nil {
		began = newest.Key
	}
	for n := 1; ; n++ {
		c := build(base)
		finish(&c, base)
		if base != nil && isFailed(base.LastDrill) && !isFailed(c.LastDrill) {
			other, err := failedBefore(ctx, s, archiveID, c.LastDrill)
			if err != nil {
				return nil, err
			}
			if other != nil {
				c.LastDrill = other
			}
		}
		document, err := s.SealCertificate(ctx, &c)
		if err != nil {
			return nil, err
		}
		if _, err := s.CreateOnce(ctx, c.Key, document); err != nil {
			return nil, err
		}
		since, err := readAfter(ctx, s, archiveID, began)
		if err != nil {
			return nil, err
		}
		all := newest
		for _, other := range since {
			all = joined(all, other)
		}
		if len(since) <= n || n == maxPuts || saysAll(since[len(since)-1], all) {
			return &c, nil
		}
		base = all
	}
}

// finish gives c its key, which comes after that of base, and what base says of the certificates
// before it.
func finish(c, base *manifest.Certificate) {
	at := manifest.Now()
	if base != nil {
		if before, ok := manifest.ParseCertificateKey(base.Key); ok && at.Before(before.Add(time.Millisecond)) {
			at = before.Add(time.Millisecond)
		}
	}
	c.Key = manifest.CertificateKey(at, manifest.NewID())
	own := c.Arcs
	if *c = *joined(base, c); own != nil {
		c.Arcs = own
	}
}

// readAfter returns the certificates after a key that can be read.
func readAfter(ctx context.Context, s *objects.Store, archiveID, after string) ([]*manifest.Certificate, error) {
	keys, err := listAfter(ctx, s, after, maxDamaged)
	if err != nil {
		return nil, err
	}
	var all []*manifest.Certificate
	for _, key := range keys {
		c, err := read(ctx, s, archiveID, key)
		if _, isDamaged := errors.AsType[*manifest.ObjectError](err); isDamaged {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// joined returns c, which comes after all that base knows, with what both say of earlier drills and
// samples.
func joined(base, c *manifest.Certificate) *manifest.Certificate {
	j := *c
	j.LastDrill = lastAfter(base, c)
	if base != nil {
		if provenAt(base.Proven) > provenAt(c.Proven) {
			j.Proven = base.Proven
		}
		j.Arcs = ring.Joined(c.Arcs, base.Arcs)
	}
	if c.Drill != nil && c.OK {
		j.Proven = c.Drill
	}
	return &j
}

// saysAll reports whether c says what all says.
func saysAll(c, all *manifest.Certificate) bool {
	return lastAt(c.LastDrill) == lastAt(all.LastDrill) && provenAt(c.Proven) == provenAt(all.Proven) &&
		slices.EqualFunc(ring.Joined(c.Arcs, all.Arcs), ring.Joined(c.Arcs, nil), isSameArc)
}

func isSameArc(a, b manifest.Arc) bool {
	begun := a.BegunAt.Equal(b.BegunAt)
	a.BegunAt, b.BegunAt = time.Time{}, time.Time{}
	return begun && a == b
}

func lastAt(d *manifest.DrillOutcome) int64 {
	if d == nil {
		return 0
	}
	return d.At.UnixNano()
}

func provenAt(d *manifest.Drill) int64 {
	if d == nil {
		return 0
	}
	return d.At.UnixNano()
}
