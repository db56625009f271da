package storage

import (
	"context"
	"errors"
	"io"
)

// This file is for those who write backends: what all of them must do alike.

// CheckCall is the beginning of every operation: it returns an [*Error] if key
// is not a valid one (for OpList key is a prefix and may be anything) or if
// ctx is cancelled already.
func CheckCall(ctx context.Context, op Op, key string) error {
	if op != OpList {
		if err := CheckKey(key); err != nil {
			return &Error{Op: op, Key: key, Err: err}
		}
	}
	if ctx.Err() != nil {
		return &Error{Op: op, Key: key, Err: context.Cause(ctx)}
	}
	return nil
}

// Within gives offset and length of the part that r names in an object of size
// bytes, cut at its end, or [ErrInvalidRange].
func (r Range) Within(size int64) (offset, length int64, err error) {
	if r == (Range{}) {
		return 0, size, nil
	}
	if r.Offset < 0 || r.Length < 0 || r.Offset >= size {
		return 0, 0, ErrInvalidRange
	}
	rest := size - r.Offset
	if r.Length == 0 || r.Length > rest {
		return r.Offset, rest, nil
	}
	return r.Offset, r.Length, nil
}

// Body is the reader that a Get returns: it yields the next length bytes of
// source and then io.EOF. If source ends before, that is
// [io.ErrUnexpectedEOF]; if ctx ends before, its cause. Errors are [*Error].
// Closing it closes source.
func Body(ctx context.Context, key string, source io.ReadCloser, length int64) io.ReadCloser {
	return &body{ctx: ctx, key: key, source: source, rest: length}
}

type body struct {
	ctx    context.Context
	key    string
	source io.ReadCloser
	rest   int64
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

func (b *body) fail(err error) error { return &Error{Op: OpGet, Key: b.key, Err: err} }

func (b *body) Close() error { return b.source.Close() }
