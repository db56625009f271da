package s3

import (
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

var _ storage.BatchDeleter = (*Store)(nil)

// Delete implements [storage.Storage].
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := driver.CheckCall(ctx, storage.OpDelete, key); err != nil {
		return err
	}
	if err := s.refuseWrite(storage.OpDelete, key); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &awss3.DeleteObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), RequestPayer: s.payer(),
	}, s.call(storage.OpDelete))
	// AWS does not say whether the object existed; others answer 404.
	if err != nil && !isNoSuchKey(err) {
		return fail(ctx, storage.OpDelete, key, err)
	}
	return nil
}

// DeleteAll implements [storage.BatchDeleter] with one DeleteObjects, which needs no
// permission but s3:DeleteObject. A store that does not know that request, or whose
// answer mentions none of the keys, gets a DeleteObject for each key, now and from then
// on.
func (s *Store) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	if err := storage.CheckDeleteAll(ctx, keys); err != nil || len(keys) == 0 {
		return nil, err
	}
	if err := s.refuseWrite(storage.OpDelete, keys[0]); err != nil {
		return nil, err
	}
	if s.noBatches.Load() {
		return storage.DeleteEach(ctx, s, keys)
	}
	objects := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		objects[i].Key = s.objectKey(key)
	}
	r := &retrier{store: s, began: time.Now()}
	out, err := s.client.DeleteObjects(ctx, &awss3.DeleteObjectsInput{
		Bucket: &s.options.Bucket, Delete: &types.Delete{Objects: objects}, RequestPayer: s.payer(),
	}, s.callWith(storage.OpDelete, r), withMD5)
	if err != nil && !isUnknownRequest(err) {
		return nil, fail(ctx, storage.OpDelete, keys[0], err)
	}
	if err == nil {
		s.bucketSeen.Store(true)
		if kept, mentioned := s.readDeleted(keys, out, r); mentioned {
			return kept, nil
		}
	}
	s.noBatches.Store(true)
	return storage.DeleteEach(ctx, s, keys)
}

// withMD5 adds a Content-MD5, without which many stores refuse a DeleteObjects, to the
// CRC32 that the SDK sends and other stores want.
func withMD5(o *awss3.Options) {
	if !fips140.Enabled() { // there it may panic
		o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
	}
}

// isUnknownRequest reports whether a store that does not know DeleteObjects, or not with
// these checksums or so many keys, would answer like that. Nothing was deleted then.
func isUnknownRequest(err error) bool {
	switch httpStatus(err) {
	case http.StatusNotImplemented, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType,
		http.StatusPreconditionFailed: // S3 itself calls a POST that is no upload a failed precondition
		return true
	}
	switch errorCode(err) {
	case "NotImplemented", "MethodNotAllowed", "MalformedPOSTRequest", "MalformedXML":
		return true
	}
	return isNoSuchKey(err) || wantsChecksum(err)
}

// readDeleted reads what the answer to a DeleteObjects says about each key, and reports
// whether it mentions any of them.
func (s *Store) readDeleted(keys []string, out *awss3.DeleteObjectsOutput, r *retrier) (kept map[string]error, mentioned bool) {
	kept = make(map[string]error, len(keys))
	for _, key := range keys {
		kept[key] = &storage.Error{Op: storage.OpDelete, Key: key, Err: errUnmentioned}
	}
	asked := len(kept)
	for _, d := range out.Deleted {
		if key, ours := strings.CutPrefix(deref(d.Key), s.prefix); ours {
			delete(kept, key)
		}
	}
	mentioned = len(kept) < asked
	request, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	for _, e := range out.Errors {
		key, ours := strings.CutPrefix(deref(e.Key), s.prefix)
		if !ours || !slices.Contains(keys, key) {
			continue
		}
		mentioned = true
		code, message := deref(e.Code), deref(e.Message)
		if code == "NoSuchKey" {
			delete(kept, key)
			continue
		}
		kept[key] = &storage.Error{Op: storage.OpDelete, Key: key, Err: explainKey(code, message), Answer: &storage.Answer{
			Status: http.StatusOK, Code: code, Message: message, RequestID: request, Attempts: r.count, Elapsed: time.Since(r.began),
		}}
	}
	return kept, mentioned
}

// errUnmentioned: what cannot be seen is not deleted.
var errUnmentioned = errors.New("the store's answer does not say whether it is deleted")

// explainKey is [explain] for one key of a DeleteObjects.
func explainKey(code, message string) error {
	err := &smithy.GenericAPIError{Code: code, Message: message}
	text := strings.TrimSuffix(message, ".")
	if text = code + ": " + text; message == "" {
		text = code
	}
	switch {
	case code == "":
		return &failure{text: "the store refused without a reason: " + message, err: err}
	case code == "NoSuchBucket":
		return &failure{storage.ErrNoStore.Error(), storage.ErrNoStore, err}
	case isDenied(0, code):
		return &failure{fmt.Sprintf("%v: %s", storage.ErrPermission, text), storage.ErrPermission, err}
	case isBusy(code) || isTransient(err):
		return &failure{text, storage.ErrUnavailable, err}
	}
	return &failure{text, storage.ErrRefused, err}
}

// isBusy reports whether code is one that comes with a status of 5xx, which the answer
// about a key does not have.
func isBusy(code string) bool {
	switch code {
	case "InternalError", "ServiceUnavailable", "ServerBusy", "OperationAborted":
		return true
	}
	return false
}
