// Package export writes folders of Grafeo's own backups from databases that a restore has
// staged: a full backup for each stretch of the archive's history, and incrementals made by
// dividing the staged log where the archive's backups end.
package export

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// folderName is the native folder's name in the staging folder.
const folderName = "native"

// Writer writes a folder of native backups, from databases that are staged one after
// another: one for each stretch of the archive's history.
type Writer struct {
	staging *staging.Folder
	list    grafeo.NativeManifest
	bytes   int64

	continues bool   // the next stretch continues the one before
	end       uint64 // log position at which the one before ends (0.6)
}

// NewWriter returns a writer whose folder takes the place of the target of s.
func NewWriter(s *staging.Folder) (*Writer, error) {
	return &Writer{staging: s}, s.MakeFolder(s.Path(folderName))
}

// Files returns how many files the folder has, the list of backups included.
func (w *Writer) Files() int { return len(w.list.Entries) + 1 }

// Bytes returns the size of the files that were written.
func (w *Writer) Bytes() int64 { return w.bytes }

func (w *Writer) path(name string) string {
	return filepath.Join(w.staging.Path(folderName), name)
}

// Add turns the staged database of a plan into a full backup of its image, and
// incrementals of its log, one for each backup of the plan; it is no longer staged
// afterwards. m says how the log was moved when it was trimmed; continues says that the
// next database continues this one.
func (w *Writer) Add(plan *catalog.Plan, m replay.Moved, continues bool) error {
	defer func() { w.continues = continues }()
	if err := w.staging.Complete(w.staging.Path(staging.ImageFile)); err != nil {
		return err
	}
	base := plan.Route.Chain[0]
	if w.continues && w.end > base.Database.CheckpointLSN {
		// After the image the schema was changed, at the epoch of the image. A restore of
		// that epoch would take the image alone, so the log of the stretch before is
		// continued instead.
		if err := w.staging.Disk.Remove(w.staging.Path(staging.ImageFile)); err != nil {
			return err
		}
		before := w.list.Entries[len(w.list.Entries)-1]
		log, err := divide(w.staging.Path(staging.LogFolder), plan.Route.Chain, m, w.end, before.EndEpoch, false)
		if err != nil {
			return err
		}
		return w.incrementals(log, plan.Route.Chain)
	}
	name := grafeo.NativeFullName(len(w.list.Entries))
	if err := w.staging.Disk.Rename(w.staging.Path(staging.ImageFile), w.path(name)); err != nil {
		return err
	}
	image := plan.Index.Image()
	full := grafeo.NativeEntry{
		Full: true, Filename: name, Checksum: image.CRC32, Size: uint64(image.Bytes), Created: base.CreatedAt,
	}
	w.end = base.Database.CheckpointLSN
	isLowest := len(w.list.Entries) == 0
	log, err := divide(w.staging.Path(staging.LogFolder), plan.Route.Chain, m, w.end, catalog.EpochWithoutLog(base), isLowest)
	if err != nil {
		return err
	}
	full.EndEpoch = log.after
	w.add(full)
	return w.incrementals(log, plan.Route.Chain)
}

// incrementals writes all parts of a log, and removes it.
func (w *Writer) incrementals(log *dividedLog, chain []*manifest.Committed) error {
	for i := range log.parts {
		if err := w.incremental(log, &log.parts[i], chain); err != nil {
			return err
		}
		w.end = log.parts[i].endLSN
	}
	return disk.RemoveAll(w.staging.Disk, w.staging.Path(staging.LogFolder))
}

func (w *Writer) add(e grafeo.NativeEntry) {
	w.list.Entries = append(w.list.Entries, e)
	w.bytes += int64(e.Size)
}

// Publish writes the list of backups and renames the folder to its name. Then it is durable.
func (w *Writer) Publish() error {
	generation, err := grafeo.Identify(w.path(w.list.Entries[0].Filename))
	if err != nil {
		return err
	}
	w.list.Generation = generation
	b := w.list.Encode()
	w.bytes += int64(len(b))
	if err := w.writeSynced(grafeo.NativeManifestName, func(f disk.File) error {
		_, err := f.Write(b)
		return err
	}); err != nil {
		return err
	}
	target := w.staging.Target
	if err := w.staging.Disk.Sync(w.staging.Path(folderName)); err != nil {
		return err
	}
	if err := staging.CheckNothingAt(target); err != nil {
		return err
	}
	if err := w.staging.Disk.Rename(w.staging.Path(folderName), target); err != nil {
		if _, there := os.Lstat(target); there == nil {
			return &staging.AppearedError{Path: target, Err: err}
		}
		return err
	}
	return w.staging.Disk.Sync(filepath.Dir(target))
}

// writeSynced creates a file in the folder and makes what write writes to it durable, though
// not its name.
func (w *Writer) writeSynced(name string, write func(disk.File) error) error {
	f, err := w.staging.CreateNew(w.path(name))
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
