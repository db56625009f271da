package archiver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// RestoreOptions modify one restore. The zero value restores the newest backup.
type RestoreOptions struct {
	// Backup is the number of the backup to restore; 0 means the newest.
	Backup uint64

	// Force moves a database that is at the target aside, under a name that
	// RestoreReport.MovedTo tells. It is never deleted.
	Force bool

	// Observer hears of the progress; nil for nobody.
	Observer Observer
}

// RestoreReport is what one restore has done.
type RestoreReport struct {
	Backup   Backup // that was restored
	Epoch    uint64 // of the database now
	Database string // path of the database now
	MovedTo  string // where the database is that was there before, or ""
	RawBytes int64  // that were written
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Restore writes the database as it was at a backup to target, the path of the
// database file that will be; folders above it are made. Files get the
// permissions 0600.
//
// The database appears at target when it is whole, checked and on disk, and
// not before: until then it is in a hidden folder beside the target, without
// the page that makes it a database. If Restore fails or is killed, nothing is
// at target, and the same call works again. An existing target is
// [CodeTargetExists]; two restores to one target at the same time are
// [CodeTargetBusy] for one of them.
func (a *Archive) Restore(ctx context.Context, target string, opts RestoreOptions) (RestoreReport, error) {
	var r RestoreReport
	requests, elapsed, err := run(ctx, func(ctx context.Context) (err error) {
		r, err = a.restore(ctx, target, opts)
		return err
	})
	if err != nil {
		return RestoreReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

func (a *Archive) restore(ctx context.Context, target string, opts RestoreOptions) (RestoreReport, error) {
	target, err := filepath.Abs(target)
	if err != nil {
		return RestoreReport{}, err
	}
	// Before a request is made: most often this is how it ends.
	if err := free(target); err != nil && !opts.Force && !publishing(target) {
		return RestoreReport{}, err
	}
	m, ix, err := a.chosen(ctx, manifest.Seq(opts.Backup))
	if err != nil {
		return RestoreReport{}, err
	}
	s, err := stage(target)
	if err != nil {
		return RestoreReport{}, err
	}
	defer s.discard()
	if err := free(target); err != nil && !opts.Force {
		return RestoreReport{}, err
	}
	if err := a.fill(ctx, s, m, ix, opts.Observer); err != nil {
		return RestoreReport{}, err
	}
	moved, err := s.publish(opts.Force)
	if err != nil {
		return RestoreReport{}, err
	}
	return RestoreReport{Backup: describe(m.Manifest), Epoch: m.EndEpoch, Database: target, MovedTo: moved, RawBytes: m.RawBytes}, nil
}

// chosen gives the manifest and index of backup seq, or of the newest for 0.
func (a *Archive) chosen(ctx context.Context, seq manifest.Seq) (*committed, *manifest.Index, error) {
	h, err := a.existing(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(h.seqs) == 0 {
		return nil, nil, &Error{
			Code: CodeNoArchive,
			Err:  errors.New("the archive has no backup"),
			Hint: "Its first backup was interrupted before it was committed. Run `gbak-s3 backup` where the database is.",
		}
	}
	if seq == 0 {
		seq = h.last()
	}
	if seq < h.seqs[0] || seq > h.last() {
		return nil, nil, &Error{
			Code: CodeNoBackup,
			Err:  fmt.Errorf("there is no backup %d: the archive has %d to %d", seq, h.seqs[0], h.last()),
			Hint: "`gbak-s3 list` shows them all.",
		}
	}
	m, err := a.load(ctx, h, seq)
	if err != nil {
		return nil, nil, err
	}
	ix, err := a.index(ctx, m.Manifest)
	return m, ix, err
}

// fill fetches the content of m into the staging folder.
func (a *Archive) fill(ctx context.Context, s *staging, m *committed, ix *manifest.Index, observe Observer) error {
	if ix.Image() == nil {
		return &ObjectError{m.Seq.Key(), "it names no image"}
	}
	files := make([]*os.File, len(ix.Files))
	defer func() {
		for _, f := range files {
			if f != nil {
				_ = f.Close() // was synced, or the restore has failed
			}
		}
	}()
	var total int64
	for i := range ix.Files {
		var err error
		if files[i], err = s.create(ix.Files[i].Name, ix.Files[i].Bytes); err != nil {
			return err
		}
		total += ix.Files[i].Bytes
	}
	f := &fetch{archive: a, index: ix, tracker: track(observe, total)}
	f.use = func(file int, offset int64, p []byte) error {
		if ix.Files[file].Name == manifest.ImageName {
			return s.writeImage(files[file], offset, p)
		}
		_, err := files[file].WriteAt(p, offset)
		return err
	}
	if err := f.run(ctx); err != nil {
		return err
	}
	if err := f.check(m.Seq.Key()); err != nil {
		return err
	}
	for _, f := range files {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}
