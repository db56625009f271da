package archiver_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// digested is a check that finds the database well and reports a digest.
func digested(digest string) func(context.Context, string) (archiver.CheckResult, error) {
	return func(_ context.Context, database string) (archiver.CheckResult, error) {
		_, err := os.Stat(database)
		return archiver.CheckResult{OK: err == nil, Digest: digest}, err
	}
}

func mustDrill(t *testing.T, store storage.Storage, opts archiver.DrillOptions) archiver.DrillReport {
	t.Helper()
	if opts.Scratch == "" {
		opts.Scratch = t.TempDir()
	}
	r, err := newArchive(store).Drill(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if !opts.Keep {
		mustBeEmpty(t, opts.Scratch)
	}
	return r
}

// drilled is what a drill has restored, with the names that restore gives.
func drilled(t *testing.T, database string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, b := range contents(t, filepath.Dir(database)) {
		if rest, ok := strings.CutPrefix(name, filepath.Base(database)); ok {
			all["db.grafeo"+rest] = b
		} else if name != "lock" {
			t.Errorf("%s is beside the database", name)
		}
	}
	return all
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%s has %v, %v", dir, entries, err)
	}
}

var drilledVectors = []string{"v0.6.0/live", "v0.6.0/closed", "v0.5.42/live", "v0.5.42/closed", "v0.5.42/reopened", "directory/v0.5.42/reopened", "directory/v0.5.42/live"}

// A drill of an intact archive proves everything, in both generations; the database that it checks is the
// one that a restore gives, and nothing of it stays.
func TestDrill(t *testing.T) {
	t.Parallel()
	for _, vector := range drilledVectors {
		t.Run(vector, func(t *testing.T) {
			t.Parallel()
			store := storagetest.NewMemory()
			backup(t, store, copyVector(t, vector))
			want := restore(t, store, 1)
			opts := archiver.DrillOptions{
				Command: []string{"check", "{}"},
				Check: func(_ context.Context, database string) (archiver.CheckResult, error) {
					if diff := cmp.Diff(want, drilled(t, database)); diff != "" {
						t.Errorf("it is not what a restore gives: %s", diff)
					}
					return archiver.CheckResult{OK: true, Digest: "v1:aa"}, nil
				},
			}
			r := mustDrill(t, store, opts)
			if !r.OK() || r.Bytes.Result != archiver.DrillOK || r.Structure.Result != archiver.DrillOK || r.Exec.Result != archiver.DrillOK ||
				r.Digest.Result != archiver.DrillPinned || r.Pinned.By != "drill" || r.Certificate == "" || r.NoCertificate != nil {
				t.Errorf("the first one: %+v", r)
			}
			if r = mustDrill(t, store, opts); !r.OK() || r.Digest.Result != archiver.DrillOK || r.Pinned.Digest != "v1:aa" {
				t.Errorf("the second one: %+v", r)
			}
			opts.Check = digested("v1:bb")
			if r = mustDrill(t, store, opts); r.OK() || r.Digest.Result != archiver.DrillFailed || r.Pinned.Digest != "v1:aa" || !strings.Contains(r.Why(), "v1:bb") {
				t.Errorf("another digest: %+v", r)
			}
			if r.Certificate == "" || store.Objects()[r.Certificate] == nil {
				t.Errorf("there is no certificate %q of the failure", r.Certificate)
			}
			mustBeWhole(t, store)
		})
	}
}

// What a drill was not asked for, it does not claim.
func TestDrillWithoutCheck(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	r := mustDrill(t, store, archiver.DrillOptions{})
	if !r.OK() || r.Structure.Result != archiver.DrillOK || r.Exec.Result != archiver.DrillNotDone || r.Digest.Result != archiver.DrillNotDone {
		t.Errorf("%+v", r)
	}
	r = mustDrill(t, store, archiver.DrillOptions{Check: digested("")})
	if !r.OK() || r.Exec.Result != archiver.DrillOK || r.Digest.Result != archiver.DrillNotReported {
		t.Errorf("%+v", r)
	}
}

