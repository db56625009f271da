package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sampleFolder is the folder of the samples.
var sampleFolder = FolderName(0, strings.Repeat("0", 32))

func sample() *Manifest {
	end := time.Date(2026, 11, 23, 8, 14, 15, 303e6, time.UTC)
	previous := Sum([]byte("the one before"))
	return &Manifest{
		Seq: 42, CommitID: strings.Repeat("ab", 16), Previous: &previous, ArchiveID: strings.Repeat("cd", 16),
		CreatedAt: time.Date(2026, 11, 23, 8, 40, 57, 309400389, time.UTC), ReadUntil: time.Date(2026, 11, 23, 8, 40, 58, 0, time.UTC),
		Tool: "gbak-s3 v1.2.3", Host: "db1",
		Kind: Full, Folder: sampleFolder, Database: Database{Generation: "0.6", ID: strings.Repeat("ef", 16), Name: "people.grafeo", Iteration: 2, ImageEpoch: 19},
		Timeline: 1, Timelines: 2, StartEpoch: 19, EndEpoch: 21, RestoreFrom: 19, StartTime: &end, EndTime: &end, Commits: 2,
		Position: Position{LSN: 3032, Commit: &Commit{LSN: 2500, StartFile: 2000, Start: 628, EndFile: 2000, End: 1160,
			CRC32C: 0x12345678, FileID: ""}},
		RawBytes: 90112 + 1160, StoredBytes: 1432, SegmentsNew: 1, Content: sampleIndex(),
	}
}

func sampleIndex() *Index {
	sum := Sum([]byte("stored"))
	return &Index{
		Commits:  []CommitTime{{20, 1795428000000}, {21, 1795428000303}},
		Segments: []Segment{{Key: SegmentKey(SegmentFolder(sampleFolder), 0, sum), StoredBytes: 1432, RawBytes: 91272, SHA256: sum}},
		Frames:   []Frame{{Segment: 0, Offset: 0, StoredBytes: 1432, RawBytes: 91272}},
		Files: []File{
			{Name: ImageName, Bytes: 90112, CRC32: 7, Extents: []Extent{{Offset: 0, Bytes: 90112, Frame: 0, FrameOffset: 0}}},
			{Name: "wal_00000000000000002000.log", Bytes: 1160, CRC32: 8, Extents: []Extent{{Offset: 0, Bytes: 1160, Frame: 0, FrameOffset: 90112}}},
		},
	}
}

// sharedIndex has the fields that may be left out.
func sharedIndex() *Index {
	x := sampleIndex()
	x.Files[0].Pages = []Pages{{Key: PagesKey(sampleFolder, Sum([]byte("digests"))), StoredBytes: 22 * PageDigestBytes, SHA256: Sum([]byte("digests"))}}
	return x
}

func sampleIncremental() *Manifest {
	m := sample()
	before, full := Seq(41), Seq(40)
	m.Kind, m.Continues, m.LastFull, m.Content.Files = Incremental, &before, &full, m.Content.Files[1:]
	return m
}

// sampleInline is an incremental whose segment stands in the manifest.
func sampleInline() *Manifest {
	m, log := sampleIncremental(), make([]byte, 300)
	m.Content.Segments[0] = InlineSegment(log, 1160)
	m.Content.Frames[0].StoredBytes, m.Content.Frames[0].RawBytes = int64(len(log)), 1160
	m.Content.Files[0].Extents[0].FrameOffset = 0
	m.RawBytes, m.StoredBytes = 1160, int64(len(log))
	return m
}

// sampleEarlier has summaries, some with another host, tool and name.
func sampleEarlier() *Manifest {
	var m *Manifest
	for seq := Seq(33); seq <= 37; seq++ {
		next, before := sampleIncremental(), seq-1
		next.Seq, next.Continues, next.LastFull = seq, &before, nil
		if seq == 35 {
			next.Kind, next.Host, next.Tool, next.Database.Name = Full, "db2", "", "renamed.grafeo"
			next.Content = sampleIndex()
		}
		if m != nil {
			next.SetEarlier(m)
		}
		m = next
	}
	return m
}

