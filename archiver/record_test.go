package archiver_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/disk/disktest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A record that is damaged, of another archive or of a later version is of no use and
// does no harm; neither does a state folder that cannot be.
func TestRecordThatIsOfNoUse(t *testing.T) {
	m, store, state := newModel(t), storagetest.NewMemory(), t.TempDir()
	m.commit(100)
	backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true})
	files, err := filepath.Glob(filepath.Join(state, "archives", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(whole, &r); err != nil || r["address"] != "/mnt/usb/a" || r["seq"] != float64(1) || len(r["sha256"].(string)) != 64 {
		t.Fatalf("%s, %v", whole, err)
	}
	for name, content := range map[string]string{
		"empty":           "",
		"half":            string(whole[:len(whole)/2]),
		"not JSON":        "\x00\x01",
		"another address": strings.Replace(string(whole), "/mnt/usb/a", "/mnt/usb/b", 1),
		"a later format":  strings.Replace(string(whole), `"format":1`, `"format":2`, 1),
		"no backup":       strings.Replace(string(whole), `"seq":1`, `"seq":0`, 1),
	} {
		if err := os.WriteFile(files[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := backupTo(t, at(storagetest.NewMemory(), state), m.path, archiver.BackupOptions{NoHold: true}); r.Backup.Seq != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{file, filepath.Join(file, "below"), "/proc/none/such"} {
		if r := backupTo(t, at(storagetest.NewMemory(), state), m.path, archiver.BackupOptions{NoHold: true}); r.Backup.Seq != 1 {
			t.Errorf("%s: %+v", state, r)
		}
	}
}

// A record is whole or as it was, wherever writing it ends; and what fails there
// costs the backup nothing.
func TestRecordStopsAnywhere(t *testing.T) {
	// record makes a backup into a state folder on a disk with this plan.
	record := func(t *testing.T, m *model, store storage.Storage, state string, plan disktest.Plan) (steps []string) {
		t.Helper()
		d := disktest.New(t, filepath.Dir(state), plan)
		if _, err := at(store, state).On(d).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true, Full: true}); err != nil {
			t.Fatalf("%q: %v", d.Steps(), err)
		}
		for name, content := range contents(t, filepath.Dir(state)) {
			if strings.HasSuffix(name, ".json") && !json.Valid([]byte(content)) {
				t.Fatalf("%q: %s is %q", d.Steps(), name, content)
			}
		}
		return d.Steps()
	}
	prepare := func(t *testing.T) (*model, *storagetest.Memory, string) {
		m := newModel(t)
		m.commit(100)
		return m, storagetest.NewMemory(), filepath.Join(t.TempDir(), "state")
	}
	m, store, state := prepare(t)
	steps := record(t, m, store, state, nil)
	onEachStep(t, 1, steps, func(t *testing.T, k int) {
		m, store, state := prepare(t)
		for i, plan := range []disktest.Plan{disktest.FailAt(k, syscall.ENOSPC), disktest.StopAt(k, false), disktest.StopAt(k, true)} {
			if steps := record(t, m, store, state, plan); i == 0 {
				mustReach(t, k, steps)
			}
		}
		last := backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true, Full: true})
		_, err := at(refill(t, without(store.Objects(), "manifests/0000000004")), state).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
		if last.Backup.Seq != 4 {
			t.Fatalf("%+v", last)
		}
		mustVanish(t, err)
	})
}

// Of two runs at the same time, what the one with the newer backup has seen stays.
func TestNewerRecordStays(t *testing.T) {
	m, store, state := newModel(t), storagetest.NewMemory(), t.TempDir()
	m.commit(100)
	backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true})
	late := duringNote{disktest.Unsynced{}, func() {
		backupTo(t, at(store, state), m.path, archiver.BackupOptions{NoHold: true, Full: true})
	}}
	m.commit(100)
	// The other run commits, and notes it, after this one has committed and before it
	// notes that.
	if _, err := at(store, state).On(&late).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true}); err != nil {
		t.Fatal(err)
	}
	_, err := at(refill(t, without(store.Objects(), "manifests/0000000003")), state).Backup(t.Context(), m.path, archiver.BackupOptions{NoHold: true})
	mustVanish(t, err, "there was backup 3")
}

// duringNote lets something happen right before the first folder is made.
type duringNote struct {
	disk.Disk
	first func()
}

func (d *duringNote) Mkdir(path string, mode os.FileMode) error {
	if first := d.first; first != nil {
		d.first = nil
		first()
	}
	return d.Disk.Mkdir(path, mode)
}
