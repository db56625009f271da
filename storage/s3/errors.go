package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/gbak-s3/gbak-s3/storage"
)

// failure is an error of the SDK with a text for people. It is also sentinel,
// if there is one, and err with all that the SDK wraps in it.
type failure struct {
	text     string
	sentinel error
	err      error
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() []error {
	if f.sentinel == nil {
		return []error{f.err}
	}
	return []error{f.sentinel, f.err}
}

// fail makes err the error of one operation.
func fail(ctx context.Context, op storage.Op, key string, err error) error {
	var (
		explained *failure
		operation *smithy.OperationError
	)
	switch {
	case errors.As(err, &explained):
	case ctx.Err() != nil && httpStatus(err) < 300:
		// No answer, or not all of it, and that is why.
		err = context.Cause(ctx)
	case errors.As(err, &operation):
		err = explain(op, operation)
	}
	return &storage.Error{Op: op, Key: key, Err: err}
}

// explain goes by the HTTP status first: codes differ between stores, and a
// Head has none.
func explain(op storage.Op, err *smithy.OperationError) error {
	status, code := httpStatus(err), errorCode(err)
	switch {
	case status == http.StatusNotFound && code == "NoSuchBucket":
		return &failure{storage.ErrNoStore.Error(), storage.ErrNoStore, err}
	case isNoSuchKey(err) && (op == storage.OpGet || op == storage.OpHead):
		return &failure{storage.ErrNotExist.Error(), storage.ErrNotExist, err}
	case status == http.StatusRequestedRangeNotSatisfiable:
		return &failure{storage.ErrInvalidRange.Error(), storage.ErrInvalidRange, err}
	case status == http.StatusUnauthorized || status == http.StatusForbidden || isAboutCredentials(code):
		return &failure{fmt.Sprintf("%v: %s", storage.ErrPermission, describe(err)), storage.ErrPermission, err}
	}
	if isTransient(err) {
		return &failure{describe(err), storage.ErrUnavailable, err}
	}
	return &failure{text: describe(err), err: err}
}

// refusedCondition explains the answers that only a conditional put gets. A 409
// is none of them: it means that something else happened to the key meanwhile,
// and that the same put may succeed now.
func refusedCondition(err error) error {
	switch httpStatus(err) {
	case http.StatusPreconditionFailed:
		return &failure{storage.ErrPreconditionFailed.Error(), storage.ErrPreconditionFailed, err}
	case http.StatusNotImplemented:
		return &failure{"the store has no conditional put: " + describe(err), errors.ErrUnsupported, err}
	}
	return err
}

// isAboutCredentials is for stores that answer 400.
func isAboutCredentials(code string) bool {
	switch code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken",
		"TokenRefreshRequired", "InvalidClientTokenId", "AccessDenied":
		return true
	}
	return false
}

// isAboutRegion tells whether a bucket was asked for in the wrong region. A Head
// has only the status.
func isAboutRegion(status int, code string) bool {
	return status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed" || code == "BadRequest"
}

func isNoSuchKey(err error) bool {
	return httpStatus(err) == http.StatusNotFound && errorCode(err) != "NoSuchBucket"
}

// httpStatus is 0 if there was no answer.
func httpStatus(err error) int {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	return 0
}

func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// describe says in a line what the SDK says in three.
func describe(err error) string {
	var b strings.Builder
	// The SDK has an answer with status 0 for what broke on the way.
	answer, answered := errors.AsType[*awshttp.ResponseError](err)
	answered = answered && answer.HTTPStatusCode() != 0
	api, isAPI := errors.AsType[smithy.APIError](err)
	sent, isSent := errors.AsType[*url.Error](err)
	switch {
	case answered && isAPI:
		b.WriteString(api.ErrorCode())
		// Where there was no body the SDK makes both of the status.
		if message := strings.TrimSuffix(api.ErrorMessage(), "."); message != "" && strings.ReplaceAll(message, " ", "") != api.ErrorCode() {
			b.WriteString(": " + message)
		}
	case isSent:
		// Without the method and the URL, which repeat op and key.
		b.WriteString("no answer from the store: " + sent.Err.Error())
	default:
		// The SDK adds why it was not tried again, which stands in the details.
		text, _, _ := strings.Cut(aboutCredentials(unwrapOperation(err)), "\n")
		b.WriteString(text)
	}
	var details []string
	if answered {
		details = append(details, fmt.Sprintf("HTTP %d", answer.HTTPStatusCode()))
		if id := answer.ServiceRequestID(); id != "" {
			details = append(details, "request "+id)
		}
		if region := answer.Response.Header.Get("X-Amz-Bucket-Region"); region != "" && isAboutRegion(answer.HTTPStatusCode(), errorCode(err)) {
			details = append(details, "the bucket is in region "+region)
		}
	}
	if tried, ok := errors.AsType[*gaveUp](err); ok {
		details = append(details, tried.Error())
	}
	if len(details) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(details, ", "))
	}
	return b.String()
}

// unwrapOperation removes what only says which operation failed.
func unwrapOperation(err error) error {
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		return operation.Err
	}
	return err
}
