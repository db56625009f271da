package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// NoBackupError is the error for a backup that the archive does not have. The zero value
// is that for an archive that has none at all.
type NoBackupError struct {
	Seq         uint64 // the number that was asked for
	First, Last uint64 // the numbers that exist

	// Gone says that there was such a record, but the newest keep does not name it.
	// MergedInto is then the backup into which it was merged, 0 if it was not, and
	// MergedFrom the first one that went into that.
	Gone                   bool
	MergedFrom, MergedInto uint64
}

func (e *NoBackupError) Error() string {
	if e.Last == 0 {
		return "the archive has no backup"
	}
	switch {
	case e.MergedInto != 0:
		return fmt.Sprintf("there is no backup %d any more: backups %d to %d were merged into %d, by which each of their epochs can be restored", e.Seq, e.MergedFrom, e.MergedInto, e.MergedInto)
	case e.Gone:
		return fmt.Sprintf("there is no backup %d: it was removed, or the number is not that of a backup", e.Seq)
	}
	return fmt.Sprintf("there is no backup %d: the archive has %d to %d", e.Seq, e.First, e.Last)
}

// DamagedNewestError says that the manifest of the newest backup is damaged. Nobody knows
// what that backup was, so no backup can be based on it; those before it are not
// affected.
type DamagedNewestError struct {
	Key    string // of the manifest
	Seq    uint64 // the number of the backup
	Before uint64 // the number of the one before it, 0 if there is none
	Err    error
}

func (e *DamagedNewestError) Error() string {
	return fmt.Sprintf("backup %d, the newest, cannot be read: %v", e.Seq, e.Err)
}

// Unwrap returns the [*manifest.ObjectError] that it is.
func (e *DamagedNewestError) Unwrap() error { return e.Err }

// DamagedKeepError says that the newest keep is damaged or missing: nobody knows what was
// removed last, so nothing may be removed, merged or pinned.
type DamagedKeepError struct{ Err error } // a [*manifest.ObjectError]

func (e *DamagedKeepError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DamagedKeepError) Unwrap() error { return e.Err }

// AboutNewest returns err, as a [*DamagedNewestError] if it is about the newest manifest
// of l.
func (l *List) AboutNewest(err error) error {
	object, ok := errors.AsType[*manifest.ObjectError](err)
	if !ok || len(l.Records) == 0 || object.Key != l.Last().Key() {
		return err
	}
	damaged := &DamagedNewestError{Key: object.Key, Seq: uint64(l.Last()), Before: uint64(l.Last()) - 1, Err: err}
	for _, b := range slices.Backward(l.Backups) {
		if b.Seq < l.Last() {
			damaged.Before = uint64(b.Seq)
			break
		}
	}
	return damaged
}

// IsDamaged reports whether err is about an object that is damaged or missing.
func IsDamaged(err error) bool {
	_, ok := errors.AsType[*manifest.ObjectError](err)
	return ok
}

// Newest reads the newest record, nil if there is none. If it is damaged, the error is
// a [*DamagedNewestError].
func (j *Journal) Newest(ctx context.Context, l *List) (*manifest.Committed, error) {
	if l.Last() == 0 {
		return nil, nil // an archive without a backup is nothing special
	}
	m, err := j.load(ctx, l, l.Last())
	return m, l.AboutNewest(err)
}

// NewestBackup reads the newest backup, nil if there is none. If that, or the newest record,
// is damaged, the error is a [*DamagedNewestError].
func (j *Journal) NewestBackup(ctx context.Context, l *List) (*manifest.Committed, error) {
	newest, err := j.Newest(ctx, l)
	if err != nil {
		return nil, err
	}
	return j.LastBackup(ctx, l, newest)
}

// LastBackup reads the newest backup as of newest, the newest record of l; nil if there is
// none. If it is damaged, the error is a [*DamagedNewestError].
func (j *Journal) LastBackup(ctx context.Context, l *List, newest *manifest.Committed) (*manifest.Committed, error) {
	if newest == nil || newest.LastBackup == nil {
		return newest, nil
	}
	seq := *newest.LastBackup
	m, err := j.load(ctx, l, seq)
	if IsDamaged(err) {
		err = &DamagedNewestError{Key: seq.Key(), Seq: uint64(seq), Err: err}
	}
	return m, err
}

// Load reads and checks one record of the archive with this id. One that is damaged
// or missing, twice, is a [*manifest.ObjectError].
func (j *Journal) Load(ctx context.Context, archiveID string, seq manifest.Seq) (*manifest.Committed, error) {
	m, err := loadOnce(ctx, j.store, archiveID, seq)
	if IsDamaged(err) {
		return loadOnce(ctx, j.store, archiveID, seq)
	}
	return m, err
}

