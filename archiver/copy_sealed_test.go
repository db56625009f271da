package archiver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// openedBy opens an archive as its owner on a host that has state; nobody's is not encrypted.
func openedBy(o *owner, store storage.Storage, state string) *archiver.Archive {
	opts := archiver.Options{Host: "test", Tool: "test", Name: "a", State: state, Concurrency: 2}
	if o != nil {
		opts.Keys = archiver.Keys{
			Recipients: []archiver.Recipient{o.recipient},
			Identities: func(context.Context) ([]archiver.Identity, error) { return o.identity, nil },
		}
	}
	return archiver.New(store, opts).On(disktest.Unsynced{}).WithoutRaces()
}

// epochsOf returns what each epoch restores to.
func epochsOf(t testing.TB, a *archiver.Archive) map[string]map[string]string {
	t.Helper()
	s, err := a.Status(t.Context(), archiver.StatusOptions{})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]map[string]string{}
	for _, reach := range s.Restorable {
		for e := reach.FromEpoch; e <= reach.ToEpoch; e++ {
			dir := t.TempDir()
			target := archiver.AtEpoch(e).OnTimeline(reach.Timeline)
			if _, err := a.Restore(t.Context(), dir+"/db.grafeo", archiver.RestoreOptions{Target: target}); err != nil {
				t.Fatalf("restore of epoch %d: %v", e, err)
			}
			states[fmt.Sprintf("%d/%d", reach.Timeline, e)] = contents(t, dir)
		}
	}
	return states
}

// sealedScene stores backups of many kinds: small ones in manifests, large ones, full ones that
// share, and a pin.
func sealedScene(t *testing.T, a *archiver.Archive) {
	t.Helper()
	im := newPagedImage(t, 1200)
	backup := func(o archiver.BackupOptions) {
		if _, err := a.Backup(t.Context(), im.path, o); err != nil {
			t.Fatal(err)
		}
	}
	options := archiver.BackupOptions{Full: true, SegmentBytes: archiver.MinSegmentBytes, NoHold: true}
	backup(options)
	im.change(100, 20, 7)
	im.write(t)
	backup(options)
	m := newModel(t)
	for n := range 4 {
		m.commit([]int{100, 70_000, 65_300, 10}[n])
		if _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{NewDatabase: true, NoHold: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Pin(t.Context(), 3, "canary-label"); err != nil {
		t.Fatal(err)
	}
}

// Between plain and encrypted archives, in both directions and to other recipients: every state is
// the same, nothing is in the copy that must not be, and an interrupted copy sends nothing twice.
func TestCopySealed(t *testing.T) {
	ada, ben := newOwner(t), newOwner(t)
	for name, c := range map[string]struct {
		from, to *owner
		plain    bool
	}{
		"plain to encrypted":                     {nil, ada, false},
		"encrypted to plain":                     {ada, nil, true},
		"encrypted for others":                   {ada, ben, false},
		"encrypted again, for the same":          {ada, ada, false},
		"plain to plain, that is accepted twice": {nil, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := storagetest.NewMemory()
			from := openedBy(c.from, store, t.TempDir())
			sealedScene(t, from)
			want, before := epochsOf(t, from), store.Objects()
			to, state := storagetest.NewMemory(), t.TempDir()
			stopped := 0
			for k := 12; ; k += 3 { // again and again until a run ends
				faulty := storagetest.NewFaulty(to, storagetest.StopAt(k, k%2 == 0, storagetest.Refuses))
				var err error
				synctest.Test(t, func(t *testing.T) { // so that no time passes while a store is given up
					_, err = openedBy(c.from, store, "").Copy(t.Context(), openedBy(c.to, faulty, state), archiver.CopyOptions{Plain: c.plain})
				})
				if err == nil {
					break
				}
				if stopped++; stopped > 100 {
					t.Fatalf("it never ends: %v", err)
				}
			}
			if stopped < 3 {
				t.Fatalf("it was stopped only %d times", stopped)
			}
			r, err := from.Copy(t.Context(), openedBy(c.to, to, state), archiver.CopyOptions{Plain: c.plain})
			if err != nil || r.Backups != 0 || r.Compared != 6 || r.UpTo != 6 {
				t.Fatalf("%+v, %v", r, err)
			}
			copied := openedBy(c.to, to, t.TempDir()) // on another host, by the identity alone
			if diff := cmp.Diff(want, epochsOf(t, copied)); diff != "" {
				t.Error("the copy has other states")
			}
			v, err := copied.Verify(t.Context(), archiver.VerifyOptions{Deep: true})
			orphans := 0 // what is encrypted, and stored by a request whose answer was lost, is sent again
			if c.to != nil {
				orphans = stopped
			}
			if err != nil || !v.OK() || v.Unused > orphans {
				t.Errorf("%d runs were stopped; %+v, %v", stopped, v, err)
			}
			if diff := cmp.Diff(before, store.Objects()); diff != "" {
				t.Error("the archive has changed")
			}
			mustBeSealed(t, to, c.to != nil)
		})
	}
}

// mustBeSealed demands that every object of an archive is encrypted, or that none is.
func mustBeSealed(t *testing.T, store *storagetest.Memory, isSealed bool) {
	t.Helper()
	for key, b := range store.Objects() {
		if got := strings.HasSuffix(key, ".age"); got != isSealed && !strings.HasSuffix(key, ".json") && key != manifest.InstructionsKey {
			t.Errorf("there is %s", key)
		}
		if bytes.Contains(b, []byte("m.grafeo")) && isSealed || bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}) && isSealed {
			t.Errorf("%s is plain", key)
		}
	}
	if isDocument := bytes.Contains(store.Objects()[manifest.ArchiveKey], []byte(`"encryption":{`)); isDocument != isSealed {
		t.Error("archive.json says something else")
	}
}

