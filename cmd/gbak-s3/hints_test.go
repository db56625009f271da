package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// answered is an error as storage/s3 makes it of an answer.
func answered(kind error, a storage.Answer) error {
	if kind == nil {
		kind = errors.New(a.Code + ": " + a.Message)
	}
	return &storage.Error{Op: storage.OpGet, Key: "archive.json", Err: kind, Answer: &a}
}

// refused is one that was answered with this status and the store's name for the error.
func refused(kind error, status int, code string) error {
	return answered(kind, storage.Answer{Status: status, Code: code})
}

// unheard is one that was never answered.
func unheard(err error) error {
	return &storage.Error{
		Op: storage.OpGet, Key: "archive.json", Answer: &storage.Answer{Attempts: 4, Elapsed: 3 * time.Second},
		Err: &url.Error{Op: "Get", URL: "https://store", Err: err},
	}
}

func onPath(errno syscall.Errno) error {
	return &fs.PathError{Op: "open", Path: "/data/people.grafeo", Err: errno}
}

func inScratch(errno syscall.Errno) error { return &archiver.ScratchError{Err: onPath(errno)} }

// hintCase is an error for a row of the table, with what its hint must say.
type hintCase struct {
	row   string
	code  archiver.Code
	err   error
	words string
}

// verbHintCase is one for a row about some commands only.
type verbHintCase struct {
	verb string
	hintCase
}

// verbHintCases are those for rows about some commands only.
var verbHintCases = []verbHintCase{
	{"salvage", hintCase{"nothing left to salvage", archiver.CodeDamagedArchive, &archiver.DocumentError{Err: errors.New("x")}, "intact copy"}},
	{"backup", hintCase{"interrupted backup", archiver.CodeInterrupted, errors.New("x"), "does not send again"}},
	{"import", hintCase{"interrupted backup", archiver.CodeInterrupted, errors.New("x"), "does not send again"}},
	{"restore", hintCase{"interrupted restore", archiver.CodeInterrupted, errors.New("x"), "puts back what was moved aside"}},
	{"export", hintCase{"interrupted export", archiver.CodeInterrupted, errors.New("x"), "removes what this run left"}},
	{"watch", hintCase{"another database is watched", archiver.CodeWrongDatabase, errors.New("x"), "OTHER_ARCHIVE"}},
	{"expire", hintCase{"interrupted expiry", archiver.CodeInterrupted, errors.New("x"), "continues"}},
	{"pin", hintCase{"unknown outcome of what stays", archiver.CodeUnknownOutcome, errors.New("x"), "Nothing was deleted"}},
	{"expire", hintCase{"nothing is removed beside damage", archiver.CodeDamagedArchive, errors.New("x"), "expire --remove"}},
	{"expire", hintCase{"expiry of another archive than seen", archiver.CodeConflict, errors.New("x"), "without --apply"}},
	{"expire", hintCase{"denied to an expiry", archiver.CodePermission, refused(storage.ErrPermission, 403, "AccessDenied"), "s3:DeleteObject"}},
	{"plan", hintCase{"interrupted reader", archiver.CodeInterrupted, errors.New("x"), "Nothing was changed"}},
	{"drill", hintCase{"interrupted reader", archiver.CodeInterrupted, errors.New("x"), "Nothing was changed"}},
	{"drill", hintCase{"no room for a drill", archiver.CodeDiskFull, inScratch(syscall.ENOSPC), "--scratch"}},
	{"watch", hintCase{"no room for a drill", archiver.CodeDiskFull, inScratch(syscall.EDQUOT), "`scratch`"}},
	{"drill", hintCase{"no command of a drill", archiver.CodeFailed, &execError{onPath(syscall.ENOENT)}, "--exec"}},
	{"drill", hintCase{"no folder for a drill", archiver.CodeFailed, inScratch(syscall.ENOENT), "--scratch"}},
	{"drill", hintCase{"no folder for a drill", archiver.CodePermission, inScratch(syscall.EACCES), "runs as the user"}},
	{"watch", hintCase{"no folder for a drill", archiver.CodePermission, inScratch(syscall.EROFS), "`scratch`"}},
	{"attest", hintCase{"another digest", archiver.CodeDigest, errors.New("x"), "another scheme"}},
	{"inspect", hintCase{"nothing that can be inspected", archiver.CodeNotDatabase, errors.New("x"), "a log file"}},
	{"inspect", hintCase{"nothing to inspect", archiver.CodeNotFound, onPath(syscall.ENOENT), "Check the path."}},
	{"export", hintCase{"export exists", archiver.CodeTargetExists, errors.New("x"), "Export to another path"}},
}

