package e2e

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// What an expiry refuses, it refuses before it changes anything.
func TestExpireRefuses(t *testing.T) {
	t.Parallel()
	at := newDirectory(t)
	smallArchive(t, at, 3)
	must(t, "pin", at.address(), "1")
	before := contentsAt(t, at)
	for _, c := range []struct {
		exit int
		code string
		args string
	}{
		{exitUsage, "no_rules", ""},
		{exitUsage, "no_rules", "--apply"},
		{exitUsage, "usage", "--keep-last 0 --apply"},
		{exitUsage, "usage", "--keep-daily -3"},
		{exitUsage, "usage", "--window 7"},
		{exitUsage, "usage", "--keep-last 1 --grace 0d"},
		{exitUsage, "usage", "--keep-last 1 --if-head 4"},
		{exitUsage, "usage", "--keep-last 1 --apply --if-head 0"},
		{exitUsage, "usage", "--remove x"},
		{exitUsage, "usage", "--keep-last 1 --unknown"},
		{exitUsage, "backup_needed", "--remove 3 --apply"},
		{exitUsage, "backup_needed", "--remove 1 --apply"},
		{exitNoArchive, "no_backup", "--remove 9 --apply"},
		{exitNoArchive, "no_backup", "--remove 4 --apply"}, // the keep that the pin made
		{exitConflict, "conflict", "--keep-last 1 --apply --if-head 3"},
	} {
		args := append([]string{"expire", at.address(), "--json"}, strings.Fields(c.args)...)
		if f := gbak(t, args...).want(t, c.exit).failure(t); f.Code != c.code {
			t.Errorf("%s: %+v", c.args, f)
		}
		if !reflect.DeepEqual(before, contentsAt(t, at)) {
			t.Fatalf("%s changed the archive", c.args)
		}
	}
	if f := gbak(t, "expire", newDirectory(t).address(), "--keep-last", "1", "--json").want(t, exitNoArchive).failure(t); f.Code != "no_archive" {
		t.Errorf("%+v", f)
	}
}

// Beside a damaged backup nothing is removed: an older one may be the last that is whole.
// Giving up the damaged one goes on.
func TestExpireBesideDamage(t *testing.T) {
	remove := func(t testing.TB, at place, key string) { at.remove(t, key) }
	for name, c := range map[string]struct {
		damage func(t testing.TB, at place, key string)
		pinned bool // so that there is a keep, which says that 3 is a backup
	}{
		"missing, as a keep says":                          {remove, true},
		"missing, as there is no keep, between two others": {remove, false},
		"damaged": {func(t testing.TB, at place, key string) { at.write(t, key, []byte("{")) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newDirectory(t)
			smallArchive(t, at, 4)
			if c.pinned {
				must(t, "pin", at.address(), "4")
			}
			c.damage(t, at, manifest.Seq(3).Key())
			before := contentsAt(t, at)
			for _, apply := range [][]string{nil, {"--apply"}} {
				args := append([]string{"expire", at.address(), "--keep-last", "2", "--json"}, apply...)
				f := gbak(t, args...).want(t, exitDamage).failure(t)
				if f.Code != "damaged_archive" || !strings.Contains(f.Hint, "expire --remove") {
					t.Errorf("%+v", f)
				}
			}
			if !reflect.DeepEqual(before, contentsAt(t, at)) {
				t.Fatal("it changed the archive")
			}
			if gone := expire(t, at.address(), "--remove", "3", "--keep-last", "2", "--apply"); gone.Removed != 2 || gone.Kept != 2 {
				t.Errorf("%+v", gone)
			}
			if left := must(t, "list", at.address(), "--json").answers(t); len(left) != 2 || left[0].Seq != 2 || left[1].Seq != 4 {
				t.Errorf("%+v", left)
			}
		})
	}
}

// In an archive for a single writer nothing is removed.
func TestExpireForASingleWriter(t *testing.T) {
	path := closedImage(t)
	p, at := behindProxy(t, carelessStores["ignores"].hook)
	for range 2 {
		must(t, "backup", path, p.Address, "--no-hold", "--single-writer", "--full")
	}
	before := contentsAt(t, at)
	for _, args := range [][]string{{"expire", p.Address, "--keep-last", "1", "--apply"}, {"expire", p.Address, "--keep-last", "1"}, {"pin", p.Address, "1"}, {"policy", p.Address, "--keep-last", "1"}} {
		if f := gbak(t, append(args, "--json")...).want(t, exitUnsafeStore).failure(t); f.Code != "unsafe_store" || strings.Contains(f.Hint, "--single-writer") {
			t.Errorf("%v: %+v", args, f)
		}
	}
	if !reflect.DeepEqual(before, contentsAt(t, at)) {
		t.Error("the archive has changed")
	}
}