// What is encrypted is not copied without encryption unless that is wanted, and not without a key
// to it; nothing is stored then.
func TestCopySealedRefuses(t *testing.T) {
	ada, ben := newOwner(t), newOwner(t)
	store, state := storagetest.NewMemory(), t.TempDir()
	sealedScene(t, openedBy(ada, store, state))
	to := storagetest.NewMemory()
	for _, dryRun := range []bool{true, false} {
		_, err := openedBy(ada, store, state).Copy(t.Context(), openedBy(nil, to, t.TempDir()), archiver.CopyOptions{DryRun: dryRun})
		mustFail(t, err, archiver.CodeNoRecipients, "would not be")
	}
	withoutKey := archiver.New(store, archiver.Options{Name: "a", State: state}) // it has the writer key alone
	_, err := withoutKey.Copy(t.Context(), openedBy(ben, to, t.TempDir()), archiver.CopyOptions{})
	mustFail(t, err, archiver.CodeKeyMissing, "which is copied")
	_, err = openedBy(ben, store, t.TempDir()).Copy(t.Context(), openedBy(ben, to, t.TempDir()), archiver.CopyOptions{})
	if err == nil || !errors.Is(err, archiver.ErrKeyWrong) && !errors.Is(err, archiver.ErrRecipients) {
		t.Errorf("with the key of somebody else: %v", err)
	}
	for key := range to.Objects() {
		if !strings.HasPrefix(key, manifest.ProbePrefix) {
			t.Errorf("%s was stored", key)
		}
	}
}

// What an interrupted copy has stored of a full backup, the next one does not even read again, into
// plain and encrypted archives.
func TestCopyResumesWithoutReading(t *testing.T) {
	ada := newOwner(t)
	for name, to := range map[string]*owner{"plain": nil, "encrypted": ada} {
		t.Run(name, func(t *testing.T) {
			store, im := storagetest.NewMemory(), newPagedImage(t, 2800)
			options := archiver.BackupOptions{SegmentBytes: archiver.MinSegmentBytes, NoHold: true}
			if _, err := openedBy(nil, store, "").Backup(t.Context(), im.path, options); err != nil {
				t.Fatal(err)
			}
			segments, gets := 0, 0
			for key := range store.Objects() {
				if strings.HasPrefix(key, manifest.SegmentPrefix) {
					segments++
				}
			}
			from := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
				if op == storage.OpGet && strings.HasPrefix(key, manifest.SegmentPrefix) {
					gets++
				}
				return storagetest.Fault{}
			})
			target, state, puts := storagetest.NewMemory(), t.TempDir(), 0
			stops := storagetest.NewFaulty(target, func(op storage.Op, key string, _ int) storagetest.Fault {
				if op == storage.OpPut && strings.HasPrefix(key, manifest.SegmentPrefix) {
					if puts++; puts > segments-2 {
						return storagetest.Fault{Err: storage.ErrPermission}
					}
				}
				return storagetest.Fault{}
			})
			one := func(o *owner, s storage.Storage, state string) *archiver.Archive { // so that nothing is under way when it stops
				opts := archiver.Options{Name: "a", State: state, Concurrency: 1}
				if o != nil {
					opts.Keys = archiver.Keys{Recipients: []archiver.Recipient{o.recipient}, Identities: o.identities}
				}
				return archiver.New(s, opts).WithoutRaces()
			}
			_, err := one(nil, from, "").Copy(t.Context(), one(to, stops, state), archiver.CopyOptions{})
			mustFail(t, err, archiver.CodePermission)
			if segments < 8 || gets != segments-1 {
				t.Fatalf("%d of %d segments were read", gets, segments)
			}
			gets = 0
			if _, err := one(nil, from, "").Copy(t.Context(), one(to, target, state), archiver.CopyOptions{}); err != nil {
				t.Fatal(err)
			}
			if want := 2 + segments; gets != want { // and all of them for digests of pages
				t.Errorf("%d segments were read, and %d of %d were there", gets-segments, segments-2, segments)
			}
		})
	}
}

// A copy that is to be without encryption does not go on with one that is encrypted.
func TestPlainCopyIntoSealedRefuses(t *testing.T) {
	t.Parallel()
	m, store, h, ada, _ := family(t)
	to, host := storagetest.NewMemory(), &host{}
	if _, err := ada.reader(store).Copy(t.Context(), host.begins(to, ada.recipient), archiver.CopyOptions{}); err != nil {
		t.Fatal(err)
	}
	m.commit(100)
	mustBackup(t, h.archive(store), m.path)
	before := len(to.Objects())
	_, err := ada.reader(store).Copy(t.Context(), host.archive(to), archiver.CopyOptions{Plain: true})
	mustFail(t, err, archiver.CodeEncrypted, "is encrypted")
	if len(to.Objects()) != before {
		t.Error("something was stored")
	}
}
