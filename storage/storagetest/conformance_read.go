package storagetest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

var getCases = []conformanceCase{
	{"ReadsTheObject", func(t *testing.T, s storage.Storage) { putKeys(t, s, "key"); wantObject(t, s, "key", []byte("key")) }},
	{"ReadsTheRange", getReadsTheRange},
	{"RefusesRangesOutside", getRefusesRangesOutside},
	{"EmptyObject", getEmptyObject},
	{"MissingIsErrNotExist", getMissing},
	{"ReaderMayBeClosedEarly", getReaderMayBeClosedEarly},
}

const digits = "0123456789"

func getReadsTheRange(t *testing.T, s storage.Storage) {
	put(t, s, "key", []byte(digits))
	for _, c := range []struct {
		r    storage.Range
		want string
	}{
		{storage.Range{}, digits},
		{storage.Range{Length: 1}, "0"},
		{storage.Range{Length: 10}, digits},
		{storage.Range{Length: 11}, digits},
		{storage.Range{Length: math.MaxInt64}, digits},
		{storage.Range{Offset: 1}, "123456789"},
		{storage.Range{Offset: 9}, "9"},
		{storage.Range{Offset: 3, Length: 4}, "3456"},
		{storage.Range{Offset: 9, Length: 1}, "9"},
		{storage.Range{Offset: 9, Length: 2}, "9"},
		{storage.Range{Offset: 5, Length: 1000}, "56789"},
		{storage.Range{Offset: 5, Length: math.MaxInt64}, "56789"},
	} {
		t.Run(fmt.Sprintf("%d+%d", c.r.Offset, c.r.Length), func(t *testing.T) {
			got, info, err := read(t.Context(), s, "key", c.r)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			wantInfo(t, info, "key", len(digits)) // of the whole object
		})
	}
}

func getRefusesRangesOutside(t *testing.T, s storage.Storage) {
	put(t, s, "key", []byte(digits))
	for _, r := range []storage.Range{
		{Offset: 10}, {Offset: 10, Length: 1}, {Offset: 11}, {Offset: math.MaxInt64}, {Offset: math.MaxInt64, Length: math.MaxInt64},
		{Offset: -1}, {Offset: -1, Length: 5}, {Length: -1}, {Offset: 2, Length: -1}, {Offset: math.MinInt64}, {Length: math.MinInt64},
	} {
		t.Run(fmt.Sprintf("%d+%d", r.Offset, r.Length), func(t *testing.T) {
			_, _, err := s.Get(t.Context(), "key", r)
			wantError(t, err, storage.ErrInvalidRange, storage.OpGet, "key")
		})
	}
}

func getEmptyObject(t *testing.T, s storage.Storage) {
	put(t, s, "key", nil)
	got, info, err := read(t.Context(), s, "key", storage.Range{})
	if err != nil || len(got) != 0 {
		t.Fatalf("got %q, %v, want nothing", got, err)
	}
	wantInfo(t, info, "key", 0)
	for _, r := range []storage.Range{{Length: 1}, {Offset: 1}, {Offset: 1, Length: 1}} {
		_, _, err := s.Get(t.Context(), "key", r)
		wantError(t, err, storage.ErrInvalidRange, storage.OpGet, "key")
	}
}

func getMissing(t *testing.T, s storage.Storage) {
	putKeys(t, s, "keys", "ke", "folder/key")
	for _, r := range []storage.Range{{}, {Offset: 1}, {Length: 1}} {
		_, _, err := s.Get(t.Context(), "key", r)
		wantError(t, err, storage.ErrNotExist, storage.OpGet, "key")
	}
}

