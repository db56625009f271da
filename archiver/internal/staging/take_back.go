package staging

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// takeBack ends a publication that was not finished, or has failed: what was published
// goes back into the staging folder, and what was moved aside goes back to the target, the
// image last. So while something is left to do, there is no image at the target, or a
// headless one; a crash on the way leaves that and the mark, and it is done again.
func takeBack(s *Folder) error {
	m, err := readMark(s.Dir)
	if err != nil {
		return err
	}
	r := &reversal{folder: s, mark: m, aside: m.aside(s.Target)}
	if done, err := r.takeImage(); err != nil || done {
		return err
	}
	if m.Log && !disk.Exists(s.Path(LogFolder)) && disk.Exists(grafeo.LogDir(s.Target)) {
		err = s.Disk.Rename(grafeo.LogDir(s.Target), s.Path(LogFolder))
	}
	if err == nil && m.Spill {
		err = r.takeSpill()
	}
	if err == nil && r.aside != "" && (!disk.Exists(s.Target) || isHeadless(s.Target)) {
		err = r.putBack()
	}
	if err == nil && m.Block && isHeadless(s.Target) { // there was no image
		err = s.Disk.Remove(s.Target)
	}
	if err != nil {
		return err
	}
	return s.syncParent()
}

// reversal is a publication in reverse. Each step finds out whether it is to be done.
type reversal struct {
	folder *Folder
	mark   mark
	aside  string // path of the image that was moved aside; "" if nothing was
}

// takeImage takes the new image away from the target. It reports whether that is all: if
// the publication has succeeded, or the old image is there again.
func (r *reversal) takeImage() (done bool, err error) {
	s, m := r.folder, r.mark
	staged := s.Path(m.staged())
	isOurs := disk.Exists(s.Target) && (!disk.Exists(staged) || disk.IsSame(staged, s.Target))
	switch {
	case isOurs && !isHeadless(s.Target) && !s.isFailed:
		return true, nil
	case isHeadless(s.Target) && m.Block: // blocked already, perhaps not on disk yet
	case r.aside != "" && disk.IsSame(r.aside, s.Target): // it was to be moved
		err = s.Disk.Remove(r.aside)
	case disk.Exists(s.Target) && !isOurs: // it was not moved yet, or is somebody's
		return false, nil
	case isOurs && m.Directory:
		if err = s.Disk.Rename(s.Target, staged); err == nil && m.Block {
			err = block(s)
		}
	case m.Block:
		err = block(s)
	case isOurs:
		err = s.Disk.Remove(s.Target)
	}
	if err != nil {
		return false, err
	}
	return false, s.syncParent()
}

// takeSpill takes the new spill folder away from the target.
func (r *reversal) takeSpill() error {
	s := r.folder
	spill := grafeo.SpillDir(s.Target)
	if disk.Exists(s.Path(SpillFolder)) || !disk.Exists(spill) {
		return nil
	}
	return errors.Join(s.Disk.Rename(spill, s.Path(SpillFolder)), s.syncParent())
}

// putBack moves to the target what was set aside, in place of a blocker.
func (r *reversal) putBack() error {
	s := r.folder
	for i, from := range slices.Backward(grafeo.Companions(r.aside)) {
		if i == 0 {
			if err := s.syncParent(); err != nil {
				return err
			}
		}
		if !disk.Exists(from) {
			continue
		}
		if i == 0 && isHeadless(s.Target) && grafeo.IsDirectory(from) {
			// A directory is not renamed over the page that kept the place.
			if err := s.Disk.Remove(s.Target); err != nil {
				return err
			}
		}
		if err := s.Disk.Rename(from, grafeo.Companions(s.Target)[i]); err != nil {
			return err
		}
	}
	return nil
}

// WhereIsOld says, to be appended to an error, where what was at the target is if it is
// not there; otherwise "".
func (s *Folder) WhereIsOld() string {
	m, err := readMark(s.Dir)
	if err != nil || m.Aside == "" {
		return ""
	}
	for _, path := range grafeo.Companions(m.aside(s.Target)) {
		if disk.Exists(path) {
			return fmt.Sprintf("; until then the database that was there is at %s", path)
		}
	}
	return ""
}