// hintCases has at least one for each other row.
var hintCases = []hintCase{
	{"interrupted", archiver.CodeInterrupted, errors.New("interrupted"), "same command again"},
	{"outcome unknown", archiver.CodeUnknownOutcome, refused(storage.ErrUnavailable, 503, "SlowDown"), "gbak-s3 list"},
	{"damaged database", archiver.CodeDamagedDatabase, errors.New("x"), "Open the database"},
	{"damaged archive", archiver.CodeDamagedArchive, errors.New("x"), "gbak-s3 salvage"},
	{
		"newest manifest", archiver.CodeDamagedArchive,
		&archiver.NewestError{Key: "manifests/3.json", Seq: 3, Before: 2, Err: errors.New("x")},
		"restore --backup 2",
	},
	{
		"newest manifest", archiver.CodeDamagedArchive,
		&archiver.NewestError{Key: "manifests/1.json", Seq: 1, Err: errors.New("x")},
		"another address",
	},
	{"archive.json", archiver.CodeDamagedArchive, &archiver.DocumentError{Err: errors.New("x")}, "relies on the manifests"},
	{"vanished", archiver.CodeVanished, errors.New("x"), "--begin-anew"},
	{"made at another address", archiver.CodeVanished, errors.New("x; it was made at b, another address with this archive's id"), "detached"},
	{"locked", archiver.CodeLocked, errors.New("x"), "end it"},
	{"unsafe store", archiver.CodeUnsafeStore, errors.New("x"), "--single-writer"},
	{"no command", archiver.CodeFailed, &execError{onPath(syscall.ENOENT)}, "after --"},
	{"no archive as there is no folder", archiver.CodeNoArchive, &storage.Error{Op: storage.OpList, Err: storage.ErrNoStore}, "mounted"},
	{"no archive as there is no bucket", archiver.CodeNoArchive, refused(storage.ErrNoStore, 404, "NoSuchBucket"), "Check the bucket"},
	{"directory of an archive", archiver.CodePermission, &openingError{"local", onPath(syscall.EACCES)}, "folders above the archive"},
	{"no directory for an archive", archiver.CodeStore, &openingError{"local", onPath(syscall.ENOTDIR)}, "it need not exist"},
	{"missing file", archiver.CodeStore, &openingError{"s3", onPath(syscall.ENOENT)}, "AWS_CA_BUNDLE"},
	{"no such hold", archiver.CodeNoArchive, &noSuchHoldError{[]string{"s3://a/b"}, errors.New("x")}, "held for s3://a/b:"},
	{"AWS configuration", archiver.CodeStore, &openingError{"s3", errors.New("x")}, "profile and region"},
	{"needs a full backup", archiver.CodeNeedsFull, errors.New("x"), "without --no-full"},
	{"busy database", archiver.CodeBusyDatabase, errors.New("x"), "quieter"},
	{"foreign cursor", archiver.CodeForeignCursor, errors.New("x"), "Remove it by hand"},
	{"conflict", archiver.CodeConflict, errors.New("x"), "Several processes"},

	{"archive tier", archiver.CodeStore, refused(nil, 403, "InvalidObjectState"), "archive tier"},
	{"read-only", archiver.CodePermission, &storage.Error{Op: storage.OpPut, Err: storage.ErrReadOnly}, "versions=oldest"},
	{"no room", archiver.CodeDiskFull, refused(storage.ErrFull, 403, "QuotaExceeded"), "quota"},
	{"no room", archiver.CodeDiskFull, refused(storage.ErrFull, 507, "XMinioStorageFull"), "room"},
	{
		"wants a checksum", archiver.CodeStore,
		answered(nil, storage.Answer{Status: 400, Code: "InvalidRequest", Message: "Content-MD5 OR x-amz-checksum- HTTP header is required"}),
		"checksum=sha256",
	},
	{"too large", archiver.CodeStore, answered(nil, storage.Answer{Status: 413, Page: "an HTML page"}), "--segment-size"},
	{"too large", archiver.CodeStore, refused(nil, 400, "EntityTooLarge"), "--segment-size"},
	{
		"region", archiver.CodeStore,
		answered(storage.ErrSettings, storage.Answer{Status: 400, Code: "AuthorizationHeaderMalformed", Region: "eu-west-9"}),
		"region=eu-west-9",
	},
	{"unknown region", archiver.CodeStore, refused(storage.ErrSettings, 301, "PermanentRedirect"), "region="},
	{
		"redirect", archiver.CodeStore,
		answered(storage.ErrSettings, storage.Answer{Status: 307, Location: "https://login.example/"}),
		"https://login.example/",
	},
	{"redirect", archiver.CodeStore, answered(storage.ErrSettings, storage.Answer{Status: 302}), "endpoint="},
	{"clock", archiver.CodeStore, refused(storage.ErrSettings, 403, "RequestTimeTooSkewed"), "clock"},
	{"signature", archiver.CodePermission, refused(storage.ErrPermission, 403, "SignatureDoesNotMatch"), "AWS_SECRET_ACCESS_KEY"},
	{"access key", archiver.CodePermission, refused(storage.ErrPermission, 403, "InvalidAccessKeyId"), "AWS_ACCESS_KEY_ID"},
	{"expired", archiver.CodePermission, refused(storage.ErrPermission, 400, "ExpiredToken"), "expired"},
	{"session token", archiver.CodePermission, refused(storage.ErrPermission, 400, "InvalidToken"), "AWS_SESSION_TOKEN"},
	{"session token", archiver.CodePermission, refused(storage.ErrPermission, 403, "InvalidTokenId"), "AWS_SESSION_TOKEN"},
	{
		"encryption key", archiver.CodePermission,
		answered(storage.ErrPermission, storage.Answer{Status: 403, Code: "AccessDenied", Message: "not authorized to perform: kms:GenerateDataKey"}),
		"kms_key_id",
	},
	{"encryption key", archiver.CodeStore, refused(nil, 400, "KMS.NotFoundException"), "kms_key_id"},
	{"no bucket", archiver.CodeNoStore, refused(storage.ErrNoStore, 404, "NoSuchBucket"), "bucket"},
	{
		"bucket in the endpoint", archiver.CodeStore,
		&storage.Error{Op: storage.OpList, Err: errors.New("not found"), Answer: &storage.Answer{Status: 404, Code: "NoSuchKey"}}, "after s3://",
	},
	{"not this method", archiver.CodeStore, refused(nil, 405, "MethodNotAllowed"), "endpoint="},
	{"changed on the way", archiver.CodeStore, refused(nil, 400, "XAmzContentSHA256Mismatch"), "proxy"},
	{"key too long", archiver.CodeStore, refused(nil, 400, "KeyTooLongError"), "shorter prefix"},
	{"wants https", archiver.CodeStore, answered(storage.ErrSettings, storage.Answer{Status: 400, Page: "plain text"}), "endpoint=https://"},
	{
		"foreign", archiver.CodeStore,
		answered(fmt.Errorf("an HTML page: %w", storage.ErrForeign), storage.Answer{Status: 200, Page: "an HTML page"}),
		"in the store's place",
	},
	{
		"foreign", archiver.CodeStore,
		answered(fmt.Errorf("a compressed body: %w", storage.ErrForeign), storage.Answer{Status: 200}),
		"compresses",
	},
	{"login at a proxy", archiver.CodeStore, answered(nil, storage.Answer{Status: 407}), "HTTPS_PROXY"},
	{
		"busy", archiver.CodeStore,
		answered(storage.ErrUnavailable, storage.Answer{Status: 503, Code: "SlowDown", Attempts: 31, Elapsed: 122 * time.Second}),
		"busy (31 attempts in 2m2s)",
	},
	{
		"unavailable", archiver.CodeStore,
		answered(storage.ErrUnavailable, storage.Answer{Status: 502, Page: "an HTML page", Attempts: 3, Elapsed: 5 * time.Second}),
		"HTTP 502 (3 attempts in 5s)",
	},
	{"denied by policy", archiver.CodePermission, refused(storage.ErrPermission, 403, "AccessDenied"), "s3:PutObject"},
	{"denied", archiver.CodePermission, refused(storage.ErrPermission, 403, "Forbidden"), "credentials"},

	{
		"certificate of somebody else", archiver.CodeStore,
		unheard(&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}}),
		"another host",
	},
	{
		"certificate expired", archiver.CodeStore,
		unheard(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}),
		"expired",
	},
	{
		"unknown certificate authority", archiver.CodeStore,
		unheard(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
		"AWS_CA_BUNDLE",
	},
	{
		"certificate", archiver.CodeStore,
		unheard(&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.TooManyIntermediates}}),
		"openssl",
	},
	{"wants http", archiver.CodeStore, unheard(http.ErrSchemeMismatch), "endpoint=http://"},
	{"wants http", archiver.CodeStore, unheard(tls.RecordHeaderError{Msg: "no TLS"}), "endpoint=http://"},
	{
		"wants https after all", archiver.CodeStore,
		unheard(errors.New(`net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15\x03\x01"`)),
		"endpoint=https://",
	},
	{"TLS", archiver.CodeStore, unheard(tls.AlertError(40)), "TLS"},
	{"white space", archiver.CodeStore, &s3.SettingError{Problem: "AWS_ACCESS_KEY_ID has white space at its end"}, "Remove it"},
	{"proxy", archiver.CodeStore, unheard(&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}), "NO_PROXY"},
	{"unknown host", archiver.CodeStore, unheard(&net.DNSError{Name: "nohost", IsNotFound: true}), "nohost"},
	{"name server", archiver.CodeStore, unheard(&net.DNSError{Name: "host", IsTemporary: true}), "name server"},
	{
		"connection refused", archiver.CodeStore,
		unheard(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}),
		"Nothing listens",
	},
	{"no way", archiver.CodeStore, unheard(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}), "no route"},
	{"breaks off", archiver.CodeStore, answered(io.ErrUnexpectedEOF, storage.Answer{}), "breaks off on the way"},
	{"no answer", archiver.CodeStore, unheard(errors.New("EOF")), "(4 attempts in 3s)"},

	{"disk full", archiver.CodeDiskFull, onPath(syscall.ENOSPC), "space"},
	{"disk full", archiver.CodeDiskFull, onPath(syscall.EDQUOT), "space"},
	{"file too large", archiver.CodeDiskFull, onPath(syscall.EFBIG), "ulimit -f"},
	{"too many files", archiver.CodeFailed, onPath(syscall.EMFILE), "ulimit -n"},
	{"too many files", archiver.CodeFailed, onPath(syscall.ENFILE), "ulimit -n"},
	{"disk failed", archiver.CodeFailed, onPath(syscall.EIO), "dmesg"},
	{"read-only", archiver.CodePermission, onPath(syscall.EROFS), "read-only"},
	{"stale", archiver.CodeFailed, onPath(syscall.ESTALE), "mount it again"},
	{"mount gone", archiver.CodeFailed, onPath(syscall.ENODEV), "mount it again"},
	{"mount gone", archiver.CodeFailed, onPath(syscall.ENOTCONN), "FUSE"},
	{"mount gone", archiver.CodeFailed, onPath(syscall.ENXIO), "gone"},
	{"no locks", archiver.CodeFailed, &fs.PathError{Op: "flock", Path: "/x", Err: syscall.ENOLCK}, "locks"},
	{"mount point", archiver.CodeFailed, &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EBUSY}, "mount point"},
	{"running program", archiver.CodeFailed, onPath(syscall.ETXTBSY), "running"},
	{"other file system", archiver.CodeFailed, &os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EXDEV}, "file system"},
	{"links", archiver.CodeStore, &os.LinkError{Op: "link", Old: "a", New: "b", Err: syscall.EMLINK}, "links"},
	{"not supported", archiver.CodeStore, onPath(syscall.EOPNOTSUPP), "file system"},
	{"not supported", archiver.CodeStore, onPath(syscall.ENOTSUP), "file system"},
	{"timed out", archiver.CodeFailed, onPath(syscall.ETIMEDOUT), "file server"},
	{"memory", archiver.CodeFailed, onPath(syscall.ENOMEM), "memory"},
	{"path", archiver.CodeFailed, onPath(syscall.ENAMETOOLONG), "too long"},
	{"path", archiver.CodeFailed, onPath(syscall.EISDIR), "folder"},
	{"loop of links", archiver.CodeFailed, onPath(syscall.ELOOP), "loop"},
	{"not permitted", archiver.CodePermission, onPath(syscall.EPERM), "immutable"},
	{
		"permissions of a directory", archiver.CodePermission,
		&storage.Error{Op: storage.OpPut, Key: "k", Err: onPath(syscall.EACCES)},
		"archive's directory",
	},
	{"permissions", archiver.CodePermission, onPath(syscall.EACCES), "permissions of the file"},
	{"in the way", archiver.CodeFailed, onPath(syscall.EEXIST), "something else"},

	{"spilled vectors", archiver.CodeUnsupported, archiver.ErrSpilled, "--without-spilled"},
	{"file mounted by itself", archiver.CodeUnseenLog, errors.New("x"), "--closed"},
	{
		"perhaps upgraded", archiver.CodeWrongDatabase,
		&archiver.UpgradeError{Old: "x.grafeo.pre-0.6", Err: errors.New("x")},
		"put x.grafeo.pre-0.6",
	},
	{"perhaps upgraded", archiver.CodeWrongDatabase, &archiver.UpgradeError{Err: errors.New("x")}, "its upgrade, say so"},
	{"another database", archiver.CodeWrongDatabase, errors.New("x"), "--new-database"},
	{"not a database", archiver.CodeNotDatabase, errors.New("x"), "people.grafeo"},
	{"no conditions", archiver.CodeUnsafeStore, answered(storage.ErrNoConditionalPut, storage.Answer{Status: 501}), "only if it is absent"},
	{"nothing there", archiver.CodeNotFound, onPath(syscall.ENOENT), "Check the path"},
	{"not proven", archiver.CodeUnproven, errors.New("x"), "gbak-s3 drill"},
	{"behind", archiver.CodeLagging, errors.New("x"), "gbak-s3 backup"},
	{"target exists", archiver.CodeTargetExists, errors.New("x"), "--force"},
	{"state that is not there", archiver.CodeUnreachable, errors.New("x"), "gbak-s3 status"},
	{"no archive", archiver.CodeNoArchive, errors.New("x"), "gbak-s3 backup"},
	{"no rules", archiver.CodeNoRules, errors.New("x"), "--keep-daily"},
	{"locks", archiver.CodeLock, errors.New("x"), "--lock-days"},
	{"needed backup", archiver.CodeNeeded, errors.New("x"), "gbak-s3 unpin"},
	{"no backup", archiver.CodeNoBackup, errors.New("x"), "gbak-s3 list"},
}

