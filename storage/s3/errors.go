package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/gbak-s3/gbak-s3/storage"
)

// failure is an error of the SDK with a text for people. It wraps sentinel, if there is
// one, and err with all that the SDK wraps in it.
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
	answer := answerOf(err)
	if explained, ok := errors.AsType[*failure](err); ok {
		err = explained
	} else if ctx.Err() != nil && httpStatus(err) < 300 {
		// There is no answer, or not all of it, because ctx ended.
		err = context.Cause(ctx)
	} else if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		err = explain(op, operation, answer)
	}
	return &storage.Error{Op: op, Key: key, Err: err, Answer: answer}
}

// explain goes by the HTTP status first: codes differ between stores, and a Head has
// none.
func explain(op storage.Op, err *smithy.OperationError, answer *storage.Answer) error {
	status, code := httpStatus(err), errorCode(err)
	page := answer != nil && answer.Page != ""
	var kind error
	text := describe(err)
	switch {
	case status == http.StatusNotFound && code == "NoSuchBucket":
		kind, text = storage.ErrNoStore, storage.ErrNoStore.Error()
	case isHopeless(err):
		kind = storage.ErrSettings
	case isFull(err):
		kind = storage.ErrFull
	case page && status < 500 && status != http.StatusRequestEntityTooLarge &&
		status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
		// A 404, too: what cannot be seen is not absent.
		kind = storage.ErrForeign
	case isNoSuchKey(err) && (op == storage.OpGet || op == storage.OpHead):
		kind, text = storage.ErrNotExist, storage.ErrNotExist.Error()
	case status == http.StatusRequestedRangeNotSatisfiable:
		kind, text = storage.ErrInvalidRange, storage.ErrInvalidRange.Error()
	case isDenied(status, code):
		kind, text = storage.ErrPermission, fmt.Sprintf("%v: %s", storage.ErrPermission, text)
	case status == http.StatusForbidden:
		kind = storage.ErrRefused
	case isTransient(err):
		kind = storage.ErrUnavailable
	}
	return &failure{text, kind, err}
}

// refusedCondition explains the answers that only a conditional put gets. A 409 is not
// among them: it means that something else happened to the key meanwhile, and that the
// same put may succeed now.
func refusedCondition(err error) error {
	switch httpStatus(err) {
	case http.StatusPreconditionFailed:
		return &failure{storage.ErrPreconditionFailed.Error(), storage.ErrPreconditionFailed, err}
	case http.StatusNotImplemented:
		return &failure{"the store does not support conditional puts: " + describe(err), storage.ErrNoConditionalPut, err}
	}
	return err
}

// isAboutCredentials reports whether code is about credentials, with whatever status:
// some stores answer 400.
func isAboutCredentials(code string) bool {
	switch code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidTokenId",
		"TokenRefreshRequired", "InvalidClientTokenId", "AccessDenied", "InvalidSecurity", "UnauthorizedAccess":
		return true
	}
	return false
}

// isDenied reports whether the caller is not authenticated or not authorized. A 403 is
// also the answer for an object in an archive tier, a quota, a wrong clock and much
// else: where there is a code of its own, the code decides.
func isDenied(status int, code string) bool {
	switch code {
	case "", "Forbidden", "Unauthorized", "UnknownError", "AllAccessDisabled", "NotSignedUp", "AccountProblem":
		return status == http.StatusForbidden || status == http.StatusUnauthorized
	}
	return isAboutCredentials(code) || status == http.StatusUnauthorized
}

// isFull reports whether the store is full.
func isFull(err error) bool {
	code := errorCode(err)
	return httpStatus(err) == http.StatusInsufficientStorage || code == "InsufficientStorage" ||
		strings.Contains(code, "QuotaExceeded") || strings.Contains(code, "StorageFull") ||
		code == "AccessDenied" && strings.Contains(errorMessage(err), "cap exceeded")
}

