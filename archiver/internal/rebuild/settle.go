package rebuild

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// settle removes what an earlier restore has left in the staging folder and the plan does
// not have. In a log that was cut or trimmed, or was about to be, there may be other
// files, and other bytes where the plan has a hole, which nobody would read back.
func settle(s *staging.Folder, plan *catalog.Plan, files *stagedFiles) error {
	if !s.Notes.Resumes() {
		return nil
	}
	if err := removeOthers(s, files); err != nil {
		return err
	}
	for i := range plan.Index.Files {
		f, to := &plan.Index.Files[i], plan.FileOf[i]
		if f.Name == manifest.ImageName || !hasHole(f) {
			continue
		}
		if err := files.files[to].Truncate(0); err != nil {
			return err
		}
		if err := files.files[to].Truncate(plan.Files[to].Bytes); err != nil {
			return err
		}
	}
	return nil
}

// removeOthers removes all staged files but those that were created.
func removeOthers(s *staging.Folder, files *stagedFiles) error {
	ours := map[string]bool{}
	for _, f := range files.files {
		ours[f.Name()] = true
	}
	for _, folder := range []string{staging.LogFolder, staging.DatabaseFolder, staging.SpillFolder} {
		err := filepath.WalkDir(s.Path(folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil || d.IsDir() || ours[path]:
				return err
			}
			return s.Disk.Remove(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// hasHole reports whether the extents of f do not cover all of it.
func hasHole(f *manifest.File) bool {
	bytes := f.Bytes - f.From
	for _, e := range f.Extents {
		bytes -= e.Bytes
	}
	return bytes != 0
}
