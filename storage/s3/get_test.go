package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

func read(t *testing.T, s *Store, key string) string {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRangeHeader(t *testing.T) {
	for _, c := range []struct {
		r    storage.Range
		want string
	}{
		{storage.Range{Length: 1}, "bytes=0-0"},
		{storage.Range{Offset: 5}, "bytes=5-"},
		{storage.Range{Offset: 5, Length: 10}, "bytes=5-14"},
		{storage.Range{Length: math.MaxInt64}, "bytes=0-9223372036854775806"},
		{storage.Range{Offset: 1, Length: math.MaxInt64}, "bytes=1-"},
		{storage.Range{Offset: math.MaxInt64, Length: math.MaxInt64}, "bytes=9223372036854775807-"},
	} {
		if got := deref(rangeHeader(c.r)); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.r, got, c.want)
		}
	}
	if got := rangeHeader(storage.Range{}); got != nil {
		t.Errorf("the whole object: got %q", *got)
	}
}

// An answer that is not the requested range is never taken for it.
func TestWrongRangeIsAnError(t *testing.T) {
	for name, header := range map[string]string{
		"ignored":      "",
		"other offset": "bytes 3-6/10",
		"shorter":      "bytes 2-4/10",
		"longer":       "bytes 2-6/10",
		"no size":      "bytes 2-5/*",
		"outside":      "bytes 2-5/2",
		"garbage":      "2-5",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				if header != "" {
					w.Header().Set("Content-Range", header)
					w.WriteHeader(http.StatusPartialContent)
				}
				fmt.Fprint(w, "0123456789")
			})
			_, _, err := f.open(t).Get(t.Context(), "key", storage.Range{Offset: 2, Length: 4})
			if err == nil || !strings.Contains(err.Error(), "Content-Range") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTruncatedBodyIsUnexpectedEOF(t *testing.T) {
	for name, r := range map[string]storage.Range{"whole": {}, "part": {Offset: 10, Length: 90}} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header().Set("Content-Length", "90")
				if r.Offset > 0 {
					w.Header().Set("Content-Range", "bytes 10-99/100")
					w.WriteHeader(http.StatusPartialContent)
				}
				fmt.Fprint(w, "only this")
			})
			body, _, err := f.open(t).Get(t.Context(), "key", r)
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			data, err := io.ReadAll(body)
			if string(data) != "only this" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %q, %v, want %v", data, err, io.ErrUnexpectedEOF)
			}
		})
	}
}

// A body that stalls ends the reader.
func TestStalledBodyEnds(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Length", "5")
		fmt.Fprint(w, "0123")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	s := f.open(t, func(o *Options) { o.Timeouts.Idle = 2 * time.Second })
	body, _, err := s.Get(t.Context(), "stalls", storage.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if string(data) != "0123" || err == nil || !strings.Contains(err.Error(), "no data from the store for 2s") {
		t.Errorf("got %q, %v", data, err)
	}
	e, ok := errors.AsType[*storage.Error](err)
	if !ok || e.Op != storage.OpGet || e.Key != "stalls" {
		t.Errorf("got %#v", err)
	}
}

// A body that flows slowly, or whose reader is slow, does not stall.
func TestSlowBodyDoesNotEnd(t *testing.T) {
	const idle = 30 * time.Second
	for name, c := range map[string]struct {
		sends, reads time.Duration // the pause after each byte
		stalls       bool
	}{
		"flows slowly":    {sends: idle - 1},
		"is read slowly":  {reads: 3 * idle},
		"both":            {sends: idle - 1, reads: 3 * idle},
		"flows no longer": {sends: idle + 1, stalls: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from, to := io.Pipe()
				ctx, cancel := context.WithCancelCause(t.Context())
				context.AfterFunc(ctx, func() { _ = to.CloseWithError(context.Cause(ctx)) }) // as the connection of a request
				var store sync.WaitGroup
				store.Go(func() {
					for range 5 {
						time.Sleep(c.sends)
						_, _ = to.Write([]byte("."))
					}
					_ = to.Close()
				})
				d := newDownload(from, idle, cancel)
				got, err := "", error(nil)
				for b := make([]byte, 1); err == nil; time.Sleep(c.reads) {
					var n int
					n, err = d.Read(b)
					got += string(b[:n])
				}
				if c.stalls {
					if got != "" || !errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "no data from the store for 30s") {
						t.Errorf("got %q, %v", got, err)
					}
				} else if got != "....." || !errors.Is(err, io.EOF) {
					t.Errorf("got %q, %v", got, err)
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
				store.Wait()
			})
		})
	}
}

// The 404 of a Head does not say what is missing. One more request does, only once.
func TestHeadOfAMissingObject(t *testing.T) {
	for name, c := range map[string]struct {
		bucket       int // the status of HeadBucket
		want         error
		wantRequests int64 // of two Heads
	}{
		"bucket exists":  {200, storage.ErrNotExist, 3},
		"bucket missing": {404, storage.ErrNoStore, 4},
		"bucket hidden":  {403, storage.ErrNotExist, 4},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if strings.HasSuffix(r.URL.Path, "/key") {
					w.WriteHeader(404)
				} else {
					w.WriteHeader(c.bucket)
				}
			})
			s := f.open(t)
			var requests storage.Requests
			for range 2 {
				_, err := s.Head(storage.CountRequests(t.Context(), &requests), "key")
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			}
			if n := requests.Counts().Head; n != c.wantRequests {
				t.Errorf("counted %d requests, want %d", n, c.wantRequests)
			}
		})
	}
}

func TestHeadReturnsOnlyTheDigestOfTheWholeObject(t *testing.T) {
	const sum = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" // of "abc"
	for name, c := range map[string]struct {
		checksum Checksum
		header   string
		kind     string
		want     bool
	}{
		"full object":  {ChecksumSHA256, sum, "FULL_OBJECT", true},
		"no type":      {ChecksumSHA256, sum, "", true},
		"composite":    {ChecksumSHA256, sum, "COMPOSITE", false},
		"with a count": {ChecksumSHA256, sum + "-2", "", false},
		"garbage":      {ChecksumSHA256, "abc=", "FULL_OBJECT", false},
		"none":         {ChecksumSHA256, "", "", false},
		"not asked":    {ChecksumNone, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				mode := r.Header.Get("X-Amz-Checksum-Mode")
				if asked := mode == "ENABLED"; asked != (c.checksum == ChecksumSHA256) {
					t.Errorf("checksum mode is %q", mode)
				}
				for name, value := range map[string]string{"X-Amz-Checksum-Sha256": c.header, "X-Amz-Checksum-Type": c.kind} {
					if value != "" {
						w.Header().Set(name, value)
					}
				}
				w.Header().Set("Content-Length", "3")
			})
			info, err := f.open(t, func(o *Options) { o.Checksum = c.checksum }).Head(t.Context(), "key")
			if err != nil {
				t.Fatal(err)
			}
			if info.Size != 3 || (info.SHA256 != nil) != c.want {
				t.Errorf("got %+v", info)
			}
		})
	}
}

// Some stores answer 404 to the Delete of a missing object.
func TestDeleteOfAMissingObject(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) { refuse(w, 404, "NoSuchKey") })
	if err := f.open(t).Delete(t.Context(), "key"); err != nil {
		t.Error(err)
	}
}
