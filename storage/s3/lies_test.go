package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// openProxied opens a store through a proxy, and the same store around it.
func openProxied(t *testing.T, hook s3test.Hook, change ...func(*Options)) (p *s3test.Proxy, s, around *Store) {
	t.Helper()
	address := withPrefix(s3test.NewBucket(t), "team/a")
	p = s3test.NewProxy(t, address, hook)
	o, err := ParseAddress(p.Address)
	if err != nil {
		t.Fatal(err)
	}
	o.maxBackoff = 20 * time.Millisecond
	o.Timeouts = Timeouts{Answer: 5 * time.Second, Idle: 5 * time.Second, Total: 20 * time.Second}
	for _, c := range change {
		c(&o)
	}
	return p, openOptions(t, o), openAddress(t, address)
}

// content returns the object under key, or "" if there is none.
func content(t *testing.T, s *Store, key string) string {
	t.Helper()
	if _, err := s.Head(t.Context(), key); errors.Is(err, storage.ErrNotExist) {
		return ""
	}
	return read(t, s, key)
}

// Whatever the answer to a conditional put, it is sent once. Only a 412 is a lost race,
// no error claims to know an outcome that is unknown, and the store has what it was
// asked to apply.
func TestConditionalPutMeetsLies(t *testing.T) {
	t.Parallel()
	unclear, refused := storage.ErrUnavailable, storage.ErrPermission
	other := errors.New("none of the sentinels")
	for name, c := range map[string]struct {
		fault s3test.Fault
		want  error
		sent  int
	}{
		"answer lost, FIN":             {s3test.Fault{Lose: s3test.FIN, Apply: true}, unclear, 1},
		"answer lost, RST":             {s3test.Fault{Lose: s3test.RST, Apply: true}, unclear, 1},
		"answer lost in its header":    {s3test.Fault{Lose: s3test.MidHeader, Apply: true}, unclear, 1},
		"request lost, FIN":            {s3test.Fault{Lose: s3test.FIN}, unclear, 1},
		"request lost, RST":            {s3test.Fault{Lose: s3test.RST}, unclear, 1},
		"500, applied":                 {s3test.Fault{Status: 500, Code: "InternalError", Apply: true}, unclear, 1},
		"500, not applied":             {s3test.Fault{Status: 500, Code: "InternalError"}, unclear, 1},
		"503, applied":                 {s3test.Fault{Status: 503, Code: "SlowDown", Apply: true}, unclear, 1},
		"503, not applied":             {s3test.Fault{Status: 503, Code: "SlowDown"}, unclear, 1},
		"504, applied":                 {s3test.Fault{Status: 504, Code: "GatewayTimeout", Apply: true}, unclear, 1},
		"429, not applied":             {s3test.Fault{Status: 429, Code: "TooManyRequests"}, unclear, 1},
		"409, applied":                 {s3test.Fault{Status: 409, Code: "ConditionalRequestConflict", Apply: true}, other, 1},
		"409, not applied":             {s3test.Fault{Status: 409, Code: "ConditionalRequestConflict"}, other, 1},
		"404, not applied":             {s3test.Fault{Status: 404, Code: "NoSuchKey"}, other, 1},
		"403":                          {s3test.Fault{Status: 403, Code: "AccessDenied"}, refused, 1},
		"501":                          {s3test.Fault{Status: 501, Code: "NotImplemented"}, errors.ErrUnsupported, 1},
		"expired":                      {s3test.Fault{Status: 400, Code: "ExpiredToken"}, refused, 2},
		"412, although applied":        {s3test.Fault{Status: 412, Code: "PreconditionFailed", Apply: true}, storage.ErrPreconditionFailed, 1},
		"hangs, applied":               {s3test.Fault{Hang: true, Apply: true}, unclear, 1},
		"hangs, not applied":           {s3test.Fault{Hang: true}, unclear, 1},
		"half of the upload arrives":   {s3test.Fault{CutUpload: true}, unclear, 1},
		"a bit of the upload is wrong": {s3test.Fault{FlipUpload: true}, other, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, around := openProxied(t, func(*s3test.Request) s3test.Fault { return c.fault }, func(o *Options) {
				if c.fault.Hang {
					o.Timeouts.Answer = 2 * time.Second
				}
			})
			body := strings.Repeat("ours ", 1000)
			err := create(t.Context(), s, "key", body)
			for _, sentinel := range []error{
				unclear, refused, storage.ErrPreconditionFailed, errors.ErrUnsupported, storage.ErrNotExist, storage.ErrNoStore,
			} {
				if got := errors.Is(err, sentinel); err == nil || got != errors.Is(c.want, sentinel) {
					t.Errorf("%v is %v: %t", err, sentinel, got)
				}
			}
			want := ""
			if c.fault.Apply {
				want = body
			}
			if got := content(t, around, "key"); got != want {
				t.Errorf("stored are %d bytes, want %d", len(got), len(want))
			}
			// The proxy may still be waiting for the client of a request that hangs.
			if n := len(p.Log()); n != c.sent && !c.fault.Hang {
				t.Errorf("%d requests, want %d", n, c.sent)
			}
			// Afterwards the outcome is clear.
			err = create(t.Context(), around, "key", body)
			if errors.Is(err, storage.ErrPreconditionFailed) != c.fault.Apply || !c.fault.Apply && err != nil {
				t.Errorf("the same again: %v", err)
			}
		})
	}
}

