package manifest

import (
	"bytes"
	"errors"
	"testing"
)

// A segment in a manifest is exactly its bytes, and only where nothing else refers to it:
// in a record that has a log alone, whose index is in the manifest.
func TestInvalidInline(t *testing.T) {
	bytesOf := func(n int) Inline { return Inline(bytes.Repeat([]byte{7}, n)) }
	for name, change := range map[string]func(*Manifest){
		"neither a key nor data": func(m *Manifest) { m.Content.Segments[0].Data = "" },
		"a key and data":         func(m *Manifest) { m.Content.Segments[0].Key = sampleIndex().Segments[0].Key },
		"another byte":           func(m *Manifest) { s := &m.Content.Segments[0]; s.Data = "x" + s.Data[1:] },
		"a byte more":            func(m *Manifest) { m.Content.Segments[0].Data += "x" },
		"another size":           func(m *Manifest) { m.Content.Segments[0].StoredBytes++ },
		"no size":                func(m *Manifest) { m.Content.Segments[0].StoredBytes = 0 },
		"no raw size":            func(m *Manifest) { m.Content.Segments[0].RawBytes = 0 },
		"another digest":         func(m *Manifest) { m.Content.Segments[0].SHA256 = Sum(nil) },
		"too large":              func(m *Manifest) { m.Content.Segments[0] = InlineSegment([]byte(bytesOf(MaxInlineBytes+1)), 1160) },
		"too large together": func(m *Manifest) {
			m.Content.Segments = append(m.Content.Segments, InlineSegment([]byte(bytesOf(MaxInlineBytes-299)), 1))
		},
		"a frame after its end": func(m *Manifest) { m.Content.Frames[0].Offset = 1 },
		"in a full one": func(m *Manifest) {
			m.Kind, m.LastFull = Full, nil
			m.Content.Files = append(m.Content.Files, File{Name: ImageName, Extents: []Extent{}})
		},
	} {
		m := sampleInline()
		change(m)
		if _, err := DecodeManifest(m.Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := sampleInline()
	m.Content.Segments = append(m.Content.Segments, InlineSegment([]byte(bytesOf(MaxInlineBytes-300)), 1))
	if _, err := DecodeManifest(m.Encode()); err != nil {
		t.Errorf("as much as fits: %v", err)
	}
	m.Content, m.Index = nil, &ObjectRef{Key: IndexKey(sampleFolder, Sum(nil)), StoredBytes: 1000, RawBytes: 20000}
	if err := m.Fits(sampleInline().Content); err == nil {
		t.Error("an index object may have a segment without a key")
	}
}

// Base64 that could mean the same in another way is refused, so that equal bytes have one
// form.
func TestInlineHasOneForm(t *testing.T) {
	var d Inline
	for _, text := range []string{"YQ", "YR==", "YQ==\n", "Y Q==", "YQ==YQ==", "_w=="} {
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is decoded as %q", text, d)
		}
	}
	if err := d.UnmarshalText([]byte("YQ==")); err != nil || d != "a" {
		t.Errorf("%q, %v", d, err)
	}
}

// What segments have in the manifest does not count for the size of its index; what else
// is in it does.
func TestFitsInManifest(t *testing.T) {
	ix := sampleInline().Content
	ix.Segments[0] = InlineSegment(bytes.Repeat([]byte{7}, MaxInlineBytes), 1160)
	ix.Commits = nil
	if !ix.FitsInManifest() || len(ix.Encode()) < MaxInlineBytes {
		t.Errorf("an index of %d bytes does not fit", len(ix.Encode()))
	}
	rest := MaxContentBytes - len((&Index{Segments: []Segment{{}}, Frames: ix.Frames, Files: ix.Files}).Encode())
	for n := range rest {
		ix.Commits = append(ix.Commits, CommitTime{1, 1})
		bare := *ix
		bare.Segments = []Segment{ix.Segments[0]}
		bare.Segments[0].Data = ""
		if want := len(bare.Encode()) <= MaxContentBytes; ix.FitsInManifest() != want {
			t.Fatalf("%d commits: it fits: %v", n+1, !want)
		} else if !want {
			return
		}
	}
	t.Error("any number fits")
}
