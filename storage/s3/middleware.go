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

// call returns the options of one call of the SDK: every attempt counts as op, and
// transient failures are retried.
func (s *Store) call(op storage.Op) func(*awss3.Options) {
	return s.callWith(op, &retrier{store: s, began: time.Now()})
}

// callOnce is call for conditional puts, which are not retried. After a lost answer a
// retry would find its own object, and only its answer would be seen: success would
// look like ErrPreconditionFailed.
func (s *Store) callOnce(op storage.Op) func(*awss3.Options) {
	return s.callWith(op, &retrier{store: s, began: time.Now(), once: true})
}

func (s *Store) callWith(op storage.Op, r *retrier) func(*awss3.Options) {
	wire := middleware.DeserializeMiddlewareFunc("gbakWire",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			middleware.DeserializeOutput, middleware.Metadata, error,
		) {
			driver.CountRequest(ctx, op)
			r.count++
			r.sniffed = sniffed{}
			began := time.Now()
			out, metadata, err := next.HandleDeserialize(ctx, in)
			resp, ok := out.RawResponse.(*smithyhttp.Response)
			if err == nil && ok && resp != nil {
				s.answered.Store(true)
				err = r.sniffed.sniff(op, resp.Response)
				s.logAnswer(ctx, op, r.count, in.Request, resp.Response, time.Since(began))
			} else {
				s.logFailure(ctx, op, r.count, in.Request, err, time.Since(began))
			}
			return out, metadata, err
		})
	whole := middleware.InitializeMiddlewareFunc("gbakAttempts",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err != nil {
				err = &attempted{err, r.sniffed, r.count, time.Since(r.began)}
			}
			return out, metadata, err
		})
	return func(o *awss3.Options) {
		o.Retryer = r
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			if err := stack.Initialize.Add(whole, middleware.Before); err != nil {
				return err
			}
			// The innermost place: after retries and signing, next to the wire.
			return stack.Deserialize.Add(wire, middleware.After)
		})
	}
}

// logAnswer logs a request that was answered, without its headers and parameters, which
// have signatures in them.
func (s *Store) logAnswer(ctx context.Context, op storage.Op, attempt int, request any, resp *http.Response, took time.Duration) {
	s.log.DebugContext(ctx, "request", "op", op, "path", pathOf(request), "attempt", attempt, "status", resp.StatusCode,
		"request_id", resp.Header.Get("X-Amz-Request-Id"), "took", took)
}

// logFailure logs a request that was not answered.
func (s *Store) logFailure(ctx context.Context, op storage.Op, attempt int, request any, err error, took time.Duration) {
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

// signedPayload makes sum the payload hash that is signed. The store refuses a body
// that differs. Without it the SDK reads the body once more to hash it over http, and
// does not protect it at all over https.
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