// A request that is delayed in the network is applied after the client saw that there
// is no object. The client's second request then loses to it.
func TestZombiePutLandsLate(t *testing.T) {
	var mu sync.Mutex
	var zombie *s3test.Request
	p, s, around := openProxied(t, nil)
	p.Do(func(r *s3test.Request) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.Op == storage.OpPut && zombie == nil:
			zombie = r
			return s3test.Fault{Lose: s3test.RST}
		case r.Op == storage.OpPut:
			if got := p.Forward(zombie).Status; got != http.StatusOK {
				t.Errorf("the zombie was answered %d", got)
			}
		}
		return s3test.Fault{}
	})
	if err := create(t.Context(), s, "key", "zombie"); !errors.Is(err, storage.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	if _, err := s.Head(t.Context(), "key"); !errors.Is(err, storage.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	if err := create(t.Context(), s, "key", "second"); !errors.Is(err, storage.ErrPreconditionFailed) {
		t.Errorf("got %v, want %v", err, storage.ErrPreconditionFailed)
	}
	if got := content(t, around, "key"); got != "zombie" {
		t.Errorf("stored is %q", got)
	}
}

// Calls that can be repeated without harm outlast many failures of every kind.
func TestSafeCallsOutlastLies(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]s3test.Fault{
		"FIN":        {Lose: s3test.FIN, Apply: true},
		"RST":        {Lose: s3test.RST},
		"mid-header": {Lose: s3test.MidHeader, Apply: true},
		"500":        {Status: 500, Code: "InternalError", Apply: true},
		"503":        {Status: 503, Code: "SlowDown"},
		"504":        {Status: 504, Code: "GatewayTimeout", Apply: true},
		"429":        {Status: 429, Code: "TooManyRequests"},
		"hang":       {Hang: true, Apply: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, around := openProxied(t, nil, func(o *Options) {
				if fault.Hang {
					o.Timeouts.Answer = 300 * time.Millisecond
				}
			})
			put(t, s, "first", "so that it has answered")
			put(t, around, "old", "old")
			for op, call := range map[string]func() error{
				"put": func() error {
					_, err := s.Put(t.Context(), "new", strings.NewReader("new"), storage.PutOptions{})
					return err
				},
				"get": func() error {
					body, _, err := s.Get(t.Context(), "first", storage.Range{})
					if err != nil {
						return err
					}
					defer body.Close()
					data, err := io.ReadAll(body)
					if string(data) != "so that it has answered" {
						t.Errorf("read %q", data)
					}
					return err
				},
				"head":   func() error { _, err := s.Head(t.Context(), "first"); return err },
				"list":   func() error { return errors.Join(listError(t, s)...) },
				"delete": func() error { return s.Delete(t.Context(), "old") },
			} {
				p.Do(func(r *s3test.Request) s3test.Fault {
					if r.N <= 6 {
						return fault
					}
					return s3test.Fault{}
				})
				if err := call(); err != nil {
					t.Errorf("%s: %v", op, err)
				}
			}
			if got := content(t, around, "new"); got != "new" {
				t.Errorf("stored is %q", got)
			}
			if got := content(t, around, "old"); got != "" {
				t.Errorf("still there is %q", got)
			}
		})
	}
}

