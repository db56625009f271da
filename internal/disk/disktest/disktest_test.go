package disktest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
)

func write(t *testing.T, d disk.Disk, path, content string, sync bool) {
	t.Helper()
	f, err := d.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil && sync {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// outcomes returns what crashes after all steps leave of a file, each once: its content,
// or "-" if it does not exist.
func outcomes(t *testing.T, r *disktest.Recorder, name string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for seed := range uint64(100) {
		dir := filepath.Join(t.TempDir(), "crash")
		r.Crash(seed, len(r.Steps()), dir)
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			b, err = []byte("-"), nil
		}
		if err != nil {
			t.Fatal(err)
		}
		all[string(b)] = true
	}
	return all
}

func only(all ...string) map[string]bool {
	m := map[string]bool{}
	for _, s := range all {
		m[s] = true
	}
	return m
}

// What was synced is always there. What was not may be there as a whole, in part, or not
// at all, and each of these does occur.
func TestCrash(t *testing.T) {
	a, b, zeros := strings.Repeat("a", 512), strings.Repeat("b", 512), strings.Repeat("\x00", 512)
	for name, c := range map[string]struct {
		steps func(t *testing.T, d disk.Disk, dir string) error
		file  string
		want  map[string]bool
	}{
		"nothing synced but the bytes": {func(t *testing.T, d disk.Disk, dir string) error {
			write(t, d, dir+"/new", "x", true)
			return nil
		}, "new", only("-", "x")},
		"nothing synced but the name": {func(t *testing.T, d disk.Disk, dir string) error {
			write(t, d, dir+"/new", "x", false)
			return d.Sync(dir)
		}, "new", only("", "\x00", "x")},
		"both synced": {func(t *testing.T, d disk.Disk, dir string) error {
			write(t, d, dir+"/new", "x", true)
			return d.Sync(dir)
		}, "new", only("x")},
		"a folder whose own name is not synced": {func(t *testing.T, d disk.Disk, dir string) error {
			if err := d.Mkdir(dir+"/sub", 0o700); err != nil {
				return err
			}
			write(t, d, dir+"/sub/new", "x", true)
			return d.Sync(dir + "/sub")
		}, "sub/new", only("-", "x")},
		"a rename over another file": {func(t *testing.T, d disk.Disk, dir string) error {
			write(t, d, dir+"/new", "x", true)
			return d.Rename(dir+"/new", dir+"/old")
		}, "old", only(a+a, "x")},
		"a rename to another folder, and the sync of that one": {func(t *testing.T, d disk.Disk, dir string) error {
			err := d.Rename(dir+"/old", dir+"/folder/old")
			return errors.Join(err, d.Sync(dir+"/folder"))
		}, "old", only("-")},
		"sectors in any order": {func(t *testing.T, d disk.Disk, dir string) error {
			write(t, d, dir+"/old", b+b, false)
			return nil
		}, "old", only(a+a, a+b, b+a, b+b)},
		"a removal": {func(t *testing.T, d disk.Disk, dir string) error {
			return d.Remove(dir + "/old")
		}, "old", only("-", a+a)},
		"a file that was cut": {func(t *testing.T, d disk.Disk, dir string) error {
			return d.Truncate(dir+"/old", 512)
		}, "old", only(a, a+a)},
		"a name that came and went": {func(t *testing.T, d disk.Disk, dir string) error {
			write(t, d, dir+"/one", "x", true)
			err := errors.Join(d.Rename(dir+"/one", dir+"/two"), d.Rename(dir+"/two", dir+"/three"))
			return errors.Join(err, d.Sync(dir))
		}, "three", only("x")},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.Mkdir(dir+"/folder", 0o700), os.WriteFile(dir+"/old", []byte(a+a), 0o600)); err != nil {
				t.Fatal(err)
			}
			r := disktest.New(t, dir, nil)
			if err := c.steps(t, r, dir); err != nil {
				t.Fatal(err)
			}
			got := outcomes(t, r, c.file)
			delete(got, a+zeros) // the size has changed, and the bytes have not arrived
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// After a stop, all steps fail, and those before it are done; a fault happens once, and a
// write that fails has written half.
func TestStopsAndFaults(t *testing.T) {
	dir := t.TempDir()
	r := disktest.New(t, dir, disktest.StopAt(2, true))
	err := errors.Join(r.Mkdir(dir+"/one", 0o700), r.Mkdir(dir+"/two", 0o700), r.Mkdir(dir+"/three", 0o700), r.Remove(dir+"/one"))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v, want the errors of three steps", err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 {
		t.Errorf("there are %v", entries)
	}
	r.Restart(func(_ int, step string) disktest.Fault {
		if step == "write file" {
			return disktest.Fault{Err: syscall.ENOSPC}
		}
		return disktest.Fault{}
	})
	f, err := r.OpenFile(dir+"/file", os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Write([]byte("1234"))
	if n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{"mkdir one", "mkdir two", "mkdir three", "remove one", "create file", "write file", "sync file file", "close file"}
	if diff := cmp.Diff(want, r.Steps()); diff != "" {
		t.Error(diff)
	}
}
