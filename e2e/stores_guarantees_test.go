package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// What came of a guarantee.
const (
	isKept     = "yes"
	isNot      = "no"
	isRefused  = "refused" // backups are, so this was not tried
	isNeedless = "-"
)

// guarantee is something that an archive relies on, or that protects it.
type guarantee struct {
	name, title string // title is what docs/stores.md calls it
	examine     func(t *testing.T, at *examinedStore) (value string, err error)
}

// guarantees are the rows of the second table in docs/stores.md, in its order.
var guarantees = []guarantee{
	{"create", "creates only what is absent", keeps((*examinedStore).createsOnce)},
	{"race", "16 writers, 60 races: one winner each", keeps((*examinedStore).hasOneWinner)},
	{"slow", "a slow writer that began first does not win too", keeps((*examinedStore).slowWriterLoses)},
	{"gateways", "the same race through two of its processes", hasOneWinnerOfTwoGateways},
	{"list", "lists and reads what was just written, replaced, deleted", keeps((*examinedStore).showsAtOnce)},
	{"pages", "lists 1,200 keys in byte order, over pages", keeps((*examinedStore).listsInOrder)},
	{"ranges", "answers ranges", keeps((*examinedStore).answersRanges)},
	{"batch", "deletes 1,000 objects in one request", keeps((*examinedStore).deletesInOneRequest)},
	{"clock", "shows its clock", keeps((*examinedStore).showsItsClock)},
	{"body", "refuses a body that was changed on the way", keeps((*examinedStore).refusesChangedBodies)},
	{"long", "takes keys of 1,024 bytes", keeps((*examinedStore).takesLongKeys)},
	{"versions", "keeps versions", keeps((*examinedStore).keepsVersions)},
	{"lock", "locks versions (COMPLIANCE)", keeps((*examinedStore).locksVersions)},
	{"session", "backup, incremental, restore, verify", unlessRefused((*examinedStore).hasASession)},
	{"expire", "expire frees space, the rest restores", unlessRefused((*examinedStore).expires)},
	{"single", "the same with `--single-writer`, without expire", ifRefused((*examinedStore).hasASingleWriter)},
}

// keeps is examine of a guarantee that is kept if there is no error.
func keeps(f func(at *examinedStore, t *testing.T) error) func(*testing.T, *examinedStore) (string, error) {
	return func(t *testing.T, at *examinedStore) (string, error) {
		if err := f(at, t); err != nil {
			return isNot, err
		}
		return isKept, nil
	}
}

// unlessRefused is keeps for what needs a backup.
func unlessRefused(f func(at *examinedStore, t *testing.T) error) func(*testing.T, *examinedStore) (string, error) {
	return func(t *testing.T, at *examinedStore) (string, error) {
		if at.refused {
			return isRefused, nil
		}
		return keeps(f)(t, at)
	}
}

// ifRefused is keeps for what nobody does where backups are not refused.
func ifRefused(f func(at *examinedStore, t *testing.T) error) func(*testing.T, *examinedStore) (string, error) {
	return func(t *testing.T, at *examinedStore) (string, error) {
		if !at.refused {
			return isNeedless, nil
		}
		return keeps(f)(t, at)
	}
}

