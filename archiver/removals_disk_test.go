package archiver_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// inDirectory is a removal from an archive in a directory.
type inDirectory struct {
	removalCase
	t   *testing.T
	dir string
}

func newInDirectory(t *testing.T, c removalCase) *inDirectory {
	t.Helper()
	d := &inDirectory{c, t, t.TempDir()}
	for key, b := range c.state.objects {
		path := filepath.Join(d.dir, "archive", filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		at := c.state.written[key].Add(-c.later)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *inDirectory) run(on disk.Disk) (keep uint64, err error) {
	d.t.Helper()
	store, err := local.OpenOn(on, filepath.Join(d.dir, "archive"))
	if err != nil {
		d.t.Fatal(err)
	}
	a := newWith(store, archiver.Options{Concurrency: 1, Host: "test", Tool: "test"}).On(on)
	keep, _, err = d.verb(d.t, a)
	return keep, err
}

// objects returns what the archive has.
func (d *inDirectory) objects(dir string) *storagetest.Memory {
	d.t.Helper()
	store, err := local.OpenOn(disktest.Unsynced{}, filepath.Join(dir, "archive"))
	if err != nil {
		d.t.Fatal(err)
	}
	objects := map[string][]byte{}
	for info, err := range store.List(d.t.Context(), "", "") {
		if err != nil {
			d.t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "archive", filepath.FromSlash(info.Key)))
		if err != nil {
			d.t.Fatal(err)
		}
		objects[info.Key] = b
	}
	return refill(d.t, objects)
}

// Whenever the power goes during an expiry in a directory, or it is killed there: what stays
// is whole, and the next ones leave nothing else.
func TestRemovalsLosePowerAnywhere(t *testing.T) {
	t.Parallel()
	for _, c := range removalCases(t) {
		switch c.name {
		case "an expiry without a grace", "a sweep", "a first expiry without a grace":
		default:
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newInDirectory(t, c)
			r := disktest.New(t, d.dir, nil)
			var err error
			if _, err = d.run(r); err != nil {
				t.Fatal(err)
			}
			n := 0
			r.Crashes(func(at, dir string, end bool) {
				n++
				if n%3 != 0 && !end { // most are alike: each deletion is a step
					return
				}
				store := d.objects(dir)
				now := look(t, store.Objects())
				now.mustHaveAll(t, at, c.state.objects)
				now.mustBeListed(t, at, store)
				rm := &removal{removalCase: c, t: t, at: at, store: store}
				rm.mustStay(now)
				rm.mustStay(mustHeal(t, at, store, c.rules))
			})
			if n < 10 {
				t.Errorf("%d crashes only", n)
			}
		})
	}
}
