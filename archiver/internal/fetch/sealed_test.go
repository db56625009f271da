package fetch_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal/sealtest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What an index names as it is stored, and what does not authenticate, is damage of that
// object. So is a segment that ends before one of its frames does.
func TestForgedSegments(t *testing.T) {
	ring := sealtest.Ring(t)
	for what, forge := range map[string]func(ix *manifest.Index, body []byte) []byte{
		"a byte that was changed": func(_ *manifest.Index, body []byte) []byte { body[len(body)-1] ^= 1; return body },
		"a chunk that was cut":    func(_ *manifest.Index, body []byte) []byte { return body[:len(body)-100] },
		"no age file":             func(_ *manifest.Index, body []byte) []byte { return bytes.Repeat([]byte("x"), len(body)) },
		"another frame": func(ix *manifest.Index, body []byte) []byte {
			last := &ix.Frames[len(ix.Frames)-1]
			last.Offset = ix.Segments[1].StoredBytes - last.StoredBytes
			return body
		},
	} {
		store := storagetest.NewMemory()
		ix, _ := archived(t, store, ring)
		s := &ix.Segments[1]
		body := forge(ix, bytes.Clone(store.Objects()[s.Key]))
		s.StoredBytes, s.SHA256 = int64(len(body)), manifest.Sum(body)
		if _, err := store.Put(t.Context(), s.Key, bytes.NewReader(body), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		_, _, err := fetchAll(t, store, ring, ix, nil)
		if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != s.Key {
			t.Errorf("%s: %v", what, err)
		}
		files, err := fetch.Open(t.Context(), storeOf(store, ring), ix)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(io.NewSectionReader(files.Of(&ix.Files[0]), 0, 5000))
		if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != s.Key {
			t.Errorf("%s, as a file: %v", what, err)
		}
		files.Close()
	}
}

// A segment in the manifest that does not authenticate is damage of the manifest.
func TestForgedInline(t *testing.T) {
	ring := sealtest.Ring(t)
	store := storagetest.NewMemory()
	ix, file := archived(t, store, ring)
	inline := func(body []byte) {
		s := &ix.Segments[1]
		*s = manifest.InlineSegment(body, s.RawBytes)
	}
	body := bytes.Clone(store.Objects()[ix.Segments[1].Key])
	inline(body)
	got, _, err := fetchAll(t, store, ring, ix, nil)
	if err != nil || !bytes.Equal(got, file) {
		t.Fatalf("other bytes are fetched: %v", err)
	}
	body[len(body)-1] ^= 1
	inline(body)
	_, _, err = fetchAll(t, store, ring, ix, nil)
	if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != "manifest" {
		t.Errorf("%v", err)
	}
	files, err := fetch.Open(t.Context(), storeOf(store, ring), ix)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if _, err := files.Of(&ix.Files[0]).ReadAt(make([]byte, 1), 4000); err == nil {
		t.Error("it can be read")
	} else if _, isObject := errors.AsType[*manifest.ObjectError](err); isObject {
		t.Errorf("it is about an object: %v", err)
	}
}

// Without the key, no segment is called damaged.
func TestFetchNeedsTheKey(t *testing.T) {
	store := storagetest.NewMemory()
	writer := sealtest.Writer(t)
	ix, _ := archived(t, store, writer)
	_, _, err := fetchAll(t, store, writer, ix, func(int, *manifest.ObjectError) { t.Error("a segment is called damaged") })
	if _, ok := errors.AsType[*seal.KeyError](err); !ok {
		t.Errorf("%v", err)
	}
}

// To read a file in order takes a request for each segment, where frames of it cannot be
// read alone.
func TestRequestsForFiles(t *testing.T) {
	for name, want := range map[string]int{"plain": 4, "encrypted": 2} {
		store := storagetest.NewMemory()
		ring := sealtest.Rings(t)[name]
		ix, file := archived(t, store, ring)
		gets := 0
		counting := storagetest.NewFaulty(store, func(op storage.Op, _ string, _ int) storagetest.Fault {
			if op == storage.OpGet {
				gets++
			}
			return storagetest.Fault{}
		})
		files, err := fetch.Open(t.Context(), storeOf(counting, ring), ix)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(files.Of(&ix.Files[0]), 0, 5000))
		if err != nil || !bytes.Equal(got, file) || gets != want {
			t.Errorf("%s: %d requests, %v", name, gets, err)
		}
		files.Close()
	}
}
