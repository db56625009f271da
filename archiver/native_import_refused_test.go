package archiver_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What is wrong with a folder is found before anything is stored, with the file
// and the epochs that are lost.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	drop := func(entry int) func(n *nativeDB) {
		return func(n *nativeDB) { n.list.Entries = slices.Delete(n.list.Entries, entry, entry+1); n.save() }
	}
	for name, c := range map[string]struct {
		only   grafeo.Generation
		damage func(n *nativeDB)
		words  []string
	}{
		"an entry is missing":       {"", drop(1), []string{"backup_incr_0002.wal", "the log has a gap", "are lost", "epochs 3 to 4"}},
		"the first full is missing": {"", drop(0), []string{"backup_incr_0001.wal", "no full backup", "epochs 3 to 4 are lost"}},
		"all files are missing": {"", func(n *nativeDB) {
			for i := range n.list.Entries {
				n.check(os.Remove(n.path(i)))
			}
		}, []string{"backup_full_0000.grafeo", "not there", "epochs 2 to 4 are lost", "backup_full_0003.grafeo"}},
		"a file has another name": {"", func(n *nativeDB) {
			n.check(os.Rename(n.path(0), filepath.Join(n.dir, "backup_full_0009.grafeo")))
		}, []string{"backup_full_0000.grafeo", "not there", "backup_full_0009.grafeo", "epochs 2 to 4 are lost"}},
		"a file is missing, and another one is damaged": {"", func(n *nativeDB) {
			n.check(os.Remove(n.path(0)))
			flip(n.t, n.path(4), 50)
		}, []string{"backup_incr_0004.wal", "checksum", "epochs 6 to 7 are lost"}},
		"a file is shorter":     {"", func(n *nativeDB) { n.check(os.Truncate(n.path(1), 90)) }, []string{"backup_incr_0001.wal", "90 bytes", "epochs 3 to 4 are lost"}},
		"a full one is damaged": {"", func(n *nativeDB) { flip(n.t, n.path(0), 17000) }, []string{"backup_full_0000.grafeo", "checksum", "epochs 2 to 4 are lost"}},
		"two are damaged": {"", func(n *nativeDB) { flip(n.t, n.path(0), 17000); flip(n.t, n.path(4), 50) }, []string{
			"backup_full_0000.grafeo", "epochs 2 to 4 are lost", "backup_incr_0004.wal", "epochs 6 to 7 are lost",
		}},
		"an image is damaged, and its checksum is that of the damage": {"", func(n *nativeDB) {
			b := n.content(0)
			b[chunkOf(n.t, n.path(0))] ^= 1
			n.rewrite(0, b)
		}, []string{"backup_full_0000.grafeo", "wrong checksum", "epochs 2 to 4 are lost"}},
		"a frame is damaged, and the checksum is that of the damage": {"", func(n *nativeDB) {
			b := n.content(1)
			b[len(b)-30] ^= 1
			n.rewrite(1, b)
		}, []string{"backup_incr_0001.wal", "damaged at offset", "epochs 3 to 4 are lost"}},
		"a log ends early, and the checksum is right": {"", func(n *nativeDB) {
			b := n.content(4)
			n.rewrite(4, b[:len(b)-9])
		}, []string{"backup_incr_0004.wal", "epochs 6 to 7 are lost"}},
		"the header has other epochs": {"", func(n *nativeDB) {
			b := n.content(1)
			b[16]++
			n.rewrite(1, b)
		}, []string{"backup_manifest.json", "backup_incr_0001.wal", "epochs 3 to 4"}},
		"the list has other epochs of a full one": {"", func(n *nativeDB) { n.list.Entries[3].EndEpoch++; n.save() }, []string{"backup_manifest.json", "backup_full_0003.grafeo"}},
		"two files are swapped": {"", func(n *nativeDB) {
			a, b := n.content(1), n.content(2)
			n.rewrite(1, b)
			n.rewrite(2, a)
		}, []string{"backup_incr_0001.wal"}},
		"a full one is of another database": {"", func(n *nativeDB) {
			o := newNativeDB(n.t, n.gen)
			o.born, o.id = o.born.Add(time.Hour), [16]byte{7}
			o.epoch, o.iteration = n.epoch, n.iteration
			o.full()
			n.rewrite(3, o.content(0))
		}, []string{"backup_full_0003.grafeo", "belongs to database"}},
		"an incremental is of another database": {grafeo.Gen06, func(n *nativeDB) {
			n.id = [16]byte{7}
			n.rewrite(4, n.gbak(6, 7, n.ends[5]))
		}, []string{"backup_incr_0004.wal", "belongs to database", "epochs 6 to 7 are lost"}},
		"an incremental is of another generation": {"", func(n *nativeDB) {
			o := sample(n.t, map[grafeo.Generation]grafeo.Generation{grafeo.Gen05: grafeo.Gen06, grafeo.Gen06: grafeo.Gen05}[n.gen])
			n.rewrite(1, o.content(1))
		}, []string{"backup_incr_0001.wal", "another database", "epochs 3 to 4 are lost"}},
		"a full one is no database": {"", func(n *nativeDB) { n.rewrite(0, []byte("this is no database at all")) }, []string{"backup_full_0000.grafeo", "not a Grafeo database"}},
		"a segment is missing in an incremental": {grafeo.Gen06, func(n *nativeDB) {
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 9}, n.gbak(8, 9, n.ends[7]+3))
		}, []string{"x: the log has a gap", "epochs 8 to 9 are lost"}},
		"the header counts other groups": {grafeo.Gen06, func(n *nativeDB) {
			b := n.content(1)
			b[24]++
			n.rewrite(1, b)
		}, []string{"2 groups, but 3 in its header"}},
		"epochs are missing inside of an incremental": {grafeo.Gen05, func(n *nativeDB) {
			n.commit(10)
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 9}, n.gbak(8, 9, n.ends[8]))
		}, []string{"want 8, found 9", "epochs 8 to 9 are lost"}},
		"the last epochs are missing": {grafeo.Gen05, func(n *nativeDB) {
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 10}, n.gbak(8, 10, n.ends[7]))
		}, []string{"want 9, found 11", "epochs 9 to 10 are lost"}},
		"epochs start again": {grafeo.Gen05, func(n *nativeDB) {
			n.commit(10)
			n.epoch = 0
			n.commit(10)
			n.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 8, EndEpoch: 2}, n.gbak(8, 2, n.ends[7]))
		}, []string{"start again", "want 9, found 1", "epochs 1 to 2 are lost"}},
		"another history": {"", func(n *nativeDB) {
			o := newNativeDB(n.t, n.gen)
			o.seed = 500
			for range 6 {
				o.commit(33)
			}
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 6, EndEpoch: 7}, o.gbak(6, 7, o.ends[5]))
		}, []string{"x: "}},
		"the log of the same place is another one": {grafeo.Gen06, func(n *nativeDB) {
			o := n.fork()
			o.all, o.seed, o.epoch = o.all[:n.ends[5]], 900, 5
			o.commit(10)
			o.commit(10)
			o.commit(10)
			n.add(grafeo.NativeEntry{Filename: "x", StartEpoch: 6, EndEpoch: 8}, o.gbak(6, 8, o.ends[5]))
		}, []string{"x: damaged", "a different history than backup_incr_0004.wal"}},
		"a time before what it holds": {"", func(n *nativeDB) {
			n.list.Entries[0].Created = n.born.AddDate(0, 0, -3)
			n.save()
		}, []string{"backup_manifest.json", "backup_full_0000.grafeo", "was created at"}},
		"the list is damaged": {"", func(n *nativeDB) {
			n.check(os.WriteFile(filepath.Join(n.dir, grafeo.NativeManifestName), []byte("nonsense"), 0o600))
		}, []string{"backup_manifest.json", "neither JSON"}},
	} {
		for _, gen := range generations {
			if c.only != "" && c.only != gen {
				continue
			}
			t.Run(name+" "+string(gen), func(t *testing.T) {
				t.Parallel()
				n := sample(t, gen)
				c.damage(n)
				store := storagetest.NewMemory()
				r, err := newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
				mustFail(t, err, archiver.CodeDamagedDatabase, c.words...)
				if len(store.Objects()) > 0 || len(r.Backups) > 0 || r.Requests.Total() > 0 {
					t.Errorf("%d objects, %+v", len(store.Objects()), r)
				}
				i := inspect(t, n.dir)
				if i.Whole() || i.Problem == nil || !strings.Contains(err.Error(), i.Problem.What) {
					t.Errorf("inspect says %+v, import %v", i.Problem, err)
				}
			})
		}
	}
}

