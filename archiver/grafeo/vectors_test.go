package grafeo

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What the real database says of the containers in testdata: the numbers in
// the README that came with them.
func TestImageVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		path       string
		iteration  uint64
		epoch      uint64
		nodes      uint64
		edges      uint64
		checkpoint uint64
	}{
		{"v0.5.42/backup/tiny.grafeo", 1, 2, 8, 5, 0},
		{"v0.5.42/backup/backup/backup_full_0000.grafeo", 1, 2, 8, 5, 0},
		{"v0.5.42/closed/tiny.grafeo", 1, 5, 19, 13, 0},
		{"v0.5.42/live/tiny.grafeo", 1, 3, 12, 8, 0},
		{"v0.5.42/reopened/tiny.grafeo", 0, 0, 0, 0, 0},
		{"v0.5.42/torn-tail/tiny.grafeo", 1, 3, 12, 8, 0},
		{"v0.6.0/backup/tiny.grafeo", 1, 0, 0, 0, 0},
		{"v0.6.0/backup/backup/backup_full_0000.grafeo", 1, 2, 8, 5, 811},
		{"v0.6.0/bigcommit/tiny.grafeo", 1, 0, 0, 0, 0},
		{"v0.6.0/closed/tiny.grafeo", 2, 5, 19, 13, 2159},
		{"v0.6.0/live/tiny.grafeo", 2, 3, 12, 8, 1244},
		{"v0.6.0/reopened/tiny.grafeo", 1, 0, 0, 0, 0},
		{"v0.6.0/torn-tail/tiny.grafeo", 2, 3, 12, 8, 1244},
	} {
		t.Run(v.path, func(t *testing.T) {
			t.Parallel()
			im := mustRead(t, readFile(t, vector(v.path)))
			if im.Iteration != v.iteration || im.Epoch != v.epoch || im.CheckpointLSN != v.checkpoint ||
				im.NodeCount != v.nodes || im.EdgeCount != v.edges {
				t.Errorf("got %+v, want %+v", im, v)
			}
			gen, creator := Gen06, "0.6.0"
			if v.path[:4] == "v0.5" {
				gen, creator = Gen05, "0.5.42"
			}
			if im.Generation != gen || im.Creator != creator || im.DamagedSlot {
				t.Errorf("generation %s, creator %q, damaged slot %v", im.Generation, im.Creator, im.DamagedSlot)
			}
			if im.Empty != (v.iteration == 0) || im.Time.IsZero() != im.Empty {
				t.Errorf("empty %v, time %v", im.Empty, im.Time)
			}
			if im.Created.Year() != 2026 {
				t.Errorf("created %v", im.Created)
			}
			if got, err := Identify(vector(v.path)); err != nil || got != gen {
				t.Errorf("Identify = %s, %v", got, err)
			}
		})
	}
}

func TestDatabaseID(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"v0.5.42/live/tiny.grafeo": "created-1795399200053",
		"v0.6.0/live/tiny.grafeo":  "ddd523e0e274b4ce6ee6cbfeb53e8448",
	} {
		if got := mustRead(t, readFile(t, vector(path))).DatabaseID; got != want {
			t.Errorf("%s: id %s, want %s", path, got, want)
		}
	}
}

// Copies that were taken during a checkpoint are refused at the place where
// they are torn.
func TestTornImageVectors(t *testing.T) {
	t.Parallel()
	for path, offset := range map[string]int64{
		"v0.5.42/torn-image/directory-new_header-old.grafeo":   12288,
		"v0.5.42/torn-image/sections-new_directory-old.grafeo": 20480, // LpgStore
		"v0.6.0/torn-image/header-new_pages-old.grafeo":        139264,
		"v0.6.0/torn-image/tail-cut.grafeo":                    139264,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, err := readBytes(t, readFile(t, vector(path)))
			damageAt(t, err, offset)
		})
	}
}

func TestLogVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		path   string
		epochs []uint64
		first  int // commit in the journal that the log begins with
		files  int
		end    uint64 // log position of the end
	}{
		{"v0.5.42/backup", []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 5, 0},
		{"v0.5.42/live", []uint64{1, 2, 3, 4, 5}, 0, 1, 0},
		{"v0.5.42/reopened", []uint64{1, 2, 3, 1, 2}, 0, 1, 0},
		{"v0.5.42/torn-tail", []uint64{1, 2, 3, 4}, 0, 1, 0},
		{"v0.5.42/closed", nil, 0, 0, 0},
		{"v0.6.0/backup", []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 5, 3874},
		{"v0.6.0/bigcommit", []uint64{1, 2}, 0, 1, 320849},
		{"v0.6.0/live", []uint64{4, 5}, 3, 1, 2126},
		{"v0.6.0/reopened", []uint64{1, 2, 3, 4, 5}, 0, 1, 2126},
		{"v0.6.0/torn-tail", []uint64{4}, 3, 1, 1693},
		{"v0.6.0/closed", nil, 0, 0, 0},
	} {
		t.Run(v.path, func(t *testing.T) {
			t.Parallel()
			gen := Generation(v.path[1:4])
			l, commits := mustScan(t, LogDir(vector(v.path, "tiny.grafeo")), gen, ScanOptions{})
			if got := epochs(commits); !slices.Equal(got, v.epochs) {
				t.Fatalf("epochs %v, want %v", got, v.epochs)
			}
			if int(l.Commits) != len(v.epochs) || len(l.Files) != v.files || l.SyncMarks != 0 {
				t.Fatalf("got %+v", l)
			}
			lines := readJournal(t, vector(v.path, "log.jsonl"))[v.first:]
			for i, c := range commits {
				checkCommit(t, gen, c, lines[i])
			}
			for i, f := range l.Files {
				if i < v.files-1 && f.End != f.Size {
					t.Errorf("file %s: end %d of %d", f.Name, f.End, f.Size)
				}
				checkContent(t, filepath.Join(LogDir(vector(v.path, "tiny.grafeo")), f.Name), &f)
			}
			if v.files > 0 && l.Files[v.files-1].EndLSN != v.end {
				t.Errorf("end at log position %d, want %d", l.Files[v.files-1].EndLSN, v.end)
			}
			if len(commits) > 0 && (*l.First != commits[0] || *l.Last != commits[len(commits)-1]) {
				t.Errorf("first %+v, last %+v", l.First, l.Last)
			}
		})
	}
}

func checkCommit(t *testing.T, gen Generation, c Commit, want journal) {
	t.Helper()
	if c.Kind != Transaction || c.Epoch != want.Epoch {
		t.Errorf("kind %d, epoch %d, want %d", c.Kind, c.Epoch, want.Epoch)
	}
	if gen == Gen05 && !c.Time.IsZero() {
		t.Errorf("0.5 has no times, but %v", c.Time)
	}
	// The journal's clock is read right after the commit.
	if late := time.UnixMilli(want.Time).Sub(c.Time); gen == Gen06 && (late < 0 || late > 50*time.Millisecond) {
		t.Errorf("epoch %d at %v, the journal says %v", c.Epoch, c.Time, time.UnixMilli(want.Time))
	}
}

// checkContent compares the checksum of a log file with its bytes.
func checkContent(t *testing.T, path string, f *LogFile) {
	t.Helper()
	p := NewProof("log", []Range{f.Range()})
	p.Add(0, readFile(t, path)[:f.End])
	if err := p.Check(); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

func TestTornTailVectors(t *testing.T) {
	t.Parallel()
	l, _ := mustScan(t, vector("v0.5.42/torn-tail/tiny.grafeo.wal"), Gen05, ScanOptions{})
	want := TornTail{"wal_00000000.log", 2326, 2, "the file ends inside a frame"}
	if l.Torn == nil || *l.Torn != want || l.Files[0].End != 1914 || l.Uncommitted != 2326-1914 {
		t.Errorf("0.5: %+v, torn %+v", l, l.Torn)
	}
	l, _ = mustScan(t, vector("v0.6.0/torn-tail/tiny.grafeo.wal"), Gen06, ScanOptions{})
	want = TornTail{"wal_00000000000000001244.log", 577, 363, "at offset 577: the file ends inside a frame"}
	if l.Torn == nil || *l.Torn != want || l.Files[0].End != 577 || l.Uncommitted != 0 {
		t.Errorf("0.6: %+v, torn %+v", l, l.Torn)
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	_, commits := mustScan(t, vector("v0.5.42/reopened/tiny.grafeo.wal"), Gen05, ScanOptions{})
	var runs []int
	for _, c := range commits {
		runs = append(runs, c.Run)
	}
	if want := []int{0, 0, 0, 1, 1}; !slices.Equal(runs, want) {
		t.Errorf("runs %v, want %v", runs, want)
	}
}
