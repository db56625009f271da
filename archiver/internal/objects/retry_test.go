package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Retries end: after the patience if the store does not answer, after some attempts if it
// says no, and at once if it says no for good. Their worst times are those that the package
// comment promises.
func TestRetryEnds(t *testing.T) {
	t.Parallel()
	const request = 3 * time.Second // that each call takes
	for name, c := range map[string]struct {
		err      error
		attempts int // exactly; 0 for as many as the patience allows
		most     time.Duration
	}{
		"busy":       {storage.ErrUnavailable, 0, DefaultPatience + 8*time.Second + 2*request},
		"broken off": {io.ErrUnexpectedEOF, 0, DefaultPatience + 8*time.Second + 2*request},
		"refused":    {errors.New("internal error"), Attempts, Attempts*request + 2*time.Second},
		"forbidden":  {storage.ErrPermission, 1, request},
		"full":       {storage.ErrFull, 1, request},
		"damaged":    {&manifest.ObjectError{Key: "a", Problem: "it is"}, 1, request},
		"marked":     {noRetry(storage.ErrUnavailable), 1, request},
		"cancelled":  {context.Canceled, 1, request},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempts, began := 0, time.Now()
				_, err := Retry(t.Context(), DefaultPatience, func() (int, error) {
					attempts++
					time.Sleep(request)
					return 0, c.err
				})
				took := time.Since(began)
				if !errors.Is(c.err, err) && !errors.Is(err, c.err) || took > c.most {
					t.Errorf("%v in %s, want %v in at most %s", err, took, c.err, c.most)
				}
				if c.attempts != 0 && attempts != c.attempts || c.attempts == 0 && took < DefaultPatience {
					t.Errorf("%d attempts in %s, want %d", attempts, took, c.attempts)
				}
			})
		})
	}
}

// What succeeds in the end has no error, and what does not says how often it was tried.
func TestRetrySucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failures := 3
		fails := func() (string, error) {
			if failures--; failures >= 0 {
				return "", fmt.Errorf("busy: %w", storage.ErrUnavailable)
			}
			return "done", nil
		}
		if v, err := Retry(t.Context(), time.Minute, fails); err != nil || v != "done" {
			t.Errorf("%q, %v", v, err)
		}
		failures = 1000
		if _, err := Retry(t.Context(), time.Nanosecond, fails); err == nil || !strings.Contains(err.Error(), "(4 attempts in ") {
			t.Errorf("%v", err)
		}
	})
}

// Round and attempts are for people.
func TestWords(t *testing.T) {
	t.Parallel()
	if got := Round(1234567 * time.Microsecond); got != 1200*time.Millisecond {
		t.Error(got)
	}
	if got := Round(1234567 * time.Nanosecond); got != time.Millisecond {
		t.Error(got)
	}
	if got := attempts(1) + ", " + attempts(2); got != "1 attempt, 2 attempts" {
		t.Error(got)
	}
}

// listing is a store that lists what a test wants.
type listing struct {
	storage.Storage
	keys []string
}

func (l listing) List(context.Context, string, string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for _, key := range l.keys {
			if !yield(storage.ObjectInfo{Key: key}, nil) {
				return
			}
		}
	}
}

// Lists that lie, or do not end, are errors.
func TestList(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys  []string
		want  int
		wrong string
	}{
		"in order":     {[]string{"a/1", "a/2", "a/3"}, 3, ""},
		"out of order": {[]string{"a/1", "a/3", "a/2"}, 2, "in order"},
		"again":        {[]string{"a/1", "a/1"}, 1, "in order"},
		"of others":    {[]string{"a/1", "b/1"}, 1, "does not begin with it"},
		"too many":     {[]string{"a/1", "a/2", "a/3", "a/4"}, 3, "more than 3 objects"},
	} {
		n, wrong := 0, ""
		for _, err := range storeOf(listing{keys: c.keys}).List(t.Context(), "a/", 3) {
			if err != nil {
				wrong = err.Error()
				break
			}
			n++
		}
		if n != c.want || !strings.Contains(wrong, c.wrong) || (wrong == "") != (c.wrong == "") {
			t.Errorf("%s: %d objects, %q, want %d, %q", name, n, wrong, c.want, c.wrong)
		}
	}
}

// hashless is a store that keeps no digests of its objects.
type hashless struct{ storage.Storage }

func (h hashless) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	info, err := h.Storage.Head(ctx, key)
	info.SHA256 = nil
	return info, err
}

// A body that breaks off is continued from where it was; one that brings nothing more fails
// after the patience, and is not read again from the beginning.
func TestBodyIsContinued(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789", 10_000)
	synctest.Test(t, func(t *testing.T) {
		broken := storagetest.Fault{Body: storagetest.Broken, At: 30_000}
		faulty := failing(stored(t, "a", content), storage.OpGet, 3, broken)
		body, info, err := storeOf(faulty).Get(t.Context(), "a", storage.Range{})
		if err != nil || info.Size != int64(len(content)) {
			t.Fatalf("%+v, %v", info, err)
		}
		b, err := io.ReadAll(body)
		if err != nil || string(b) != content || body.Close() != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		if gets := count(faulty.Calls(), storage.OpGet); gets != 4 {
			t.Errorf("%d requests", gets)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		nothing := storagetest.Fault{Body: storagetest.Broken, At: 0}
		s := storeOf(failing(stored(t, "a", content), storage.OpGet, 1_000_000, nothing))
		_, err := s.ReadSealed(t.Context(), "a", int64(len(content)), sumOf(content), nil)
		if err == nil || !strings.Contains(err.Error(), "the body breaks off after 0 of 100000 bytes") {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took < s.Patience || took > s.Patience+8*time.Second {
			t.Errorf("it took %s", took)
		}
		if !IsPermanent(err) || !IsFromStore(err) {
			t.Errorf("it is of another kind: %v", err)
		}
	})
}