func getReaderMayBeClosedEarly(t *testing.T, s storage.Storage) {
	put(t, s, "key", pattern('x', 3<<20))
	for range 3 {
		body, _, err := s.Get(t.Context(), "key", storage.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := body.Read(make([]byte, 100)); err != nil {
			t.Error(err)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	wantObject(t, s, "key", pattern('x', 3<<20))
}

var headCases = []conformanceCase{
	{"DescribesTheObject", headDescribes},
	{"MissingIsErrNotExist", headMissing},
}

func headDescribes(t *testing.T, s storage.Storage) {
	put(t, s, "key", []byte(digits))
	info, err := s.Head(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	wantInfo(t, info, "key", len(digits))
	if info.ModTime.IsZero() {
		t.Error("ModTime is zero")
	}
	if sum := sha256.Sum256([]byte(digits)); info.SHA256 != nil && *info.SHA256 != sum {
		t.Errorf("got SHA-256 %x, want %x or none", *info.SHA256, sum)
	}
}

func headMissing(t *testing.T, s storage.Storage) {
	putKeys(t, s, "keys", "ke", "folder/key")
	_, err := s.Head(t.Context(), "key")
	wantError(t, err, storage.ErrNotExist, storage.OpHead, "key")
}

var listCases = []conformanceCase{
	{"YieldsNothingFromAnEmptyStore", func(t *testing.T, s storage.Storage) { wantKeys(t, s, "", "") }},
	{"AscendsInByteOrder", listAscendsInByteOrder},
	{"BeginsWithThePrefix", listBeginsWithThePrefix},
	{"UnknownPrefixYieldsNothing", listUnknownPrefix},
	{"IsGreaterThanAfter", listIsGreaterThanAfter},
	{"CombinesPrefixAndAfter", listCombinesPrefixAndAfter},
	{"EndsWithTheLoop", listEndsWithTheLoop},
	{"CanBeIteratedAgain", listCanBeIteratedAgain},
}

func wantKeys(t *testing.T, s storage.Storage, prefix, after string, want ...string) {
	t.Helper()
	if got := keys(t, s, prefix, after); !slices.Equal(got, want) {
		t.Errorf("list %q after %q: got %q, want %q", prefix, after, got, want)
	}
}

// In a walk of folders "a/b" would come before "a-b".
func listAscendsInByteOrder(t *testing.T, s storage.Storage) {
	want := []string{
		"0", "a-b", "a.b", "a.b.c", "a/b", "a/b-c", "a/b.d", "a/c", "a/c0/d", "a/d-e/f", "a/d.e/f", "a/d/f", "a/d0",
		"a0", "a_b", "aa", "b/c",
	}
	for _, key := range slices.Backward(want) {
		putKeys(t, s, key)
	}
	wantKeys(t, s, "", "", want...)
}

func listBeginsWithThePrefix(t *testing.T, s storage.Storage) {
	putKeys(t, s, "ab", "abc/d", "abc/e", "abcd", "b/c0/x", "b/c1/x")
	for prefix, want := range map[string][]string{
		"a":      {"ab", "abc/d", "abc/e", "abcd"},
		"abc":    {"abc/d", "abc/e", "abcd"},
		"abc/":   {"abc/d", "abc/e"},
		"abc/e":  {"abc/e"},
		"abcd":   {"abcd"},
		"b/c":    {"b/c0/x", "b/c1/x"},
		"b/c1/x": {"b/c1/x"},
	} {
		wantKeys(t, s, prefix, "", want...)
	}
}

func listUnknownPrefix(t *testing.T, s storage.Storage) {
	putKeys(t, s, "abc/d")
	for _, prefix := range []string{
		"x", "x/", "abd", "abc/d/", "abc/d/e", "abc/dd", "/", "//", "abc//", ".", "..", "../", "./", "Abc", "abc/..", "%61",
	} {
		wantKeys(t, s, prefix, "")
	}
}

func listIsGreaterThanAfter(t *testing.T, s storage.Storage) {
	all := []string{"a-b", "a/b", "a/c", "b", "b0/c"}
	putKeys(t, s, all...)
	for i, after := range all {
		wantKeys(t, s, "", after, all[i+1:]...)
	}
	wantKeys(t, s, "", "a", all...)
	wantKeys(t, s, "", "a/", all[1:]...)
	wantKeys(t, s, "", "a/bb", all[2:]...)
	wantKeys(t, s, "", "a0", all[3:]...)
	wantKeys(t, s, "", "zz")
}

func listCombinesPrefixAndAfter(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/1", "m/1", "m/2", "m/3", "m0", "z")
	wantKeys(t, s, "m/", "m/1", "m/2", "m/3")
	wantKeys(t, s, "m/", "m/", "m/1", "m/2", "m/3")
	wantKeys(t, s, "m/", "m/25", "m/3")
	wantKeys(t, s, "m/", "m/3")
	wantKeys(t, s, "m", "m/3", "m0")
	wantKeys(t, s, "m/", "a/1", "m/1", "m/2", "m/3") // after is before the prefix
	wantKeys(t, s, "m/", "m", "m/1", "m/2", "m/3")
	wantKeys(t, s, "m/", "m0") // after is past the prefix
	wantKeys(t, s, "m/", "z")
}

func listEndsWithTheLoop(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a", "b", "c")
	var requests storage.Requests
	ctx := storage.CountRequests(t.Context(), &requests)
	seen := 0
	for info, err := range s.List(ctx, "", "") {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		if info.Key == "b" {
			break
		}
	}
	if got := requests.Counts(); seen != 2 || got.Total() != 1 || got.List != 1 {
		t.Errorf("saw %d objects with requests %+v, want 2 and one list", seen, got)
	}
}

func listCanBeIteratedAgain(t *testing.T, s storage.Storage) {
	seq := s.List(t.Context(), "", "")
	for want := range 3 {
		got := 0
		for _, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			got++
		}
		if got != want {
			t.Errorf("iteration %d yields %d objects, want %d", want+1, got, want)
		}
		putKeys(t, s, fmt.Sprintf("key-%d", want))
	}
}

var deleteCases = []conformanceCase{
	{"Removes", deleteRemoves},
	{"MissingIsNoError", deleteMissing},
}

func deleteRemoves(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/b", "a/bc", "a/c")
	if err := s.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	wantMissing(t, s, "a/b")
	wantKeys(t, s, "", "", "a/bc", "a/c")
}

func deleteMissing(t *testing.T, s storage.Storage) {
	putKeys(t, s, "a/b")
	for range 2 {
		for _, key := range []string{"a/b", "a/never", "never/never", "never"} {
			if err := s.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
	}
	wantKeys(t, s, "", "")
}
