package archiver_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The image of the vector "live" has the edges 0 to 7; 4 is the number of its last
// transaction, and its checkpoint.meta says the same.

// frames makes log frames: "edge 5" creates an edge, "commit 4", "abort 4",
// "checkpoint 4" and "epoch 3" end things, "switch g", "switch" and "drop g" are
// about graphs, and anything else is some record.
func frames(records ...string) []byte {
	var b []byte
	for _, record := range records {
		what, arg, _ := strings.Cut(record, " ")
		payload := []byte("\x00" + record)
		var id byte
		if arg != "" {
			id = arg[0] - '0'
		}
		switch what {
		case "edge":
			payload = []byte{0x02, id, 0, 1, 1, 'E'}
		case "commit":
			payload = []byte{0x23, id}
		case "abort":
			payload = []byte{0x24, id}
		case "checkpoint":
			payload = []byte{0x25, id}
		case "epoch":
			payload = []byte{0x26, id}
		case "switch":
			if payload = []byte{0x1d, 0}; arg != "" {
				payload = append([]byte{0x1d, 1, byte(len(arg))}, arg...)
			}
		case "drop":
			payload = append([]byte{0x1c, byte(len(arg))}, arg...)
		}
		b = grafeotest.AppendFrame05(b, payload)
	}
	return b
}

