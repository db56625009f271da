package structure

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// restored is a copy of a vector, and what a manifest would say of it.
func restored(t *testing.T, vector string) (path string, want Want) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "grafeo", "testdata", filepath.FromSlash(vector)))); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "tiny.grafeo")
	_ = os.Remove(filepath.Join(path+".wal", "checkpoint.meta")) // no restore writes it
	image, err := grafeo.ReadDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	want = Want{
		Image: manifest.Database{
			Generation: string(image.Generation), ID: image.DatabaseID, Iteration: image.Iteration, ImageEpoch: image.Epoch,
			CheckpointLSN: image.CheckpointLSN, HeadersCRC32C: image.HeadersCRC32C(), Content: image.Content,
		},
		DatabaseID: image.DatabaseID, CutsOff: func(uint64, time.Time) bool { return false },
	}
	want.Epoch, want.End = &image.Epoch, &manifest.Position{LSN: image.CheckpointLSN}
	var last *grafeo.Commit
	log, err := grafeo.ScanLog(grafeo.LogDir(path), image.Generation, grafeo.ScanOptions{Visit: func(c grafeo.Commit) error { last = &c; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if last == nil {
		return path, want
	}
	file := log.Files[last.File]
	want.Epoch, want.End.Commit = &log.Last.Epoch, &manifest.Commit{LSN: last.LSN, EndFile: file.Number + file.FirstLSN, End: last.End, CRC32C: last.CRC32C}
	if image.Generation == grafeo.Gen06 {
		want.End.LSN = last.EndLSN
	}
	return path, want
}

var vectors = []string{"v0.6.0/live", "v0.6.0/closed", "v0.6.0/bigcommit", "v0.5.42/live", "v0.5.42/closed", "v0.5.42/reopened"}

func TestCheck(t *testing.T) {
	for _, vector := range vectors {
		path, want := restored(t, vector)
		found, err := Check(t.Context(), path, want)
		if err != nil || found.Epoch != *want.Epoch || found.LSN != want.End.LSN || found.ImageBytes == 0 || (found.LogFiles > 0) != (want.End.Commit != nil) {
			t.Errorf("%s: %+v, %v", vector, found, err)
		}
	}
}

// Every byte of the log, and every byte of the image that something in it proves, counts.
func TestCheckFindsDamage(t *testing.T) {
	for _, vector := range []string{"v0.6.0/live", "v0.5.42/live"} {
		path, want := restored(t, vector)
		image, err := grafeo.ReadDatabase(path)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]func(offset int64) bool{path: func(offset int64) bool {
			for _, r := range image.Proof {
				if offset >= r.Offset && offset < r.Offset+r.Length {
					return true
				}
			}
			return false
		}}
		logs, err := filepath.Glob(filepath.Join(path+".wal", "*.log"))
		if err != nil || len(logs) == 0 {
			t.Fatal(logs, err)
		}
		for _, log := range logs {
			files[log] = func(int64) bool { return true }
		}
		for file, counts := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for at := 0; at < len(b); at += 1 + len(b)/150 {
				b[at] ^= 0x40
				if err := os.WriteFile(file, b, 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := Check(t.Context(), path, want); isMismatch(err) != counts(int64(at)) {
					t.Errorf("%s: %s damaged at %d: %v", vector, filepath.Base(file), at, err)
				}
				b[at] ^= 0x40
			}
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Check(t.Context(), path, want); err != nil {
			t.Errorf("%s: undamaged: %v", vector, err)
		}
	}
}

func isMismatch(err error) bool {
	_, ok := errors.AsType[*MismatchError](err)
	return ok
}

// What is missing, or is there and should not be, is found.
func TestCheckFindsOtherFiles(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"no log":             func(path string) error { return os.RemoveAll(path + ".wal") },
		"no image":           func(path string) error { return os.Truncate(path, 0) },
		"shorter log":        func(path string) error { return truncateLog(path, -1) },
		"longer log":         func(path string) error { return truncateLog(path, 1) },
		"a file in the log":  func(path string) error { return os.WriteFile(filepath.Join(path+".wal", "x"), nil, 0o600) },
		"another generation": func(path string) error { return os.WriteFile(filepath.Join(path+".wal", "wal_7.log"), nil, 0o600) },
		"spilled vectors": func(path string) error {
			return errors.Join(os.Mkdir(path+".spill", 0o700), os.WriteFile(filepath.Join(path+".spill", "vectors_V%3Ae.bin"), make([]byte, 64), 0o600))
		},
	} {
		for _, vector := range []string{"v0.6.0/live", "v0.5.42/live"} {
			path, want := restored(t, vector)
			_ = os.RemoveAll(path + ".spill")
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if _, err := Check(t.Context(), path, want); !isMismatch(err) {
				t.Errorf("%s: %s: %v", vector, name, err)
			}
		}
	}
}

func truncateLog(path string, by int64) error {
	logs, err := filepath.Glob(filepath.Join(path+".wal", "*.log"))
	if err != nil {
		return err
	}
	last := logs[len(logs)-1]
	info, err := os.Stat(last)
	if err != nil {
		return err
	}
	return os.Truncate(last, info.Size()+by)
}

// A log that does not begin at the image's checkpoint, and a commit after the target, are found.
func TestCheckJoinsLogAndImage(t *testing.T) {
	path, want := restored(t, "v0.6.0/live")
	want.CutsOff = func(epoch uint64, _ time.Time) bool { return epoch >= *want.Epoch }
	if _, err := Check(t.Context(), path, want); !isMismatch(err) || !strings.Contains(err.Error(), "after the target") {
		t.Errorf("a commit too many: %v", err)
	}
	l := &log{last: &grafeo.Commit{EndLSN: 100}}
	want = Want{Image: manifest.Database{Generation: "0.6", CheckpointLSN: 50}}
	if err := l.compare(&want, &state{}); !isMismatch(err) || !strings.Contains(err.Error(), "no group begins at the image's checkpoint") {
		t.Errorf("not joined: %v", err)
	}
	if l.joined = true; l.compare(&want, &state{}) != nil {
		t.Error("joined")
	}
}

// What is no fault of the files is none: a check that is interrupted, and files that cannot be read.
func TestCheckIsNotDone(t *testing.T) {
	path, want := restored(t, "v0.6.0/live")
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Check(ctx, path, want); !errors.Is(err, cause) || isMismatch(err) {
		t.Errorf("interrupted: %v", err)
	}
	if err := CheckLog(ctx, path+".wal", want); !errors.Is(err, cause) || isMismatch(err) {
		t.Errorf("interrupted in the log: %v", err)
	}
	if _, err := Check(t.Context(), path+"-not", want); !errors.Is(err, os.ErrNotExist) || isMismatch(err) {
		t.Errorf("missing: %v", err)
	}
}
