package s3

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
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
	wire := middleware.DeserializeMiddlewareFunc("gbakWire",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error,
		) {
			driver.CountRequest(ctx, op)
			a.count++
			a.heard = heard{}
			began := time.Now()
			out, metadata, err := next.HandleDeserialize(ctx, in)
			resp, ok := out.RawResponse.(*smithyhttp.Response)
			if err == nil && ok && resp != nil {
				s.answered.Store(true)
				err = a.heard.listen(op, resp.Response)
				s.logAnswer(ctx, op, a.count, in.Request, resp.Response, time.Since(began))
			} else {
				s.logSilence(ctx, op, a.count, in.Request, err, time.Since(began))
			}
			return out, metadata, err
		})
	whole := middleware.InitializeMiddlewareFunc("gbakAttempts",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err != nil {
				err = &attempted{err, a.heard, a.count, time.Since(a.began)}
			}
			return out, metadata, err
		})
	return func(o *awss3.Options) {
		o.Retryer = a
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			if err := stack.Initialize.Add(whole, middleware.Before); err != nil {
				return err
			}
			// The innermost place: behind retries and signing, next to the wire.
			return stack.Deserialize.Add(wire, middleware.After)
		})
	}
}

// logAnswer tells of one request that was answered. Nothing of its headers is
// said, nor of its parameters: there are signatures in them.
func (s *Store) logAnswer(ctx context.Context, op storage.Op, attempt int, request any, resp *http.Response, took time.Duration) {
	s.log.DebugContext(ctx, "request", "op", op, "path", pathOf(request), "attempt", attempt, "status", resp.StatusCode,
		"request_id", resp.Header.Get("X-Amz-Request-Id"), "took", took)
}

// logSilence tells of one that was not.
func (s *Store) logSilence(ctx context.Context, op storage.Op, attempt int, request any, err error, took time.Duration) {
	text := ""
	if err != nil {
		text = describe(err)
	}
	s.log.DebugContext(ctx, "request", "op", op, "path", pathOf(request), "attempt", attempt, "err", text, "took", took)
}

func pathOf(request any) string {
	if r, ok := request.(*smithyhttp.Request); ok {
		return r.URL.Path
	}
	return ""
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
