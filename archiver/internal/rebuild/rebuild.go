// Package rebuild puts the database of a plan together in a staging folder: it fetches
// the files of all backups of the plan, joins them at their offsets, checks them, and cuts
// the log where the plan ends.
//
// It is where the store (fetch) and the target (staging) meet, for restores and for
// exports. It neither chooses the backups nor publishes the result.
package rebuild

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Filler fills staging folders from a store.
type Filler struct {
	Store   *objects.Store
	Workers int // how many large segments are fetched at a time, at least 1
}

// Fill fetches the files of a plan into the staging folder, checks them and cuts the log
// where the plan ends, which plan.State then describes. When it returns nil, the bytes of
// all files are durable; their names are not. If the store fails, what was fetched so far
// is kept for the next restore.
func (f *Filler) Fill(ctx context.Context, s *staging.Folder, plan *catalog.Plan) error {
	progress.Tell(ctx, progress.Phase("fetch"))
	files, err := create(s, plan)
	defer files.close()
	if err != nil {
		return err
	}
	if err := settle(s, plan, files); err != nil {
		return err
	}
	if err := files.reserve(plan); err != nil {
		return err
	}
	s.Notes.About(files.files, plan.FileOf, staging.HeldBack(plan.FileNames()))
	sums, err := fetch.All(ctx, fetch.Options{
		Store: f.Store, Workers: f.Workers, Index: plan.Index, Notes: s.Notes, ManifestKey: plan.ManifestKey,
		Tracker: progress.Track(ctx, plan.Cost.RawBytes), Use: files.writeTo(s, plan),
	})
	if err != nil {
		s.Keep(err, objects.IsFromStore(err))
		return err
	}
	s.SetResumable(false) // until it is checked, and cut
	if err := sums.Check(); err != nil {
		return err
	}
	if plan.Route.IsCut() {
		if err := cut(s, plan); err != nil {
			return err
		}
	}
	if err := files.sync(); err != nil {
		return err
	}
	s.SetResumable(true)
	s.Notes.MarkSynced()
	return nil
}

// stagedFiles are the files of a plan in the staging folder, while they are written.
type stagedFiles struct {
	files   []disk.File
	writers []*disk.Writer // one for each
}

// create makes the files of a plan, with their sizes. What it returns with an error is to
// be closed, too.
func create(s *staging.Folder, plan *catalog.Plan) (*stagedFiles, error) {
	staged := &stagedFiles{}
	for _, f := range plan.Files {
		file, err := s.Create(f.Name, f.Bytes)
		if err != nil {
			return staged, err
		}
		staged.files = append(staged.files, file)
		staged.writers = append(staged.writers, disk.NewWriter(file, f.Bytes))
	}
	return staged, nil
}

// reserve allocates space on the disk for what is going to be written.
func (f *stagedFiles) reserve(plan *catalog.Plan) error {
	for i, to := range plan.FileOf {
		for from, end := range catalog.Covered(plan.Index.Files[i].Extents) {
			if err := f.writers[to].Reserve(from, end-from); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeTo returns what writes the bytes of a file of the plan's index into the staged
// file that it is part of.
func (f *stagedFiles) writeTo(s *staging.Folder, plan *catalog.Plan) func(file int, offset int64, p []byte) error {
	return func(file int, offset int64, p []byte) error {
		to := plan.FileOf[file]
		if plan.Files[to].Name == manifest.ImageName {
			return s.WriteImage(f.writers[to], offset, p)
		}
		_, err := f.writers[to].WriteAt(p, offset)
		return err
	}
}

func (f *stagedFiles) sync() error {
	for _, file := range f.files {
		if err := file.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func (f *stagedFiles) close() {
	for i := range f.files {
		f.writers[i].Close()
		_ = f.files[i].Close() // it was synced, or the rebuild has failed
	}
}
