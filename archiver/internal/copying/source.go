package copying

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// SourceError is an error of reading the archive that is copied.
type SourceError struct {
	Address string
	Err     error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("reading %s, which is copied: %v", e.Address, e.Err)
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// IsSource reports whether err is one of reading the source.
func IsSource(err error) bool {
	_, ok := errors.AsType[*SourceError](err)
	return ok
}

// ofSource returns err, if it is not nil, as one of reading the source.
func (o *Options) ofSource(err error) error {
	if err == nil {
		return nil
	}
	return &SourceError{o.Source.Address(), err}
}

// open finds out what the source has.
func (r *run) open(ctx context.Context) error {
	l, err := r.openSource(ctx)
	if err != nil {
		return err
	}
	r.list, r.report.Source = l, l
	r.tracker, r.newestFull = nil, 0
	return nil
}

// openSource lists the backups of the source. Which these are must be known for certain.
func (o *Options) openSource(ctx context.Context) (*journal.List, error) {
	progress.Tell(ctx, progress.Phase("journal"))
	l, err := o.Open(ctx)
	switch {
	case err != nil:
	case l.KeepDamage != nil:
		err = l.KeepDamage
	case len(l.Backups) == 0:
		err = &journal.NoBackupError{}
	}
	return l, o.ofSource(err)
}

// after returns the backups with higher numbers than seq.
func after(backups []journal.Entry, seq manifest.Seq) []journal.Entry {
	return backups[sort.Search(len(backups), func(i int) bool { return backups[i].Seq > seq }):]
}

// batchBackups is how many backups there are in a batch, at most.
const batchBackups = 32

// original is a backup of the source that is being copied.
type original struct {
	*manifest.Committed
	index *manifest.Index
	left  int64 // raw bytes of which the observer was not told yet
}

// load reads the first of these backups, and returns how many entries of the list that takes: up
// to the next full one, which is a batch of its own.
func (r *run) load(ctx context.Context, entries []journal.Entry) (batch []*original, n int, err error) {
	entries = entries[:min(len(entries), batchBackups)]
	all, err := r.loadSource(ctx, r.list, entries)
	if err != nil {
		return nil, 0, err
	}
	for i, m := range all {
		if m == nil {
			continue // no backup
		}
		if m.Kind == manifest.Full && len(batch) > 0 {
			return batch, i, nil
		}
		ix, err := r.Source.Index(ctx, m)
		if err != nil {
			return nil, 0, r.ofSource(err)
		}
		batch = append(batch, &original{m, ix, m.RawBytes})
		if m.Kind == manifest.Full {
			return batch, i + 1, nil
		}
	}
	return batch, len(all), nil
}

// loadSource reads the manifests of backups of the source; nil stands for what turns out to be
// none.
func (o *Options) loadSource(ctx context.Context, l *journal.List, entries []journal.Entry) ([]*manifest.Committed, error) {
	all := make([]*manifest.Committed, len(entries))
	records := make([]manifest.Seq, len(entries))
	for i, e := range entries {
		records[i] = e.Record
	}
	err := o.Source.LoadRecords(ctx, l.Archive.ArchiveID, records, func(i int, m *manifest.Committed, err error) error {
		if err == nil {
			m, err = entries[i].Backup(m)
		}
		if err == nil && m != nil {
			without := *m.Manifest
			without.Earlier = nil
			all[i] = &manifest.Committed{Manifest: &without, Digest: m.Digest, Record: m.Record}
		}
		return err
	})
	return all, o.ofSource(err)
}

// outlines passes the outlines of backups of the source to use, in any order.
func (o *Options) outlines(ctx context.Context, l *journal.List, entries []journal.Entry, use func(*manifest.Committed)) error {
	records := make([]manifest.Seq, len(entries))
	for i, e := range entries {
		records[i] = e.Record
	}
	return o.ofSource(o.Source.LoadRecordOutlines(ctx, l, records, func(i int, m *manifest.Committed, err error) error {
		if err == nil {
			m, err = entries[i].Backup(m)
		}
		if err == nil && m != nil {
			use(m)
		}
		return err
	}))
}
