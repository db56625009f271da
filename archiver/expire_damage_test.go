package archiver_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// twoChains is an archive with two chains, 1 to 4 and 5 to 40. Backup 20 has segments and an
// index of its own; all are on one timeline.
func twoChains(t *testing.T) (*model, *storagetest.Memory) {
	t.Helper()
	m, store := newModel(t), storagetest.NewMemory()
	chains(t, m, store, 1, 3)
	m.checkpointHeld()
	chains(t, m, store, 1, 14)
	m.commit(manifest.MaxInlineBytes + 5000)
	for range 1000 {
		m.commit(1)
	}
	for range 21 {
		backup(t, store, m.path)
		m.commit(100)
	}
	return m, store
}

// Nothing goes because of newer backups that nobody can read: before something leaves the
// list, all that a restore of the newest state needs is read, but for the segments, which
// must be there with their sizes.
func TestExpiryBesideDamage(t *testing.T) {
	t.Parallel()
	m, store := twoChains(t)
	whole := store.Objects()
	m.checkpointHeld()
	full(t, store, m.path) // 41
	after := store.Objects()
	key := func(seq manifest.Seq) string { return seq.Key() }
	document := func(seq manifest.Seq) *manifest.Manifest {
		d, err := decodeManifest(whole[key(seq)])
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	middle := document(20)
	if middle.Index == nil || middle.Kind != manifest.Incremental || middle.SegmentsNew == 0 {
		t.Fatalf("%+v", middle)
	}
	segment := ""
	for k := range whole {
		if strings.HasPrefix(k, manifest.SegmentFolder(middle.Folder)) {
			segment = k
		}
	}
	forged := document(21)
	forged.EndTime = nil
	for name, c := range map[string]struct {
		key  string
		body []byte // nil: it is missing
	}{
		"a damaged manifest":              {key(12), []byte("{}\n")},
		"one of another backup":           {key(12), whole[key(13)]},
		"one that the summaries disprove": {key(21), forged.Encode()},
		"one in the newest group":         {key(35), []byte("{}\n")},
		"a missing manifest":              {key(12), nil},
		"a damaged index":                 {middle.Index.Key, []byte("something else")},
		"a missing index":                 {middle.Index.Key, nil},
		"a missing segment":               {segment, nil},
		"a segment that is cut off":       {segment, whole[segment][1:]},
		"a damaged full backup":           {key(5), []byte("{}\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := maps.Clone(whole)
			if objects[c.key] == nil {
				t.Fatal("it does not exist")
			}
			if objects[c.key] = c.body; c.body == nil {
				delete(objects, c.key)
			}
			store := refill(t, objects)
			for _, o := range []archiver.ExpireOptions{
				{Rules: &archiver.Rules{Full: 1}},
				{Rules: &archiver.Rules{Full: 1}, Apply: true, Grace: archiver.NoGrace},
				{Remove: []uint64{2}, Apply: true, MarkOnly: true},
			} {
				_, err := newArchive(store).Expire(t.Context(), o)
				mustFail(t, err, archiver.CodeDamagedArchive, c.key)
			}
			if !maps.EqualFunc(objects, store.Objects(), func(a, b []byte) bool { return string(a) == string(b) }) {
				t.Error("something has changed")
			}
		})
	}
	t.Run("older damage", func(t *testing.T) {
		t.Parallel()
		objects := maps.Clone(whole)
		objects[key(3)] = []byte("{}\n")
		store := refill(t, objects)
		r := expire(t, store, archiver.Rules{Full: 1})
		if r.Removed != 4 || r.Kept != 36 {
			t.Errorf("%d removed, %d kept", r.Removed, r.Kept)
		}
		mustBeWhole(t, store)
	})
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		objects := maps.Clone(after)
		objects[key(12)] = []byte("{}\n")
		store := refill(t, objects)
		r, err := newArchive(store).Expire(t.Context(), archiver.ExpireOptions{Remove: []uint64{12}, Apply: true, Grace: archiver.NoGrace})
		if err != nil || r.Removed != 29 {
			t.Fatalf("%d removed, %v", r.Removed, err)
		}
		mustBeWhole(t, store)
		m.restoresTo(store, archiver.Target{}, m.epoch)
	})
}