func listError(t *testing.T, s *Store) (errs []error) {
	for _, err := range s.List(t.Context(), "", "") {
		errs = append(errs, err)
	}
	return errs
}

// A download that is cut is an error. One with a wrong bit is for the caller to notice,
// who knows the digest.
func TestDownloadMeetsLies(t *testing.T) {
	data := strings.Repeat("0123456789", 30000)
	p, s, around := openProxied(t, nil)
	put(t, around, "key", data)
	for _, r := range []storage.Range{{}, {Offset: 10, Length: 200000}} {
		want := data
		if r.Length > 0 {
			want = data[r.Offset : r.Offset+r.Length]
		}
		for name, c := range map[string]s3test.Fault{"cut": {CutBody: true}, "flipped": {FlipBody: true}} {
			p.Do(func(*s3test.Request) s3test.Fault { return c })
			body, info, err := s.Get(t.Context(), "key", r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			if err := body.Close(); err != nil {
				t.Error(err)
			}
			if info.Size != int64(len(data)) {
				t.Errorf("%s: the size is %d", name, info.Size)
			}
			switch name {
			case "cut":
				if !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != len(want)/2 {
					t.Errorf("%s: got %d bytes, %v", name, len(got), err)
				}
			case "flipped":
				if err != nil || len(got) != len(want) || string(got) == want {
					t.Errorf("%s: got %d bytes, %v", name, len(got), err)
				}
			}
		}
	}
}

// A list without an end is an error after a bounded number of requests.
func TestEndlessListEnds(t *testing.T) {
	for name, c := range map[string]struct{ newTokens, empty bool }{
		"the same token":                {false, false},
		"new tokens":                    {true, false},
		"new tokens, and never a thing": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, around := openProxied(t, nil)
			for i := range 3 {
				put(t, around, fmt.Sprintf("m/%d", i), "data")
			}
			p.Do(s3test.EndlessList(c.newTokens, c.empty))
			var err error
			n := 0
			for _, err = range s.List(t.Context(), "m/", "") {
				n++
			}
			if err == nil || !strings.Contains(err.Error(), "more to list") || n > 4 {
				t.Errorf("got %d objects, %v", n, err)
			}
			if requests := len(p.Log()); requests > 2*maxEmptyPages {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

// On a slow link a transfer may take longer than any timeout for silence. (The kernel
// buffers all of the upload at once, so the answer comes late.)
func TestSlowLinkIsNoFailure(t *testing.T) {
	t.Parallel()
	p, s, _ := openProxied(t, nil, func(o *Options) {
		o.Timeouts = Timeouts{Answer: time.Minute, Idle: 2 * time.Second, Total: 2 * time.Second}
	})
	p.Slow(100 << 10)
	data := bytes.Repeat([]byte("slow"), 64<<10) // 256 KiB in each direction
	start := time.Now()
	if _, err := s.Put(t.Context(), "key", bytes.NewReader(data), storage.PutOptions{IfAbsent: true}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "key"); got != string(data) {
		t.Errorf("read %d bytes", len(got))
	}
	if elapsed := time.Since(start); elapsed < 4*time.Second {
		t.Errorf("it took %v, so it was not slow", elapsed)
	}
}
