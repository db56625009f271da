package gc

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an archive that a test builds, and what the test knows of it.
type world struct {
	t      *testing.T
	memory *storagetest.Memory
	random *rand.Rand

	names   map[manifest.Seq][]string           // what each record names
	kinds   map[manifest.Seq]*manifest.Manifest // all records
	keeps   []*manifest.Committed               // in order
	unknown map[string]bool                     // keys that no run gives
	orphans map[string]bool                     // keys that no record names
	merged  *manifest.StandIn                   // a merged record that no keep has named yet
	written int                                 // objects so far
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, memory: storagetest.NewMemory(), random: rand.New(rand.NewPCG(seed, 1)),
		names: map[manifest.Seq][]string{}, kinds: map[manifest.Seq]*manifest.Manifest{},
		unknown: map[string]bool{}, orphans: map[string]bool{},
	}
}

func objectsOf(s storage.Storage) *objects.Store {
	return &objects.Store{Storage: s, Patience: time.Second, Log: slog.New(slog.DiscardHandler)}
}

func journalOf(s storage.Storage) *journal.Journal {
	return journal.New(objectsOf(s), "the archive")
}

// update calls f with the head of the archive.
func (w *world) update(f func(h *commit.Head) error) {
	w.t.Helper()
	options := commit.UpdateOptions{Probe: func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }}
	if err := commit.Update(w.t.Context(), journalOf(w.memory), options, f); err != nil {
		w.t.Fatal(err)
	}
}

// put stores an object of its own content, and returns its digest and size.
func (w *world) put(key func(sum manifest.Digest) string) (string, manifest.Digest, int64) {
	w.t.Helper()
	w.written++
	body := fmt.Sprintf("object %d%s", w.written, strings.Repeat(".", w.written%7))
	sum := manifest.Sum([]byte(body))
	name := key(sum)
	w.store(name, body)
	return name, sum, int64(len(body))
}

