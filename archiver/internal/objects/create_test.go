package objects

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Create uses an object that exists if its bytes are right, and overwrites none.
func TestCreate(t *testing.T) {
	t.Parallel()
	const key, content = "segments/0123/00000-abc", "the bytes"
	lost := storagetest.Fault{Err: errors.New("connection reset"), Apply: true}
	for name, c := range map[string]struct {
		before string // what exists, "" for nothing
		seen   bool
		fault  storagetest.Fault
		fresh  bool
		other  bool // it goes under another key
		puts   int
	}{
		"nothing exists":           {fresh: true, puts: 1},
		"it exists":                {before: content, puts: 1},
		"it was seen":              {before: content, seen: true, puts: 0},
		"a damaged one exists":     {before: "the bites", other: true, fresh: true, puts: 2},
		"a damaged one was seen":   {before: "the bites", seen: true, other: true, fresh: true, puts: 1},
		"a shorter one exists":     {before: "the", other: true, fresh: true, puts: 2},
		"it was seen, and is gone": {seen: true, fresh: true, puts: 1},
		"the first answer is lost": {fault: lost, fresh: true, puts: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := storagetest.NewMemory()
			if c.before != "" {
				inner = stored(t, key, c.before)
			}
			faulty := failing(inner, storage.OpPut, 1, c.fault)
			got, err := storeOf(faulty).Create(t.Context(), key, sumOf(content), []byte(content), c.seen)
			if err != nil {
				t.Fatal(err)
			}
			info, err := inner.Head(t.Context(), got.Key)
			if err != nil {
				t.Fatal(err)
			}
			want := Created{Key: got.Key, Fresh: c.fresh, Proved: true, PutAt: info.ModTime}
			if got != want || (got.Key != key) != c.other {
				t.Errorf("%+v, want %+v under another key: %t", got, want, c.other)
			}
			if string(inner.Objects()[got.Key]) != content || c.before != "" && string(inner.Objects()[key]) != c.before {
				t.Errorf("%q is stored", inner.Objects())
			}
			if puts := count(faulty.Calls(), storage.OpPut); puts != c.puts {
				t.Errorf("%d puts, want %d", puts, c.puts)
			}
		})
	}
}

// An existing object of which the store keeps no digest is read.
func TestCreateReadsWhatHasNoDigest(t *testing.T) {
	t.Parallel()
	inner := stored(t, "a", "right")
	s := storeOf(hashless{inner})
	if c, err := s.Create(t.Context(), "a", sumOf("right"), []byte("right"), false); err != nil || c.Key != "a" || c.Fresh || !c.Proved || c.PutAt.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := s.Create(t.Context(), "a", sumOf("other"), []byte("other"), false); err != nil || c.Key == "a" {
		t.Errorf("%+v, %v", c, err)
	}
}

// A store whose answers prove nothing is asked whether the object exists; one that has
// lost it is not believed.
func TestCreateProved(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("x"), 100)
	silent := storagetest.Silent{Storage: storagetest.NewMemory()}
	if key, err := storeOf(silent).CreateProved(t.Context(), "a", sumOf(string(body)), body); err != nil || key != "a" {
		t.Errorf("%q, %v", key, err)
	}
	liar := storagetest.NewCareless(storagetest.NewMemory(), storagetest.Forgets)
	if _, err := storeOf(liar).CreateProved(t.Context(), "a", sumOf(string(body)), body); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	if err := storeOf(storagetest.NewMemory()).CheckStored(t.Context(), "a", 1); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
}

// What says no for good is not put again.
func TestCreateRefused(t *testing.T) {
	t.Parallel()
	faulty := failing(storagetest.NewMemory(), storage.OpPut, 9, storagetest.Fault{Err: storage.ErrPermission})
	_, err := storeOf(faulty).Create(t.Context(), "a", sumOf("b"), []byte("b"), false)
	if !errors.Is(err, storage.ErrPermission) || len(faulty.Calls()) != 1 {
		t.Errorf("%v after %v", err, faulty.Calls())
	}
}

// A single writer looks before it writes, and may replace what it puts without a
// condition.
func TestSingleWriter(t *testing.T) {
	t.Parallel()
	inner := storagetest.NewMemory()
	s := storeOf(storagetest.NewCareless(inner, storagetest.Rejects)).ForSingleWriter().Storage
	put := func(content string, absent bool) error {
		_, err := s.Put(t.Context(), "a", strings.NewReader(content), storage.PutOptions{IfAbsent: absent})
		return err
	}
	if err := put("first", true); err != nil {
		t.Fatal(err)
	}
	if err := put("second", true); !errors.Is(err, storage.ErrPreconditionFailed) {
		t.Errorf("%v", err)
	}
	if got := string(inner.Objects()["a"]); got != "first" {
		t.Errorf("%q is stored", got)
	}
	if err := put("third", false); err != nil || string(inner.Objects()["a"]) != "third" {
		t.Errorf("%v, %q is stored", err, inner.Objects()["a"])
	}
}