// outcome is an error in words, also if there is none.
func outcome(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// putNew creates an object if it is absent.
func putNew(ctx context.Context, s storage.Storage, key string, body []byte) error {
	_, err := s.Put(ctx, key, bytes.NewReader(body), storage.PutOptions{IfAbsent: true})
	return err
}

// bodyOf returns the bytes of an object.
func bodyOf(ctx context.Context, s storage.Storage, key string) ([]byte, error) {
	r, _, err := s.Get(ctx, key, storage.Range{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

func (at *examinedStore) createsOnce(t *testing.T) error {
	s := at.store(t, at.address("once"))
	if err := putNew(t.Context(), s, "key", []byte("first")); err != nil {
		return err
	}
	if err := putNew(t.Context(), s, "key", []byte("second")); !errors.Is(err, storage.ErrPreconditionFailed) {
		return fmt.Errorf("the second put: %s", outcome(err))
	}
	b, err := bodyOf(t.Context(), s, "key")
	if err == nil && string(b) != "first" {
		err = fmt.Errorf("it holds %q", b)
	}
	return err
}

// isOneWinners requires that one of several puts of a key has won, and that the object has
// its body. One without a clear answer may be the winner.
func isOneWinners(ctx context.Context, s storage.Storage, key string, bodies [][]byte, errs []error) error {
	won, unclear := []int{}, 0
	for i, err := range errs {
		switch {
		case err == nil:
			won = append(won, i)
		case !errors.Is(err, storage.ErrPreconditionFailed):
			unclear++
		}
	}
	stored, err := bodyOf(ctx, s, key)
	switch {
	case err != nil:
		return err
	case len(won) > 1:
		return fmt.Errorf("%s: %d of %d writers were told that they have created it", key, len(won), len(errs))
	case len(won) == 0 && unclear == 0:
		return fmt.Errorf("%s: nobody has created it", key)
	case len(won) == 1 && !bytes.Equal(stored, bodies[won[0]]):
		return fmt.Errorf("%s: it does not hold what its creator wrote", key)
	}
	return nil
}

func (at *examinedStore) hasOneWinner(t *testing.T) error { return at.race(t, "race", at.endpoint) }

// hasOneWinnerOfTwoGateways is hasOneWinner for servers that are gateways to something that
// others can write, too: there are two of them here, and each writer has one.
func hasOneWinnerOfTwoGateways(t *testing.T, at *examinedStore) (string, error) {
	if at.second == "" {
		return isNeedless, nil
	}
	return keeps(func(at *examinedStore, t *testing.T) error { return at.race(t, "gateways", at.endpoint, at.second) })(t, at)
}

// race races with bodies of many sizes: the larger, the longer is the time between
// the check of a careless server and its write.
func (at *examinedStore) race(t *testing.T, prefix string, endpoints ...string) error {
	const writers, rounds = 16, 60
	sizes := []int{300, 4 << 10, 64 << 10, 1 << 20}
	stores := make([]*s3.Store, writers) // each with connections of its own
	for i := range stores {
		through := *at
		through.endpoint = endpoints[i%len(endpoints)]
		stores[i] = at.store(t, through.address(prefix))
	}
	for round := range rounds {
		key, size := fmt.Sprintf("round-%d", round), sizes[round%len(sizes)]
		bodies, errs := make([][]byte, writers), make([]error, writers)
		start := make(chan struct{})
		var done sync.WaitGroup
		for i, s := range stores {
			bodies[i] = bytes.Repeat([]byte{byte('a' + i)}, size)
			done.Go(func() {
				<-start
				errs[i] = putNew(t.Context(), s, key, bodies[i])
			})
		}
		close(start)
		done.Wait()
		if err := isOneWinners(t.Context(), stores[0], key, bodies, errs); err != nil {
			return err
		}
	}
	return nil
}

// slowBody calls wait once, after its first half was read.
type slowBody struct {
	*bytes.Reader
	wait func()
	once sync.Once
}

func (b *slowBody) Read(p []byte) (int, error) {
	half := b.Len() - int(b.Size()/2)
	if half <= 0 {
		b.once.Do(b.wait)
		half = b.Len()
	}
	return b.Reader.Read(p[:min(half, len(p))])
}

// WriteTo hides that of bytes.Reader.
func (b *slowBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// slowWriterLoses lets a writer create an object while another has sent half of its own. A
// server that looks only before it takes the body lets both win, every time. One may also
// make the second wait for the first.
func (at *examinedStore) slowWriterLoses(t *testing.T) error {
	const size = 1 << 20
	slow, quick := at.store(t, at.address("slow")), at.store(t, at.address("slow"))
	bodies := [][]byte{bytes.Repeat([]byte("s"), size), bytes.Repeat([]byte("q"), 1000)}
	sum := sha256.Sum256(bodies[0])
	errs := make([]error, 2)
	var done sync.WaitGroup
	body := &slowBody{Reader: bytes.NewReader(bodies[0]), wait: func() {
		answered := make(chan struct{})
		done.Go(func() {
			errs[1] = putNew(t.Context(), quick, "key", bodies[1])
			close(answered)
		})
		select {
		case <-answered:
		case <-time.After(3 * time.Second): // it waits for the first
		}
	}}
	_, errs[0] = slow.Put(t.Context(), "key", body, storage.PutOptions{IfAbsent: true, SHA256: &sum})
	done.Wait()
	return isOneWinners(t.Context(), slow, "key", bodies, errs)
}

func (at *examinedStore) showsAtOnce(t *testing.T) error {
	const workers, rounds = 4, 15
	s := at.store(t, at.address("fresh"))
	shown := func(ctx context.Context, key string) (size int64, err error) {
		size = -1
		for info, err := range s.List(ctx, key, "") {
			if err != nil {
				return 0, err
			}
			if info.Key == key {
				size = info.Size
			}
		}
		return size, nil
	}
	g, ctx := errgroup.WithContext(t.Context())
	for worker := range workers {
		g.Go(func() error {
			for round := range rounds {
				key := fmt.Sprintf("w%d/key-%d", worker, round)
				for _, body := range []string{"first", "the second"} {
					if _, err := s.Put(ctx, key, strings.NewReader(body), storage.PutOptions{}); err != nil {
						return err
					}
					size, err := shown(ctx, key)
					if err == nil && size != int64(len(body)) {
						err = fmt.Errorf("%s: %d bytes were put, %d are listed", key, len(body), size)
					}
					b, readErr := bodyOf(ctx, s, key)
					if err = errors.Join(err, readErr); err != nil {
						return err
					}
					if string(b) != body {
						return fmt.Errorf("%s: %q was put, it reads %q", key, body, b)
					}
				}
				if err := s.Delete(ctx, key); err != nil {
					return err
				}
				if size, err := shown(ctx, key); err != nil || size >= 0 {
					return fmt.Errorf("%s: it was deleted, and is listed with %d bytes: %s", key, size, outcome(err))
				}
				if _, err := s.Head(ctx, key); !errors.Is(err, storage.ErrNotExist) {
					return fmt.Errorf("%s: it was deleted, and its head says: %s", key, outcome(err))
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (at *examinedStore) listsInOrder(t *testing.T) error {
	s := at.store(t, at.address("pages"))
	keys := []string{"A", "Z/a", "a-b", "a.b", "a/b", "a/b-c", "a/b0", "a0", "a_b", "aB", "ab"}
	for i := range 1200 {
		keys = append(keys, fmt.Sprintf("many/%04d", i*7%1200))
	}
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	for _, key := range keys {
		g.Go(func() error {
			_, err := s.Put(ctx, key, strings.NewReader(key), storage.PutOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.Sort(keys)
	for _, after := range []string{"", "a/b", "many/0000", "many/0999", "many/1199"} {
		var got []string
		for info, err := range s.List(t.Context(), "", after) {
			if err != nil {
				return err
			}
			got = append(got, info.Key)
		}
		want := keys[len(keys)-len(got):]
		if i, _ := slices.BinarySearch(keys, after+"\x00"); len(got) != len(keys)-i || !slices.Equal(got, want) {
			return fmt.Errorf("after %q it lists %d keys, or others than there are", after, len(got))
		}
	}
	return nil
}

func (at *examinedStore) answersRanges(t *testing.T) error {
	s := at.store(t, at.address("ranges"))
	body := bytes.Repeat([]byte("0123456789"), 300_000)
	if _, err := s.Put(t.Context(), "key", bytes.NewReader(body), storage.PutOptions{}); err != nil {
		return err
	}
	for _, r := range []storage.Range{{Length: 1}, {Offset: 7, Length: 100}, {Offset: 1 << 20, Length: 1 << 20}, {Offset: int64(len(body)) - 3}, {Offset: 5}} {
		from, info, err := s.Get(t.Context(), "key", r)
		if err != nil {
			return err
		}
		got, err := io.ReadAll(from)
		_ = from.Close()
		offset, length, _ := r.Clip(int64(len(body)))
		if err != nil || info.Size != int64(len(body)) || !bytes.Equal(got, body[offset:offset+length]) {
			return fmt.Errorf("%+v: %d bytes of an object of %d: %w", r, len(got), info.Size, err)
		}
	}
	_, _, err := s.Get(t.Context(), "key", storage.Range{Offset: int64(len(body))})
	if !errors.Is(err, storage.ErrInvalidRange) {
		return fmt.Errorf("a range past the end: %s", outcome(err))
	}
	return nil
}