func (w *world) store(key, body string) {
	w.t.Helper()
	if _, err := w.memory.Put(w.t.Context(), key, strings.NewReader(body), storage.PutOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// newestKeep returns what the newest keep says, nil if there is none.
func (w *world) newestKeep() *manifest.Committed {
	if len(w.keeps) == 0 {
		return nil
	}
	return w.keeps[len(w.keeps)-1]
}

// folder returns the name of a folder as a run may choose it now: of the newest
// generation, or of an earlier one that is not dead.
func (w *world) folder() string {
	generations := []manifest.Seq{0}
	if k := w.newestKeep(); k != nil {
		if k.Keeping.DeadBefore > 0 {
			generations = nil
		}
		for _, k := range w.keeps {
			if k.Seq >= w.newestKeep().Keeping.DeadBefore {
				generations = append(generations, k.Seq)
			}
		}
	}
	return manifest.FolderName(generations[w.random.IntN(len(generations))], manifest.NewID())
}

// content is what a backup of these tests has.
type content struct {
	segments int // of its own
	reused   int // of these, those that a killed run has stored
	shared   []manifest.Segment
	inline   bool // one more segment, in the manifest
	large    bool // its index is an object
	pages    bool // an object with digests of pages
}

// merge commits a merged record of two backups in a row.
func (w *world) merge(from, to manifest.Seq, c content) {
	w.t.Helper()
	w.merged = &manifest.StandIn{From: from, For: to}
	w.merged.By = w.backup(manifest.Merged, w.folder(), c)
}

// backup commits a backup, and returns its number.
func (w *world) backup(kind manifest.Kind, folder string, c content) manifest.Seq {
	w.t.Helper()
	var seq manifest.Seq
	w.update(func(h *commit.Head) error {
		m := &manifest.Manifest{
			CommitID: manifest.NewID(), Tool: "a test", Host: "here", Kind: kind, Folder: folder,
			CreatedAt: manifest.Now(), Database: manifest.Database{Generation: "0.6", ID: "one"},
		}
		m.ReadUntil = m.CreatedAt
		if h.Parent != nil {
			m.Timeline, m.Continues = 1, &h.Parent.Seq
		}
		if kind == manifest.Merged {
			before := w.merged.From - 1
			m.Continues, m.Replaces = &before, &manifest.Range{w.merged.From, w.merged.For}
		}
		ix := w.index(m, c)
		if err := h.Commit(w.t.Context(), m, ix, time.Minute); err != nil {
			return err
		}
		seq = m.Seq
		w.remember(m, ix)
		return nil
	})
	return seq
}

func (w *world) remember(m *manifest.Manifest, ix *manifest.Index) {
	w.kinds[m.Seq] = m
	if ix == nil {
		return
	}
	var names []string
	if m.Index != nil {
		names = append(names, m.Index.Key)
	}
	for _, s := range ix.Segments {
		if s.Key != "" {
			names = append(names, s.Key)
		}
	}
	for _, f := range ix.Files {
		for _, p := range f.Pages {
			names = append(names, p.Key)
		}
	}
	w.names[m.Seq] = names
}

// index stores the content of a backup, and returns its index. It sets what the manifest
// says about it.
func (w *world) index(m *manifest.Manifest, c content) *manifest.Index {
	w.t.Helper()
	const raw = 8192
	ix := &manifest.Index{Segments: slices.Clone(c.shared)}
	for i := range c.segments {
		key, sum, size := w.put(func(sum manifest.Digest) string { return manifest.SegmentKey(manifest.SegmentFolder(m.Folder), i, sum) })
		ix.Segments = append(ix.Segments, manifest.Segment{Key: key, StoredBytes: size, RawBytes: raw, SHA256: sum})
		if i < c.reused {
			m.ReusedBytes += raw
			continue
		}
		m.StoredBytes += size
		m.SegmentsNew++
	}
	if c.inline {
		data := "the stored bytes"
		ix.Segments = append(ix.Segments, manifest.Segment{
			StoredBytes: int64(len(data)), RawBytes: raw, SHA256: manifest.Sum([]byte(data)), Data: manifest.Inline(data),
		})
	}
	file := manifest.File{Name: manifest.ImageName, Bytes: int64(len(ix.Segments)) * raw}
	if m.Kind != manifest.Full {
		file.Name = "wal_00000000000000002000.log"
	}
	for i, s := range ix.Segments {
		ix.Frames = append(ix.Frames, manifest.Frame{Segment: i, StoredBytes: s.StoredBytes, RawBytes: raw})
		file.Extents = append(file.Extents, manifest.Extent{Offset: int64(i) * raw, Bytes: raw, Frame: i})
	}
	if c.pages {
		body := strings.Repeat("8 bytes.", int(file.Bytes/manifest.PageBytes))
		sum := manifest.Sum([]byte(body + m.Folder))
		key := manifest.PagesKey(m.Folder, sum)
		w.store(key, body)
		file.Pages = []manifest.Pages{{Key: key, StoredBytes: int64(len(body)), SHA256: sum}}
	}
	if ix.Files = []manifest.File{file}; c.large {
		for range 900 {
			ix.Commits = append(ix.Commits, manifest.CommitTime{uint64(m.EndEpoch), 1_795_421_000_000})
		}
	}
	m.RawBytes, m.Commits = file.Bytes, int64(len(ix.Commits))
	if m.Commits > 0 {
		m.Position.Commit = &manifest.Commit{}
	}
	return ix
}

// living returns the numbers of the records that count now, ascending, and which of these
// are backups under their own number.
func (w *world) living() (records, backups []manifest.Seq) {
	k := w.newestKeep()
	for seq := manifest.Seq(1); int(seq) <= len(w.kinds); seq++ {
		m := w.kinds[seq]
		switch {
		case m.Kind == manifest.Keep, k != nil && seq < k.Seq && !k.Keeping.Alive.Contains(seq), m.Kind == manifest.Merged && k != nil && seq > k.Seq, m.Kind == manifest.Merged && k == nil:
			continue
		}
		records = append(records, seq)
		if m.Kind != manifest.Merged {
			backups = append(backups, seq)
		}
	}
	return records, backups
}

// keep commits a keep. own makes it its own horizon.
func (w *world) keep(alive []manifest.Seq, standIns []manifest.StandIn, deadBefore manifest.Seq, own bool) *manifest.Committed {
	w.t.Helper()
	var k *manifest.Committed
	w.update(func(h *commit.Head) (err error) {
		keeping := manifest.Keeping{Alive: manifest.RangesOf(alive), StandIns: standIns, DeadBefore: deadBefore}
		k, err = h.CommitKeep(w.t.Context(), keeping, nil, own, commit.KeepAuthor{Tool: "a test", Host: "here"}, time.Minute)
		return err
	})
	w.kinds[k.Seq] = k.Manifest
	w.keeps = append(w.keeps, k)
	return k
}

// read reads the names for a keep.
func (w *world) read(s storage.Storage, k *manifest.Committed, needed ...manifest.Seq) (*Names, error) {
	w.t.Helper()
	j := journalOf(s)
	l, err := j.List(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return Read(w.t.Context(), j, l, Keep{k.Seq, k.Keeping, k.Keys}, needed)
}

func (w *world) mustRead(k *manifest.Committed) *Names {
	w.t.Helper()
	n, err := w.read(w.memory, k)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// sweep takes a census for the keep k and sweeps for it.
func (w *world) sweep(k *manifest.Committed) (*Census, *Swept) {
	w.t.Helper()
	n := w.mustRead(k)
	c, err := n.Census(w.t.Context(), objectsOf(w.memory))
	if err != nil {
		w.t.Fatal(err)
	}
	swept, err := n.Sweep(w.t.Context(), objectsOf(w.memory), k, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	return c, swept
}
