package ctxio_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/internal/ctxio"
)

func TestReaderEndsWithItsContext(t *testing.T) {
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	r := ctxio.NewReader(ctx, strings.NewReader("12345"))
	p := make([]byte, 3)
	if n, err := io.ReadFull(r, p); n != 3 || err != nil || string(p) != "123" {
		t.Fatalf("got %d bytes %q, %v", n, p, err)
	}
	cancel(cause)
	if n, err := r.Read(p); n != 0 || !errors.Is(err, cause) {
		t.Errorf("got %d bytes, %v, want %v", n, err, cause)
	}
}
