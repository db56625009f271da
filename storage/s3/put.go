package s3

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gbak-s3/gbak-s3/internal/ctxio"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/driver"
)

// Put implements [storage.Storage]. Without opts.SHA256 the body is read twice, first
// to hash it. It is sent as one request, so it can have at most 5 GiB.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, opts storage.PutOptions) (storage.PutResult, error) {
	if err := driver.CheckCall(ctx, storage.OpPut, key); err != nil {
		return storage.PutResult{}, err
	}
	if err := s.refuseWrite(storage.OpPut, key); err != nil {
		return storage.PutResult{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	result, err := s.put(ctx, key, &upload{reader: ctxio.NewReader(ctx, body), seeker: body, fail: cancel}, opts)
	if err != nil {
		return storage.PutResult{}, fail(ctx, storage.OpPut, key, err)
	}
	return result, nil
}

func (s *Store) put(ctx context.Context, key string, body *upload, opts storage.PutOptions) (storage.PutResult, error) {
	size, sum, err := body.measure(opts.SHA256)
	if err != nil {
		return storage.PutResult{}, err
	}
	input := &awss3.PutObjectInput{
		Bucket: &s.options.Bucket, Key: s.objectKey(key), Body: body, ContentLength: &size, RequestPayer: s.payer(),
		ServerSideEncryption: types.ServerSideEncryption(s.options.SSE),
	}
	if s.options.KMSKeyID != "" {
		input.SSEKMSKeyId = &s.options.KMSKeyID
	}
	if s.checksum.Load() {
		// AWS requires it where buckets have object lock, in spite of the signature.
		input.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	call := s.call
	if opts.IfAbsent {
		input.IfNoneMatch = aws.String("*")
		call = s.callOnce
	}
	out, err := s.client.PutObject(ctx, input, call(storage.OpPut), signedPayload(sum))
	if err != nil && input.ChecksumSHA256 == nil && s.options.Checksum != ChecksumNone && wantsChecksum(err) {
		// It was refused, so it may be sent again. All later ones have a checksum, too.
		s.checksum.Store(true)
		input.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
		if _, err := body.Seek(body.start, io.SeekStart); err != nil {
			return storage.PutResult{}, err
		}
		out, err = s.client.PutObject(ctx, input, call(storage.OpPut), signedPayload(sum))
	}
	if err != nil {
		if opts.IfAbsent {
			err = refusedCondition(err)
		}
		return storage.PutResult{}, err
	}
	s.bucketSeen.Store(true)
	return storage.PutResult{Size: size, Proved: body.isProvedBy(out, size, sum), PutAt: timeOf(out.ResultMetadata)}, nil
}

// isProvedBy reports whether the answer to a put shows that the store has the body: by
// its SHA-256, or else by its MD5.
func (u *upload) isProvedBy(out *awss3.PutObjectOutput, size int64, sum [32]byte) bool {
	if kept := decodeSHA256(out.ChecksumSHA256); kept != nil {
		return *kept == sum
	}
	return size <= maxMD5 && u.hasMD5(deref(out.ETag))
}

// wantsChecksum reports whether a put was refused because it has no checksum of the
// kind that buckets with object lock require.
func wantsChecksum(err error) bool {
	if httpStatus(err) != http.StatusBadRequest {
		return false
	}
	said := strings.ToLower(errorCode(err) + " " + errorMessage(err))
	return strings.Contains(said, "content-md5") || strings.Contains(said, "x-amz-checksum") ||
		strings.Contains(said, "missingcontentmd5")
}

// maxMD5 is the size of the largest object whose MD5 is compared with its entity tag,
// which is the MD5 in most stores (S3's API, "ETag" of Object). MD5 is slow, and asking
// for a large object costs little compared with sending it.
const maxMD5 = 8 << 20

// hasMD5 reports whether etag is the MD5 of the body. Where entity tags are something
// else, as with keys of KMS, it is not. That is no defence against an attacker, only
// against something that answers without having stored anything.
func (u *upload) hasMD5(etag string) bool {
	want, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(want) != md5.Size || fips140.Enabled() { // there it may panic
		return false
	}
	if _, err := u.Seek(u.start, io.SeekStart); err != nil {
		return false
	}
	digest := md5.New()
	_, err = io.Copy(digest, u)
	return err == nil && bytes.Equal(digest.Sum(nil), want)
}

// decodeSHA256 decodes the digest of a whole object, nil if header has none. The digest
// of an object in parts is something else, and has a suffix.
func decodeSHA256(header *string) *[32]byte {
	sum, err := base64.StdEncoding.DecodeString(deref(header))
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	return (*[32]byte)(sum)
}

// upload is the body of a put as the SDK sees it. It hides all methods but two: the SDK
// would hold a lock during a whole WriteTo, and a request that is answered early would
// wait for it. An error of the body ends the call, which otherwise would be retried as
// if the connection had failed.
type upload struct {
	reader io.Reader // until the call's ctx ends
	seeker io.Seeker
	fail   context.CancelCauseFunc
	start  int64 // of the object in the body
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		u.fail(err)
	}
	return n, err
}

func (u *upload) Seek(offset int64, whence int) (int64, error) {
	at, err := u.seeker.Seek(offset, whence)
	if err != nil {
		u.fail(err)
	}
	return at, err
}

// measure returns the length from the current offset to the end, and the SHA-256 of
// that part unless it is known. It leaves the offset where it is.
func (u *upload) measure(known *[32]byte) (size int64, sum [32]byte, err error) {
	if u.start, err = u.Seek(0, io.SeekCurrent); err != nil {
		return 0, sum, err
	}
	if known != nil {
		end, err := u.Seek(0, io.SeekEnd)
		if err != nil {
			return 0, sum, err
		}
		size, sum = end-u.start, *known
	} else {
		digest := sha256.New()
		if size, err = io.Copy(digest, u); err != nil {
			return 0, sum, err
		}
		sum = [32]byte(digest.Sum(nil))
	}
	_, err = u.Seek(u.start, io.SeekStart)
	return size, sum, err
}
