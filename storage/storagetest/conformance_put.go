package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
)

var putCases = []conformanceCase{
	{"IsVisibleToGetHeadAndList", putIsVisible},
	{"ReturnsTheSize", putReturnsTheSize},
	{"Replaces", putReplaces},
	{"EmptyObject", putEmptyObject},
	{"ReadsFromTheCurrentOffset", putReadsFromTheCurrentOffset},
	{"IsNeverVisibleInPart", putIsNeverVisibleInPart},
	{"ErrorOfTheBodyStoresNothing", errorOfTheBodyStoresNothing},
	{"ErrorOfTheBodyKeepsTheOldObject", errorOfTheBodyKeepsTheOldObject},
	{"CancelledOnTheWayIsOldOrNew", cancelledOnTheWayIsOldOrNew},
	{"AcceptsTheRightSHA256", putAcceptsTheRightSHA256},
	{"RefusesTheWrongSHA256", putRefusesTheWrongSHA256},
}

// pattern returns size bytes that differ from those of any other seed.
func pattern(seed byte, size int) []byte { return bytes.Repeat([]byte{seed}, size) }

func putIsVisible(t *testing.T, s storage.Storage) {
	for _, size := range []int{1, 1000, 3 << 20} {
		key := fmt.Sprintf("object-%d", size)
		data := pattern('x', size)
		put(t, s, key, data)
		wantObject(t, s, key, data)
	}
}

func putReturnsTheSize(t *testing.T, s storage.Storage) {
	data := []byte("12345")
	sum := sha256.Sum256(data)
	for key, known := range map[string]*[32]byte{"key": nil, "known": &sum} {
		body := bytes.NewReader(append([]byte("before"), data...))
		if _, err := body.Seek(int64(len("before")), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		result, err := s.Put(t.Context(), key, body, storage.PutOptions{SHA256: known})
		if err != nil {
			t.Fatal(err)
		}
		if result.Size != int64(len(data)) {
			t.Errorf("%s: the size is %d, want %d", key, result.Size, len(data))
		}
	}
}

func putReplaces(t *testing.T, s storage.Storage) {
	put(t, s, "key", []byte("a longer first version"))
	put(t, s, "key", []byte("second"))
	wantObject(t, s, "key", []byte("second"))
}

func putEmptyObject(t *testing.T, s storage.Storage) {
	put(t, s, "plain", nil)
	wantObject(t, s, "plain", nil)
	if err := create(t, s, "created", nil); err != nil {
		t.Fatal(err)
	}
	wantObject(t, s, "created", nil)
	wantError(t, create(t, s, "created", nil), storage.ErrPreconditionFailed, storage.OpPut, "created")
}

// offsetBody fails the test if a byte before from is read.
type offsetBody struct {
	*bytes.Reader
	t    *testing.T
	from int64
}

func (b offsetBody) Read(p []byte) (int, error) {
	if at := b.Size() - int64(b.Len()); at < b.from {
		b.t.Errorf("the body was read at %d, it began at %d", at, b.from)
	}
	return b.Reader.Read(p)
}

// WriteTo hides that of bytes.Reader.
func (b offsetBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

func putReadsFromTheCurrentOffset(t *testing.T, s storage.Storage) {
	data := []byte("before|the body")
	sum := sha256.Sum256(data[7:])
	for i, opts := range []storage.PutOptions{{}, {IfAbsent: true}, {SHA256: &sum}} {
		key := fmt.Sprintf("key-%d", i)
		body := offsetBody{Reader: bytes.NewReader(data), t: t, from: 7}
		if _, err := body.Seek(7, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), key, body, opts); err != nil {
			t.Fatal(err)
		}
		wantObject(t, s, key, data[7:])
	}
}

func putIsNeverVisibleInPart(t *testing.T, s storage.Storage) {
	const size = 1 << 20
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				data, info, err := read(t.Context(), s, "key", storage.Range{})
				if errors.Is(err, storage.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if info.Size != size || len(data) != size || !bytes.Equal(data, pattern(data[0], size)) {
					t.Errorf("read a mixture: %d of %d bytes, beginning with %.10q", len(data), info.Size, data)
					return
				}
			}
		})
	}
	defer close(done)
	for i := range 10 {
		put(t, s, "key", pattern('a'+byte(i), size))
	}
}

var errBody = errors.New("the body cannot be read")

// brokenBody calls broken when half of it has been read, and fails with its error.
type brokenBody struct {
	*bytes.Reader
	broken func() error
}

func newBrokenBody(size int, broken func() error) *brokenBody {
	return &brokenBody{bytes.NewReader(pattern('n', size)), broken}
}

func (b *brokenBody) Read(p []byte) (int, error) {
	readable := b.Len() - int(b.Size()/2)
	if readable <= 0 {
		if err := b.broken(); err != nil {
			return 0, err
		}
		readable = b.Len()
	}
	return b.Reader.Read(p[:min(readable, len(p))])
}

