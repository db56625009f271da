package archiver_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// mirrorInto mirrors an archive, which must succeed.
func mirrorInto(t testing.TB, from, to storage.Storage) archiver.MirrorReport {
	t.Helper()
	r, err := newArchive(from).Mirror(t.Context(), newArchive(to), archiver.MirrorOptions{})
	if err != nil {
		t.Fatalf("mirror: %v", err)
	}
	return r
}

// mirrored returns the objects of a store that are mirrored, or are those of a mirror.
func mirrored(all map[string][]byte) map[string][]byte {
	rest := map[string][]byte{}
	for key, b := range all {
		if key != manifest.MirrorKey && key != manifest.DetachedKey && !strings.HasPrefix(key, manifest.ProbePrefix) &&
			!strings.HasPrefix(key, manifest.CertificatePrefix) {
			rest[key] = b
		}
	}
	return rest
}

// mustMirror demands that a mirror is its archive, byte for byte.
func mustMirror(t testing.TB, from, to *storagetest.Memory) {
	t.Helper()
	if diff := cmp.Diff(sumsOf(mirrored(from.Objects())), sumsOf(mirrored(to.Objects()))); diff != "" {
		t.Fatalf("the mirror (-archive +mirror)\n%s", diff)
	}
}

func sumsOf(all map[string][]byte) map[string]string {
	sums := map[string]string{}
	for key, b := range all {
		sums[key] = manifest.Sum(b).String()
	}
	return sums
}

// A mirror has every object as it is, through a directory and back, and what has come since is all
// that the next mirroring sends.
func TestMirror(t *testing.T) {
	for name, prepare := range copyScenes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := storagetest.NewMemory(), storagetest.NewMemory()
			prepare(t, from)
			dir, err := local.Open(t.TempDir() + "/archive")
			if err != nil {
				t.Fatal(err)
			}
			r := mirrorInto(t, from, dir)
			if r.UpTo != r.Newest || r.Records == 0 || r.Unopened {
				t.Errorf("%+v", r)
			}
			mirrorInto(t, dir, to)
			mustMirror(t, from, to)
			sameStates(t, "the mirror of a mirror", epochStates(t, from), to)
			mustBeWhole(t, to)
			if r := mirrorInto(t, dir, to); r.Records != 0 || r.Objects != 0 || r.Bytes != 0 || r.Requests.Put != 0 {
				t.Errorf("there was nothing to do, but %+v", r)
			}
			r, err = newArchive(dir).Mirror(t.Context(), newArchive(to), archiver.MirrorOptions{Deep: true})
			if want := len(mirrored(to.Objects())); err != nil || r.ReadBack != want {
				t.Errorf("%d objects of %d were read back, %v", r.ReadBack, want, err)
			}
		})
	}
}

// What comes to the archive after a mirroring, and what is removed there, is mirrored by the next one.
func TestMirrorFollows(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := increments(t, from, 3)
	mirrorInto(t, from, to)
	for n := range 5 {
		m.commit(70_000 + n)
		backup(t, from, m.path)
		switch n {
		case 1:
			compactAll(t, from)
		case 3:
			full(t, from, m.path)
			if _, err := newArchive(from).Expire(t.Context(), archiver.ExpireOptions{Rules: &archiver.Rules{Full: 1}, Apply: true, Grace: archiver.NoGrace}); err != nil {
				t.Fatal(err)
			}
		}
		before := to.Objects()
		dry, err := newArchive(from).Mirror(t.Context(), newArchive(to), archiver.MirrorOptions{DryRun: true})
		if err != nil || cmp.Diff(sumsOf(before), sumsOf(to.Objects())) != "" {
			t.Fatalf("a dry run: %v", err)
		}
		r := mirrorInto(t, from, to)
		if dry.Records != r.Records || dry.Objects != r.Objects || r.Objects == 0 {
			t.Errorf("would have mirrored %+v, and mirrored %+v", dry, r)
		}
		x, err := newArchive(to).Expire(t.Context(), archiver.ExpireOptions{Apply: true})
		if err != nil || (x.Deleted.Objects > 0) != (n == 3) || x.Removed != 0 || x.Keep != 0 {
			t.Errorf("the expiry of the mirror: %+v, %v", x, err)
		}
		mustMirror(t, from, to)
		mustBeWhole(t, to)
	}
}

