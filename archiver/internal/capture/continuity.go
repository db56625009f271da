package capture

import (
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// continues reports whether the log that was scanned, with the mark at the end of the
// parent, shows the history that the parent is of. image is the database's, and held means
// that its log was kept for the parent ever since.
//
// Content decides: the commit that the parent ends with is in the log, at its place and
// with its checksum. A parent that ends without one, as after a clean close, leaves only
// places that must not contradict.
func (s *continuityScan) continues(image *grafeo.Image, parent *manifest.Committed, held bool) (bool, error) {
	sameImage := parent.Database.HeadersCRC32C == image.HeadersCRC32C()
	gen06 := s.generation == grafeo.Gen06
	if gen06 && s.at != nil && s.contradicts(parent, sameImage) {
		s.found, s.at, s.up = false, nil, nil
	}
	switch {
	case parent.Imported != nil && s.mark != nil:
		// The parts of native backups are files that the database may never have had.
		return s.found && gen06 && s.at != nil && s.fileNumber(s.at.StartFile) == s.mark.StartFile, nil
	case s.mark != nil && gen06:
		return s.found, nil
	case s.mark != nil:
		// Neither times nor positions tell the runs of 0.5 apart: a new one, after
		// a clean close, may begin with the same bytes. A directory has only its log.
		return s.found && !s.newRun && (sameImage && !image.Directory || s.isSameFile()), nil
	case image.Directory: // any log continues an empty one, as long as it shows one run from its beginning on
		return s.last == nil || s.last.Run == 0 && s.log.Files[0].Number == 0, nil
	case !gen06:
		return sameImage && s.last == nil, nil
	case sameImage, parent.Position.LSN == 0: // at position 0 there is no history yet that could be another one
		return true, nil
	case !held:
		return false, nil
	}
	return s.canComeFrom(image, parent)
}

// contradicts reports whether the mark is another history's although its bytes are the same. A
// sync mark has nothing in it but its place, so that two histories with commits of the same lengths
// have equal ones: after a restore to the past, or in two copies of a database. The commit before it
// tells them apart, by its epoch and time.
func (s *continuityScan) contradicts(parent *manifest.Committed, sameImage bool) bool {
	switch {
	case s.at.Kind != grafeo.SyncMark || s.up == nil:
		return false
	case sameImage && s.up.LSN < parent.Database.CheckpointLSN:
		return false // it is in the image, whose time may be before its own if the clock was set back
	}
	if parent.Kind == manifest.Full && (parent.Database.CheckpointLSN >= parent.Position.LSN || s.up.Epoch < parent.EndEpoch) {
		// Its epoch and time may be those of its image, which has that commit and perhaps more.
		return s.up.Epoch > parent.EndEpoch || parent.EndTime != nil && s.up.Time.After(*parent.EndTime)
	}
	return s.up.Epoch != parent.EndEpoch || parent.EndTime != nil && !s.up.Time.Equal(*parent.EndTime)
}

// canComeFrom reports whether the database can have come to its present state from the end
// of the parent, which has no commit to compare, while its log was kept from the very first
// position on. Another history in its place would have begun its log elsewhere, or would
// stand before the parent's end.
func (s *continuityScan) canComeFrom(image *grafeo.Image, parent *manifest.Committed) (bool, error) {
	if image.CheckpointLSN < parent.Position.LSN || image.Iteration < parent.Database.Iteration || image.Epoch < parent.EndEpoch {
		return false, nil
	}
	oldest, err := grafeo.OldestLSN(s.dir, image.CheckpointLSN)
	if err != nil || oldest != parent.Position.LSN {
		return false, err
	}
	return s.last != nil || image.Epoch == parent.EndEpoch, nil
}

// isSameFile reports whether the commit that was met for the mark is in the very file that
// the mark was in.
func (s *continuityScan) isSameFile() bool {
	if s.at == nil || s.mark.FileID == "" {
		return false
	}
	return s.identity(s.log.Files[s.at.File].Name) == s.mark.FileID
}

// unexplained says what the image has that is neither in the parent nor in the log after
// it, "" for nothing. Such an image must be stored itself; otherwise, what it has and no
// commit has would be missing.
func (s *continuityScan) unexplained(image *grafeo.Image, parent *manifest.Committed) string {
	if parent.Database.HeadersCRC32C == image.HeadersCRC32C() {
		return ""
	}
	if s.generation == grafeo.Gen05 {
		// Direct calls, SPARQL, the schema and all that follows compact() reach the
		// image without a commit. (docs/grafeo-format.md, section 5.3)
		return fmt.Sprintf("the database wrote a checkpoint after backup %d: its image may hold what no commit of the log has", parent.Seq)
	}
	if end := max(s.end(), parent.Position.LSN); image.CheckpointLSN > end {
		return fmt.Sprintf("the log ends at position %d, and the image has what was written up to %d", end, image.CheckpointLSN)
	}
	if image.CheckpointLSN == parent.Database.CheckpointLSN && image.Content != parent.Database.Content {
		return fmt.Sprintf("the image changed after backup %d and the log did not: the database runs without its log (wal_enabled)", parent.Seq)
	}
	return ""
}
