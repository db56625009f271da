package objects

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// What arrives wrong once is read again; what arrives wrong twice is damaged, and is not
// read a third time. So is what a manifest names and the store does not have.
func TestReadTwice(t *testing.T) {
	t.Parallel()
	const key, content = "segments/a", "some bytes that were stored"
	flipped := storagetest.Fault{Body: storagetest.Flipped, At: 3}
	short := storagetest.Fault{Body: storagetest.Short, At: 3}
	missing := storagetest.Fault{Err: storage.ErrNotExist}
	sealed := func(s *Store) ([]byte, error) {
		return s.ReadSealed(t.Context(), key, int64(len(content)), sumOf(content), nil)
	}
	part := func(s *Store) ([]byte, error) {
		return s.ReadPart(t.Context(), key, storage.Range{Offset: 5, Length: 5})
	}
	document := func(s *Store) ([]byte, error) {
		return s.Read(t.Context(), key, 100, func(b []byte) bool { return string(b) == content })
	}
	for name, c := range map[string]struct {
		read  func(*Store) ([]byte, error)
		fault storagetest.Fault
		times int
		want  string // the bytes
		wrong string // in the error
		gets  int
	}{
		"sealed":                 {read: sealed, want: content, gets: 1},
		"sealed, flipped once":   {sealed, flipped, 1, content, "", 2},
		"sealed, flipped twice":  {sealed, flipped, 2, "", "its bytes are not those that were stored", 2},
		"sealed, missing once":   {sealed, missing, 1, content, "", 2},
		"sealed, missing twice":  {sealed, missing, 2, "", "it is missing", 2},
		"sealed, broken off":     {sealed, storagetest.Fault{Body: storagetest.Broken, At: 3}, 1, content, "", 2},
		"sealed, breaks short":   {sealed, short, 1, content, "", 2},
		"sealed, no permission":  {sealed, storagetest.Fault{Err: storage.ErrPermission}, 9, "", storage.ErrPermission.Error(), 1},
		"part":                   {read: part, want: content[5:10], gets: 1},
		"part, missing twice":    {part, missing, 2, "", "it is missing", 2},
		"part, out of range":     {part, storagetest.Fault{Err: storage.ErrInvalidRange}, 2, "", "it is shorter than it was", 2},
		"document":               {read: document, want: content, gets: 1},
		"document, missing":      {document, missing, 1, "", storage.ErrNotExist.Error(), 1},
		"document, flipped once": {document, flipped, 1, content, "", 2},
		// The caller finds out what is wrong with it.
		"document, flipped twice": {document, flipped, 2, "som" + string(content[3]^1) + content[4:], "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faulty := failing(stored(t, key, content), storage.OpGet, c.times, c.fault)
			got, err := c.read(storeOf(faulty))
			if c.wrong == "" && (err != nil || string(got) != c.want) {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
			if c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("%v, want %q in it", err, c.wrong)
			}
			if gets := count(faulty.Calls(), storage.OpGet); gets != c.gets {
				t.Errorf("%d requests, want %d", gets, c.gets)
			}
		})
	}
}

// The size that a store or a manifest claims is compared before anything is read.
func TestReadBounds(t *testing.T) {
	t.Parallel()
	s := storeOf(stored(t, "a", "0123456789"))
	always := func([]byte) bool { return true }
	for name, c := range map[string]struct {
		read  func() ([]byte, error)
		wrong string
	}{
		"a document that is too large":   {func() ([]byte, error) { return s.Read(t.Context(), "a", 9, always) }, "larger than any object of its kind"},
		"a sealed one of another size":   {func() ([]byte, error) { return s.ReadSealed(t.Context(), "a", 11, sumOf("0123456789"), nil) }, "it has 10 bytes instead of 11"},
		"a part beyond the end":          {func() ([]byte, error) { return s.ReadPart(t.Context(), "a", storage.Range{Offset: 20, Length: 1}) }, "shorter"},
		"a part that reaches beyond it":  {func() ([]byte, error) { return s.ReadPart(t.Context(), "a", storage.Range{Offset: 8, Length: 3}) }, "shorter"},
		"a document that does not exist": {func() ([]byte, error) { return s.ReadStored(t.Context(), "b") }, storage.ErrNotExist.Error()},
	} {
		if b, err := c.read(); err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %q, %v, want %q", name, b, err, c.wrong)
		}
	}
}

// A buffer is used as far as it reaches, and only asked for when the size is right.
func TestReadSealedIntoBuffer(t *testing.T) {
	t.Parallel()
	s := storeOf(stored(t, "a", "0123456789"))
	buffer := make([]byte, 20)
	b, err := s.ReadSealed(t.Context(), "a", 10, sumOf("0123456789"), func() []byte { return buffer })
	if err != nil || &b[0] != &buffer[0] {
		t.Errorf("%q, %v, in other memory", b, err)
	}
	never := func() []byte { t.Error("it was asked for"); return nil }
	_, err = s.ReadSealed(t.Context(), "a", 9, sumOf("0123456789"), never)
	if object, ok := errors.AsType[*manifest.ObjectError](err); !ok || object.Key != "a" {
		t.Errorf("%v", err)
	}
}

// foreign is a store whose objects come from somewhere else.
type foreign struct{ storage.Storage }

func (foreign) CheckOrigin(context.Context, string) error { return storage.ErrForeign }

// Before an object is called damaged, the store is asked where its bytes come from.
func TestForeignIsNotDamaged(t *testing.T) {
	t.Parallel()
	s := storeOf(foreign{stored(t, "a", "0123456789")})
	_, err := s.ReadSealed(t.Context(), "a", 10, sumOf("others"), nil)
	if !errors.Is(err, storage.ErrForeign) {
		t.Errorf("%v", err)
	}
	if err := s.ForSingleWriter().Blame(t.Context(), "a", "wrong"); !errors.Is(err, storage.ErrForeign) {
		t.Errorf("for a single writer: %v", err)
	}
}

// Memory grows with what arrives, not with what somebody claims.
func TestReadWholeGrows(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, firstRead - 1, firstRead, firstRead + 1, 3 * firstRead} {
		content := bytes.Repeat([]byte{7}, n)
		b, err := readWhole(bytes.NewReader(content), nil, int64(n))
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("%d bytes: %d, %v", n, len(b), err)
		}
		b, err = readWhole(bytes.NewReader(content), nil, 1<<40)
		if err == nil || cap(b) > readGrowth*max(n, firstRead) {
			t.Errorf("%d bytes of 1 TiB: %v, memory for %d", n, err, cap(b))
		}
	}
}