// isHopeless reports whether the settings are wrong, so that the same call will always
// fail.
func isHopeless(err error) bool {
	if _, ok := errors.AsType[*SettingError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return alert != tlsCloseNotify && alert != tlsInternalError && alert != tlsUserCanceled
	}
	if sent, ok := errors.AsType[*url.Error](err); ok && strings.Contains(sent.Err.Error(), `malformed HTTP response "\x15\x03`) {
		return true // an alert of TLS
	}
	status, code := httpStatus(err), errorCode(err)
	if code == "RequestTimeTooSkewed" || isAboutRegion(status, code) && code != "BadRequest" || code == "IllegalLocationConstraintException" {
		return true
	}
	if status >= 300 && status < 400 && status != http.StatusNotModified {
		return true
	}
	return status == http.StatusBadRequest && wantsHTTPS(err) || isTooLarge(status, code)
}

// Alerts of TLS that say nothing about the settings.
const (
	tlsCloseNotify   tls.AlertError = 0
	tlsInternalError tls.AlertError = 80
	tlsUserCanceled  tls.AlertError = 90
)

// wantsHTTPS reports whether an answer in plain text says that TLS is required, as Go,
// nginx and Apache say it.
func wantsHTTPS(err error) bool {
	at, ok := errors.AsType[*attempted](err)
	if !ok {
		return false
	}
	said := strings.ToUpper(string(at.sniffed.start))
	return strings.Contains(said, "HTTPS") && (strings.Contains(said, "HTTP REQUEST") || strings.Contains(said, "PLAIN HTTP"))
}

// isTooLarge reports whether the store, or a proxy, does not accept objects of this
// size.
func isTooLarge(status int, code string) bool {
	return status == http.StatusRequestEntityTooLarge || code == "EntityTooLarge" || code == "MaxMessageLengthExceeded"
}

// isUnknownHost reports whether the resolver knows that there is no such host.
func isUnknownHost(err error) bool {
	lookup, ok := errors.AsType[*net.DNSError](err)
	return ok && lookup.IsNotFound
}

// isAboutRegion reports whether the request went to the wrong region. A Head has only
// the status.
func isAboutRegion(status int, code string) bool {
	return status == http.StatusMovedPermanently || code == "AuthorizationHeaderMalformed" || code == "BadRequest"
}

func isNoSuchKey(err error) bool {
	return httpStatus(err) == http.StatusNotFound && errorCode(err) != "NoSuchBucket"
}

// httpStatus returns the status of the answer, 0 if there was none.
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

func errorMessage(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return ""
}

// describe returns in one line what the SDK says in three.
func describe(err error) string {
	var b strings.Builder
	// The SDK makes an answer with status 0 of what broke on the way.
	answer, answered := errors.AsType[*awshttp.ResponseError](err)
	answered = answered && answer.HTTPStatusCode() != 0
	api, isAPI := errors.AsType[smithy.APIError](err)
	sent, isSent := errors.AsType[*url.Error](err)
	at, _ := errors.AsType[*attempted](err)
	switch {
	case answered && at != nil && at.sniffed.page != "":
		b.WriteString("what answers sends " + at.sniffed.page)
	case answered && isAPI:
		b.WriteString(api.ErrorCode())
		// Where there was no body, the SDK makes both from the status.
		message := strings.TrimSuffix(api.ErrorMessage(), ".")
		if message != "" && strings.ReplaceAll(message, " ", "") != api.ErrorCode() {
			b.WriteString(": " + message)
		}
	case isCutShort(err):
		b.WriteString("the store's answer breaks off")
	case isSent:
		// Without the method and the URL, which repeat the operation and the key.
		b.WriteString("no answer from the store: " + sent.Err.Error())
	default:
		// The SDK adds why it did not retry, which is among the details.
		text, _, _ := strings.Cut(aboutCredentials(unwrapOperation(err)), "\n")
		b.WriteString(text)
	}
	var details []string
	if answered {
		details = append(details, fmt.Sprintf("HTTP %d", answer.HTTPStatusCode()))
		if id := answer.ServiceRequestID(); id != "" {
			details = append(details, "request "+id)
		}
		if known := answerOf(err); known != nil && known.Region != "" {
			details = append(details, "the bucket is in region "+known.Region)
		}
		if known := answerOf(err); known != nil && known.Location != "" {
			details = append(details, "it redirects to "+known.Location)
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

// unwrapOperation removes the SDK's name of the operation.
func unwrapOperation(err error) error {
	if operation, ok := errors.AsType[*smithy.OperationError](err); ok {
		return operation.Err
	}
	return err
}
