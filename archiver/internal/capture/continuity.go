package capture

import (
	"fmt"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// continues tells whether the log that t has seen, with mark at the end of
// backup b, shows the history that b is of. image is the database's, and held
// tells that its log was held for b ever since.
//
// It is told by content: the commit that b ends with is in the log, at its place
// and with its checksum. Where b has none, as after a clean close, there are
// only the places that may not contradict.
func (t *trail) continues(log *grafeo.Log, image *grafeo.Image, b *manifest.Committed, held bool) (bool, error) {
	sameImage := b.Database.HeadersCRC32C == headersOf(image)
	gen06 := t.generation == grafeo.Gen06
	switch {
	case b.Imported != nil && t.mark != nil:
		// The parts of native backups are files that the database may never have had.
		return t.found && gen06 && t.at != nil && fileNumber(log, t.at.StartFile) == t.mark.StartFile, nil
	case t.mark != nil && gen06:
		return t.found, nil
	case t.mark != nil:
		// Neither times nor positions tell the runs of 0.5 apart: a new one, after
		// a clean close, may begin with the same bytes. A directory has only its log.
		return t.found && !t.newRun && (sameImage && !image.Directory || t.sameFile(log)), nil
	case image.Directory: // any log goes on from an empty one, as long as it shows one run from its beginning on
		return t.last == nil || t.last.Run == 0 && log.Files[0].Number == 0, nil
	case !gen06:
		return sameImage && t.last == nil, nil
	case sameImage, b.Position.LSN == 0: // at position 0 there is no history yet that could be another one
		return true, nil
	case !held:
		return false, nil
	}
	return t.goesOnFrom(image, b)
}

// goesOnFrom tells whether what there is now can have come from the end of b,
// which has no commit to compare, while the log was held from its very first
// position on ([holding.advance]). Another history that somebody put in its
// place would have begun its log elsewhere, or stand before b's end.
func (t *trail) goesOnFrom(image *grafeo.Image, b *manifest.Committed) (bool, error) {
	if image.CheckpointLSN < b.Position.LSN || image.Iteration < b.Database.Iteration || image.Epoch < b.EndEpoch {
		return false, nil
	}
	oldest, err := grafeo.OldestLSN(t.dir, image.CheckpointLSN)
	if err != nil || oldest != b.Position.LSN {
		return false, err
	}
	return t.last != nil || image.Epoch == b.EndEpoch, nil
}

// unexplained says what of the image no log accounts for that the archive has or
// takes now, with b as its newest backup; "" if there is nothing. Such an image has
// to be stored itself, or what is in it and in no commit would be missing.
func (t *trail) unexplained(image *grafeo.Image, b *manifest.Committed) string {
	if b.Database.HeadersCRC32C == headersOf(image) {
		return ""
	}
	if t.generation == grafeo.Gen05 {
		// Direct calls, SPARQL, the schema and all that follows compact() reach the
		// image without a commit. (docs/grafeo-format.md, section 5.3)
		return fmt.Sprintf("the database wrote a checkpoint after backup %d: its image may hold what no commit of the log has", b.Seq)
	}
	if end := max(t.end(), b.Position.LSN); image.CheckpointLSN > end {
		return fmt.Sprintf("the log ends at position %d, and the image has what was written up to %d", end, image.CheckpointLSN)
	}
	if image.CheckpointLSN == b.Database.CheckpointLSN && image.Content != b.Database.Content {
		return fmt.Sprintf("the image changed after backup %d and the log did not: the database runs without its log (wal_enabled)", b.Seq)
	}
	return ""
}

// sameFile tells whether the commit that was met for mark is in the very file
// that mark was in.
func (t *trail) sameFile(log *grafeo.Log) bool {
	if t.at == nil || t.mark.FileID == "" {
		return false
	}
	return disk.Identity(filepath.Join(t.dir, log.Files[t.at.File].Name)) == t.mark.FileID
}
