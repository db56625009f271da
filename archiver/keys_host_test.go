package archiver_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// beforePuts is a store that calls before each put that is no probe's.
type beforePuts struct {
	storage.Storage
	mu   sync.Mutex
	call func()
}

func (b *beforePuts) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if !strings.HasPrefix(key, manifest.ProbePrefix) {
		b.mu.Lock()
		b.call()
		b.mu.Unlock()
	}
	return b.Storage.Put(ctx, key, body, opts)
}

// keyFiles returns how many writer keys are below a state folder, of which each must be whole.
func keyFiles(t *testing.T, state string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state, "keys", "*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archiver.ParseWriterKey(b); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	return len(files)
}

// Before the first backup of an encrypted archive stores anything, its writer key and its archive.json
// are on the disk of the host, and no loss of power takes them away.
func TestWriterKeyIsDurableBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	m, o, root := newModel(t), newOwner(t), t.TempDir()
	m.commit(100)
	r := disktest.New(t, root, nil)
	puts := 0
	store := &beforePuts{Storage: storagetest.NewMemory()}
	store.call = func() {
		puts++
		after := filepath.Join(t.TempDir(), "crash")
		r.Crash(0, len(r.Steps()), after)
		if n := keyFiles(t, filepath.Join(after, "state")); n != 1 {
			t.Errorf("before put %d there are %d writer keys on the disk", puts, n)
		}
		if begun, err := filepath.Glob(filepath.Join(after, "state", "keys", "*.archive.json")); err != nil || len(begun) != 1 {
			t.Errorf("before put %d there is %q on the disk, %v", puts, begun, err)
		}
	}
	a := known(store, filepath.Join(root, "state"), archiver.Keys{Recipients: []archiver.Recipient{o.recipient}}).On(r)
	if _, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil {
		t.Fatal(err)
	}
	if puts < 3 {
		t.Errorf("%d puts", puts)
	}
}

