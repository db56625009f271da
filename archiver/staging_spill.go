package archiver

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// This file is about the spill folder of a database that is being restored.

// keptFolder is the folder in it of what Grafeo had set aside.
func (s *staging) keptFolder() string { return grafeo.KeptDir(s.path(spillFolder)) }

// UnnameableError is the error for a file of the archive whose name no file can have on
// this system.
type UnnameableError struct{ Name string }

func (e *UnnameableError) Error() string {
	return fmt.Sprintf("the archive has spilled vectors in a file named %q, which no file can be named here", e.Name)
}

// placeSpilled is [staging.place] for a file of the spill folder.
func (s *staging) placeSpilled(name string) (string, error) {
	base, kept, ok := manifest.SplitSpillName(name)
	if !ok || !filepath.IsLocal(base) || filepath.Base(base) != base {
		return "", &UnnameableError{base}
	}
	folder := s.path(spillFolder)
	err := s.makeFolder(folder, s.access.spill)
	if kept && err == nil {
		folder = s.keptFolder()
		err = s.makeFolder(folder, s.access.spill)
	}
	return filepath.Join(folder, base), err
}

// syncSpill makes the names in the staged spill folder durable.
func (s *staging) syncSpill() error {
	for _, folder := range []string{s.keptFolder(), s.path(spillFolder)} {
		if disk.Exists(folder) {
			if err := s.disk.Sync(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveSpill puts the spill folder at the target, in place of an empty one.
func (s *staging) moveSpill() error {
	spill := grafeo.SpillDir(s.target)
	if disk.IsEmptyFolder(spill) {
		if err := s.disk.RemoveFolder(spill); err != nil {
			return err
		}
	}
	if err := s.disk.Rename(s.path(spillFolder), spill); err != nil {
		if disk.Exists(spill) {
			return &AppearedError{spill, err}
		}
		return err
	}
	return s.syncParent()
}

// takeSpillBack is the reverse, if that was done.
func (s *staging) takeSpillBack() error {
	spill := grafeo.SpillDir(s.target)
	if disk.Exists(s.path(spillFolder)) || !disk.Exists(spill) {
		return nil
	}
	return errors.Join(s.disk.Rename(spill, s.path(spillFolder)), s.syncParent())
}
