package archiver

import (
	"context"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/ring"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Proofs are what the newest certificate of an archive says: when it was last proved that the archive
// can be restored, and how much of it was read since when. They are as true as those who may write to
// the archive are.
type Proofs struct {
	Proven    *Proven   // the newest drill that succeeded, nil if none has
	LastDrill *Drilled  // the newest drill, or one that failed as long as no later one shows that this is mended; nil if there was none
	Coverage  *Coverage // what samples have read; nil if there was none

	// Unread is what is wrong with a newer certificate, which cannot be read: perhaps it is of a drill that
	// failed. It is nil if there is none.
	Unread error
}

// Proven is a drill that succeeded.
type Proven struct {
	At       time.Time // when it began, by the clock of the host that did it
	Backup   uint64    // in which the state lies that was restored
	Timeline int
	Epoch    uint64
	Time     *time.Time // of the state; nil where the database keeps no times
	Random   bool       // the state was chosen at random from all that could be restored

	Executed bool   // a command has checked the restored database, too
	Digest   string // that the command reported; "" for none
	PinnedBy string // who was the first to say so: "drill" or "app"; "" if there is no digest

	RawBytes int64         // of the restored database
	Restore  time.Duration // how long the restore took
}

// Drilled is the outcome of a drill.
type Drilled struct {
	At       time.Time // when it began
	OK       bool
	Why      string // why it failed
	Timeline int    // of the state, 0 if that is not known
	Epoch    uint64
	Random   bool
}

// Coverage is what all samples together have read: of the segments that backups up to UpTo name,
// the share Read was read since Since, and was right. Shares are of the range of hashes, and so
// roughly of the number of segments.
type Coverage struct {
	Read    float64 // from 0 to 1; 1 only if it is all
	UpTo    uint64  // 0 if nothing was read that was right
	Since   time.Time
	Damaged float64 // the share that was read, and in which something was wrong

	LastAt   time.Time // when the newest sample began
	Findings int       // of the newest sample
}

// Proofs returns what the newest certificate of the archive says. Apart from opening the archive,
// that takes a list and a read.
func (a *Archive) Proofs(ctx context.Context) (Proofs, storage.RequestCounts, error) {
	var p Proofs
	requests, _, err := run(ctx, nil, func(ctx context.Context) error {
		h, err := a.existing(ctx)
		if err == nil {
			p, err = a.proofs(ctx, h)
		}
		return err
	})
	if err != nil {
		return Proofs{}, requests, err
	}
	return p, requests, nil
}

// proofs returns what the newest certificate of the archive of h says.
func (a *Archive) proofs(ctx context.Context, h *journal.List) (Proofs, error) {
	c, unread, err := certificates.NewestRead(ctx, a.objects, h.Archive.ArchiveID)
	if err != nil || c == nil {
		return Proofs{}, err
	}
	p := proofsOf(c, manifest.Now())
	if unread != nil {
		p.Unread = explain(unread)
	}
	return p, nil
}

// proofsFor is [Archive.proofs] for a status: that certificates may not be read, or cannot be, is
// unknown, and no error.
func (a *Archive) proofsFor(ctx context.Context, h *journal.List) (p *Proofs, unknown, err error) {
	found, err := a.proofs(ctx, h)
	if err == nil {
		return &found, nil, nil
	}
	if code := classify(err); ctx.Err() != nil || code == CodeStore || code == CodeNoStore {
		return nil, nil, err
	}
	return nil, explain(err), nil
}

// proofsOf returns what a certificate says now.
func proofsOf(c *manifest.Certificate, now time.Time) Proofs {
	p := Proofs{Coverage: coverageOf(c.Arcs, now)}
	if d := c.LastDrill; d != nil {
		p.LastDrill = &Drilled{d.At, d.OK, d.Why, d.Timeline, d.Epoch, d.Random}
	}
	if d := c.Proven; d != nil {
		p.Proven = &Proven{
			At: d.At, Backup: uint64(d.Backup), Timeline: d.Timeline, Epoch: d.Epoch, Time: d.Time, Random: d.Random,
			Executed: d.Checks.Exec.Result == manifest.ProofOK, Digest: d.Digest, PinnedBy: string(d.PinnedBy),
			RawBytes: d.RawBytes, Restore: time.Duration(d.RestoreMS) * time.Millisecond,
		}
	}
	return p
}

// coverageOf returns what the arcs of a certificate say now, nil if there are none.
func coverageOf(arcs []manifest.Arc, now time.Time) *Coverage {
	if len(arcs) == 0 {
		return nil
	}
	claim := ring.Of(arcs, now).Claim()
	c := &Coverage{Read: claim.Covered, UpTo: uint64(claim.UpTo), Since: claim.Since, Damaged: claim.Damaged}
	for _, a := range arcs {
		if a.BegunAt.After(c.LastAt) {
			c.LastAt = a.BegunAt
		}
	}
	for _, a := range arcs {
		if a.BegunAt.Equal(c.LastAt) { // parts of one sample have its findings each
			c.Findings = max(c.Findings, a.Findings)
		}
	}
	return c
}

// ProvenWithin returns an error of [CodeUnproven] unless the newest drill succeeded, and is no
// older than limit, and none has failed without being mended. A drill that is more than 5 s in the future by this host's clock proves
// nothing: nobody knows how old it is. It also does so if it is not known whether there was one, or what
// came of the newest.
func (r *StatusReport) ProvenWithin(limit time.Duration) error {
	if r.Proofs == nil {
		return explain(&unprovenError{fmt.Sprintf("whether the archive was proven restorable is not known: %v", r.ProofsUnknown)})
	}
	last, proven := r.Proofs.LastDrill, r.Proofs.Proven
	switch {
	case last != nil && !last.OK:
		return explain(&unprovenError{"a drill failed, and no later one shows that this is mended: " + last.Why})
	case r.Proofs.Unread != nil:
		return explain(&unprovenError{fmt.Sprintf("whether the newest drill succeeded is not known: %v", r.Proofs.Unread)})
	case proven == nil:
		return explain(&unprovenError{"the archive was never proven restorable"})
	}
	age := manifest.Now().Sub(proven.At)
	switch {
	case age < -skewTolerance:
		return explain(&unprovenError{(&clockError{"the newest drill was done", -age}).Error()})
	case age > limit:
		return explain(&unprovenError{fmt.Sprintf("the archive was last proven restorable %s ago, and that may be %s at most", age.Round(time.Second), limit)})
	}
	return nil
}
