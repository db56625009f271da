package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// carelessStores are real stores without conditional writes, and what the probe
// calls them.
var carelessStores = map[string]struct {
	hook    s3test.Hook
	verdict string
}{
	"ignores":  {func(*s3test.Request) s3test.Fault { return s3test.Fault{Condition: s3test.Ignored} }, "ignored"},
	"inverts":  {func(*s3test.Request) s3test.Fault { return s3test.Fault{Condition: s3test.Inverted} }, ""},
	"rejects":  {s3test.NoCondition, "rejected"},
	"says 403": {func(r *s3test.Request) s3test.Fault { return refusedCondition(r, 403, "AccessDenied") }, "rejected"},
	"races": {func(*s3test.Request) s3test.Fault {
		return s3test.Fault{Condition: s3test.Raced, Window: 300 * time.Millisecond}
	}, "not_atomic"},
	"lies": {func(*s3test.Request) s3test.Fault { return s3test.Fault{Condition: s3test.Lied} }, "lying"},
}

func refusedCondition(r *s3test.Request, status int, code string) s3test.Fault {
	if r.Conditional {
		return s3test.Fault{Status: status, Code: code}
	}
	return s3test.Fault{}
}

// TestCarelessStoreIsRefused: a store without conditional writes is refused
// with exit code 9 before anything of a backup is stored, and doctor says why.
func TestCarelessStoreIsRefused(t *testing.T) {
	for name, c := range carelessStores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := closedImage(t)
			p, at := behindProxy(t, c.hook)
			a := gbak(t, "backup", path, p.Address, "--json").want(t, exitUnsafeStore).failure(t)
			if a.Code != "unsafe_store" || !strings.Contains(a.Hint, "--single-writer") {
				t.Errorf("%+v", a)
			}
			for _, key := range at.keys(t) {
				t.Errorf("it left %s", key)
			}
			if left := names(t, filepath.Dir(path)); len(left) != 1 {
				t.Errorf("beside the database: %v", left)
			}
			d := gbak(t, "doctor", p.Address, "--json")
			if a := d.one(t, "doctor"); d.code != exitUnsafeStore || a.Safe || c.verdict != "" && a.Conditions != c.verdict {
				t.Errorf("doctor ends with %d and says %q, want %q: %s", d.code, a.Conditions, c.verdict, d.stdout)
			}
			for _, key := range at.keys(t) {
				t.Errorf("doctor left %s", key)
			}
		})
	}
}

// TestSingleWriterAccepts: with --single-writer such a store works for one
// writer, a backup after the other; the archive remembers that, and status and
// doctor show it.
func TestSingleWriterAccepts(t *testing.T) {
	for name, c := range carelessStores {
		if c.verdict == "" || c.verdict == "lying" {
			continue // what it stores cannot be told from what it says
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := closedImage(t)
			p, at := behindProxy(t, c.hook)
			must(t, "backup", path, p.Address, "--no-hold", "--single-writer")
			for range 2 {
				must(t, "backup", path, p.Address, "--no-hold", "--full")
			}
			truth(t, at, path, 3)
			nothingDeleted(t, p)
			if s := must(t, "status", p.Address, "--json").one(t, "status"); !s.SingleWriter || s.Conditions != c.verdict {
				t.Errorf("status: %+v", s)
			}
			if s := must(t, "status", p.Address); !strings.Contains(s.stdout, "single writer") {
				t.Errorf("status does not say it: %s", s.stdout)
			}
			if d := gbak(t, "doctor", p.Address); d.code != exitUnsafeStore || !strings.Contains(d.stdout, "single writer") {
				t.Errorf("doctor does not say it: %s", d.stdout)
			}
		})
	}
}