// Wherever the first backup is killed, or its disk fails, at a step of the state folder, the next
// one goes on: there is no archive without a writer key, and whoever has an identity restores.
func TestFirstEncryptedBackupStopsAnywhere(t *testing.T) {
	t.Parallel()
	m, o := newModel(t), newOwner(t)
	m.commit(100)
	keys := archiver.Keys{Recipients: []archiver.Recipient{o.recipient}}
	first := func(t *testing.T, plan disktest.Plan) (r *disktest.Recorder, store *storagetest.Memory, state string, err error) {
		root := t.TempDir()
		state, store = filepath.Join(root, "state"), storagetest.NewMemory()
		r = disktest.New(t, root, plan)
		_, err = known(store, state, keys).On(r).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
		return r, store, state, err
	}
	r, _, _, err := first(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	onEachStep(t, 1, r.Steps(), func(t *testing.T, k int) {
		for name, plan := range map[string]disktest.Plan{
			"full": disktest.FailAt(k, syscall.ENOSPC), "killed before": disktest.StopAt(k, false), "killed after": disktest.StopAt(k, true),
		} {
			r, store, state, err := first(t, plan)
			mustReach(t, k, r.Steps())
			stored := false
			for key := range store.Objects() {
				stored = stored || !strings.HasPrefix(key, manifest.ProbePrefix)
			}
			if stored && keyFiles(t, state) == 0 {
				t.Fatalf("%s: something is stored, and there is no writer key", name)
			}
			if err == nil && !stored {
				t.Fatalf("%s: nothing is stored, and there is no error", name)
			}
			if _, err := known(store, state, keys).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil {
				t.Fatalf("%s, again: %v", name, err)
			}
			if _, err := known(store, state, archiver.Keys{}).List(t.Context()); err != nil {
				t.Errorf("%s, with the writer key: %v", name, err)
			}
			if _, err := o.reader(store).Restore(t.Context(), t.TempDir()+"/x.grafeo", archiver.RestoreOptions{}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Of two first backups of one host that are killed before they commit, the second goes on with the
// keys of the first; with other recipients, it begins with keys of its own.
func TestBegunKeysAreUsedAgain(t *testing.T) {
	t.Parallel()
	m, o, other, state := newModel(t), newOwner(t), newOwner(t), t.TempDir()
	m.commit(100)
	killed := func(recipients ...archiver.Recipient) int {
		t.Helper()
		faulty := storagetest.NewFaulty(storagetest.NewMemory(), func(op storage.Op, key string, _ int) storagetest.Fault {
			if op == storage.OpPut && key == manifest.ArchiveKey {
				return storagetest.Fault{Err: storage.ErrPermission}
			}
			return storagetest.Fault{}
		})
		_, err := known(faulty, state, archiver.Keys{Recipients: recipients}).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
		mustFail(t, err, archiver.CodePermission)
		return keyFiles(t, state)
	}
	for i, c := range []struct {
		recipients []archiver.Recipient
		want       int
	}{
		{[]archiver.Recipient{o.recipient}, 1}, {[]archiver.Recipient{o.recipient}, 1}, {[]archiver.Recipient{o.recipient, other.recipient}, 2},
	} {
		if n := killed(c.recipients...); n != c.want {
			t.Errorf("after run %d there are %d writer keys, want %d", i+1, n, c.want)
		}
	}
	store := storagetest.NewMemory()
	_, err := known(store, state, archiver.Keys{}).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
	mustFail(t, err, archiver.CodeNotEncrypted, "this host has begun an encrypted one there, of which it has seen no backup", filepath.Join(state, "archives"))
}

// A copy for recipients that fails before it has stored anything is not followed by one without encryption
// at the same address: that one says why, and which file remembers it. With recipients it goes on.
func TestCopyForRecipientsThatFailed(t *testing.T) {
	t.Parallel()
	m, o, store, state := newModel(t), newOwner(t), storagetest.NewMemory(), t.TempDir()
	for range 3 {
		m.commit(100)
		backup(t, store, m.path)
	}
	whole := store.Objects()
	put(t, store, manifest.Seq(2).Key(), "junk")
	target := storagetest.NewMemory()
	copied := func(from *storagetest.Memory, k archiver.Keys) error {
		_, err := newArchive(from).Copy(t.Context(), known(target, state, k), archiver.CopyOptions{})
		return err
	}
	mustFail(t, copied(store, archiver.Keys{Recipients: []archiver.Recipient{o.recipient}}), archiver.CodeDamagedArchive)
	mustFail(t, copied(refill(t, whole), archiver.Keys{}), archiver.CodeNotEncrypted, "this host has begun an encrypted one there", filepath.Join(state, "archives"))
	if n := len(target.Objects()); n != 0 {
		t.Errorf("%d objects are stored", n)
	}
	if err := copied(refill(t, whole), archiver.Keys{Recipients: []archiver.Recipient{o.recipient}}); err != nil {
		t.Error(err)
	}
	if n := keyFiles(t, state); n != 1 {
		t.Errorf("%d writer keys", n)
	}
}

// Without a place for the writer key, no encrypted archive begins.
func TestNoPlaceForTheWriterKey(t *testing.T) {
	t.Parallel()
	m, o := newModel(t), newOwner(t)
	m.commit(100)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"", file} {
		faulty := storagetest.NewFaulty(storagetest.NewMemory(), nil)
		_, err := known(faulty, state, archiver.Keys{Recipients: []archiver.Recipient{o.recipient}}).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
		if err == nil {
			t.Errorf("%q: there is a backup", state)
		}
		mustPutNothing(t, faulty)
	}
}

// A writer key that was made again pins the archive, so that no other is taken for it, and is not
// made for another archive than the one that this host knows.
func TestWriterKeyMadeAgainPinsTheArchive(t *testing.T) {
	t.Parallel()
	s := newTrapScene(t)
	owner := archiver.Keys{Identities: s.o.identities, Required: true}
	other := refill(t, s.other(t, s.o.recipient))
	_, err := known(other, s.state, owner).MakeWriterKey(t.Context(), true)
	mustFail(t, err, archiver.CodeKeyWrong, "another archive")

	state := t.TempDir()
	if _, err := known(s.store, state, owner).MakeWriterKey(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for name, objects := range map[string]map[string][]byte{"plain": s.other(t), "another one": other.Objects()} {
		faulty := storagetest.NewFaulty(refill(t, objects), nil)
		_, err := known(faulty, state, archiver.Keys{}).Backup(t.Context(), s.m.path, archiver.BackupOptions{NoHold: true})
		if code := archiver.CodeOf(err); code != archiver.CodeNotEncrypted && code != archiver.CodeKeyWrong {
			t.Errorf("%s: %v", name, err)
		}
		mustPutNothing(t, faulty)
	}
	s.backup(t, known(s.store, state, archiver.Keys{}))
}
