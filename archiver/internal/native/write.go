package native

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// FolderName is the native folder's name in the staging folder.
const FolderName = "native"

// Writer makes native backups of what was staged.
type Writer struct {
	Staging *staging.Folder
	List    grafeo.NativeManifest
	Bytes   int64

	Continues bool   // the next stretch continues the one before
	end       uint64 // log position that the one before ends at (0.6)
}

func (w *Writer) path(name string) string {
	return filepath.Join(w.Staging.Path(FolderName), name)
}

// Stretch makes a full backup of the staged image and incrementals of the staged
// log, one for each backup of the plan.
func (w *Writer) Stretch(plan *catalog.Plan, m replay.Moved) error {
	if err := w.Staging.Complete(w.Staging.Path(staging.ImageFile)); err != nil {
		return err
	}
	base := plan.Route.Chain[0]
	if w.Continues && w.end > base.Database.CheckpointLSN {
		// Behind the image the schema was changed, at its epoch. A restore of that
		// epoch would take the image alone, so the log of the stretch before goes on.
		if err := w.Staging.Disk.Remove(w.Staging.Path(staging.ImageFile)); err != nil {
			return err
		}
		log, err := divide(w.Staging.Path(staging.WalFolder), plan.Route.Chain, m, w.end, w.List.Entries[len(w.List.Entries)-1].EndEpoch, false)
		if err != nil {
			return err
		}
		return w.incrementals(log, plan.Route.Chain)
	}
	name := grafeo.NativeFullName(len(w.List.Entries))
	if err := w.Staging.Disk.Rename(w.Staging.Path(staging.ImageFile), w.path(name)); err != nil {
		return err
	}
	image := &plan.Index.Files[slices.IndexFunc(plan.Index.Files, func(f manifest.File) bool { return f.Name == manifest.ImageName })]
	full := grafeo.NativeEntry{Full: true, Filename: name, Checksum: image.CRC32, Size: uint64(image.Bytes), Created: base.CreatedAt}
	w.end = base.Database.CheckpointLSN
	log, err := divide(w.Staging.Path(staging.WalFolder), plan.Route.Chain, m, w.end, catalog.EpochWithoutLog(base), len(w.List.Entries) == 0)
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
	return disk.RemoveAll(w.Staging.Disk, w.Staging.Path(staging.WalFolder))
}

func (w *Writer) add(e grafeo.NativeEntry) {
	w.List.Entries = append(w.List.Entries, e)
	w.Bytes += int64(e.Size)
}

// Publish writes the list and renames the folder to its name.
func (w *Writer) Publish() error {
	image, err := grafeo.Identify(w.path(w.List.Entries[0].Filename))
	if err != nil {
		return err
	}
	w.List.Generation = image
	b := w.List.Encode()
	w.Bytes += int64(len(b))
	if err := w.writeSynced(grafeo.NativeManifestName, func(f disk.File) error {
		_, err := f.Write(b)
		return err
	}); err != nil {
		return err
	}
	target := w.Staging.Target
	if err := w.Staging.Disk.Sync(w.Staging.Path(FolderName)); err != nil {
		return err
	}
	if err := staging.CheckNothingAt(target); err != nil {
		return err
	}
	if err := w.Staging.Disk.Rename(w.Staging.Path(FolderName), target); err != nil {
		if _, there := os.Lstat(target); there == nil {
			return &staging.AppearedError{Path: target, Err: err}
		}
		return err
	}
	return w.Staging.Disk.Sync(filepath.Dir(target))
}

// writeSynced creates a file in the folder and makes what write writes to it durable, though
// not its name.
func (w *Writer) writeSynced(name string, write func(disk.File) error) error {
	f, err := w.Staging.Disk.OpenFile(w.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, w.Staging.Access.Image.Created(false))
	if err != nil {
		return err
	}
	w.Staging.Access.Apply(w.Staging.Access.Image, f)
	if err = write(f); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
