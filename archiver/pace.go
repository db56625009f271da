package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// pace is how often a session writes on its host what each single backup writes: where the
// hold belongs, and what this host has seen of the archive. Both may be behind.
type pace struct {
	hold hold.Pace

	noted  time.Time           // when the host's record was written last
	unseen *manifest.Committed // the newest backup, if the record does not have it
}

// ofHold returns the pace of the hold, nil for a single backup.
func (p *pace) ofHold() *hold.Pace {
	if p == nil {
		return nil
	}
	return &p.hold
}

// isDue reports whether to write the host's record of the newest backup now.
func (p *pace) isDue(newest *manifest.Committed) bool {
	if p == nil {
		return true
	}
	if !p.noted.IsZero() && time.Since(p.noted) < hold.MaxBehind {
		p.unseen = newest
		return false
	}
	p.noted, p.unseen = time.Now(), nil
	return true
}

// settle writes what is behind.
func (p *pace) settle(ctx context.Context, a *Archive) error {
	if p.unseen != nil {
		a.note(ctx, p.unseen, false)
		p.unseen = nil
	}
	return p.hold.Settle(ctx)
}
