package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// keyedIndex is an index that has every field.
func keyedIndex(segments int) *Index {
	ix := &Index{Commits: []CommitTime{{1, 2}, {3, 4}}, Replay: &Replay{File: 1, Without: []FramesOf{{1, []int64{1, 2}}}}}
	for i := range segments {
		sum := Sum(fmt.Append(nil, i))
		ix.Segments = append(ix.Segments, Segment{Key: SegmentKey("segments/a/", i, sum), StoredBytes: 10, RawBytes: 8192, SHA256: sum})
		ix.Frames = append(ix.Frames, Frame{Segment: i, StoredBytes: 10, RawBytes: 8192})
	}
	ix.Files = []File{
		{Name: ImageName, Bytes: 8192, Extents: []Extent{{Bytes: 8192}}, Pages: []Pages{{Key: "pages/a/b.bin", StoredBytes: 16}}},
		{Name: "wal_00000001.log", Bytes: 8, Extents: []Extent{{Bytes: 8}}},
	}
	return ix
}

func keysIn(r io.Reader) (keys []string, err error) {
	err = ReadIndexKeys(r, func(key string, bytes int64) { keys = append(keys, fmt.Sprint(key, " ", bytes)) })
	return keys, err
}

// An index that is read as a stream names what it names when it is decoded.
func TestReadIndexKeys(t *testing.T) {
	for _, n := range []int{0, 1, 3000} {
		document := keyedIndex(n).Encode()
		ix, err := DecodeIndex(document)
		if err != nil && n > 0 {
			t.Fatal(err)
		}
		var want []string
		if ix != nil {
			for _, s := range ix.Segments {
				want = append(want, s.Key+" 10")
			}
		}
		want = append(want, "pages/a/b.bin 16")
		for _, r := range []io.Reader{bytes.NewReader(document), iotest.OneByteReader(bytes.NewReader(document)), iotest.DataErrReader(bytes.NewReader(document))} {
			if got, err := keysIn(r); err != nil || !slices.Equal(got, want) {
				t.Errorf("%d keys, %v, want %d", len(got), err, len(want))
			}
		}
	}
	if _, err := keysIn(bytes.NewReader((&Index{}).Encode())); err != nil {
		t.Error(err) // everything is null
	}
}

// What is damaged, or from a newer version, is never half read in silence.
func TestReadIndexKeysRefuses(t *testing.T) {
	document := keyedIndex(3).Encode()
	for n := range document {
		if _, err := keysIn(bytes.NewReader(document[:n])); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
		changed := bytes.Clone(document)
		changed[n] ^= 1
		var newer *UnsupportedError
		if _, err := keysIn(bytes.NewReader(changed)); !errors.Is(err, ErrDamaged) && !errors.As(err, &newer) {
			t.Fatalf("changed at %d: %v", n, err)
		}
	}
	if _, err := keysIn(bytes.NewReader(append(document, 'x'))); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	broken := errors.New("broken")
	if _, err := keysIn(io.MultiReader(bytes.NewReader(document[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Error(err)
	}
	line := string(document[:bytes.IndexByte(document, '\n')])
	for _, c := range []struct{ old, new string }{
		{`{"type":"index"`, `{"more":1,"type":"index"`},
		{`"format":1`, `"format":2`},
		{`"key":`, `"object":`},
		{`"from":0`, `"from":0,"codec":"x"`},
		{`"frame_offset":0`, `"frame_offset":0,"codec":"x"`},
		{`"segments":[`, `"segments":["x",`},
		{`"files":[`, `"files":{"a":[`},
	} {
		changed := strings.Replace(line, c.old, c.new, 1)
		if strings.HasPrefix(c.old, `"files"`) {
			changed = strings.Replace(changed, `],"commits"`, `]},"commits"`, 1)
		}
		sealed := append([]byte(changed+"\n"), end([]byte(changed+"\n"))...)
		_, wantErr := DecodeIndex(sealed)
		var newer *UnsupportedError
		if _, err := keysIn(bytes.NewReader(sealed)); changed == line || !errors.As(err, &newer) || wantErr == nil {
			t.Errorf("%s: %v (decoded: %v)", c.new, err, wantErr)
		}
	}
	for _, kind := range []string{`{"type":"manifest","format":1}`, `{"format":1}`, `{}`, `[]`, `null`} {
		sealed := append([]byte(kind+"\n"), end([]byte(kind+"\n"))...)
		if keys, err := keysIn(bytes.NewReader(sealed)); err == nil {
			t.Errorf("%s: %v", kind, keys)
		}
	}
}
