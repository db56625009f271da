package driver_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The example shows a backend that keeps the whole contract.
func TestExampleConforms(t *testing.T) {
	open := func(*testing.T) storage.Storage { return newMapStore() }
	storagetest.Run(t, open)
	storagetest.RunModel(t, open)
}

func TestIsKeyPrefix(t *testing.T) {
	for prefix, want := range map[string]bool{
		"": true, "a": true, "a/": true, "a/b": true, "a-": true, "manifests/00": true,
		"/": false, "a//": false, ".": false, "a/.": false, "-": false, "A": true, "a/../": false,
	} {
		if got := driver.IsKeyPrefix(prefix); got != want {
			t.Errorf("%q: got %t", prefix, got)
		}
	}
}

func TestBodyEndsWhereItShould(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		source io.Reader
		want   string
		err    error
	}{
		"exact":         {strings.NewReader("12345"), "12345", nil},
		"a byte a time": {iotest.OneByteReader(strings.NewReader("12345")), "12345", nil},
		"data with EOF": {iotest.DataErrReader(strings.NewReader("12345")), "12345", nil},
		"longer":        {strings.NewReader("1234567"), "12345", nil},
		"shorter":       {strings.NewReader("123"), "123", io.ErrUnexpectedEOF},
		"nothing":       {strings.NewReader(""), "", io.ErrUnexpectedEOF},
		"broken":        {io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broken)), "123", broken},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := io.ReadAll(driver.NewBody(t.Context(), "key", io.NopCloser(c.source), 5))
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if _, ok := errors.AsType[*storage.Error](err); err != nil && !ok {
				t.Errorf("got a %T, want a *storage.Error", err)
			}
		})
	}
}

func TestBodyEndsWithItsContext(t *testing.T) {
	cause := errors.New("cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	body := driver.NewBody(ctx, "key", io.NopCloser(strings.NewReader("12345")), 5)
	if _, err := io.ReadFull(body, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	cancel(cause)
	if n, err := body.Read(make([]byte, 2)); n != 0 || !errors.Is(err, cause) {
		t.Errorf("got %d bytes, %v; want %v", n, err, cause)
	}
}