func TestImportOfNoFolder(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	a := newArchive(store)
	empty := t.TempDir()
	_, err := a.Import(t.Context(), filepath.Join(empty, "nothing"), archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeNotFound, "there is no folder")
	_, err = a.Import(t.Context(), empty, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeNotDatabase, "no backup_manifest.json")
	n := newNativeDB(t, grafeo.Gen06)
	n.check(os.MkdirAll(n.dir, 0o777))
	n.save()
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeNotDatabase, "has no backups")
	n.check(os.WriteFile(filepath.Join(n.dir, grafeo.NativeManifestName), []byte(`{"version":3,"segments":[]}`), 0o600))
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeUnsupported, "version 3")
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{SegmentBytes: 5})
	mustFail(t, err, archiver.CodeFailed, "segment size")

	n = sample(t, grafeo.Gen06)
	backup(t, store, copyVector(t, "v0.6.0/live"))
	_, err = a.Import(t.Context(), n.dir, archiver.ImportOptions{})
	mustFail(t, err, archiver.CodeWrongDatabase, "belongs to another database")
}

// Whichever byte of whichever file is changed, the import finds it. The one exception is
// the time of an entry, which has no checksum: any plausible time is believed, and it
// affects nothing else.
func TestImportFindsEveryFlippedByte(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := newNativeDB(t, gen)
		n.commit(20)
		n.full()
		n.commit(20)
		n.incremental()
		want := storagetest.NewMemory()
		n.importing(want)
		states := statesOf(t, want)
		for _, name := range []string{grafeo.NativeManifestName, n.list.Entries[0].Filename, n.list.Entries[1].Filename} {
			b, err := os.ReadFile(filepath.Join(n.dir, name))
			n.check(err)
			f, err := os.OpenFile(filepath.Join(n.dir, name), os.O_RDWR, 0)
			n.check(err)
			masks := []byte{0xff}
			if name == grafeo.NativeManifestName {
				masks = []byte{1, 2, 4, 8, 16, 32, 64, 128, 0xff}
			}
			for at := range b {
				if b[at] == 0 && at%16 != 0 && name == n.list.Entries[0].Filename {
					continue // of the padding, some
				}
				if isLeftOut(at) {
					continue
				}
				for _, mask := range masks {
					_, err := f.WriteAt([]byte{b[at] ^ mask}, int64(at))
					n.check(err)
					store := storagetest.NewMemory()
					_, err = newArchive(store).Import(t.Context(), n.dir, archiver.ImportOptions{})
					code := archiver.CodeOf(err)
					switch {
					case code == archiver.CodeDamagedDatabase || code == archiver.CodeUnsupported:
						if len(store.Objects()) > 0 {
							t.Fatalf("%s %s: byte %d ^ %#x: found, and stored %d objects", gen, name, at, mask, len(store.Objects()))
						}
					case err == nil && name == grafeo.NativeManifestName && timeOnly(t, n, b, at, mask):
						listed, err := newArchive(store).List(t.Context())
						list := listed.Backups
						if err != nil || len(list) != 2 || list[1].EndEpoch != 2 {
							t.Fatalf("%s: another time gives other backups: %v %+v", gen, err, list)
						}
						if mask != 1 {
							continue
						}
						if diff := cmp.Diff(states, statesOf(t, store)); diff != "" {
							t.Fatalf("%s: another time gives another backup: %s", gen, diff)
						}
					default:
						t.Fatalf("%s %s: byte %d ^ %#x: %v", gen, name, at, mask, err)
					}
				}
				_, err := f.WriteAt(b[at:at+1], int64(at))
				n.check(err)
			}
			n.check(f.Close())
		}
	}
}

