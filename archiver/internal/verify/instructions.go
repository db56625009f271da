package verify

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// instructions compares the text that tells people how to restore with what it has to be: it has
// commands, and who can write to the store may have put others there.
func (v *verification) instructions(ctx context.Context, archiveID string) error {
	v.report.Objects++
	want := manifest.Instructions(archiveID, v.store.Ring.IsSealed())
	b, err := v.store.Read(ctx, manifest.InstructionsKey, int64(len(want)), func(b []byte) bool { return bytes.Equal(b, want) })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.find(manifest.InstructionsKey, "it is missing, and no restore needs it: the next full backup writes it")
	case isAboutObject(err), err == nil && !bytes.Equal(b, want):
		v.find(manifest.InstructionsKey, "it is not the text that belongs to this archive: nobody should run what it says")
	default:
		return err
	}
	return nil
}
