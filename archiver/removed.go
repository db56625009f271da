package archiver

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// ListRemoved returns what is left of backups that were removed, or merged into others:
// those whose records still exist. They cannot be restored, and a later expiry deletes the
// records. A record that cannot be read is left out, with a warning.
func (a *Archive) ListRemoved(ctx context.Context) (ListReport, error) {
	r := ListReport{Backups: []Backup{}}
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		h, err := a.existing(ctx)
		if err == nil {
			err = h.KeepDamage // then nobody knows what was removed last
		}
		if err == nil {
			r.Encryption, err = a.encryption(ctx)
		}
		if err != nil || h.Keep == nil {
			return err
		}
		records := removedRecords(h)
		all := make([]*manifest.Committed, len(records))
		err = a.journal.LoadRecordOutlines(ctx, h, records, func(i int, m *manifest.Committed, err error) error {
			if _, damaged := errors.AsType[*manifest.ObjectError](err); damaged {
				a.log.Warn("what is left of a removed backup cannot be read", "err", err)
				return nil
			}
			all[i] = m
			return err
		})
		for _, m := range all {
			if m != nil && m.Kind.HasContent() {
				r.Backups = append(r.Backups, describe(m.Manifest))
			}
		}
		return err
	})
	if err != nil {
		return ListReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// removedRecords returns the numbers of the records of h, ascending, that are older than
// its newest keep and do not count: keeps, and backups that were removed or merged.
func removedRecords(h *journal.List) []manifest.Seq {
	var gone []manifest.Seq
	for _, seq := range h.Records {
		if h.Keep != nil && seq < h.Keep.Seq && !h.Keep.Keeping.Alive.Contains(seq) {
			gone = append(gone, seq)
		}
	}
	return gone
}
