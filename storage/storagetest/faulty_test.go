package storagetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// always returns a hook that lets the same fault happen to every call.
func always(f storagetest.Fault) storagetest.Hook {
	return func(storage.Op, string, int) storagetest.Fault { return f }
}

func put(t *testing.T, s storage.Storage, key, data string) error {
	t.Helper()
	_, err := s.Put(t.Context(), key, strings.NewReader(data), storage.PutOptions{})
	return err
}

func read(t *testing.T, s storage.Storage, key string, r storage.Range) (string, error) {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, r)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(body)
	return string(data), errors.Join(err, body.Close())
}

func TestFaultyUploads(t *testing.T) {
	for name, c := range map[string]struct {
		fault storagetest.Fault
		fails bool
		want  string // what is stored then
	}{
		"broken":            {storagetest.Fault{Body: storagetest.Broken, At: 3}, true, ""},
		"broken at once":    {storagetest.Fault{Body: storagetest.Broken}, true, ""},
		"broken at the end": {storagetest.Fault{Body: storagetest.Broken, At: 100}, true, ""},
		"short":             {storagetest.Fault{Body: storagetest.Short, At: 3}, false, "012"},
		"short of nothing":  {storagetest.Fault{Body: storagetest.Short, At: 100}, false, "0123456789"},
		"flipped":           {storagetest.Fault{Body: storagetest.Flipped, At: 3}, false, "0122456789"},
		"flipped at the end": {
			storagetest.Fault{Body: storagetest.Flipped, At: 100}, false, "0123456788",
		},
	} {
		t.Run(name, func(t *testing.T) {
			memory := storagetest.NewMemory()
			body := strings.NewReader("before|0123456789")
			if _, err := body.Seek(7, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			_, err := storagetest.NewFaulty(memory, always(c.fault)).Put(t.Context(), "key", body, storage.PutOptions{})
			if (err != nil) != c.fails {
				t.Errorf("got %v", err)
			}
			stored, there := memory.Objects()["key"]
			if there == c.fails || string(stored) != c.want {
				t.Errorf("stored is %q, %v, want %q", stored, there, c.want)
			}
		})
	}
}

func TestFaultyDownloads(t *testing.T) {
	memory := storagetest.NewMemory()
	if err := put(t, memory, "key", "-0123456789"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		fault storagetest.Fault
		err   error
		want  string
	}{
		"broken":             {storagetest.Fault{Body: storagetest.Broken, At: 3}, io.ErrUnexpectedEOF, "012"},
		"broken at the end":  {storagetest.Fault{Body: storagetest.Broken, At: 100}, io.ErrUnexpectedEOF, "0123456789"},
		"short":              {storagetest.Fault{Body: storagetest.Short, At: 3}, nil, "012"},
		"flipped":            {storagetest.Fault{Body: storagetest.Flipped, At: 3}, nil, "0122456789"},
		"flipped at the end": {storagetest.Fault{Body: storagetest.Flipped, At: 100}, nil, "0123456788"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(t, storagetest.NewFaulty(memory, always(c.fault)), "key", storage.Range{Offset: 1})
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v, want %q, %v", got, err, c.want, c.err)
			}
			_, ok := errors.AsType[*storage.Error](err)
			if c.err != nil && !ok {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// A call of a slow store ends with its context.
func TestFaultySlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := storagetest.Fault{Wait: func(ctx context.Context) error {
			select {
			case <-time.After(time.Hour):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}}
		memory := storagetest.NewMemory()
		s := storagetest.NewFaulty(memory, always(slow))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Delete(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if n := len(memory.Calls()); n != 0 {
			t.Errorf("%d calls reached the store, want none", n)
		}
		start := time.Now()
		if err := put(t, s, "key", "data"); err != nil || time.Since(start) != time.Hour {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestFaultyStopsForEver(t *testing.T) {
	for _, applied := range []bool{false, true} {
		for k := 1; k <= 4; k++ {
			memory := storagetest.NewMemory()
			s := storagetest.NewFaulty(memory, storagetest.StopAt(k, applied, storagetest.Refuses))
			for i := 1; i <= 4; i++ {
				err := put(t, s, fmt.Sprintf("key%d", i), "data")
				if (err == nil) != (i < k) || err != nil && !errors.Is(err, storagetest.ErrStopped) {
					t.Errorf("stop at %d: call %d got %v", k, i, err)
				}
			}
			want := k - 1
			if applied {
				want = k
			}
			if n := len(memory.Objects()); n != want {
				t.Errorf("stop at %d, applied %v: %d objects, want %d", k, applied, n, want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := storagetest.NewFaulty(storagetest.NewMemory(), storagetest.StopAt(1, false, storagetest.Hangs))
	cancelled := make(chan error)
	go func() { cancelled <- s.Delete(ctx, "key") }()
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// With the same seed, the same calls meet the same faults in any order. With another
// seed they meet others, and every kind of fault happens.
func TestRandomFaults(t *testing.T) {
	rates := storagetest.Rates{Before: .1, After: .1, Hang: .1, Broken: .1, Short: .1, Flipped: .1}
	faults := func(seed uint64, backwards bool) (all [100]storagetest.Fault) {
		hook := storagetest.Random(seed, rates)
		for i := range all {
			if backwards {
				i = len(all) - 1 - i
			}
			all[i] = hook(storage.OpGet, fmt.Sprint("key", i), 0)
		}
		return all
	}
	same := func(a, b [100]storagetest.Fault) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
	if !same(faults(1, false), faults(1, true)) {
		t.Error("the same seed makes different faults")
	}
	if same(faults(1, false), faults(2, false)) {
		t.Error("two seeds give the same faults")
	}
	passed := 0
	kinds := map[string]bool{}
	for _, f := range faults(1, false) {
		if f.Body == storagetest.Whole && f.Err == nil && !f.Hang {
			passed++
		}
		kinds[fmt.Sprint(f.Err, f.Apply, f.Hang, f.Body)] = true
	}
	if len(kinds) != 7 || passed < 20 || passed > 60 {
		t.Errorf("%d of 100 calls passed, %d kinds: %v", passed, len(kinds), kinds)
	}
	hook := storagetest.Random(1, storagetest.Rates{Short: 1})
	if f := hook(storage.OpDelete, "key", 1); f.Body != storagetest.Whole {
		t.Errorf("a call without a body got %+v", f)
	}
}

func TestLogText(t *testing.T) {
	s := storagetest.NewFaulty(storagetest.NewMemory(), func(_ storage.Op, _ string, n int) storagetest.Fault {
		if n == 2 {
			return storagetest.Fault{Err: errFault, Apply: true}
		}
		return storagetest.Fault{}
	})
	id := strings.Repeat("0123abcd", 4)
	create := func(key string) error {
		_, err := s.Put(t.Context(), key, strings.NewReader("data"), storage.PutOptions{IfAbsent: true})
		return err
	}
	if err := create("s/" + id); err != nil {
		t.Fatal(err)
	}
	_ = create("m/0000000000000001") // it fails
	_ = create("m/0000000000000001") // it fails
	if _, err := read(t, s, "s/"+id, storage.Range{Offset: 1, Length: 2}); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.List(t.Context(), "s/", "s/"+id[:10]) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "s/"+id); err != nil {
		t.Fatal(err)
	}
	want := `put s/id1 if-absent: 4 bytes
put m/0000000000000001 if-absent: injected
put m/0000000000000001 if-absent: object exists already
get s/id1 range 1+2: 2 bytes
list s/ after s/0123abcd01: 1 objects
delete s/id1: ok
`
	if diff := cmp.Diff(want, storagetest.Normalise(s.Text())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