// liveWithLog is the database with the vector's image and these log files.
func liveWithLog(t *testing.T, logs ...[]byte) string {
	t.Helper()
	path := copyVector(t, "v0.5.42/live")
	for i, log := range logs {
		if err := os.WriteFile(filepath.Join(path+".wal", grafeotest.LogName05(uint64(i))), log, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// What of its log a 0.5 database is restored with.
func TestReplay(t *testing.T) {
	three := []string{"edge 0", "commit 2", "epoch 1", "edge 1", "commit 3", "epoch 2", "edge 2", "commit 4", "epoch 3"}
	after := []string{"node", "edge 8", "commit 5", "epoch 4"}
	join := func(parts ...[]string) []byte { return frames(slices.Concat(parts...)...) }
	point := []string{"checkpoint 4"}
	for name, c := range map[string]struct {
		logs   [][]byte
		meta   []byte // of checkpoint.meta, if it is another one; empty for none
		want   [][]byte
		from   uint64 // the first epoch that can be restored
		unsure bool
	}{
		"a checkpoint": {
			logs: [][]byte{join(three, point, after)}, want: [][]byte{join(point, after)}, from: 3,
		},
		"nothing after it": {
			logs: [][]byte{join(three, point)}, want: [][]byte{nil}, from: 3,
		},
		"records of direct calls before it": {
			logs: [][]byte{join(three, []string{"direct", "edge 3", "direct"}, point, after)},
			want: [][]byte{join([]string{"direct", "direct"}, point, after)}, from: 3,
		},
		"commits that the image has, after it": {
			logs: [][]byte{join(three, point, []string{"edge 4", "set 4"}, after)},
			want: [][]byte{join(point, []string{"set 4"}, after)}, from: 3,
		},
		"two of them, without a transaction between": {
			logs: [][]byte{join(three, point, []string{"edge 5", "direct"}, point, after)},
			want: [][]byte{join(point, []string{"direct"}, point, after)}, from: 3,
		},
		"a transaction was open": {
			logs: [][]byte{join(three[:6], []string{"of 4"}, []string{"edge 9"}, point, []string{"more of 4", "commit 4", "epoch 3"}, after)},
			want: [][]byte{join([]string{"commit 2", "epoch 1", "commit 3", "epoch 2"}, []string{"of 4", "edge 9"}, point, []string{"more of 4", "commit 4", "epoch 3"}, after)}, from: 3,
		},
		"a transaction is open, in a file that the database skips": {
			logs: [][]byte{join(three[:6], []string{"of 4"}), join([]string{"more of 4"}, point, []string{"commit 5", "epoch 3"})}, meta: []byte{3, 1, 1, 4},
			want: [][]byte{nil, join([]string{"more of 4"}, point, []string{"commit 5", "epoch 3"})}, from: 2,
		},
		"a transaction is open, and no commit is after the files that the database skips": {
			logs: [][]byte{join(three[:6], []string{"of 4"}), join([]string{"more of 4"}, point)}, meta: []byte{3, 1, 1, 4},
			want: [][]byte{nil, nil}, from: 2,
		},
		"a transaction was open, in a file that the database skips": {
			logs: [][]byte{join(three[6:7], []string{"of 4"}, three[:3]), join([]string{"commit 3", "epoch 2"}, point, []string{"commit 4", "epoch 3"})}, meta: []byte{3, 1, 1, 4},
			want: [][]byte{join([]string{"of 4", "commit 2", "epoch 1"}), join([]string{"commit 3", "epoch 2"}, point, []string{"commit 4", "epoch 3"})}, from: 3,
		},
		"a transaction was rolled back": {
			logs: [][]byte{join(three[:6], []string{"of 4", "abort 4"}, point, []string{"commit 5", "epoch 3"})},
			want: [][]byte{join(point, []string{"commit 5", "epoch 3"})}, from: 2,
		},
		"a checkpoint of another number alone": {
			logs: [][]byte{join(three, []string{"checkpoint 3"}, after)},
			want: [][]byte{join([]string{"commit 2", "epoch 1", "commit 3", "epoch 2", "commit 4", "epoch 3", "checkpoint 3"}, after)}, from: 3,
		},
		"no checkpoint.meta": {
			logs: [][]byte{join(three, point, after)}, meta: []byte{},
			want: [][]byte{join([]string{"commit 2", "epoch 1", "commit 3", "epoch 2", "commit 4", "epoch 3"}, point, after)}, from: 3,
		},
		"a checkpoint.meta from after the image": {
			logs: [][]byte{join(three, point, after)}, meta: []byte{3, 0, 0xfd, 0, 0, 0, 0, 0x8f, 0x1d, 0, 0, 4},
			want: [][]byte{join([]string{"commit 2", "epoch 1", "commit 3", "epoch 2", "commit 4", "epoch 3"}, point, after)}, from: 3,
		},
		"a checkpoint of an earlier run with its number": {
			logs: [][]byte{join(point, three, []string{"direct"}), join([]string{"direct"}, point)}, meta: []byte{0, 1, 1, 4},
			want: [][]byte{nil, nil}, from: 3,
		},
		"opened again after it": {
			logs: [][]byte{join(three, point, []string{"set 1", "commit 2", "epoch 1", "set 2", "commit 3", "epoch 2"})},
			want: [][]byte{join(point, []string{"set 1", "commit 2", "epoch 1", "set 2", "commit 3", "epoch 2"})}, from: 1,
		},
		"a graph is current": {
			logs: [][]byte{join([]string{"switch g"}, three, point, []string{"edge 1"}, after)},
			want: [][]byte{join([]string{"switch g"}, point, []string{"edge 1"}, after)}, from: 3,
		},
		"a graph was dropped": {
			logs: [][]byte{join([]string{"switch g"}, three, []string{"drop g"}, point, after)},
			want: [][]byte{join([]string{"drop g"}, point, after)}, from: 3, // it was current where the log begins now
		},
		"nothing has ended before it": {
			logs: [][]byte{nil, frames("direct", "edge 3", "checkpoint 0", "commit 2", "epoch 1")}, meta: []byte{0, 0, 1, 0},
			want: [][]byte{nil, frames("direct", "checkpoint 0", "commit 2", "epoch 1")}, from: 1,
		},
		"over two files": {
			logs: [][]byte{join(three[:5]), join(three[5:], point), join([]string{"edge 7"}, after)},
			want: [][]byte{nil, join(point), join(after)}, from: 3,
		},
		"records that are not known": {
			logs: [][]byte{join(three, []string{"switch \xff"}, point, after)[:0], join(three, after)},
			want: [][]byte{nil, join([]string{"commit 2", "epoch 1", "commit 3", "epoch 2", "commit 4", "epoch 3"}, after)}, from: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := liveWithLog(t, c.logs...)
			meta := filepath.Join(path+".wal", "checkpoint.meta")
			if c.meta != nil {
				if err := os.WriteFile(meta, c.meta, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			store := storagetest.NewMemory()
			r := backup(t, store, path)
			if r.Backup.StartEpoch != c.from {
				t.Errorf("it begins at epoch %d, want %d", r.Backup.StartEpoch, c.from)
			}
			got := restore(t, store, 0)
			delete(got, "db.grafeo")
			want := map[string]string{}
			for i, log := range c.want {
				if name == "a graph was dropped" {
					log = slices.Concat(frames("switch g"), log)
				}
				if len(log) > 0 {
					want[filepath.Join("db.grafeo.wal", grafeotest.LogName05(uint64(i)))] = string(log)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the restored log is another one (-want +got)\n%s", diff)
			}
			mustBeWhole(t, store)

			// Cut at each epoch it is the same, and shorter.
			for epoch := r.Backup.StartEpoch; epoch <= r.Backup.EndEpoch; epoch++ {
				dir := t.TempDir()
				if _, err := newArchive(store).Restore(t.Context(), filepath.Join(dir, "db.grafeo"), archiver.RestoreOptions{Target: archiver.AtEpoch(epoch)}); err != nil {
					t.Fatalf("epoch %d: %v", epoch, err)
				}
				mustProve(t, store, archiver.AtEpoch(epoch))
				for file, log := range contents(t, dir) {
					if file != "db.grafeo" && !strings.HasPrefix(got[file], log) {
						t.Errorf("epoch %d: %s is no part of that of the newest state", epoch, file)
					}
				}
			}
		})
	}
}

// What direct calls have written after the last commit may be in the image, too.
// A later commit adopts it, and its edges are not to be there twice.
func TestReplayOfAdopted(t *testing.T) {
	log := frames("edge 0", "commit 2", "epoch 1", "direct", "edge 5", "edge 9", "checkpoint 4")
	adopted := slices.Concat(log, frames("commit 5", "epoch 2"))
	next := frames("edge 9", "commit 6", "epoch 3")
	path := liveWithLog(t, log)
	store := storagetest.NewMemory()
	backup(t, store, path)
	write := func(number uint64, log []byte) {
		if err := os.WriteFile(filepath.Join(path+".wal", grafeotest.LogName05(number)), log, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(0, adopted)
	write(1, next)
	if r := backup(t, store, path); r.Backup.Kind != archiver.KindIncremental {
		t.Fatalf("%+v", r)
	}
	got := restore(t, store, 0)
	if log := got["db.grafeo.wal/"+grafeotest.LogName05(0)]; log != string(frames("commit 2", "epoch 1", "direct", "edge 9", "checkpoint 4", "commit 5", "epoch 2")) {
		t.Errorf("the restored log is %q", log)
	}
	if log := got["db.grafeo.wal/"+grafeotest.LogName05(1)]; log != string(next) {
		t.Errorf("the log file that came later is %q", log)
	}
	mustBeWhole(t, store)
}

// Why a full backup is taken says no more than the log shows.
func TestWhyTheLogDoesNotGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		first, then []byte
		why         string
	}{
		"epochs in another order": {
			frames("commit 2", "epoch 1", "commit 4", "epoch 3"), frames("commit 2", "epoch 1", "commit 4", "epoch 3", "commit 3", "epoch 2"),
			"or several threads committed at once",
		},
		"no commit at first": {nil, frames("commit 2", "epoch 1"), "backup 1 ends without a commit"},
	} {
		t.Run(name, func(t *testing.T) {
			path := liveWithLog(t, c.first)
			store := storagetest.NewMemory()
			backup(t, store, path)
			if err := os.WriteFile(filepath.Join(path+".wal", grafeotest.LogName05(0)), c.then, 0o600); err != nil {
				t.Fatal(err)
			}
			if r := backup(t, store, path); !strings.Contains(r.Why, c.why) {
				t.Errorf("it says %q, want %q", r.Why, c.why)
			}
		})
	}
}

// A store section that cannot be read, and a log with more edges than are looked
// up, leave the log as it is, and the restore says so.
func TestUnsureReplay(t *testing.T) {
	many := frames("switch g")
	edge := frames("edge 0")
	for range 1<<18 + 1 {
		many = append(many, edge...)
	}
	for name, log := range map[string][]byte{"an unknown store": frames("edge 0", "commit 2", "epoch 1"), "many edges": append(many, frames("commit 2", "epoch 1")...)} {
		t.Run(name, func(t *testing.T) {
			path := liveWithLog(t, log)
			if name == "an unknown store" {
				path = filepath.Join(t.TempDir(), "db.grafeo")
				if err := grafeotest.Image05(path, grafeotest.Image05Options{Iteration: 1, Epoch: 1, Sections: []int64{10, 500}}); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(path+".wal", 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(path+".wal", grafeotest.LogName05(0)), log, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			store := storagetest.NewMemory()
			backup(t, store, path)
			target := filepath.Join(t.TempDir(), "db.grafeo")
			r, err := newArchive(store).Restore(t.Context(), target, archiver.RestoreOptions{})
			if err != nil || !r.Reopen {
				t.Fatalf("%+v, %v", r, err)
			}
			if got := contents(t, filepath.Dir(target))["db.grafeo.wal/"+grafeotest.LogName05(0)]; got != string(log) {
				t.Errorf("the log has %d bytes, want %d", len(got), len(log))
			}
		})
	}
}

// An index whose replay does not fit its log is damaged.
func TestReplayThatDoesNotFit(t *testing.T) {
	path := liveWithLog(t, frames("commit 2", "epoch 1", "checkpoint 4", "edge 0", "commit 3", "epoch 2"))
	store := storagetest.NewMemory()
	backup(t, store, path)
	for name, forge := range map[string]func(r *manifest.Replay){
		"a file that is not there": func(r *manifest.Replay) { r.File = 9; r.Without = nil },
		"a place behind the end":   func(r *manifest.Replay) { r.Offset = 1 << 20; r.Without = nil },
		"a frame of another kind":  func(r *manifest.Replay) { r.Without = []manifest.FramesOf{{File: 0, Offsets: []int64{0}}} },
		"a frame before the place": func(r *manifest.Replay) {
			r.Offset, r.Without = 50, []manifest.FramesOf{{File: 0, Offsets: []int64{40}}}
		},
		"frames in no order": func(r *manifest.Replay) { r.Without = []manifest.FramesOf{{File: 0, Offsets: []int64{40, 30}}} },
	} {
		t.Run(name, func(t *testing.T) {
			objects := store.Objects()
			key := manifest.Seq(1).Key()
			m, err := decodeManifest(objects[key])
			if err != nil {
				t.Fatal(err)
			}
			if m.Content.Replay == nil || len(m.Content.Replay.Without) != 1 {
				t.Fatalf("%+v", m.Content.Replay)
			}
			forge(m.Content.Replay)
			objects[key] = m.Encode()
			target := filepath.Join(t.TempDir(), "db.grafeo")
			_, err = newArchive(refill(t, objects)).Restore(t.Context(), target, archiver.RestoreOptions{})
			if code := archiver.CodeOf(err); code != archiver.CodeDamagedArchive {
				t.Errorf("%s: %v", code, err)
			}
			if _, err := os.Lstat(target); err == nil {
				t.Error("something was restored")
			}
		})
	}
}

// What 0.5 writes as a frame's length is what the frames of these tests have.
func TestFramesOfTheseTests(t *testing.T) {
	b := frames("edge 5")
	if binary.LittleEndian.Uint32(b) != 6 || !bytes.Equal(b[4:10], []byte{2, 5, 0, 1, 1, 'E'}) {
		t.Errorf("% x", b)
	}
}
