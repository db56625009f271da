package archiver

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// nativeFolderName is the native folder's name in the staging folder.
const nativeFolderName = "native"

// nativeWriter makes native backups of what was staged.
type nativeWriter struct {
	staging *staging
	list    grafeo.NativeManifest
	bytes   int64

	goesOn bool   // the next stretch continues the one before
	end    uint64 // log position that the one before ends at (0.6)
}

func (w *nativeWriter) path(name string) string {
	return filepath.Join(w.staging.path(nativeFolderName), name)
}

// stretch makes a full backup of the staged image and incrementals of the staged
// log, one for each backup that the way leads through.
func (w *nativeWriter) stretch(way *way, m moved) error {
	if err := w.staging.complete(w.staging.path(imageFile)); err != nil {
		return err
	}
	base := way.route.chain[0]
	if w.goesOn && w.end > base.Database.CheckpointLSN {
		// Behind the image the schema was changed, at its epoch. A restore of that
		// epoch would take the image alone, so the log of the stretch before goes on.
		if err := w.staging.disk.Remove(w.staging.path(imageFile)); err != nil {
			return err
		}
		log, err := divide(w.staging.path(walFolder), way.route.chain, m, w.end, w.list.Entries[len(w.list.Entries)-1].EndEpoch, false)
		if err != nil {
			return err
		}
		return w.incrementals(log, way.route.chain)
	}
	name := grafeo.NativeFullName(len(w.list.Entries))
	if err := w.staging.disk.Rename(w.staging.path(imageFile), w.path(name)); err != nil {
		return err
	}
	image := &way.index.Files[slices.IndexFunc(way.index.Files, func(f manifest.File) bool { return f.Name == manifest.ImageName })]
	full := grafeo.NativeEntry{Full: true, Filename: name, Checksum: image.CRC32, Size: uint64(image.Bytes), Created: base.CreatedAt} //nolint:gosec // sizes are not negative
	w.end = base.Database.CheckpointLSN
	log, err := divide(w.staging.path(walFolder), way.route.chain, m, w.end, endOfFull(base), len(w.list.Entries) == 0)
	if err != nil {
		return err
	}
	full.EndEpoch = log.after
	w.add(full)
	return w.incrementals(log, way.route.chain)
}

// incrementals writes all parts of a log, and removes it.
func (w *nativeWriter) incrementals(log *dividedLog, chain []*manifest.Committed) error {
	for i := range log.parts {
		if err := w.incremental(log, &log.parts[i], chain); err != nil {
			return err
		}
		w.end = log.parts[i].endLSN
	}
	return disk.RemoveAll(w.staging.disk, w.staging.path(walFolder))
}

func (w *nativeWriter) add(e grafeo.NativeEntry) {
	w.list.Entries = append(w.list.Entries, e)
	w.bytes += int64(e.Size) //nolint:gosec // of a file that was written
}

// publish writes the list and gives the folder its name.
func (w *nativeWriter) publish() error {
	image, err := grafeo.Identify(w.path(w.list.Entries[0].Filename))
	if err != nil {
		return err
	}
	w.list.Generation = image
	b := w.list.Encode()
	w.bytes += int64(len(b))
	if err := w.writeSynced(grafeo.NativeManifestName, func(f disk.File) error {
		_, err := f.Write(b)
		return err
	}); err != nil {
		return err
	}
	target := w.staging.target
	if err := w.staging.disk.Sync(w.staging.path(nativeFolderName)); err != nil {
		return err
	}
	if err := absent(target); err != nil {
		return err
	}
	if err := w.staging.disk.Rename(w.staging.path(nativeFolderName), target); err != nil {
		if _, there := os.Lstat(target); there == nil {
			return &AppearedError{target, err}
		}
		return err
	}
	return w.staging.disk.Sync(filepath.Dir(target))
}

// writeSynced makes a file of the folder and what write writes to it durable, but
// for its name.
func (w *nativeWriter) writeSynced(name string, write func(disk.File) error) error {
	f, err := w.staging.disk.OpenFile(w.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, w.staging.access.image.created(false))
	if err != nil {
		return err
	}
	w.staging.access.apply(w.staging.access.image, f)
	if err = write(f); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
