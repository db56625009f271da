package record

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
)

func folder(path string) *Folder {
	return &Folder{Path: path, Disk: disk.OS{}, Log: slog.New(slog.DiscardHandler)}
}

func backup(id string, seq manifest.Seq) *manifest.Committed {
	return &manifest.Committed{Manifest: &manifest.Manifest{
		ArchiveID: id, Seq: seq, CommitID: "a commit", EndEpoch: 7, CreatedAt: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC),
	}}
}

// What was noted for an address is read for it, and for no other.
func TestNote(t *testing.T) {
	t.Parallel()
	f := folder(filepath.Join(t.TempDir(), "state", "gbak"))
	if f.Read("here") != nil {
		t.Error("something is known from the beginning")
	}
	f.Note(t.Context(), "here", backup("a", 3), false, false)
	got := f.Read("here")
	if got == nil {
		t.Fatal("nothing is known")
	}
	want := journal.Sighting{
		ArchiveID: "a", Seq: 3, CommitID: "a commit", Epoch: 7, At: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), Source: f.path("here"),
	}
	if *got != want {
		t.Errorf("%+v, want %+v", *got, want)
	}
	if f.Read("there") != nil || f.Read("") != nil {
		t.Error("it is known of another address")
	}
}

// An older backup of the same archive replaces a newer one only if the run begins anew;
// another archive always does.
func TestNoteReplaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head *manifest.Committed
		anew bool
		want uint64
	}{
		"newer":           {backup("a", 6), false, 6},
		"older":           {backup("a", 4), false, 5},
		"older, anew":     {backup("a", 4), true, 4},
		"another archive": {backup("b", 1), false, 1},
		"no backup":       {nil, true, 5},
	} {
		f := folder(t.TempDir())
		f.Note(t.Context(), "here", backup("a", 5), false, false)
		f.Note(t.Context(), "here", c.head, false, c.anew)
		if got := f.Read("here"); got == nil || got.Seq != c.want {
			t.Errorf("%s: %+v, want backup %d", name, got, c.want)
		}
		left, err := fs.Glob(os.DirFS(f.Path), "archives/*.tmp")
		if err != nil || len(left) > 0 {
			t.Errorf("%s: it leaves %v, %v", name, left, err)
		}
	}
}

// A file that is no record is not used, and replaced.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":       "",
		"no JSON":     "{",
		"no fields":   "{}",
		"another one": `{"format":1,"address":"there","archive_id":"a","seq":1,"commit_id":"x"}`,
		"later":       `{"format":2,"address":"here","archive_id":"a","seq":1,"commit_id":"x"}`,
	} {
		f := folder(t.TempDir())
		if err := os.MkdirAll(filepath.Dir(f.path("here")), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.path("here"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := f.Read("here"); got != nil {
			t.Errorf("%s: %+v", name, got)
		}
		f.Note(t.Context(), "here", backup("a", 5), false, false)
		if got := f.Read("here"); got == nil || got.Seq != 5 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Without a folder, or with one that cannot be written, runs know nothing and go on.
func TestNoFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", file, filepath.Join(file, "below")} {
		f := folder(path)
		f.Note(t.Context(), "here", backup("a", 5), false, false)
		if got := f.Read("here"); got != nil {
			t.Errorf("%q: %+v", path, got)
		}
	}
}

// That an archive is encrypted is known from its pin on, before any backup was seen, and
// stays known with the backups that are noted.
func TestPin(t *testing.T) {
	t.Parallel()
	f := folder(filepath.Join(t.TempDir(), "state", "gbak"))
	mustBe := func(when string, encrypted bool, seq uint64) {
		t.Helper()
		pin, seen := f.Pinned("here"), f.Read("here")
		if (pin != nil && pin.Encrypted) != encrypted || (seen == nil) != (seq == 0) || seen != nil && (seen.Seq != seq || seen.Encrypted != encrypted) {
			t.Errorf("%s: %+v, seen %+v", when, pin, seen)
		}
		if pin != nil && pin.Source != f.path("here") {
			t.Errorf("%s: %+v", when, pin)
		}
	}
	mustBe("at first", false, 0)
	f.Note(t.Context(), "here", backup("a", 7), false, false)
	mustBe("with a plain one", false, 7)
	if err := f.Pin(t.Context(), "here", "b"); err != nil {
		t.Fatal(err)
	}
	mustBe("pinned", true, 0)
	f.Note(t.Context(), "here", backup("b", 1), true, false)
	mustBe("with its first backup", true, 1)
	if pin := f.Pinned("there"); pin != nil {
		t.Errorf("another address is pinned: %+v", pin)
	}
	if err := folder("").Pin(t.Context(), "here", "b"); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := folder(file).Pin(t.Context(), "here", "b"); err == nil {
		t.Error("a pin that cannot be written is no error")
	}
}

// A pin is durable before Pin returns, whatever existed: a loss of power right after it does
// not undo it.
func TestPinIsDurable(t *testing.T) {
	t.Parallel()
	for _, existed := range []bool{false, true} {
		root := t.TempDir()
		f := folder(filepath.Join(root, "state", "gbak"))
		if existed {
			f.Note(t.Context(), "here", backup("a", 7), false, false)
		}
		d := disktest.New(t, root, nil)
		f.Disk = d
		if err := f.Pin(t.Context(), "here", "b"); err != nil {
			t.Fatal(err)
		}
		d.Crashes(func(at, dir string, end bool) {
			after := folder(filepath.Join(dir, "state", "gbak"))
			if pin := after.Pinned("here"); end && (pin == nil || !pin.Encrypted) {
				t.Errorf("it is not pinned: %s", at)
			}
		})
	}
}
