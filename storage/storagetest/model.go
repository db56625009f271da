package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gbak-s3/gbak-s3/storage"
)

// RunModel makes random sequences of calls to a store and to a [Memory], and compares
// every answer. open must return an empty store each time.
func RunModel(t *testing.T, open func(t *testing.T) storage.Storage) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{ctx: t.Context(), want: NewMemory(), got: open(t)}
		rt.Repeat(map[string]func(*rapid.T){
			"put":    m.put,
			"get":    m.get,
			"head":   m.head,
			"list":   m.list,
			"delete": m.delete,

			"delete all": m.deleteAll,
		})
	})
}

type model struct {
	ctx       context.Context
	want, got storage.Storage
}

// There are few keys, so that calls often meet on one. No key is a folder of another, and
// their order differs from that of a walk through the folders.
var modelKeys = rapid.SampledFrom([]string{"a-b", "a.b", "a/b-c", "a/b/c", "a/b/d", "a/b0", "a0", "b/c", "b/c-d/e", "c"})

// A prefix, and the key after which a list begins, may be anything.
var modelPrefixes = rapid.OneOf(
	rapid.Just(""),
	modelKeys,
	rapid.SampledFrom([]string{"a", "a/", "a/b", "a/b/", "a/c", "a1", "b/", "b/c", "b/c-", "b/c-d/", "d", "/", ".", "a/b/c/"}),
)

func (m *model) put(rt *rapid.T) {
	key := modelKeys.Draw(rt, "key")
	data := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(rt, "data")
	opts := storage.PutOptions{IfAbsent: rapid.Bool().Draw(rt, "if absent")}
	switch rapid.SampledFrom([]string{"none", "right", "wrong"}).Draw(rt, "sha256") {
	case "right":
		sum := sha256.Sum256(data)
		opts.SHA256 = &sum
	case "wrong":
		// The contract does not say which of the two refusals comes first.
		opts.IfAbsent = false
		opts.SHA256 = &[32]byte{}
	}
	var results [2]storage.PutResult
	compare(rt, m, "put "+key, func(i int, s storage.Storage) (err error) {
		results[i], err = s.Put(m.ctx, key, bytes.NewReader(data), opts)
		return err
	})
	if results[0].Size != results[1].Size {
		rt.Fatalf("put %s: got size %d, want %d", key, results[1].Size, results[0].Size)
	}
}

func (m *model) get(rt *rapid.T) {
	key := modelKeys.Draw(rt, "key")
	r := storage.Range{
		Offset: rapid.Int64Range(-1, 21).Draw(rt, "offset"),
		Length: rapid.Int64Range(-1, 21).Draw(rt, "length"),
	}
	if r.Offset < 0 || r.Length < 0 {
		// On a missing object both ErrInvalidRange and ErrNotExist are right.
		if _, err := m.want.Head(m.ctx, key); err != nil {
			return
		}
	}
	var infos [2]storage.ObjectInfo
	var datas [2][]byte
	compare(rt, m, fmt.Sprintf("get %s %+v", key, r), func(i int, s storage.Storage) (err error) {
		datas[i], infos[i], err = read(m.ctx, s, key, r)
		return err
	})
	sameInfo(rt, infos[0], infos[1])
	if !bytes.Equal(datas[0], datas[1]) {
		rt.Fatalf("get %s %+v: got %q, want %q", key, r, datas[1], datas[0])
	}
}

func (m *model) head(rt *rapid.T) {
	key := modelKeys.Draw(rt, "key")
	var infos [2]storage.ObjectInfo
	compare(rt, m, "head "+key, func(i int, s storage.Storage) (err error) {
		infos[i], err = s.Head(m.ctx, key)
		return err
	})
	sameInfo(rt, infos[0], infos[1])
}

func (m *model) list(rt *rapid.T) {
	prefix := modelPrefixes.Draw(rt, "prefix")
	after := modelPrefixes.Draw(rt, "after")
	limit := rapid.IntRange(1, 12).Draw(rt, "limit")
	type entry struct {
		Key  string
		Size int64
	}
	var found [2][]entry
	compare(rt, m, "list "+prefix, func(i int, s storage.Storage) error {
		for info, err := range s.List(m.ctx, prefix, after) {
			if err != nil {
				return err
			}
			found[i] = append(found[i], entry{info.Key, info.Size})
			if len(found[i]) == limit {
				break
			}
		}
		return nil
	})
	if !slices.Equal(found[0], found[1]) {
		rt.Fatalf("list %q after %q: (-want +got)\n%s", prefix, after, cmp.Diff(found[0], found[1]))
	}
}

func (m *model) delete(rt *rapid.T) {
	key := modelKeys.Draw(rt, "key")
	compare(rt, m, "delete "+key, func(_ int, s storage.Storage) error { return s.Delete(m.ctx, key) })
}

func (m *model) deleteAll(rt *rapid.T) {
	keys := rapid.SliceOfN(modelKeys, 0, 6).Draw(rt, "keys")
	compare(rt, m, fmt.Sprintf("delete %q", keys), func(_ int, s storage.Storage) error {
		kept, err := storage.DeleteAll(m.ctx, s, keys)
		if len(kept) > 0 {
			rt.Fatalf("delete %q: kept %v", keys, kept)
		}
		return err
	})
}

// compare requires that call fails on both stores or on neither, and for the same
// reason if that reason has a sentinel.
func compare(rt *rapid.T, m *model, what string, call func(i int, s storage.Storage) error) {
	want, got := call(0, m.want), call(1, m.got)
	if (want == nil) != (got == nil) {
		rt.Fatalf("%s: got error %v, want %v", what, got, want)
	}
	for _, sentinel := range []error{
		storage.ErrNotExist, storage.ErrPreconditionFailed, storage.ErrInvalidRange, storage.ErrInvalidKey,
	} {
		if errors.Is(want, sentinel) != errors.Is(got, sentinel) {
			rt.Fatalf("%s: got error %v, want %v", what, got, want)
		}
	}
}

func sameInfo(rt *rapid.T, want, got storage.ObjectInfo) {
	if got.Key != want.Key || got.Size != want.Size {
		rt.Fatalf("got %s with %d bytes, want %s with %d bytes", got.Key, got.Size, want.Key, want.Size)
	}
}
