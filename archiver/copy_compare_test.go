package archiver_test

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A copy that says anything else than the archive is found by the next run, which has nothing to
// copy: whatever was wrong with one before, it is not believed.
func TestCopyIsCompared(t *testing.T) {
	from := storagetest.NewMemory()
	m := increments(t, from, 3)
	if _, err := newArchive(from).Backup(t.Context(), m.path, archiver.BackupOptions{Full: true, Labels: map[string]string{"state": "good"}}); err != nil {
		t.Fatal(err)
	}
	whole, r := copyOf(t, from)
	newest := manifest.Seq(r.Newest)
	for name, change := range map[string]func(*manifest.Manifest){
		"the checksum of a file":       func(m *manifest.Manifest) { m.Content.Files[0].CRC32++ },
		"a commit":                     func(m *manifest.Manifest) { m.Content.Commits[0][1]++ },
		"an extent":                    func(m *manifest.Manifest) { m.Content.Files[0].Extents = m.Content.Files[0].Extents[1:] },
		"a label":                      func(m *manifest.Manifest) { m.Labels["state"] = "bad" },
		"the last epoch":               func(m *manifest.Manifest) { m.EndEpoch++ },
		"the position":                 func(m *manifest.Manifest) { m.Position.LSN++ },
		"when it was made":             func(m *manifest.Manifest) { m.ReadUntil = m.ReadUntil.Add(1) },
		"which backup it continues":    func(m *manifest.Manifest) { *m.Continues-- },
		"which backup it is a copy of": func(m *manifest.Manifest) { m.CopiedFrom.Seq-- },
	} {
		objects := whole.Objects()
		forged := manifestOf(t, objects, uint64(newest))
		change(forged)
		objects[newest.Key()] = forged.Encode()
		to := refill(t, objects)
		_, err := newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{})
		if archiver.CodeOf(err) != archiver.CodeDamagedArchive {
			t.Errorf("%s: %v", name, err)
		}
	}

	objects := whole.Objects()
	key := indexOf(t, whole, 1).Segments[0].Key
	delete(objects, key)
	_, err := newArchive(from).Copy(t.Context(), newArchive(refill(t, objects)), archiver.CopyOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive, key, "it is missing")
}

// A backup that was left out is found, wherever it is.
func TestCopyWithAGap(t *testing.T) {
	from := storagetest.NewMemory()
	m := increments(t, from, 2)
	full(t, from, m.path)
	without := refill(t, from.Objects())
	remove(t, without, 3)
	to, _ := copyOf(t, without)
	_, err := newArchive(from).Copy(t.Context(), newArchive(to), archiver.CopyOptions{})
	mustFail(t, err, archiver.CodeDamagedArchive, "there is no copy of backup 3")
}