// A digest that was expected must be the one that is reported.
func TestDrillExpects(t *testing.T) {
	t.Parallel()
	for reported, ok := range map[string]bool{"v1:aa": true, "v1:bb": false, "": false, "v1:": false} {
		store := storagetest.NewMemory()
		backup(t, store, copyVector(t, "v0.6.0/live"))
		r := mustDrill(t, store, archiver.DrillOptions{Check: digested(reported), Expect: "v1:aa"})
		if r.OK() != ok || (r.Digest.Result == archiver.DrillPinned) != ok {
			t.Errorf("%q: %+v", reported, r)
		}
	}
}

// What the check says of the database, the drill says; and what ends the check, ends the drill.
func TestDrillCheckFails(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	r := mustDrill(t, store, archiver.DrillOptions{Check: func(context.Context, string) (archiver.CheckResult, error) {
		return archiver.CheckResult{Why: "3 nodes are missing", Digest: "v1:aa"}, nil
	}})
	if r.OK() || r.Exec.Result != archiver.DrillFailed || r.Digest.Result != archiver.DrillNotDone || r.Why() != "exec: 3 nodes are missing" || r.Certificate == "" {
		t.Errorf("%+v", r)
	}
	for key := range store.Objects() {
		if strings.HasPrefix(key, "digests/") {
			t.Errorf("the digest of a database that failed is pinned: %s", key)
		}
	}
	scratch := t.TempDir()
	broken := errors.New("there is no such program")
	r, err := newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: scratch, Check: func(context.Context, string) (archiver.CheckResult, error) {
		return archiver.CheckResult{}, broken
	}})
	if !errors.Is(err, broken) || r.Certificate != "" {
		t.Errorf("%v, %+v", err, r)
	}
	mustBeEmpty(t, scratch)
	ctx, cancel := context.WithCancel(t.Context())
	before := len(store.Objects())
	_, err = newArchive(store).Drill(ctx, archiver.DrillOptions{Scratch: scratch, Check: func(ctx context.Context, _ string) (archiver.CheckResult, error) {
		cancel()
		return archiver.CheckResult{}, context.Cause(ctx)
	}})
	mustFail(t, err, archiver.CodeInterrupted)
	if len(store.Objects()) != before {
		t.Error("a drill that was interrupted has left something in the archive")
	}
	mustBeEmpty(t, scratch)
}

// The database stays if that is wanted, and then no later drill removes it.
func TestDrillKeeps(t *testing.T) {
	t.Parallel()
	store, scratch := storagetest.NewMemory(), t.TempDir()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	r := mustDrill(t, store, archiver.DrillOptions{Scratch: scratch, Keep: true})
	mustDrill(t, store, archiver.DrillOptions{Scratch: scratch, Keep: true})
	if diff := cmp.Diff(restore(t, store, 1), drilled(t, r.Database)); diff != "" {
		t.Errorf("it is not what a restore gives: %s", diff)
	}
	if filepath.Dir(filepath.Dir(r.Database)) != scratch {
		t.Errorf("it is %s", r.Database)
	}
}

// Any state may be drawn, and none that cannot be restored.
func TestDrillRandom(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	status, err := newArchive(store).Status(t.Context(), archiver.StatusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	reach := status.Restorable[0]
	drawn := map[uint64]bool{}
	for range 60 {
		r := mustDrill(t, store, archiver.DrillOptions{Random: true, ReadOnly: true})
		if !r.OK() || !r.Random || r.Plan.Epoch < reach.FromEpoch || r.Plan.Epoch > reach.ToEpoch {
			t.Fatalf("%+v", r)
		}
		drawn[r.Plan.Epoch] = true
	}
	if len(drawn) < 2 {
		t.Errorf("of epochs %d to %d only %v were drawn", reach.FromEpoch, reach.ToEpoch, drawn)
	}
}
