// Package ctxio ends reading with a context.
package ctxio

import (
	"context"
	"io"
)

// NewReader returns a reader of r that fails with the cause of ctx once ctx ends. A
// read that is under way is not interrupted.
func NewReader(ctx context.Context, r io.Reader) io.Reader { return &reader{ctx, r} }

type reader struct {
	ctx    context.Context
	source io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.source.Read(p)
}
