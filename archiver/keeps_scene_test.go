package archiver_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What expiries and compactions do, by hand: so that whoever reads an archive is tested
// against the format, and not against those who write it.

// appending calls f with the head of an archive, until nobody else is faster.
func appending(t testing.TB, store storage.Storage, f func(h *commit.Head) error) {
	t.Helper()
	j := journal.New(objectsOf(store), "")
	if err := commit.Update(t.Context(), j, commit.UpdateOptions{Catalog: true}, f); err != nil {
		t.Fatal(err)
	}
}

// keepChange is what a keep changes.
type keepChange struct {
	removed []uint64          // backups that are gone from now on
	standIn *manifest.StandIn // a merged record that takes the place of backups from now on
	pins    []manifest.Pin    // instead of those before
	dead    bool              // whatever is older than this keep is dead
	change  func(*manifest.Keeping)
}

// keep commits a keep, and returns it.
func keep(t testing.TB, store storage.Storage, c keepChange) (k *manifest.Committed) {
	t.Helper()
	appending(t, store, func(h *commit.Head) (err error) {
		said := manifest.Keeping{Pins: c.pins}
		if before, err := h.ReadKeep(t.Context()); err != nil {
			return err
		} else if before != nil {
			said.Imported, said.Policy = before.Keeping.Imported, before.Keeping.Policy
		}
		var alive []manifest.Seq
		var newestFull *manifest.Seq
		for _, m := range h.Catalog.All() {
			isPart := c.standIn != nil && c.standIn.From <= m.Seq && m.Seq <= c.standIn.For
			if slices.Contains(c.removed, uint64(m.Seq)) || isPart {
				continue
			}
			alive = append(alive, m.RecordSeq())
			if m.Replaces != nil {
				said.StandIns = append(said.StandIns, manifest.StandIn{From: m.Replaces[0], For: m.Seq, By: m.Record})
			}
			if m.Kind == manifest.Full {
				newestFull = &m.Seq
			}
		}
		if c.standIn != nil {
			alive = append(alive, c.standIn.By)
			said.StandIns = append(said.StandIns, *c.standIn)
		}
		slices.Sort(alive)
		slices.SortFunc(said.StandIns, func(a, b manifest.StandIn) int { return int(a.For) - int(b.For) }) //nolint:gosec // small
		said.Alive = manifest.RangesOf(alive)
		if c.change != nil {
			c.change(&said)
		}
		k, err = h.CommitKeep(t.Context(), said, newestFull, c.dead, commit.KeepAuthor{Tool: "test", Host: "test"}, time.Minute)
		return err
	})
	return k
}

// remove makes backups be gone, and whatever is older than the keep that says so.
func remove(t testing.TB, store storage.Storage, seqs ...uint64) {
	t.Helper()
	keep(t, store, keepChange{removed: seqs, dead: true})
}

