package archiver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Retention is what an archive's newest record about what stays says. An expiry makes such
// a record, and so do a pin and a policy.
type Retention struct {
	Keep   uint64    // its number
	At     time.Time // when it was made, by the clock of the host that did so
	Policy *Rules    // the stored rules, nil if there are none
	Pins   []Pin     // in the order of their backups

	// WaitingBytes is what backups have stored in segments that were removed and whose bytes no expiry
	// could delete yet, as their grace was not over. Some of it may be needed by backups
	// that stay, so it is the most that a later expiry frees of them. It is nil if it is not
	// known: it would take more than a few requests, or a record cannot be read.
	WaitingBytes *int64
}

// maxWaitingReads is how many records a status reads at most to find what waits.
const maxWaitingReads = 32

// retentionOf returns what the newest keep of h says, nil if there is none.
func (a *Archive) retentionOf(ctx context.Context, h *journal.List) (*Retention, error) {
	if h.Keep == nil {
		return nil, nil
	}
	k := h.Keep.Keeping
	r := &Retention{Keep: uint64(h.Keep.Seq), At: h.Keep.CreatedAt, Policy: rulesOf(k.Policy), Pins: pinsOf(k.Pins)}
	waiting, err := a.waiting(ctx, h)
	if _, damaged := errors.AsType[*manifest.ObjectError](err); damaged {
		return r, nil
	}
	r.WaitingBytes = waiting
	return r, err
}

// waiting returns what the removed backups have stored whose bytes are not dead yet: those
// that were alive as of the keep before which all is dead, and those after it. The error is
// a [*manifest.ObjectError] if a record is damaged.
func (a *Archive) waiting(ctx context.Context, h *journal.List) (*int64, error) {
	records := removedRecords(h)
	horizon := h.Keep.Keeping.DeadBefore
	if horizon != 0 && len(records) > 0 {
		keep, err := a.journal.Load(ctx, h.Archive.ArchiveID, horizon)
		if err != nil {
			return nil, err
		}
		if keep.Keeping == nil {
			return nil, &manifest.ObjectError{Key: horizon.Key(), Problem: "it is no keep, but a later one says that it is"}
		}
		isDead := func(seq manifest.Seq) bool { return seq <= horizon && !keep.Keeping.Alive.Contains(seq) }
		records = slices.DeleteFunc(records, isDead)
	}
	if groups(records) > maxWaitingReads {
		return nil, nil
	}
	bytes := int64(0)
	err := a.journal.LoadRecordOutlines(ctx, h, records, func(_ int, m *manifest.Committed, err error) error {
		if err == nil && m.SegmentsNew > 0 { // else it is a keep, or small and stands in its record
			bytes += m.StoredBytes
		}
		return err
	})
	return &bytes, err
}

// groups returns in how many groups these records are, ascending: so many are read.
func groups(records []manifest.Seq) int {
	n, last := 0, manifest.Seq(0)
	for _, seq := range records {
		if group := (seq-1)/manifest.GroupBackups + 1; group != last {
			n, last = n+1, group
		}
	}
	return n
}
