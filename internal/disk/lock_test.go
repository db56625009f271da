package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The lock of a folder is exclusive, whatever its path is called; it prevents nobody from removing or
// renaming what is in the folder, and ends when it is closed.
func TestLockFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := LockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var locked *LockedError
	if _, err := LockFolder(over, filepath.Join(dir, "..", "folder")); !errors.As(err, &locked) {
		t.Errorf("the lock was taken twice: %v", err)
	}
	other, err := LockFolder(t.Context(), filepath.Dir(dir))
	if err != nil {
		t.Fatalf("another folder has no lock of its own: %v", err)
	}
	CloseRead(other)
	CloseRead(lock)
	again, err := LockFolder(t.Context(), dir)
	if err != nil {
		t.Fatalf("the lock is held after it was released: %v", err)
	}
	CloseRead(again)
	if _, err := LockFolder(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock of a folder that does not exist: %v", err)
	}
}

// The file of a lock goes with the lock, and so can its folder. Who had opened the file before notices.
func TestEndLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(dir, "lock")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := OS{}.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := TryLock(lock); !locked || err != nil {
		t.Fatalf("the lock of a new file cannot be taken: %v", err)
	}
	late, err := OS{}.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if locked, err := TryLock(late); locked || err != nil {
		t.Errorf("the lock was taken twice: %v, %v", locked, err)
	}
	if runtime.GOOS == "windows" { // Wine, where the tests for Windows are run, forgets the removal of a file that others have open
		CloseRead(late)
	}
	if err := EndLock(OS{}, lock); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if locked, err := TryLock(late); !locked || err != nil || IsStill(path, late) {
			t.Errorf("the lock was not released (%v, %v), or its file is there still", locked, err)
		}
		CloseRead(late)
	}
	if err := os.Remove(dir); err != nil {
		t.Error(err)
	}
}

// A rename to a name that is new fails if it is not, where there is such a step.
func TestRenameNew(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(at(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := OS{}.RenameNew(at("a"), at("b"))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Logf("there is no such step here: %v", err)
		return
	}
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was replaced, or the error is another one: %v", err)
	}
	if err := (OS{}).RenameNew(at("a"), at("c")); err != nil || Exists(at("a")) {
		t.Errorf("a file was not renamed: %v", err)
	}
	for name, want := range map[string]string{"b": "b", "c": "a"} {
		if got, err := os.ReadFile(at(name)); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v", name, got, err)
		}
	}
}