// WriteTo hides that of bytes.Reader.
func (b *brokenBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

func (b *brokenBody) sum() *[32]byte {
	sum := sha256.Sum256(pattern('n', int(b.Size())))
	return &sum
}

func errorOfTheBodyStoresNothing(t *testing.T, s storage.Storage) {
	for _, size := range []int{10, 4 << 20} {
		body := newBrokenBody(size, func() error { return errBody })
		for _, opts := range []storage.PutOptions{
			{}, {IfAbsent: true}, {SHA256: body.sum()}, {SHA256: body.sum(), IfAbsent: true},
		} {
			if _, err := body.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			_, err := s.Put(t.Context(), "key", body, opts)
			wantError(t, err, errBody, storage.OpPut, "key")
			wantMissing(t, s, "key")
		}
	}
}

func errorOfTheBodyKeepsTheOldObject(t *testing.T, s storage.Storage) {
	put(t, s, "key", []byte("old"))
	_, err := s.Put(t.Context(), "key", newBrokenBody(1000, func() error { return errBody }), storage.PutOptions{})
	wantError(t, err, errBody, storage.OpPut, "key")
	wantObject(t, s, "key", []byte("old"))
}

func cancelledOnTheWayIsOldOrNew(t *testing.T, s storage.Storage) {
	const size = 4 << 20
	put(t, s, "key", []byte("old"))
	ctx, cancel := context.WithCancelCause(t.Context())
	body := newBrokenBody(size, func() error { cancel(errCause); return nil })
	_, err := s.Put(ctx, "key", body, storage.PutOptions{SHA256: body.sum()})
	if err == nil {
		wantObject(t, s, "key", pattern('n', size))
		return
	}
	wantError(t, err, errCause, storage.OpPut, "key")
	data, _, err := read(t.Context(), s, "key", storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != "old" && !bytes.Equal(data, pattern('n', size)) {
		t.Errorf("after a cancelled put the object has %d bytes: %.10q", len(data), data)
	}
}

func putAcceptsTheRightSHA256(t *testing.T, s storage.Storage) {
	data := pattern('s', 100_000)
	sum := sha256.Sum256(data)
	for _, ifAbsent := range []bool{false, true} {
		key := fmt.Sprintf("if-absent-%t", ifAbsent)
		if _, err := s.Put(t.Context(), key, bytes.NewReader(data), storage.PutOptions{SHA256: &sum, IfAbsent: ifAbsent}); err != nil {
			t.Fatal(err)
		}
		wantObject(t, s, key, data)
	}
}

func putRefusesTheWrongSHA256(t *testing.T, s storage.Storage) {
	put(t, s, "old", []byte("old"))
	wrong := sha256.Sum256([]byte("something else"))
	for _, c := range []struct {
		key      string
		ifAbsent bool
	}{{"old", false}, {"new", false}, {"new", true}} {
		_, err := s.Put(t.Context(), c.key, bytes.NewReader([]byte("data")), storage.PutOptions{SHA256: &wrong, IfAbsent: c.ifAbsent})
		if err == nil {
			t.Fatalf("%s was stored with a wrong SHA-256", c.key)
		}
		wantNamed(t, err, storage.OpPut, c.key)
	}
	wantObject(t, s, "old", []byte("old"))
	wantMissing(t, s, "new")
}

var ifAbsentCases = []conformanceCase{
	{"CreatesWhatIsMissing", ifAbsentCreates},
	{"LoserChangesNothing", ifAbsentLoserChangesNothing},
	{"CreatesAgainAfterDelete", ifAbsentCreatesAgainAfterDelete},
	{"AtMostOneSucceeds", ifAbsentAtMostOneSucceeds},
}

func ifAbsentCreates(t *testing.T, s storage.Storage) {
	if err := create(t, s, "a/new/key", []byte("data")); err != nil {
		t.Fatal(err)
	}
	wantObject(t, s, "a/new/key", []byte("data"))
}

func ifAbsentLoserChangesNothing(t *testing.T, s storage.Storage) {
	put(t, s, "key", []byte("the first"))
	before, err := s.Head(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"another", "the first", ""} {
		wantError(t, create(t, s, "key", []byte(data)), storage.ErrPreconditionFailed, storage.OpPut, "key")
	}
	wantObject(t, s, "key", []byte("the first"))
	after, err := s.Head(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	if !after.ModTime.Equal(before.ModTime) {
		t.Errorf("the time changed from %v to %v", before.ModTime, after.ModTime)
	}
}

func ifAbsentCreatesAgainAfterDelete(t *testing.T, s storage.Storage) {
	for _, data := range []string{"first", "second"} {
		if err := create(t, s, "key", []byte(data)); err != nil {
			t.Fatal(err)
		}
		wantObject(t, s, "key", []byte(data))
		if err := s.Delete(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
	}
}

func ifAbsentAtMostOneSucceeds(t *testing.T, s storage.Storage) {
	const rounds, writers = 10, 16
	for round := range rounds {
		key := fmt.Sprintf("race/%d", round)
		results := make([]error, writers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				<-start
				results[w] = create(t, s, key, pattern(byte('a'+w), 10_000+w))
			})
		}
		close(start)
		wg.Wait()
		winner := -1
		for w, err := range results {
			switch {
			case err != nil:
				wantError(t, err, storage.ErrPreconditionFailed, storage.OpPut, key)
			case winner >= 0:
				t.Fatalf("round %d: writers %d and %d both succeeded", round, winner, w)
			default:
				winner = w
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: no writer succeeded", round)
		}
		wantObject(t, s, key, pattern(byte('a'+winner), 10_000+winner))
	}
}