// statesOf returns what each backup restores to.
func statesOf(t testing.TB, store *storagetest.Memory) []map[string]string {
	t.Helper()
	return []map[string]string{restore(t, store, 1), restore(t, store, 2)}
}

// timeOnly reports whether the change makes a list that differs in times only.
func timeOnly(t testing.TB, n *nativeDB, b []byte, at int, mask byte) bool {
	t.Helper()
	changed := bytes.Clone(b)
	changed[at] ^= mask
	m, err := grafeo.DecodeNativeManifest(changed, "m")
	n.check(err)
	entries := slices.Clone(m.Entries)
	times := 0
	for i := range entries {
		if !entries[i].Created.Equal(n.list.Entries[i].Created) {
			times++
		}
		entries[i].Created = n.list.Entries[i].Created
	}
	return times == 1 && cmp.Equal(entries, n.list.Entries)
}

// Whatever an incremental with the right checksum holds, an import either refuses it, or
// stores it whole.
func FuzzImportNative(f *testing.F) {
	for _, version := range []string{"v0.5.42", "v0.6.0"} {
		for _, name := range []string{"backup_incr_0001.wal", "backup_incr_0002.wal"} {
			b, err := os.ReadFile(vector(version + "/backup/backup/" + name))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		version, gen := "v0.5.42", grafeo.Gen05
		if len(b) > 4 && b[4] == 2 {
			version, gen = "v0.6.0", grafeo.Gen06
		}
		dir := t.TempDir()
		full, err := os.ReadFile(vector(version + "/backup/backup/backup_full_0000.grafeo"))
		if err != nil {
			t.Fatal(err)
		}
		m := grafeo.NativeManifest{Generation: gen, Entries: []grafeo.NativeEntry{
			{Full: true, Filename: "a", EndEpoch: 2, Checksum: crc32.ChecksumIEEE(full), Size: uint64(len(full)), Created: time.UnixMilli(1795399203000)},
			{Filename: "b", Checksum: crc32.ChecksumIEEE(b), Size: uint64(len(b)), Created: time.UnixMilli(1795399203001)},
		}}
		if len(b) >= grafeo.NativeHeaderLength {
			m.Entries[1].StartEpoch, m.Entries[1].EndEpoch = binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
		}
		for name, content := range map[string][]byte{"a": full, "b": b, grafeo.NativeManifestName: m.Encode()} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		store := storagetest.NewMemory()
		r, err := newArchive(store).Import(t.Context(), dir, archiver.ImportOptions{})
		if err != nil {
			if code := archiver.CodeOf(err); code != archiver.CodeDamagedDatabase && code != archiver.CodeUnsupported {
				t.Fatal(err)
			}
			return
		}
		mustBeWhole(t, store)
		if restore(t, store, 0)["db.grafeo"] != string(full) || len(r.Backups) > 2 {
			t.Fatalf("%+v", r)
		}
	})
}
