package archiver_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func examine(t testing.TB, store storage.Storage) archiver.DoctorReport {
	t.Helper()
	r, err := newArchive(store).Doctor(t.Context(), archiver.DoctorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// check returns the check of this name, of which there must be one.
func check(t testing.TB, r archiver.DoctorReport, name string) archiver.Check {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(r.Checks), func(c archiver.Check) bool { return c.Name != name })
	if len(found) != 1 {
		t.Fatalf("%d checks are called %s: %+v", len(found), name, r.Checks)
	}
	return found[0]
}

// On a store that is fine, with and without an archive, doctor finds no problem
// and leaves nothing.
func TestDoctorOfAGoodStore(t *testing.T) {
	store := storagetest.NewMemory()
	for _, backups := range []int{0, 1} {
		before := len(store.Objects())
		r := examine(t, store)
		if p := r.Problem(); p != nil || r.Conditions != manifest.Honoured || r.Backups != backups {
			t.Errorf("with %d backups: %+v, problem %v", backups, r, p)
		}
		if r.Clock == nil || r.Clock.Abs() > time.Minute || r.UploadSpeed <= 0 || r.DownloadSpeed <= 0 || r.Latency <= 0 {
			t.Errorf("measured: %+v", r)
		}
		for _, name := range []string{"read", "archive", "write", "conditions", "clock", "speed", "delete"} {
			if c := check(t, r, name); c.Text == "" || c.Severity == archiver.SeverityProblem {
				t.Errorf("%+v", c)
			}
		}
		if after := len(store.Objects()); after != before {
			t.Errorf("there were %d objects, and there are %d", before, after)
		}
		backup(t, store, copyVector(t, "v0.6.0/live"))
	}
}

func TestDoctorFindsWhatIsUnsafe(t *testing.T) {
	for _, c := range []struct {
		care    storagetest.Care
		verdict manifest.Verdict
	}{
		{storagetest.Ignores, manifest.Ignored},
		{storagetest.Rejects, manifest.Rejected},
		{storagetest.Races, manifest.NotAtomic},
		{storagetest.LooksEarly, manifest.NotAtomic},
		{storagetest.WritesAnyway, manifest.Lying},
		{storagetest.Forgets, manifest.Lying},
	} {
		inner := storagetest.NewMemory()
		var r archiver.DoctorReport
		synctest.Test(t, func(t *testing.T) { r = examine(t, storagetest.NewCareless(inner, c.care)) })
		p := r.Problem()
		if p == nil || p.Name != "conditions" || p.Code != archiver.CodeUnsafeStore || p.Err == nil || r.Conditions != c.verdict {
			t.Errorf("%s: verdict %q, problem %+v", c.verdict, r.Conditions, p)
		}
		if left := len(inner.Objects()); left > 0 {
			t.Errorf("%s: it left %d objects", c.verdict, left)
		}
	}
}

// What is not allowed, or does not work, is reported with the code that a backup would
// end with; checks that make no sense then are not made.
func TestDoctorFindsWhatIsForbidden(t *testing.T) {
	forbid := func(ops ...storage.Op) storagetest.Hook {
		return func(op storage.Op, _ string, _ int) storagetest.Fault {
			if slices.Contains(ops, op) {
				return storagetest.Fault{Err: storage.ErrPermission}
			}
			return storagetest.Fault{}
		}
	}
	for name, c := range map[string]struct {
		hook    storagetest.Hook
		problem string // name of the first one
		code    archiver.Code
	}{
		"reading":  {forbid(storage.OpGet), "read", archiver.CodePermission},
		"listing":  {forbid(storage.OpList), "read", archiver.CodePermission},
		"writing":  {forbid(storage.OpPut), "write", archiver.CodePermission},
		"deleting": {forbid(storage.OpDelete), "", ""},
		"no bucket": {func(storage.Op, string, int) storagetest.Fault {
			return storagetest.Fault{Err: storage.ErrNoStore}
		}, "read", archiver.CodeNoStore},
	} {
		r := examine(t, storagetest.NewFaulty(storagetest.NewMemory(), c.hook))
		p := r.Problem()
		if c.problem == "" {
			if p != nil || check(t, r, "delete").Severity != archiver.SeverityNote {
				t.Errorf("%s: %+v", name, r.Checks)
			}
			continue
		}
		if p == nil || p.Name != c.problem || p.Code != c.code || p.Err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A damaged newest backup, and an archive for a single writer, are said.
func TestDoctorLooksAtTheArchive(t *testing.T) {
	store := storagetest.NewMemory()
	backup(t, store, copyVector(t, "v0.6.0/live"))
	objects := store.Objects()
	objects[manifest.Seq(1).Key()][10] ^= 1
	if p := check(t, examine(t, refill(t, objects)), "archive"); p.Severity != archiver.SeverityProblem || p.Code != archiver.CodeDamagedArchive {
		t.Errorf("%+v", p)
	}

	alone := storagetest.NewCareless(storagetest.NewMemory(), storagetest.Ignores)
	if _, err := newArchive(alone).Backup(t.Context(), copyVector(t, "v0.6.0/live"), archiver.BackupOptions{SingleWriter: true}); err != nil {
		t.Fatal(err)
	}
	if c := check(t, examine(t, alone), "single_writer"); c.Severity != archiver.SeverityWarning || c.Hint == "" {
		t.Errorf("%+v", c)
	}
}

// inspected is a store with given settings and a clock of its own.
type inspected struct {
	storage.Storage
	info  storage.StoreInfo
	ahead time.Duration
}

func (s inspected) Inspect(context.Context) storage.StoreInfo { return s.info }

func (s inspected) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	info, err := s.Storage.Head(ctx, key)
	info.ModTime = info.ModTime.Add(s.ahead)
	return info, err
}

func TestDoctorExplainsTheSettings(t *testing.T) {
	free := int64(5 << 20)
	r := examine(t, inspected{storagetest.NewMemory(), storage.StoreInfo{
		Versioning:  storage.VersioningOn,
		ObjectLock:  &storage.ObjectLock{Enabled: true, Retention: &storage.Retention{Mode: storage.RetentionGovernance, Days: 30}},
		Expirations: []storage.LifecycleRule{{ID: "old", Prefix: "p/", Days: 30}},
		Transitions: []storage.LifecycleRule{{ID: "cold", Days: 1, StorageClass: "GLACIER"}},
		FreeBytes:   &free, Unreadable: []storage.UnreadableSetting{{Name: "something", Err: storage.ErrPermission}},
	}, -20 * time.Minute})
	if p := r.Problem(); p == nil || p.Code != archiver.CodeExpires || !strings.HasSuffix(p.Text, `: rule "old" for the prefix "p/", after 30 days`) {
		t.Errorf("expiry: %+v", p)
	}
	for name, want := range map[string]string{
		"versioning": "on", "object_lock": "for 30 days (GOVERNANCE)", "space": "5 MiB", "unseen": "something: permission denied", "clock": "20m0s behind",
	} {
		if c := check(t, r, name); !strings.Contains(c.Text, want) {
			t.Errorf("%s: %q does not say %q", name, c.Text, want)
		}
	}
	if !slices.ContainsFunc(r.Checks, func(c archiver.Check) bool { return strings.HasSuffix(c.Text, `the prefix "", to GLACIER after 1 day`) }) {
		t.Errorf("no transition in %+v", r.Checks)
	}
	if c := check(t, r, "clock"); c.Severity != archiver.SeverityWarning || r.Clock == nil || *r.Clock > -19*time.Minute {
		t.Errorf("clock: %+v, %v", c, r.Clock)
	}
	r = examine(t, inspected{storagetest.NewMemory(), storage.StoreInfo{Versioning: storage.VersioningOff, ObjectLock: &storage.ObjectLock{}}, time.Hour})
	if p := r.Problem(); p != nil || !strings.Contains(check(t, r, "clock").Text, "ahead of") {
		t.Errorf("%+v", r.Checks)
	}
}