// An encrypted archive is mirrored with an identity, with the writer key of its host, or without
// any key at all; the mirror is the same, and opens for whom the archive opens.
func TestMirrorSealed(t *testing.T) {
	ada := newOwner(t)
	from, state := storagetest.NewMemory(), t.TempDir()
	sealedScene(t, openedBy(ada, from, state))
	want := epochsOf(t, openedBy(ada, from, state))
	for name, open := range map[string]func(storage.Storage) *archiver.Archive{
		"with an identity": func(s storage.Storage) *archiver.Archive { return openedBy(ada, s, t.TempDir()) },
		"with a writer key": func(s storage.Storage) *archiver.Archive {
			return archiver.New(s, archiver.Options{Name: "a", State: state}).WithoutRaces()
		},
		"without a key": func(s storage.Storage) *archiver.Archive { return archiver.New(s, archiver.Options{}).WithoutRaces() },
	} {
		t.Run(name, func(t *testing.T) {
			to := storagetest.NewMemory()
			r, err := open(from).Mirror(t.Context(), archiver.New(to, archiver.Options{}).WithoutRaces(), archiver.MirrorOptions{})
			if err != nil || r.Unopened != (name == "without a key") || r.UpTo != r.Newest {
				t.Fatalf("%+v, %v", r, err)
			}
			mustMirror(t, from, to)
			if diff := cmp.Diff(want, epochsOf(t, openedBy(ada, to, t.TempDir()))); diff != "" {
				t.Error("the mirror has other states")
			}
		})
	}
}

// A target that is something else is left alone.
func TestMirrorRefusesOthers(t *testing.T) {
	archive := func() (*model, *storagetest.Memory) {
		store := storagetest.NewMemory()
		return increments(t, store, 3), store
	}
	m, from := archive()
	_, other := archive()
	mirrorOfOther, same := storagetest.NewMemory(), refill(t, from.Objects())
	mirrorInto(t, other, mirrorOfOther)
	newer, diverged, detached := storagetest.NewMemory(), storagetest.NewMemory(), storagetest.NewMemory()
	for _, to := range []*storagetest.Memory{newer, diverged, detached} {
		mirrorInto(t, from, to)
	}
	if isFresh, err := newArchive(detached).Detach(t.Context()); err != nil || !isFresh {
		t.Fatal(err)
	}
	fork := refill(t, from.Objects())
	m.commit(10)
	backup(t, fork, m.path)
	if _, err := newArchive(from).Backup(t.Context(), m.path, archiver.BackupOptions{BeginAnew: true}); err != nil {
		t.Fatal(err)
	}
	for _, to := range []*storagetest.Memory{newer, diverged} {
		if _, err := to.Put(t.Context(), manifest.Seq(5).Key(), bytes.NewReader(fork.Objects()[manifest.Seq(5).Key()]), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	behind := refill(t, same.Objects())
	for name, c := range map[string]struct {
		from, to *storagetest.Memory
		code     archiver.Code
		word     string
	}{
		"another archive":               {from, other, archiver.CodeTargetExists, "no mirror"},
		"the archive, copied otherwise": {from, same, archiver.CodeTargetExists, "no mirror"},
		"the archive itself":            {from, from, archiver.CodeTargetExists, "no mirror"},
		"a mirror of another archive":   {from, mirrorOfOther, archiver.CodeTargetExists, "another archive"},
		"another record":                {from, diverged, archiver.CodeConflict, "record 5"},
		"newer than the archive":        {behind, newer, archiver.CodeConflict, "is newer"},
		"no mirror any more":            {from, detached, archiver.CodeTargetExists, "was detached"},
		"nothing to mirror":             {storagetest.NewMemory(), storagetest.NewMemory(), archiver.CodeNoArchive, ""},
	} {
		before := c.to.Objects()
		for _, dryRun := range []bool{true, false} {
			_, err := newArchive(c.from).Mirror(t.Context(), newArchive(c.to), archiver.MirrorOptions{DryRun: dryRun})
			mustFail(t, err, c.code, c.word)
		}
		if cmp.Diff(sumsOf(before), sumsOf(c.to.Objects())) != "" {
			t.Errorf("%s: something was changed", name)
		}
	}
}

// A store that does not keep the promise of conditional puts gets no mirror.
func TestMirrorIntoUnsafeStore(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	increments(t, from, 1)
	_, err := newArchive(from).Mirror(t.Context(), newArchive(storagetest.NewCareless(to, storagetest.Ignores)), archiver.MirrorOptions{})
	mustFail(t, err, archiver.CodeUnsafeStore)
	if n := len(mirrored(to.Objects())); n != 0 || to.Objects()[manifest.MirrorKey] != nil {
		t.Errorf("%d objects were stored", n)
	}
}

// Several mirrorings at the same time make one mirror, also while backups and expiries go on.
func TestMirrorsAtTheSameTime(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := increments(t, from, 10)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	results := make(chan error)
	const runs = 3
	for range runs {
		go func() {
			_, err := newArchive(from).Mirror(ctx, newArchive(to), archiver.MirrorOptions{})
			results <- err
		}()
	}
	for n := range 4 {
		m.commit(70_000)
		backup(t, from, m.path)
		if n%2 == 1 {
			compactAll(t, from)
		}
	}
	for range runs {
		if err := <-results; err != nil && archiver.CodeOf(err) != archiver.CodeDamagedArchive {
			t.Error(err) // what an expiry deletes twice while it is read is missing
		}
	}
	mirrorInto(t, from, to)
	for key, b := range mirrored(from.Objects()) {
		if !bytes.Equal(b, to.Objects()[key]) {
			t.Errorf("%s is another one", key)
		}
	}
	mustBeWhole(t, to)
	sameStates(t, "the mirror", epochStates(t, from), to)
}