func loadOnce(ctx context.Context, s *objects.Store, archiveID string, seq manifest.Seq) (*manifest.Committed, error) {
	damaged := func(problem string) error { return &manifest.ObjectError{Key: seq.Key(), Problem: problem} }
	d, err := s.ReadDocument(ctx, seq.Key())
	if errors.Is(err, storage.ErrNotExist) {
		return nil, damaged("it is missing")
	}
	if err != nil {
		return nil, err
	}
	m, err := manifest.DecodeManifest(d.Bytes)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		return nil, damaged(err.Error())
	case err != nil:
		return nil, fmt.Errorf("%s: %w", seq.Key(), err)
	case m.Seq != seq:
		return nil, damaged(fmt.Sprintf("it is the manifest of backup %d", m.Seq))
	case m.ArchiveID != archiveID:
		return nil, damaged("it belongs to another archive")
	case (m.Generation != 0) != s.Ring.IsSealed():
		return nil, damaged("whether it is encrypted is not as in archive.json")
	}
	return &manifest.Committed{Manifest: m, Digest: d.Stored}, nil
}

// UnseenError is the error for something that was not there, while it cannot be seen whether an
// expiry has deleted it. So nothing is said to be damaged.
type UnseenError struct {
	Missing error // what was not there
	Look    error // why it cannot be seen
}

func (e *UnseenError) Error() string {
	return fmt.Sprintf("%v; whether it was removed meanwhile cannot be seen: %v", e.Missing, e.Look)
}

// Unwrap returns why it cannot be seen, which is all that is known to be wrong.
func (e *UnseenError) Unwrap() error { return e.Look }

// IsOutdated reports whether err, which reading what l names has returned, is about
// something that is missing or damaged, and the journal has grown since: then an expiry may
// have deleted it, and l is to be read again. Otherwise what is to be returned is err or, if
// that cannot be seen, an [*UnseenError].
func (j *Journal) IsOutdated(ctx context.Context, l *List, err error) (bool, error) {
	return j.IsOutdatedAt(ctx, l.Last(), err)
}

// IsOutdatedAt is [Journal.IsOutdated] for a list that ends with the record last.
func (j *Journal) IsOutdatedAt(ctx context.Context, last manifest.Seq, err error) (bool, error) {
	if !IsDamaged(err) || last == 0 {
		return false, err
	}
	grown, lookErr := j.HasGrown(ctx, last)
	if lookErr != nil {
		return false, &UnseenError{err, lookErr}
	}
	return grown, err
}

// HasGrown reports whether there is a record after what was the newest one. The next one may
// be deleted already.
func (j *Journal) HasGrown(ctx context.Context, last manifest.Seq) (bool, error) {
	if j.recovers {
		return false, nil // what a store shows of the past does not change
	}
	l := &List{Archive: &manifest.Archive{}, Records: []manifest.Seq{last}}
	if err := j.LookBeyond(ctx, l); err != nil || l.Last() > last {
		return l.Last() > last, err
	}
	found, err := searchEnd(ctx, j.store, []manifest.Seq{last}, &marks{})
	return len(found) > 0 && found[len(found)-1] > last, err
}

// Readers is how many manifests are read at a time: they are small, so that it is the
// store's latency that counts.
const Readers = 32

// LoadAll reads the manifests of the backups of l, several at a time, and passes each one,
// or the error for it, to use: in any order, but one after the other. i is the place in
// l.Backups; use is not called for those that turn out to be no backups. What use returns,
// other than nil, ends the loading and is returned.
func (j *Journal) LoadAll(ctx context.Context, l *List, use func(i int, m *manifest.Committed, err error) error) error {
	load := func(ctx context.Context, i int) (*manifest.Committed, error) {
		return j.load(ctx, l, l.Backups[i].Record)
	}
	return loadEach(ctx, len(l.Backups), load, func(i int, m *manifest.Committed, err error) error {
		if err == nil {
			m, err = l.Backups[i].Backup(m)
		}
		if m == nil && err == nil {
			return nil
		}
		return use(i, m, err)
	})
}

// LoadRecords is [Journal.LoadAll] for records of any kind; i is the place in records.
func (j *Journal) LoadRecords(ctx context.Context, archiveID string, records []manifest.Seq, use func(i int, m *manifest.Committed, err error) error) error {
	load := func(ctx context.Context, i int) (*manifest.Committed, error) {
		return j.Load(ctx, archiveID, records[i])
	}
	return loadEach(ctx, len(records), load, use)
}

// loadEach calls load for 0 to n-1, several at a time, and use for each result, one after
// the other.
func loadEach(
	ctx context.Context, n int, load func(ctx context.Context, i int) (*manifest.Committed, error), use func(i int, m *manifest.Committed, err error) error,
) error {
	type loaded struct {
		i   int
		m   *manifest.Committed
		err error
	}
	results := make(chan loaded)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(results)
		readers, ctx := errgroup.WithContext(ctx)
		readers.SetLimit(Readers)
		for i := range n {
			readers.Go(func() error {
				m, err := load(ctx, i)
				select {
				case results <- loaded{i, m, err}:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}
		return readers.Wait()
	})
	g.Go(func() error {
		for r := range results {
			if err := use(r.i, r.m, r.err); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}
