package driver

import (
	"context"
	"errors"
	"io"

	"github.com/gbak-s3/gbak-s3/storage"
)

// NewBody returns what Get returns: a reader of the next length bytes of source, then
// [io.EOF]. If source ends early, it fails with [io.ErrUnexpectedEOF]; once ctx has
// ended, with the cause of ctx. Its errors are [*storage.Error]. Closing it closes
// source. What is read counts as received for the [storage.Requests] of ctx.
func NewBody(ctx context.Context, key string, source io.ReadCloser, length int64) io.ReadCloser {
	return &body{ctx: ctx, key: key, source: source, rest: length, requests: storage.RequestsFrom(ctx)}
}

type body struct {
	ctx      context.Context
	key      string
	source   io.ReadCloser
	rest     int64
	requests *storage.Requests
}

func (b *body) Read(p []byte) (int, error) {
	if b.rest == 0 {
		return 0, io.EOF
	}
	if b.ctx.Err() != nil {
		return 0, b.fail(context.Cause(b.ctx))
	}
	if int64(len(p)) > b.rest {
		p = p[:b.rest]
	}
	n, err := b.source.Read(p)
	b.rest -= int64(n)
	b.requests.Receive(n)
	switch {
	case err == nil:
		return n, nil
	case b.ctx.Err() != nil:
		return n, b.fail(context.Cause(b.ctx))
	case !errors.Is(err, io.EOF):
		return n, b.fail(err)
	case b.rest > 0:
		return n, b.fail(io.ErrUnexpectedEOF)
	}
	return n, io.EOF
}

func (b *body) fail(err error) error { return &storage.Error{Op: storage.OpGet, Key: b.key, Err: err} }

func (b *body) Close() error { return b.source.Close() }