// What is written today must stay readable forever: the golden files never change.
func TestGolden(t *testing.T) {
	archive := &Archive{ArchiveID: strings.Repeat("cd", 16), CreatedAt: time.Date(2026, 11, 23, 8, 40, 57, 0, time.UTC),
		Tool: "gbak-s3 v1.2.3"}
	tried := *archive
	tried.Conditions = &Conditions{Verdict: NotAtomic, ProbedAt: time.Date(2026, 11, 25, 1, 2, 3, 0, time.UTC), SingleWriter: true}
	for name, b := range map[string][]byte{
		"archive.json": archive.Encode(), "archive-conditions.json": tried.Encode(), "manifest.json": sample().Encode(),
		"index.json":                sampleIndex().Encode(),
		"index-pages.json":          sharedIndex().Encode(),
		"manifest-incremental.json": sampleIncremental().Encode(),
		"manifest-earlier.json":     sampleEarlier().Encode(),
		"manifest-inline.json":      sampleInline().Encode(),
		"manifest-copied.json":      sampleCopied().Encode(),
		"manifest-sealed.json":      storedManifest(sampleSealed()),
		"manifest-keys.json":        sampleKeyChange().Encode(),
		"archive-sealed.json":       storedArchive(sampleSealedArchive()),
		"fence-sealed.json":         storedFence(2),
	} {
		file := filepath.Join("testdata", "v1", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(golden), string(b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	m, err := DecodeManifest(sample().Encode())
	want := sample()
	want.Encode() // sets type and format
	if diff := cmp.Diff(want, m); err != nil || diff != "" {
		t.Errorf("decoded: %v %s", err, diff)
	}
	for _, want := range []*Manifest{sampleIncremental(), sampleInline(), sampleCopied(), sampleSealed(), sampleKeyChange()} {
		m, err := DecodeManifest(want.Encode())
		if diff := cmp.Diff(want, m); err != nil || diff != "" {
			t.Errorf("decoded: %v %s", err, diff)
		}
	}
	for _, want := range []*Index{sampleIndex(), sharedIndex()} {
		ix, err := DecodeIndex(want.Encode())
		if diff := cmp.Diff(want, ix); err != nil || diff != "" {
			t.Errorf("decoded: %v %s", err, diff)
		}
	}
	for _, want := range []*Archive{archive, &tried} {
		a, err := DecodeArchive(want.Encode())
		if diff := cmp.Diff(want, a); err != nil || diff != "" {
			t.Errorf("decoded: %v %s", err, diff)
		}
	}
}

// A document with any bit flipped, or any byte missing, is damaged.
func TestDamagedDocument(t *testing.T) {
	good := sample().Encode()
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if _, err := DecodeManifest(b); err == nil {
				t.Fatalf("bit %d of byte %d was flipped, and that is no error", bit, i)
			}
		}
		if _, err := DecodeManifest(good[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := DecodeManifest(append(bytes.Clone(good), '\n')); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte more: %v", err)
	}
}

// resealed changes the JSON of a document and sets the digest that matches.
func resealed(t *testing.T, doc []byte, change func(map[string]any)) []byte {
	t.Helper()
	var v map[string]any
	if err := json.NewDecoder(bytes.NewReader(doc)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	change(v)
	return encode(v)
}

func TestNewerDocument(t *testing.T) {
	var unsupported *UnsupportedError
	for name, change := range map[string]func(map[string]any){
		"format":       func(v map[string]any) { v["format"] = 2 },
		"field":        func(v map[string]any) { v["encryption"] = "none" },
		"kind":         func(v map[string]any) { v["kind"] = "notes" },
		"field inside": func(v map[string]any) { v["position"].(map[string]any)["shard"] = 1 },
	} {
		_, err := DecodeManifest(resealed(t, sample().Encode(), change))
		if !errors.As(err, &unsupported) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := DecodeArchive(sample().Encode()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a manifest as archive.json: %v", err)
	}
}

// Numbers that contradict each other are damage, although the digest matches.
func TestInvalidManifest(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"seq 0":                     func(m *Manifest) { m.Seq = 0 },
		"seq too large":             func(m *Manifest) { m.Seq = MaxSeq + 1 },
		"commit id":                 func(m *Manifest) { m.CommitID = "x" },
		"archive id":                func(m *Manifest) { m.ArchiveID = strings.Repeat("G", 32) },
		"no previous":               func(m *Manifest) { m.Previous = nil },
		"a previous of the first":   func(m *Manifest) { m.Seq = 1 },
		"incremental of nothing":    func(m *Manifest) { m.Kind = Incremental },
		"incremental of the future": func(m *Manifest) { m.Kind, m.Continues = Incremental, &m.Seq },
		"last full of a full one":   func(m *Manifest) { before := Seq(1); m.LastFull = &before },
		"full of itself":            func(m *Manifest) { m.Continues = &m.Seq },
		"generation":                func(m *Manifest) { m.Database.Generation = "0.7" },
		"database":                  func(m *Manifest) { m.Database.ID = "" },
		"timeline":                  func(m *Manifest) { m.Timeline = 0 },
		"timelines":                 func(m *Manifest) { m.Timeline = 3 },
		"epochs":                    func(m *Manifest) { m.StartEpoch = 22 },
		"restore from":              func(m *Manifest) { m.RestoreFrom = 22 },
		"size":                      func(m *Manifest) { m.RawBytes = -1 },
		"neither content nor index": func(m *Manifest) { m.Content = nil },
		"both":                      func(m *Manifest) { m.Index = &ObjectRef{} },
		"a foreign index": func(m *Manifest) {
			m.Content, m.Index = nil, &ObjectRef{Key: "archive.json", StoredBytes: 1, RawBytes: 1}
		},
		"last full after it": func(m *Manifest) { *m = *sampleIncremental(); m.LastFull = &m.Seq },
		"last full 0":        func(m *Manifest) { *m = *sampleIncremental(); *m.LastFull = 0 },
		"content":            func(m *Manifest) { m.Content.Frames[0].Segment = 1 },
		"spilled elsewhere":  func(m *Manifest) { m.Spill = []Spilled{{Name: "spill/../x"}} },
		"spilled twice":      func(m *Manifest) { m.Spill = []Spilled{{Name: "spill/x"}, {Name: "spill/x"}} },
		"spilled, negative":  func(m *Manifest) { m.Spill = []Spilled{{Name: "spill/x", Bytes: -1}} },
	} {
		m := sample()
		change(m)
		if _, err := DecodeManifest(m.Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalidIndex(t *testing.T) {
	const large = int64(1) << 62
	for name, change := range map[string]func(*Index){
		"segment elsewhere":      func(x *Index) { x.Segments[0].Key = "manifests/0000000001.json" },
		"segment of no bytes":    func(x *Index) { x.Segments[0].StoredBytes = 0 },
		"huge segment":           func(x *Index) { x.Segments[0].StoredBytes = MaxSegmentBytes + 1 },
		"frame of no segment":    func(x *Index) { x.Frames[0].Segment = -1 },
		"frame after the end":    func(x *Index) { x.Frames[0].Offset = 1 },
		"frame that overflows":   func(x *Index) { x.Frames[0].Offset = large },
		"frame before the start": func(x *Index) { x.Frames[0].Offset = -1 },
		"huge frame":             func(x *Index) { x.Frames[0].RawBytes = MaxFrameBytes + 1 },
		"empty frame":            func(x *Index) { x.Frames[0].RawBytes = 0 },
		"a path as a name":       func(x *Index) { x.Files[1].Name = "../wal_00000001.log" },
		"another name":           func(x *Index) { x.Files[1].Name = "backup_cursor.meta" },
		"part of a spilled file": func(x *Index) { x.Files[1].Name, x.Files[1].From, x.Files[1].Extents = "spill/x", 1, nil },
		"a name twice":           func(x *Index) { x.Files[1].Name = ImageName },
		"negative size":          func(x *Index) { x.Files[0].Bytes = -1 },
		"from after the end":     func(x *Index) { x.Files[1].From = 1161 },
		"from a negative place":  func(x *Index) { x.Files[1].From = -1 },
		"a part of an image":     func(x *Index) { x.Files[0].From = 1; x.Files[0].Extents = nil },
		"extent before from":     func(x *Index) { x.Files[1].From = 1 },
		"extent after the end":   func(x *Index) { x.Files[0].Extents[0].Offset = 1 },
		"extent that overflows":  func(x *Index) { x.Files[0].Extents[0].Bytes = large },
		"extent of no frame":     func(x *Index) { x.Files[0].Extents[0].Frame = 1 },
		"extent after its frame": func(x *Index) { x.Files[0].Extents[0].FrameOffset = 2000 },
		"digests of too many":    func(x *Index) { x.Files[0].Pages = append(x.Files[0].Pages, x.Files[0].Pages[0]) },
		"digests of no size":     func(x *Index) { x.Files[0].Pages[0].StoredBytes-- },
		"digests elsewhere":      func(x *Index) { x.Files[0].Pages[0].Key = x.Segments[0].Key },
		"digests of a log":       func(x *Index) { x.Files[1].Pages = x.Files[0].Pages },
		"extents that overlap":   func(x *Index) { x.Files[0].Extents = append(x.Files[0].Extents, x.Files[0].Extents[0]) },
	} {
		x := sharedIndex()
		change(x)
		if _, err := DecodeIndex(x.Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, seq := range []Seq{1, 42, 1000000000, MaxSeq} {
		if got, ok := ParseKey(seq.Key()); !ok || got != seq {
			t.Errorf("%s is parsed as %d, %v", seq.Key(), got, ok)
		}
	}
	for _, key := range []string{
		"", "manifests/", "manifests/1.json", "manifests/0000000000.json", "manifests/00000000001.json",
		"manifests/+000000001.json", "manifests/000000000a.json", "manifests/0000000001.json.tmp", "x/0000000001.json",
	} {
		if seq, ok := ParseKey(key); ok {
			t.Errorf("%q is parsed as %d", key, seq)
		}
	}
}

// Only the archive of a single writer may be on a store without conditional writes.
func TestInvalidConditions(t *testing.T) {
	for name, c := range map[string]Conditions{
		"unsafe": {Verdict: Ignored}, "unknown": {Verdict: "fine", SingleWriter: true}, "empty": {},
	} {
		a := &Archive{ArchiveID: strings.Repeat("cd", 16), Conditions: &c}
		if _, err := DecodeArchive(a.Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A manifest says what its backup was imported from; that of an ordinary one has no such
// field.
func TestImported(t *testing.T) {
	if bytes.Contains(sample().Encode(), []byte("imported")) {
		t.Error("an ordinary backup has the field")
	}
	want := sample()
	want.Imported = &Imported{File: "backup_incr_0001.wal", SHA256: Sum([]byte("content"))}
	b := want.Encode()
	m, err := DecodeManifest(b)
	if diff := cmp.Diff(want, m); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if !bytes.Contains(b, []byte(`"imported":{"file":"backup_incr_0001.wal","sha256":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}`)) {
		t.Errorf("encoded %s", b)
	}
	want.Imported.File = ""
	if _, err := DecodeManifest(want.Encode()); !errors.Is(err, ErrDamaged) {
		t.Errorf("without a name: %v", err)
	}
}