// sweep deletes what is dead, and returns the keys.
func sweep(t testing.TB, store *storagetest.Memory) (deleted []string) {
	t.Helper()
	all := store.Objects()
	isDead := deadIn(t, all)
	for key := range all {
		if isDead(key) {
			deleted = append(deleted, key)
		}
	}
	for _, key := range deleted {
		if err := store.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(deleted)
	return deleted
}

// deadIn returns what reports whether the newest keep allows to delete an object.
func deadIn(t testing.TB, all map[string][]byte) (isDead func(key string) bool) {
	t.Helper()
	records := recordsIn(t, all)
	var newest, then *manifest.Manifest
	for _, m := range records {
		if m.Kind == manifest.Keep && (newest == nil || m.Seq > newest.Seq) {
			newest = m
		}
	}
	if newest == nil || newest.Keeping.DeadBefore == 0 {
		return func(string) bool { return false }
	}
	limit := newest.Keeping.DeadBefore
	then = records[limit]
	named := map[string]bool{}
	for _, m := range records {
		if m.Kind != manifest.Keep && (m.Seq > limit || then.Keeping.Alive.Contains(m.Seq)) {
			for _, key := range namedBy(t, all, m) {
				named[key] = true
			}
		}
	}
	return func(key string) bool {
		if seq, ok := manifest.ParseKey(key); ok {
			first := (seq-1)/manifest.GroupBackups*manifest.GroupBackups + 1
			last := first + manifest.GroupBackups - 1
			return first > newest.Keeping.First && last < limit && !then.Keeping.Alive.Overlaps(first, last)
		}
		generation, ok := manifest.ParseGeneration(key)
		return ok && generation < limit && !named[key]
	}
}

// recordsIn returns the records that can be read.
func recordsIn(t testing.TB, all map[string][]byte) map[manifest.Seq]*manifest.Manifest {
	t.Helper()
	records := map[manifest.Seq]*manifest.Manifest{}
	for key, b := range all {
		if seq, ok := manifest.ParseKey(key); ok {
			if m, err := decodeManifest(b); err == nil {
				records[seq] = m
			}
		}
	}
	return records
}

// indexIn returns the index of a record.
func indexIn(t testing.TB, all map[string][]byte, m *manifest.Manifest) *manifest.Index {
	t.Helper()
	if m.Content != nil {
		return m.Content
	}
	return indexAt(t, all, m)
}

// namedBy returns the keys of the objects that a record names.
func namedBy(t testing.TB, all map[string][]byte, m *manifest.Manifest) (keys []string) {
	t.Helper()
	if m.Index != nil {
		keys = append(keys, m.Index.Key)
	}
	ix := indexIn(t, all, m)
	for _, s := range ix.Segments {
		keys = append(keys, s.Key)
	}
	if image := ix.Image(); image != nil {
		for _, p := range image.Pages {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// merge commits a merged record of incrementals in a row, and with stand also the keep that
// puts it in their place. It returns the record's number.
func merge(t testing.TB, store *storagetest.Memory, from, to manifest.Seq, stand bool) (by manifest.Seq) {
	t.Helper()
	all := store.Objects()
	records := recordsIn(t, all)
	var parts []*manifest.Manifest
	for seq := to; ; seq = *records[seq].Continues {
		parts = append([]*manifest.Manifest{records[seq]}, parts...)
		if seq == from {
			break
		}
	}
	appending(t, store, func(h *commit.Head) error {
		first, last := parts[0], parts[len(parts)-1]
		m := *last
		m.CommitID, m.Kind, m.Replaces, m.Content, m.Index = manifest.NewID(), manifest.Merged, &manifest.Range{from, to}, nil, nil
		m.Continues, m.StartEpoch, m.StartTime = first.Continues, first.StartEpoch, first.StartTime
		m.Commits, m.RawBytes, m.Imported = 0, 0, nil
		m.Folder = manifest.FolderName(h.Generation, strings.Repeat("ab", 16))
		ix := joined(t, store, m.Folder, all, parts)
		for _, p := range parts {
			m.Commits += p.Commits
			m.RawBytes += p.RawBytes
		}
		err := h.Commit(t.Context(), &m, ix, time.Minute)
		by = m.Seq
		return err
	})
	if stand {
		keep(t, store, keepChange{standIn: &manifest.StandIn{From: from, For: to, By: by}, dead: true})
	}
	return by
}

// joined returns the index of all parts in one. Segments that are objects are stored again
// in the folder.
func joined(t testing.TB, store *storagetest.Memory, folder string, all map[string][]byte, parts []*manifest.Manifest) *manifest.Index {
	t.Helper()
	b := manifest.NewIndexBuilder()
	var files []manifest.File
	var commits []manifest.CommitTime
	for _, p := range parts {
		ix := *indexIn(t, all, p)
		ix.Segments = slices.Clone(ix.Segments)
		for i, s := range ix.Segments {
			if s.IsInline() {
				continue
			}
			ix.Segments[i].Key = manifest.SegmentFolder(folder) + s.Key[strings.LastIndexByte(s.Key, '/')+1:]
			if _, err := store.Put(t.Context(), ix.Segments[i].Key, bytes.NewReader(all[s.Key]), storage.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		part := b.From(&ix)
		commits = append(commits, ix.Commits...)
		for _, f := range ix.Files {
			extents := slices.Clone(f.Extents)
			for i := range extents {
				extents[i].Frame = part.Frame(extents[i].Frame)
			}
			if n := len(files); n > 0 && files[n-1].Name == f.Name {
				o := &files[n-1]
				o.CRC32 = crc32combine.Combine(o.CRC32, f.CRC32, f.Bytes-f.From)
				o.Bytes, o.Extents = f.Bytes, append(o.Extents, extents...)
				continue
			}
			f.Extents = extents
			files = append(files, f)
		}
	}
	for _, f := range files {
		b.AddFile(f)
	}
	ix := b.Index()
	ix.Commits = commits
	return ix
}
