package native

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// vector returns a copy of a folder that the real database has made: a full backup and three
// incrementals.
func vector(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("../../grafeo/testdata", version, "backup/backup"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustRead(t *testing.T, path string) *Folder {
	t.Helper()
	n, err := Read(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWholeFolder(t *testing.T) {
	for _, version := range []string{"v0.5.42", "v0.6.0"} {
		n := mustRead(t, vector(t, version))
		if err := errors.Join(n.CheckImportable(true), n.Damage()); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		for i, b := range n.Backups {
			if b.Source == nil || len(b.Ranges) != len(b.Source.Files) || b.Entry.Full != (i == 0) {
				t.Errorf("%s: backup %d is %+v", version, i, b)
			}
		}
	}
}

// Without a file, the epochs from it on are lost, and the chain before it can be imported.
func TestFolderWithoutAFile(t *testing.T) {
	for _, version := range []string{"v0.5.42", "v0.6.0"} {
		dir := vector(t, version)
		gone := mustRead(t, dir).Backups[2].Entry
		if err := os.Remove(filepath.Join(dir, gone.Filename)); err != nil {
			t.Fatal(err)
		}
		n := mustRead(t, dir)
		faults, ok := errors.AsType[Faults](n.Damage())
		if !ok || len(faults) != 1 || !faults[0].Gone || faults[0].From != 5 || faults[0].To != 8 {
			t.Fatalf("%s: %v", version, n.Damage())
		}
		if !strings.Contains(faults.Error(), "epochs 5 to 8 are lost") {
			t.Errorf("%s: %v", version, faults)
		}
		if err := n.CheckImportable(false); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if _, ok := errors.AsType[*DamagedFolderError](n.CheckImportable(true)); !ok {
			t.Errorf("%s, strict: %v", version, n.CheckImportable(true))
		}
		if lost := n.LostIn(&catalog.Catalog{}); len(lost) != 1 || lost[0].From != 5 || lost[0].To != 8 {
			t.Errorf("%s: lost are %v", version, lost)
		}
		// With a file that the list does not have, it may be the list that is wrong.
		if err := os.WriteFile(filepath.Join(dir, grafeo.NativeIncrementalName(77)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := errors.AsType[*DamagedFolderError](mustRead(t, dir).CheckImportable(false)); !ok {
			t.Errorf("%s: a file that is not listed is not seen", version)
		}
	}
}

// Without the full backup, nothing is complete.
func TestFolderWithoutItsFull(t *testing.T) {
	dir := vector(t, "v0.6.0")
	if err := os.Remove(filepath.Join(dir, grafeo.NativeFullName(0))); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*DamagedFolderError](mustRead(t, dir).CheckImportable(false)); !ok {
		t.Error("it can be imported")
	}
}

// A flipped byte is a fault that is not just a missing file.
func TestFolderWithAFlippedByte(t *testing.T) {
	dir := vector(t, "v0.6.0")
	path := filepath.Join(dir, mustRead(t, dir).Backups[1].Entry.Filename)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	n := mustRead(t, dir)
	damaged, ok := errors.AsType[*DamagedFolderError](n.CheckImportable(false))
	if !ok || damaged.Faults[0].Gone || !errors.Is(damaged, grafeo.ErrDamaged) {
		t.Errorf("the error is %v", n.CheckImportable(false))
	}
}

func TestNoFolder(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(t.Context(), filepath.Join(dir, "missing"))
	if _, ok := errors.AsType[*NoFolderError](err); !ok {
		t.Errorf("without a folder: %v", err)
	}
	_, err = Read(t.Context(), dir)
	if _, ok := errors.AsType[*NoListError](err); !ok {
		t.Errorf("without a list: %v", err)
	}
}

// An entry that is older than what it holds is refused; a clock that was set back a little is
// not.
func TestTimeOfAnEntry(t *testing.T) {
	n := &Folder{Path: "folder"}
	at := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		created time.Time
		want    bool
	}{{at, true}, {at.Add(-clockSlack), true}, {at.Add(-clockSlack - 1), false}, {time.Time{}, false}} {
		err := n.checkTime(&Backup{Entry: grafeo.NativeEntry{Created: c.created}}, at)
		if (err == nil) != c.want {
			t.Errorf("created at %v: %v", c.created, err)
		}
	}
}

func TestSameBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	b := []byte(strings.Repeat("0123456789", 20_000))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.CloseRead(f)
	if err := sameBytes(f, 10, path, 20, 150_000); err != nil {
		t.Error(err)
	}
	if err := sameBytes(f, 10, path, 21, 150_000); !errors.Is(err, errDiffer) {
		t.Errorf("the error is %v", err)
	}
	got, err := castagnoliOf(path, 5, 100)
	if want := crc32.Checksum(b[5:105], crc32.MakeTable(crc32.Castagnoli)); err != nil || got != want {
		t.Errorf("%08x, %v; want %08x", got, err, want)
	}
}
