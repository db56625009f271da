// Package driver is for writing backends: types that implement [storage.Storage]. Users
// of a store do not need it.
//
// It has what every backend does alike: [CheckCall] begins an operation
// ([storage.CheckDeleteAll] that of a [storage.BatchDeleter]), [CountRequest]
// counts each attempt, and [NewBody] makes the reader that Get returns. The example is
// a whole backend. A backend is complete when it passes the suite storagetest.Run,
// which has a named subtest for every sentence of the contract.
package driver

import (
	"context"
	"strings"

	"github.com/gbak-s3/gbak-s3/storage"
)

// CheckCall begins an operation. It returns a [*storage.Error] if key is invalid (for
// [storage.OpList] key is a prefix and may be anything) or if ctx has ended already;
// then the operation must do nothing and return that error.
func CheckCall(ctx context.Context, op storage.Op, key string) error {
	if op != storage.OpList {
		if err := storage.CheckKey(key); err != nil {
			return &storage.Error{Op: op, Key: key, Err: err}
		}
	}
	if ctx.Err() != nil {
		return &storage.Error{Op: op, Key: key, Err: context.Cause(ctx)}
	}
	return nil
}

// CountRequest counts one attempt in the [storage.Requests] of ctx, if it has one. A
// backend calls it before each request that it sends, or once for each operation if it
// sends none.
func CountRequest(ctx context.Context, op storage.Op) { storage.RequestsFrom(ctx).Add(op) }

// IsKeyPrefix reports whether any valid key begins with prefix. Where none does, List
// yields nothing, and a store that rejects such a prefix need not be asked.
func IsKeyPrefix(prefix string) bool {
	return prefix == "" || storage.CheckKey(strings.TrimSuffix(prefix, "/")) == nil
}
