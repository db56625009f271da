package archiver_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// export exports into a new folder, demands that nothing else is left beside it,
// and returns its path.
func export(t testing.TB, store storage.Storage, target archiver.Target) (string, archiver.ExportReport) {
	t.Helper()
	dir := t.TempDir()
	folder := filepath.Join(dir, "native")
	r, err := newArchive(store).Export(t.Context(), folder, archiver.ExportOptions{Target: target})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	files := contents(t, dir)
	var bytes int64
	for _, b := range files {
		bytes += int64(len(b))
	}
	if r.Folder != folder || len(files) != r.Files || bytes != r.RawBytes {
		t.Fatalf("%+v, and there are %d files of %d bytes", r, len(files), bytes)
	}
	if i := inspect(t, folder); i.What != grafeo.KindNativeFolder || !i.Whole() {
		t.Fatalf("the folder is not whole: %+v", i.Problem)
	}
	return folder, r
}

// restoreToEpoch restores from a folder as Grafeo does: it takes the image of the newest
// full backup at or before the epoch, and then the frames of the incrementals up to the
// last commit at or before it.
func restoreToEpoch(t testing.TB, folder string, epoch uint64) (image, frames string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, grafeo.NativeManifestName))
	if err != nil {
		t.Fatal(err)
	}
	list, err := grafeo.DecodeNativeManifest(b, folder)
	if err != nil {
		t.Fatal(err)
	}
	var full *grafeo.NativeEntry
	for i, e := range list.Entries {
		if e.Full && e.EndEpoch <= epoch {
			full = &list.Entries[i]
		}
	}
	if full == nil {
		t.Fatalf("no full backup for epoch %d: %+v", epoch, list.Entries)
		return "", ""
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	image = string(read(full.Filename))
	over := errors.New("over")
	var pieces grafeo.Pieces05
	end, ended := 0, false
	for _, e := range list.Entries {
		if e.Full || e.StartEpoch <= full.EndEpoch || e.StartEpoch > epoch || ended {
			continue
		}
		b := read(e.Filename)
		_, parts, err := grafeo.ReadNative(bytes.NewReader(b), int64(len(b)), e.Filename)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			part := b[p.Offset : p.Offset+p.Length]
			before, skip := len(frames), 0
			visit := func(c grafeo.Commit) error {
				if c.HasEpoch && c.Epoch > epoch {
					return over
				}
				end = before + int(c.End) - skip
				return nil
			}
			if list.Generation == grafeo.Gen05 {
				frames += string(part)
				err = pieces.Scan(bytes.NewReader(part), e.Filename, visit)
			} else {
				skip = 128
				frames += string(part[skip:])
				var r *grafeo.Reader06
				if r, err = grafeo.NewReader06(bytes.NewReader(part), e.Filename); err == nil {
					for err == nil {
						var c grafeo.Commit
						if c, err = r.Next(); err == nil {
							err = visit(c)
						}
					}
					if errors.Is(err, io.EOF) {
						err = nil
					}
				}
			}
			if ended = errors.Is(err, over); ended {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return image, frames[:end]
}

// What was imported is exported as it was, byte by byte.
func TestExportOfImport(t *testing.T) {
	t.Parallel()
	folders := map[string]string{"0.5.42": vector("v0.5.42/backup/backup"), "0.6.0": vector("v0.6.0/backup/backup")}
	for _, gen := range generations {
		folders["sample "+string(gen)] = sample(t, gen).dir
		holes := newNativeDB(t, gen)
		for range 3 {
			holes.commit(10)
			holes.commit(10)
			holes.full()
			holes.commit(10)
			holes.incremental()
		}
		folders["fulls behind holes "+string(gen)] = holes.dir
	}
	for name, folder := range folders {
		store := storagetest.NewMemory()
		if _, err := newArchive(store).Import(t.Context(), folder, archiver.ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		again, r := export(t, store, archiver.Target{})
		if diff := cmp.Diff(contents(t, folder), contents(t, again)); diff != "" {
			t.Errorf("%s: %+v %s", name, r, diff)
		}
		// And imported again it has nothing new.
		if r, err := newArchive(store).Import(t.Context(), again, archiver.ImportOptions{}); err != nil || r.Backups[0].Backup.Kind != archiver.KindNone {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestExportUpToTarget(t *testing.T) {
	t.Parallel()
	for _, gen := range generations {
		n := sample(t, gen)
		store := storagetest.NewMemory()
		n.importing(store)
		six := uint64(6)
		for name, c := range map[string]struct {
			target  archiver.Target
			to      uint64
			entries int
		}{
			"epoch":  {archiver.AtEpoch(six), 6, 5},
			"backup": {archiver.AtBackup(2), 4, 2},
			"full":   {archiver.AtBackup(4), 5, 4},
			"first":  {archiver.AtBackup(1), 2, 1},
			"newest": {archiver.Target{}, 7, 5},
		} {
			folder, r := export(t, store, c.target)
			if r.FromEpoch != 2 || r.ToEpoch != c.to || r.Files != c.entries+1 {
				t.Errorf("%s %s: %+v", gen, name, r)
			}
			for e := uint64(2); e <= c.to; e++ {
				image, frames := restoreToEpoch(t, folder, e)
				if from := n.ends[e] - len(frames); n.fulls[from] != image || frames != string(n.all[from:n.ends[e]]) {
					t.Errorf("%s %s: epoch %d is another one", gen, name, e)
				}
			}
		}
	}
}

// sameAsRestored demands that a folder restores to what the archive restores to, at the first and
// the last epoch, and at every step-th of those between. The history is all frames of the database.
func sameAsRestored(t testing.TB, store *storagetest.Memory, folder, history string, from, to, step uint64) {
	t.Helper()
	for e := from; e <= to; e++ {
		if e != to && (e-from)%step != 0 {
			continue
		}
		path := filepath.Join(t.TempDir(), "r.grafeo")
		if _, err := newArchive(store).Restore(t.Context(), path, archiver.RestoreOptions{Target: archiver.AtEpoch(e)}); err != nil {
			t.Fatalf("restore to %d: %v", e, err)
		}
		mustProve(t, store, archiver.AtEpoch(e))
		epoch, start, log := opened(t, path)
		if epoch != e {
			t.Fatalf("restored to epoch %d, the database is at %d", e, epoch)
		}
		image, frames := restoreToEpoch(t, folder, e)
		native, err := grafeo.ReadImage(strings.NewReader(image), int64(len(image)), "native")
		if err != nil {
			t.Fatal(err)
		}
		// Two images may be of different checkpoints: what they and their logs stand for
		// together is the same.
		restored, exported := changes(t, history, start, log), changes(t, history, native.CheckpointLSN, frames)
		if restored != exported {
			t.Fatalf("epoch %d: restored up to %d, exported up to %d of %d", e, restored, exported, len(history))
		}
	}
}

// changes demands that a log that begins at start is a part of the history, and returns
// where the last change at or before its end ends. Sync marks change nothing: there may be
// some after it, in the log or before the checkpoint at which it begins.
func changes(t testing.TB, history string, start uint64, log string) int {
	t.Helper()
	end := int(start) + len(log)
	if end > len(history) || history[start:end] != log {
		t.Fatalf("the log from %d to %d is not that of the history", start, end)
	}
	const mark = 25 + 8
	for end >= mark && strings.HasPrefix(history[end-mark:], "\x08\x00\x00\x00") && history[end-mark+24] == 3 {
		end -= mark
	}
	return end
}

// For random histories of a live 0.6 database, with its checkpoints, full backups
// and changes of the schema, the exported folder has every epoch that the archive
// has.
func TestExportOfRandomHistories(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		t := drawing(t, r)
		m := newModel(t)
		store := storagetest.NewMemory()
		a := newArchive(store)
		m.commit(10)
		last, err := a.Backup(t.Context(), m.path, archiver.BackupOptions{})
		m.check(err)
		first := last.Backup.StartEpoch
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "step") {
			case 0, 1, 2, 3:
				m.commit(rapid.IntRange(1, 300).Draw(r, "size"))
			case 4:
				m.group(grafeotest.Group06{SyncMark: true, Synced: m.log.LSN()})
			case 5:
				m.group(grafeotest.Group06{Epoch: m.epoch, Time: m.now, Origin: 3, Transaction: 1, Records: []byte("schema")})
			case 6:
				m.checkpointHeld()
			default:
				last, err = a.Backup(t.Context(), m.path, archiver.BackupOptions{Full: rapid.IntRange(0, 2).Draw(r, "full") == 0})
				m.check(err)
			}
		}
		folder, report := export(t, store, archiver.Target{})
		if report.FromEpoch != first || report.ToEpoch != last.Backup.EndEpoch {
			t.Fatalf("%+v, want %d to %d", report, first, last.Backup.EndEpoch)
		}
		from := first
		if from == last.Backup.EndEpoch {
			from++ // a change of the schema after the only image is seen an epoch later at epoch 0
		}
		sameAsRestored(t, store, folder, string(m.all), from, last.Backup.EndEpoch, rapid.Uint64Range(1, 4).Draw(r, "step"))
		again := storagetest.NewMemory()
		if _, err := newArchive(again).Import(t.Context(), folder, archiver.ImportOptions{}); err != nil {
			t.Fatalf("importing what was exported: %v", err)
		}
		mustBeWhole(t, again)
	})
}

// stripped is a 0.5 log without the frames that carry epochs.
func stripped(t testing.TB, log string) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := grafeo.CopyCommits05(&b, strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
