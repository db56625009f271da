package storagetest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestMemoryConforms(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Storage { return storagetest.NewMemory() })
}

func openFaultless(*testing.T) storage.Storage {
	return storagetest.NewFaulty(storagetest.NewMemory(), nil)
}

// A Faulty without faults behaves like the store below it.
func TestFaultyWithoutFaultsConforms(t *testing.T)          { storagetest.Run(t, openFaultless) }
func TestFaultyWithoutFaultsBehavesLikeMemory(t *testing.T) { storagetest.RunModel(t, openFaultless) }

func TestMemoryLogsCallsAndShowsObjects(t *testing.T) {
	m := storagetest.NewMemory()
	if _, err := m.Put(t.Context(), "a", strings.NewReader("data"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := m.Head(t.Context(), "b")
	want := []storagetest.Call{
		{Op: storage.OpPut, Key: "a", Bytes: 4},
		{Op: storage.OpHead, Key: "b", Err: err},
	}
	if diff := cmp.Diff(want, m.Calls(), cmpopts.EquateErrors()); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
	objects := m.Objects()
	if diff := cmp.Diff(map[string][]byte{"a": []byte("data")}, objects); diff != "" {
		t.Errorf("objects (-want +got)\n%s", diff)
	}
	objects["a"][0] = 'X'
	if got := m.Objects()["a"]; string(got) != "data" {
		t.Errorf("changing the copy changed the store: %q", got)
	}
}

var errFault = errors.New("injected")

// operations has a call of each method that succeeds on a store with the key "old".
var operations = map[storage.Op]func(ctx context.Context, s storage.Storage) error{
	storage.OpPut: func(ctx context.Context, s storage.Storage) error {
		_, err := s.Put(ctx, "new", strings.NewReader("data"), storage.PutOptions{IfAbsent: true})
		return err
	},
	storage.OpGet: func(ctx context.Context, s storage.Storage) error {
		body, _, err := s.Get(ctx, "old", storage.Range{})
		if err == nil {
			err = body.Close()
		}
		return err
	},
	storage.OpHead: func(ctx context.Context, s storage.Storage) error {
		_, err := s.Head(ctx, "old")
		return err
	},
	storage.OpList: func(ctx context.Context, s storage.Storage) error {
		for _, err := range s.List(ctx, "", "") {
			if err != nil {
				return err
			}
		}
		return nil
	},
	storage.OpDelete: func(ctx context.Context, s storage.Storage) error { return s.Delete(ctx, "old") },
}

func TestFaultyFailsWhereItIsTold(t *testing.T) {
	for op, call := range operations {
		for name, c := range map[string]struct {
			fault     storagetest.Fault
			want      error
			wantBelow int // calls that reach the store
		}{
			"none":         {storagetest.Fault{}, nil, 1},
			"before":       {storagetest.Fault{Err: errFault}, errFault, 0},
			"after":        {storagetest.Fault{Err: errFault, Apply: true}, errFault, 1},
			"hang":         {storagetest.Fault{Hang: true}, context.DeadlineExceeded, 0},
			"hang applied": {storagetest.Fault{Hang: true, Apply: true}, context.DeadlineExceeded, 1},
		} {
			t.Run(string(op)+" "+name, func(t *testing.T) {
				memory := storagetest.NewMemory()
				if _, err := memory.Put(t.Context(), "old", bytes.NewReader(nil), storage.PutOptions{}); err != nil {
					t.Fatal(err)
				}
				faulty := storagetest.NewFaulty(memory, func(got storage.Op, _ string, n int) storagetest.Fault {
					if got != op || n != 1 {
						t.Errorf("the hook was asked about call %d, %s; want call 1, %s", n, got, op)
					}
					return c.fault
				})
				var requests storage.Requests
				var err error
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(storage.CountRequests(t.Context(), &requests), time.Second)
					defer cancel()
					err = call(ctx, faulty)
				})
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				e, ok := errors.AsType[*storage.Error](err)
				if c.want != nil && (!ok || e.Op != op) {
					t.Errorf("got %#v, want the *storage.Error of %s", err, op)
				}
				if below := len(memory.Calls()) - 1; below != c.wantBelow {
					t.Errorf("%d calls reached the store, want %d", below, c.wantBelow)
				}
				if n := requests.Counts().Total(); n != 1 {
					t.Errorf("counted %d requests, want 1", n)
				}
				if calls := faulty.Calls(); len(calls) != 1 || calls[0].Op != op || !errors.Is(calls[0].Err, c.want) {
					t.Errorf("logged %v, want one %s with %v", calls, op, c.want)
				}
			})
		}
	}
}
