package s3

import (
	"context"
	"encoding/hex"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/gbak-s3/gbak-s3/storage"
)

// call makes every attempt of one call count as op, and decides what is tried
// again.
func (s *Store) call(op storage.Op) func(*awss3.Options) {
	return s.callWith(op, &attempts{store: s, began: time.Now()})
}

// callOnce is for conditional puts. After an answer that got lost a retried one
// meets its own object, and only the last answer comes back: success would look
// like ErrPreconditionFailed.
func (s *Store) callOnce(op storage.Op) func(*awss3.Options) {
	return s.callWith(op, &attempts{store: s, began: time.Now(), once: true})
}

func (s *Store) callWith(op storage.Op, a *attempts) func(*awss3.Options) {
	count := middleware.DeserializeMiddlewareFunc("gbakCount",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error,
		) {
			storage.CountRequest(ctx, op)
			out, metadata, err := next.HandleDeserialize(ctx, in)
			if err == nil && out.RawResponse != nil {
				s.answered.Store(true)
			}
			return out, metadata, err
		})
	return func(o *awss3.Options) {
		o.Retryer = a
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			// The innermost place: behind retries and signing, next to the wire.
			return stack.Deserialize.Add(count, middleware.After)
		})
	}
}

// signedPayload makes sum the payload hash that is signed. The store refuses a
// body that differs. Otherwise the SDK reads the body once more to hash it on
// http, and on https does not protect it at all.
func signedPayload(sum [32]byte) func(*awss3.Options) {
	set := middleware.InitializeMiddlewareFunc("gbakPayloadHash",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(sum[:])), in)
		})
	return awss3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(set, middleware.Before)
	})
}
