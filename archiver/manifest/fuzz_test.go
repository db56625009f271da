package manifest

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// What decodes is within its limits, is the same when it is encoded again, and took no more
// memory than its size allows.
func FuzzDecode(f *testing.F) {
	incremental := sampleIncremental()
	large := sample()
	large.Content, large.Index = nil, &ObjectRef{Key: IndexKey(sampleFolder, Sum(nil)), StoredBytes: 1000, RawBytes: 20000}
	for _, b := range [][]byte{
		sample().Encode(), incremental.Encode(), large.Encode(), sampleIndex().Encode(), sharedIndex().Encode(),
		sampleEarlier().Encode(), sampleInline().Encode(), (&Archive{ArchiveID: strings.Repeat("cd", 16)}).Encode(),
		sampleSealed().Encode(), sampleKeyChange().Encode(), storedManifest(sampleSealed()), storedArchive(sampleSealedArchive()),
		sampleCertificate().Encode(),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// The digest keeps the fuzzer out, so it gets one that fits.
		if line, _, ok := bytes.Cut(b, []byte("\n")); ok && json.Valid(line) {
			b = encode(json.RawMessage(line))
		}
		if m, err := DecodeManifest(b); err == nil {
			if again, err := DecodeManifest(m.Encode()); err != nil || !cmp.Equal(m, again, cmpopts.EquateEmpty()) {
				t.Errorf("it decodes, but not the same when it is encoded again: %v", err)
			}
			if m.Content != nil {
				within(t, m.Content)
				_ = m.Fits(m.Content)
			} else if m.Index != nil && (!isKey(m.Index.Key, IndexPrefix) || m.Index.RawBytes > MaxIndexBytes) {
				t.Errorf("the index %+v", m.Index)
			}
		}
		if end := bytes.IndexByte(b, '\n') + 1; end > 0 {
			stored := append(bytes.Clone(b[:end]), endWithMAC(b[:end], Digest{9})...)
			if m, err := DecodeSealedManifest(stored); err == nil {
				_ = m.Agrees(unsealed(m.Sealed))
			}
			if a, err := DecodeSealedArchive(stored); err == nil {
				_ = a.Agrees(unsealed(a.Sealed))
			}
		}
		if ix, err := DecodeIndex(b); err == nil {
			within(t, ix)
			if again, err := DecodeIndex(ix.Encode()); err != nil || !cmp.Equal(ix, again, cmpopts.EquateEmpty()) {
				t.Errorf("it decodes, but not the same when it is encoded again: %v", err)
			}
		}
		if c, err := DecodeCertificate(b); err == nil {
			if again, err := DecodeCertificate(c.Encode()); err != nil || !cmp.Equal(c, again, cmpopts.EquateEmpty()) || len(c.Arcs) > MaxArcs {
				t.Errorf("it decodes, but not the same when it is encoded again: %v", err)
			}
		}
		if p, err := DecodeDigestPin(b); err == nil {
			if again, err := DecodeDigestPin(p.Encode()); err != nil || !cmp.Equal(p, again) || p.ObjectKey() != again.ObjectKey() {
				t.Errorf("it decodes, but not the same when it is encoded again: %v", err)
			}
		}
		if a, err := DecodeArchive(b); err == nil {
			if again, err := DecodeArchive(a.Encode()); err != nil || !cmp.Equal(a, again) {
				t.Errorf("it decodes, but not the same when it is encoded again: %v", err)
			}
		}
	})
}

// within checks that extents are in their frames, and frames in their segments.
func within(t *testing.T, ix *Index) {
	t.Helper()
	for _, file := range ix.Files {
		at := file.From
		for _, e := range file.Extents {
			frame := ix.Frames[e.Frame]
			segment := ix.Segments[frame.Segment]
			switch {
			case e.Offset < at || e.Bytes <= 0 || e.Offset+e.Bytes > file.Bytes || e.FrameOffset < 0 || e.FrameOffset+e.Bytes > frame.RawBytes,
				frame.RawBytes > MaxFrameBytes, frame.Offset < 0, frame.Offset+frame.StoredBytes > segment.StoredBytes,
				segment.StoredBytes > MaxSegmentBytes, segment.IsInline() && len(segment.Data) > MaxInlineBytes,
				!segment.IsInline() && !isKey(segment.Key, SegmentPrefix), strings.Contains(file.Name, "/"):
				t.Errorf("%+v of %s is in %+v of %+v", e, file.Name, frame, segment)
			}
			at = e.Offset + e.Bytes
		}
	}
}

// No two keys are of the manifest of one backup.
func FuzzKeys(f *testing.F) {
	f.Add(Seq(42).Key())
	f.Add(SegmentKey(SegmentFolder(sampleFolder), 7, Sum(nil)))
	f.Add(AnotherKey(SegmentKey(SegmentFolder(sampleFolder), 7, Sum(nil)), "0123456789"))
	f.Add(IndexKey(sampleFolder, Sum(nil)))
	f.Add("segments/../archive.json")
	f.Add("segments//x")
	f.Fuzz(func(t *testing.T, key string) {
		if seq, ok := ParseKey(key); ok && (seq.Key() != key || seq == 0 || !isKey(key, ManifestPrefix)) {
			t.Errorf("%q is backup %d", key, seq)
		}
		for _, prefix := range []string{SegmentPrefix, IndexPrefix} {
			if isKey(key, prefix) && (path.Clean(key) != key || !strings.HasPrefix(key, prefix) || len(key) == len(prefix) ||
				strings.ContainsAny(key, "\\ \x00")) {
				t.Errorf("%q is a key", key)
			}
		}
	})
}
