package shared

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Whoever reads or writes a file is in nobody's way: it can be renamed and removed meanwhile.
func TestOpenFilesAreInNobodysWay(t *testing.T) {
	end := func(f *os.File) { _ = f.Close() }
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	written, err := OpenFile(at("a"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer end(written)
	if _, err := OpenFile(at("a"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was created twice: %v", err)
	}
	if _, err := Open(at("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	read, err := Open(at("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer end(read)
	if err := os.Rename(at("a"), at("b")); err != nil {
		t.Fatal(err)
	}
	if _, err := written.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(read); err != nil || string(got) != "content" {
		t.Errorf("read %q, %v", got, err)
	}
	cut, err := OpenFile(at("b"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	end(cut)
	if info, err := os.Stat(at("b")); err != nil || info.Size() != 0 {
		t.Errorf("the file was not emptied: %v", err)
	}
	if err := os.Remove(at("b")); err != nil {
		t.Error(err)
	}
}
