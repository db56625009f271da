package record

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
)

// newKey returns the writer key of a new archive.
func newKey(t *testing.T) *seal.WriterKey {
	t.Helper()
	_, recipient, err := seal.NewIdentity(false)
	if err != nil {
		t.Fatal(err)
	}
	r := seal.NewRing(seal.Given{Recipients: []seal.Recipient{recipient}})
	if _, err := r.Begin(manifest.NewID()); err != nil {
		t.Fatal(err)
	}
	return r.WriterKey()
}

// A writer key is found by the id of its archive, and only its user may read it.
func TestWriterKey(t *testing.T) {
	t.Parallel()
	f, key := folder(filepath.Join(t.TempDir(), "state", "gbak")), newKey(t)
	if found, err := f.WriterKey(key.ArchiveID); found != nil || err != nil {
		t.Errorf("at first: %+v, %v", found, err)
	}
	if err := f.Begin(t.Context(), "here", key, []byte("document\n")); err != nil {
		t.Fatal(err)
	}
	found, err := f.WriterKey(key.ArchiveID)
	if err != nil || !bytes.Equal(found.Encode(), key.Encode()) {
		t.Errorf("%+v, %v", found, err)
	}
	if other, err := f.WriterKey(manifest.NewID()); other != nil || err != nil {
		t.Errorf("of another archive: %+v, %v", other, err)
	}
	if pin := f.Pinned("here"); pin == nil || pin.ArchiveID != key.ArchiveID || !pin.Encrypted {
		t.Errorf("%+v", pin)
	}
	for path, mode := range map[string]os.FileMode{"keys": 0o700, "keys/" + key.ArchiveID + ".key": 0o600, "keys/" + key.ArchiveID + ".archive.json": 0o600} {
		if info, err := os.Stat(filepath.Join(f.Path, path)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// A key that another run has made newer stays.
func TestNewerWriterKeyStays(t *testing.T) {
	t.Parallel()
	f, key := folder(t.TempDir()), newKey(t)
	newer := *key
	newer.Keys = 7
	for _, put := range []*seal.WriterKey{key, &newer, key} {
		if err := f.PutWriterKey(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := f.WriterKey(key.ArchiveID); err != nil || found.Keys != 7 {
		t.Errorf("%+v, %v", found, err)
	}
}

// A run that goes on with a key that was revoked does not replace the one that was made since; and
// a key with as many generations as there may be is read.
func TestWriterKeyWithMoreGenerationsStays(t *testing.T) {
	t.Parallel()
	f, key := folder(t.TempDir()), newKey(t)
	made, revoked := *key, *key
	made.Keys, revoked.Keys, made.Generations = 7, 8, slices.Clone(key.Generations)
	for n := 2; n <= manifest.MaxKeyGenerations; n++ {
		g := key.Generations[0]
		g.Number, g.From = n, manifest.MaxSeq
		made.Generations = append(made.Generations, g)
	}
	for _, put := range []*seal.WriterKey{key, &made, &revoked} {
		if err := f.PutWriterKey(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	found, err := f.WriterKey(key.ArchiveID)
	if err != nil || found.Keys != 7 || len(found.Generations) != manifest.MaxKeyGenerations {
		t.Errorf("%v", err)
	}
}

// A key that others can read is used, with a warning; one that is damaged, or of another
// archive, is an error that names its file and nothing that is in it.
func TestWriterKeyFiles(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	f, key := folder(t.TempDir()), newKey(t)
	f.Log = slog.New(slog.NewTextHandler(&logged, nil))
	if err := f.PutWriterKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	path := f.keyPath(key.ArchiveID)
	if _, err := f.WriterKey(key.ArchiveID); err != nil || logged.Len() > 0 {
		t.Errorf("%v, logged %s", err, &logged)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriterKey(key.ArchiveID); err != nil || !strings.Contains(logged.String(), path) {
			t.Errorf("%v, logged %s", err, &logged)
		}
	}
	secret := key.Generations[0].Catalog
	for name, content := range map[string]string{
		"empty": "", "half": string(key.Encode()[:150]), "another archive": strings.Replace(string(key.Encode()), key.ArchiveID, manifest.NewID(), 1),
		"a secret": secret + "\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := f.WriterKey(key.ArchiveID)
		if e, ok := errors.AsType[*KeyFileError](err); !ok || e.Path != path || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a folder, no encrypted archive begins.
func TestNoPlaceForKeys(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", file, filepath.Join(file, "below")} {
		if err := folder(path).Begin(t.Context(), "here", newKey(t), []byte("document\n")); err == nil {
			t.Errorf("%q: no error", path)
		}
	}
}

// archive.json of an archive that was begun is there until a backup of it was noted.
func TestBegun(t *testing.T) {
	t.Parallel()
	f, key := folder(t.TempDir()), newKey(t)
	mustBe := func(when, want string) {
		t.Helper()
		if b, err := f.Begun("here"); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", when, b, err)
		}
	}
	mustBe("at first", "")
	if err := f.Begin(t.Context(), "here", key, []byte("document\n")); err != nil {
		t.Fatal(err)
	}
	mustBe("begun", "document\n")
	f.Note(t.Context(), "here", backup(key.ArchiveID, 1), true, false)
	mustBe("with a backup", "")
	if left, err := filepath.Glob(filepath.Join(f.Path, "keys", "*.archive.json")); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}

// Wherever the making of a writer key ends, by a crash or by an error of the disk, there is the
// whole key or none; and when it returns, no loss of power takes anything away.
func TestBeginStopsAnywhere(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	begin := func(t *testing.T, plan disktest.Plan) (*disktest.Recorder, *Folder, error) {
		root := t.TempDir()
		f := folder(filepath.Join(root, "state", "gbak"))
		d := disktest.New(t, root, plan)
		f.Disk = d
		return d, f, f.Begin(context.Background(), "here", key, []byte("document\n"))
	}
	check := func(at string, f *Folder, isDone bool) {
		t.Helper()
		found, err := f.WriterKey(key.ArchiveID)
		if err != nil || isDone && found == nil || found != nil && !bytes.Equal(found.Encode(), key.Encode()) {
			t.Errorf("%s: the key is %+v, %v", at, found, err)
		}
		pin := f.Pinned("here")
		document, err := f.Begun("here")
		if err != nil || isDone && string(document) != "document\n" || pin != nil && (found == nil || string(document) != "document\n") {
			t.Errorf("%s: pinned %+v with %q, %v", at, pin, document, err)
		}
	}
	d, _, err := begin(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Crashes(func(at, dir string, end bool) { check(at, folder(filepath.Join(dir, "state", "gbak")), end) })
	for k := range d.Steps() {
		for name, plan := range map[string]disktest.Plan{
			"full": disktest.FailAt(k+1, syscall.ENOSPC), "killed before": disktest.StopAt(k+1, false), "killed after": disktest.StopAt(k+1, true),
		} {
			r, f, err := begin(t, plan)
			at := name + " at " + r.Steps()[len(r.Steps())-1]
			check(at, folder(f.Path), err == nil)
		}
	}
}
