package structure

import (
	"context"
	"fmt"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// checkImage reads the image of the database at path, every checksum in it, and compares
// what its headers say. A directory has none: there, only the id can be wrong.
func checkImage(ctx context.Context, path string, want *Want, found *Found) error {
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		return err
	}
	found.DatabaseID = image.DatabaseID
	if err := compareImage(image, want); err != nil {
		return err
	}
	if image.Directory {
		return nil
	}
	f, err := os.Open(image.Path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	if err := image.Check(ctx, f); err != nil {
		return err
	}
	for _, r := range image.Proof {
		found.ImageBytes += r.Length
	}
	found.Parts = len(image.Proof)
	return nil
}

// compareImage compares the headers of an image with what the manifests say of it.
func compareImage(image *grafeo.Image, want *Want) error {
	w := &want.Image
	if got := string(image.Generation); got != w.Generation {
		return mismatch("the database is of generation %s, and the backup says %s", got, w.Generation)
	}
	if image.Directory != w.IsDirectory() {
		return mismatch("the database is %s, and the backup says %s", layout(image.Directory), layout(w.IsDirectory()))
	}
	restored := manifest.Database{Generation: w.Generation, ID: image.DatabaseID, Layout: w.Layout}
	for _, id := range []string{w.ID, want.DatabaseID} {
		if named := (&manifest.Database{Generation: w.Generation, ID: id, Layout: w.Layout}); !restored.Is(named) {
			return mismatch("the database is %s, and the backup says %s", image.DatabaseID, id)
		}
	}
	for _, n := range []struct {
		what      string
		got, says uint64
	}{
		{"iteration", image.Iteration, w.Iteration},
		{"epoch", image.Epoch, w.ImageEpoch},
		{"checkpoint LSN", image.CheckpointLSN, w.CheckpointLSN},
		{"checksum of headers", uint64(image.HeadersCRC32C()), uint64(w.HeadersCRC32C)},
		{"content", uint64(image.Content), uint64(w.Content)},
	} {
		if n.got != n.says {
			return mismatch("the image has the %s %d, and the backup says %d", n.what, n.got, n.says)
		}
	}
	return nil
}

func layout(isDirectory bool) string {
	if isDirectory {
		return "a directory"
	}
	return "a file"
}

// checkSpill compares the files in the spill folder of the database at path with those of
// the backup, and reads their headers.
func checkSpill(path string, want []manifest.Spilled) error {
	files, err := grafeo.ListSpill(path)
	if err != nil {
		return err
	}
	bytes := map[string]int64{}
	for i := range files {
		f := &files[i]
		bytes[manifest.SpillName(f.Base, f.Kept)] = f.Info.Size()
		if err := checkSpilled(f); err != nil {
			return err
		}
	}
	for _, s := range want {
		if n, ok := bytes[s.Name]; !ok || n != s.Bytes {
			return mismatch("%s has %d bytes, and the backup says %d", s.Name, n, s.Bytes)
		}
	}
	if len(bytes) != len(want) {
		return mismatch("there are %d files of spilled vectors, and the backup says %d", len(bytes), len(want))
	}
	return nil
}

func checkSpilled(s *grafeo.SpillFile) error {
	f, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	if err := s.Check(f); err != nil {
		return fmt.Errorf("%s: %w", s.Base, err)
	}
	return nil
}
