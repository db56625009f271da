package disk

import (
	"os"
	"path/filepath"
	"testing"
)

// Links, and files that were replaced, are not taken for what they look like.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	file, err := OS{}.OpenFile(at("file"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Write([]byte("content"))
	for _, e := range []error{
		err, file.Close(), os.Mkdir(at("empty"), 0o700), os.Mkdir(at("full"), 0o700), os.WriteFile(at("full/x"), nil, 0o600),
		os.Symlink(at("file"), at("link")), os.Symlink(at("full"), at("folder link")), os.Symlink(at("nothing"), at("dangling")),
		os.WriteFile(at("other"), []byte("content"), 0o600),
	} {
		if e != nil {
			t.Fatal(e)
		}
	}
	for name, want := range map[string][3]bool{ // exists, is a folder, is an empty one
		"file": {true, false, false}, "link": {true, false, false}, "dangling": {true, false, false}, "nothing": {},
		"empty": {true, true, true}, "full": {true, true, false}, "folder link": {true, true, false},
	} {
		if got := [3]bool{Exists(at(name)), IsFolder(at(name)), IsEmptyFolder(at(name))}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if !IsSame(at("file"), at("link")) || IsSame(at("file"), at("other")) || IsSame(at("nothing"), at("nothing")) {
		t.Error("two names of one file count as two files, or two files as one")
	}
	for limit, want := range map[int64]string{0: "", 3: "con", 100: "content"} {
		if got, err := ReadUpTo(at("link"), limit); err != nil || string(got) != want {
			t.Errorf("up to %d: %q, %v", limit, got, err)
		}
	}

	open, err := OS{}.OpenFile(at("file"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	if !IsStill(at("file"), open) || IsStill(at("link"), open) || IsStill(at("nothing"), open) {
		t.Error("the open file is not at its path, or at others")
	}
	if err := os.Rename(at("other"), at("file")); err != nil {
		t.Fatal(err)
	}
	if IsStill(at("file"), open) {
		t.Error("the open file is still at the path of the one that replaced it")
	}
}

// Files of one process have one owner; giving a file to that owner changes nothing.
func TestOwner(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !IsSameOwner(folder, file) {
		t.Error("a file and its folder have two owners")
	}
	if err := GiveTo(OS{}, path, folder); err != nil {
		t.Error(err)
	}
}