// TestHints goes through the whole table: each row has an error that it is about,
// and no row before it takes that.
func TestHints(t *testing.T) {
	seen := map[string]bool{}
	check := func(verb string, c hintCase) {
		seen[c.row] = true
		err := &archiver.Error{Code: c.code, Err: fmt.Errorf("doing something: %w", c.err)}
		f := factsOf(err, verb)
		var found []string
		for _, r := range hints {
			if r.when(f) {
				found = append(found, r.name)
			}
		}
		if len(found) == 0 || found[0] != c.row {
			t.Errorf("%v is explained by %q, want %q", c.err, found, c.row)
		}
		if hint := hintFor(err, verb); !strings.Contains(hint, c.words) {
			t.Errorf("the hint for %v is %q, want %q in it", c.err, hint, c.words)
		}
	}
	for _, c := range slices.Concat(hintCases, keyHintCases, windowsHintCases) {
		check("", c)
	}
	for _, c := range slices.Concat(verbHintCases, verbKeyHintCases) {
		check(c.verb, c.hintCase)
	}
	for _, r := range hints {
		if !seen[r.name] {
			t.Errorf("no case has the row %q", r.name)
		}
	}
}

// TestNoHintClaimsACause looks at errors that the table does not know.
func TestNoHintClaimsACause(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{refused(nil, 400, "SomethingNew"), "The store said SomethingNew."},
		{refused(nil, 403, "SomethingNew"), "The store said SomethingNew."},
		{answered(nil, storage.Answer{Status: 418}), "HTTP 418"},
		{errors.New("something new"), "--log-level debug"},
		{onPath(syscall.EPROTO), "--log-level debug"},
	} {
		code := archiver.CodeFailed
		if s, ok := errors.AsType[*storage.Error](c.err); ok && s != nil {
			code = archiver.CodeStore
		}
		hint := hintFor(&archiver.Error{Code: code, Err: c.err}, "backup")
		if !strings.Contains(hint, c.want) || !strings.Contains(hint, "--log-level debug") {
			t.Errorf("the hint for %v is %q", c.err, hint)
		}
	}
	own := &archiver.Error{Code: archiver.CodeStore, Err: onPath(syscall.EIO), Hint: "What only the library knows."}
	if hint := hintFor(own, "backup"); hint != own.Hint {
		t.Errorf("the library's hint is replaced by %q", hint)
	}
}
