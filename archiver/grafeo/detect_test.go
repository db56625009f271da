package grafeo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentifyOtherThings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(content string) string {
		path := filepath.Join(t.TempDir(), "x.grafeo")
		writeFile(t, path, []byte(content))
		return path
	}
	walDirectory := filepath.Join(dir, "waldb")
	writeFile(t, filepath.Join(walDirectory, "wal", "wal_00000000.log"), nil)
	for _, c := range []struct {
		path string
		want error
		text string
	}{
		{filepath.Join(dir, "nothing"), fs.ErrNotExist, ""},
		{dir, ErrNotDatabase, "a directory without a database"},
		{filepath.Join(walDirectory, "wal"), ErrNotDatabase, "the log folder of the database " + walDirectory},
		{file(""), ErrNotDatabase, "empty"},
		{file("GRAF\x01"), ErrNotDatabase, "5 bytes"},
		{file("SQLite format 3\x00"), ErrNotDatabase, "SQLi"},
		{file("GRAF\x04\x00\x00\x00"), ErrUnsupportedVersion, "container format 4"},
		{file("GRAF\x02\x00\x00\x00"), ErrUnsupportedVersion, "container format 2"},
		{os.DevNull, ErrNotDatabase, "not a regular file"},
	} {
		gen, err := Identify(c.path)
		if gen != "" || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %q, %v; want %v", c.path, gen, err, c.want)
		}
		if path, err := ImagePath(c.path); !errors.Is(err, c.want) {
			t.Errorf("ImagePath of %s: %q, %v; want %v", c.path, path, err, c.want)
		}
	}
}

func TestErrorDetails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	writeFile(t, path, []byte("GRAF\x07\x00\x00\x00"))
	_, err := Identify(path)
	var version *UnsupportedVersionError
	if !errors.As(err, &version) || version.Path != path || version.Version != "7" {
		t.Errorf("got %#v", err)
	}
	writeFile(t, path, []byte("something else"))
	_, err = Identify(path)
	var not *NotDatabaseError
	if !errors.As(err, &not) || not.Path != path || errors.Is(err, ErrDamaged) {
		t.Errorf("got %#v", err)
	}
}

// A late 0.5 that is installing a new image, or was killed at that moment, has the valid
// one beside the database file.
func TestImagePath(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"v0.5.42": ".checkpoint", "v0.6.0": ""} {
		path := filepath.Join(t.TempDir(), "x.grafeo")
		writeFile(t, path, readFile(t, vector(version, "closed/tiny.grafeo")))
		if got, err := ImagePath(path); err != nil || got != path {
			t.Errorf("%s: %q, %v", version, got, err)
		}
		writeFile(t, path+".checkpoint", readFile(t, vector(version, "live/tiny.grafeo")))
		if got, err := ImagePath(path); err != nil || got != path+want {
			t.Errorf("%s with a pending image: %q, %v", version, got, err)
		}
	}
}
