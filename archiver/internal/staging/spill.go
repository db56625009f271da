package staging

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
func (s *Folder) keptFolder() string { return grafeo.KeptDir(s.Path(SpillFolder)) }

// UnnameableError is the error for a file of the archive whose name no file can have on
// this system.
type UnnameableError struct{ Name string }

func (e *UnnameableError) Error() string {
	return fmt.Sprintf("the archive has spilled vectors in a file named %q, which no file can be named here", e.Name)
}

// placeSpilled is [staging.place] for a file of the spill folder.
func (s *Folder) placeSpilled(name string) (string, error) {
	base, kept, ok := manifest.SplitSpillName(name)
	if !ok || !filepath.IsLocal(base) || filepath.Base(base) != base {
		return "", &UnnameableError{base}
	}
	folder := s.Path(SpillFolder)
	err := s.MakeFolder(folder, s.Access.spill)
	if kept && err == nil {
		folder = s.keptFolder()
		err = s.MakeFolder(folder, s.Access.spill)
	}
	return filepath.Join(folder, base), err
}

// syncSpill makes the names in the staged spill folder durable.
func (s *Folder) syncSpill() error {
	for _, folder := range []string{s.keptFolder(), s.Path(SpillFolder)} {
		if disk.Exists(folder) {
			if err := s.Disk.Sync(folder); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveSpill puts the spill folder at the target, in place of an empty one.
func (s *Folder) moveSpill() error {
	spill := grafeo.SpillDir(s.Target)
	if disk.IsEmptyFolder(spill) {
		if err := s.Disk.RemoveFolder(spill); err != nil {
			return err
		}
	}
	if err := s.Disk.Rename(s.Path(SpillFolder), spill); err != nil {
		if disk.Exists(spill) {
			return &AppearedError{spill, err}
		}
		return err
	}
	return s.syncParent()
}

// takeSpillBack is the reverse, if that was done.
func (s *Folder) takeSpillBack() error {
	spill := grafeo.SpillDir(s.Target)
	if disk.Exists(s.Path(SpillFolder)) || !disk.Exists(spill) {
		return nil
	}
	return errors.Join(s.Disk.Rename(spill, s.Path(SpillFolder)), s.syncParent())
}
