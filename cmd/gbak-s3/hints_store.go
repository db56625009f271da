package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// answers are what stores say, first by their own names for it.
var answers = []row{
	{
		name: "archive tier", when: said("InvalidObjectState"),
		say: "The object is in an archive tier (Glacier or the like). Restore it there first (`aws s3api restore-object`), " +
			"and take the archive's prefix out of the rule that moves it.",
	},
	{
		name: "read-only", when: is(storage.ErrReadOnly),
		say: "With versions=oldest an archive can only be read: leave that out of the address. To go on with what it shows, " +
			"restore it, or copy the archive to another prefix.",
	},
	{
		name: "no room", when: is(storage.ErrFull),
		say: "The store is full, or a quota is reached: make room there, or raise the quota. What was committed is not affected.",
	},
	{
		name: "wants a checksum",
		when: func(f *facts) bool {
			return f.answer.Status == http.StatusBadRequest && text("content-md5", "x-amz-checksum")(f)
		},
		say: "The store wants a checksum with each object, as buckets with object lock do: add checksum=sha256 to " +
			"the archive's address.",
	},
	{
		name: "too large",
		when: either(status(http.StatusRequestEntityTooLarge), said("EntityTooLarge", "MaxMessageLengthExceeded", "RequestEntityTooLarge")),
		say: "The store, or a proxy in front of it, accepts no objects of that size. Use a smaller --segment-size, such as 4MiB, " +
			"or raise the limit there (nginx: client_max_body_size).",
	},
	{
		name: "region", when: func(f *facts) bool { return f.answer.Region != "" },
		more: func(f *facts) string {
			return fmt.Sprintf("The bucket is in another region: add region=%s to the archive's address.", f.answer.Region)
		},
	},
	{
		name: "unknown region", when: said("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"),
		say: "The bucket is in another region, or behind another endpoint: correct region= or endpoint= in the archive's address.",
	},
	{name: "redirect", when: func(f *facts) bool { return f.answer.Status/100 == 3 }, more: redirectHint},
	{
		name: "clock", when: said("RequestTimeTooSkewed", "RequestExpired"),
		say: "The clock of this host and that of the store are too far apart: set this host's clock (`timedatectl`, NTP).",
	},
	{
		name: "signature", when: said("SignatureDoesNotMatch"),
		more: func(*facts) string {
			return "The secret key does not belong to this access key (AWS_SECRET_ACCESS_KEY), or a proxy changes the " +
				"host, path or headers of requests." + quotedHint()
		},
	},
	{
		name: "access key", when: said("InvalidAccessKeyId", "InvalidClientTokenId"),
		more: func(*facts) string {
			return "The store does not know this access key (AWS_ACCESS_KEY_ID, AWS_PROFILE): is it one of this store? " + askedAmazon + quotedHint()
		},
	},
	{
		name: "expired", when: said("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
		say: "The credentials have expired: get new ones and run the same command again.",
	},
	{
		name: "session token", when: said("InvalidToken", "InvalidTokenId"),
		say: "The session token is not valid, or belongs to other keys: check AWS_SESSION_TOKEN, or unset it if these keys need none.",
	},
	{
		name: "encryption key",
		when: func(f *facts) bool {
			return f.answer.Code != "" && (strings.HasPrefix(f.answer.Code, "KMS") || text("kms")(f))
		},
		say: "The key that objects are encrypted with cannot be used: check kms_key_id=, and that these credentials may use the key " +
			"(kms:GenerateDataKey, kms:Decrypt).",
	},
	{
		name: "no bucket", when: either(code(archiver.CodeNoStore), said("InvalidBucketName")),
		say: "Create the bucket first, or correct its name in the archive's address.",
	},
	{
		name: "bucket in the endpoint", when: both(said("NoSuchKey"), func(f *facts) bool { return f.store != nil && f.store.Op == "list" }),
		say: "The store takes the bucket for an object: endpoint= is the URL of the store without the bucket, which is written once, " +
			"after s3://.",
	},
	{
		name: "not this method",
		when: either(said("MethodNotAllowed", "NotImplemented"), status(http.StatusMethodNotAllowed, http.StatusNotImplemented)),
		say: "Whatever answers does not know this request: is endpoint= the S3 API of the store, and not its web page? " +
			"`gbak-s3 doctor` checks what a backup needs.",
	},
	{
		name: "changed on the way",
		when: said("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"),
		say: "What arrived is not what was sent: a proxy or the network changed it. Run the same command again; " +
			"if it fails again, bypass the proxy.",
	},
	{name: "key too long", when: said("KeyTooLongError"), say: "Use a shorter prefix in the archive's address."},
	{
		name: "wants https", when: both(is(storage.ErrSettings), func(f *facts) bool { return f.answer.Status == http.StatusBadRequest }),
		say: "The endpoint speaks https: write endpoint=https://... in the archive's address.",
	},
	{name: "foreign", when: is(storage.ErrForeign), more: foreignHint},
	{
		name: "login at a proxy", when: status(http.StatusProxyAuthRequired),
		say: "A proxy wants credentials: put them into HTTPS_PROXY (or HTTP_PROXY), or bypass it with NO_PROXY.",
	},
	{
		name: "busy",
		when: said("SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "Throttling", "ThrottlingException",
			"RequestLimitExceeded", "BandwidthLimitExceeded"),
		more: func(f *facts) string {
			return "The store is busy" + tried(f) + ". Run the same command again later, with a smaller " +
				"--concurrency, or with a longer --store-timeout."
		},
	},
	{
		name: "unavailable",
		when: both(is(storage.ErrUnavailable), func(f *facts) bool {
			return f.answer.Status >= 500 || f.answer.Status == http.StatusTooManyRequests
		}),
		more: func(f *facts) string {
			return fmt.Sprintf("The store answered with HTTP %d%s. Run the same command again when it has "+
				"recovered, or with a longer --store-timeout.",
				f.answer.Status, tried(f))
		},
	},
	{
		name: "denied to an expiry", when: both(of("expire"), both(ofStore, said("AccessDenied", "AllAccessDisabled", "UnauthorizedAccess"))),
		say: "An expiry needs s3:DeleteObject beside what a backup needs (s3:ListBucket, s3:GetObject, s3:PutObject). " +
			"With --mark-only it deletes nothing, and an expiry elsewhere does that; what is locked can be deleted later.",
	},
	{
		name: "denied by policy", when: both(ofStore, said("AccessDenied", "AllAccessDisabled", "UnauthorizedAccess")),
		say: "Check that the user's policy and the bucket's allow these credentials to list, read and create " +
			"objects below this prefix " +
			"(s3:ListBucket, s3:GetObject, s3:PutObject).",
	},
	{
		name: "denied",
		when: func(f *facts) bool {
			return f.store != nil && f.store.Answer != nil && f.code == archiver.CodePermission
		},
		say: "Check that you may list, read and create objects in this archive: the credentials (AWS_ACCESS_KEY_ID, " +
			"AWS_PROFILE, ...), " +
			"and the bucket's policy.",
	},
}

// quotedHint says if a key begins with a quotation mark, as nobody sees it.
func quotedHint() string {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if value := os.Getenv(name); strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'") {
			return fmt.Sprintf(" %s begins with a quotation mark: the files of `docker --env-file` have no quotes.", name)
		}
	}
	return ""
}

func redirectHint(f *facts) string {
	if f.answer.Location == "" {
		return "The store is somewhere else, or behind another endpoint: correct endpoint= and region= in the archive's address."
	}
	return fmt.Sprintf("Whatever answers redirects to %s, and a signed request cannot follow. "+
		"If that is the store, give it as endpoint= in the archive's address.", f.answer.Location)
}

func foreignHint(f *facts) string {
	const nothing = "This says nothing about the archive. "
	if strings.Contains(f.err.Error(), "compressed") || strings.Contains(f.err.Error(), "on the way") {
		return nothing + "Something between here and the store changes what it sends, such as a proxy that compresses: " +
			"switch that off, or bypass it."
	}
	return nothing + "A login page, a proxy or a console answers in the store's place: " +
		"check that endpoint= is the S3 API of the store, with its port."
}

// tried says how often a call was attempted, and for how long, where that is known.
func tried(f *facts) string {
	if f.answer.Attempts < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s in %s)", plural(f.answer.Attempts, "attempt"), took(f.answer.Elapsed))
}

// amazon is how the names of AWS's hosts end.
const amazon = ".amazonaws.com"

// askedAmazon says why AWS was asked, which newcomers with another store do not expect.
const askedAmazon = "Without an endpoint the store is AWS: for another one, such as MinIO, add ?endpoint=URL to the archive's " +
	"address, or set AWS_ENDPOINT_URL_S3."

// network is what can happen on the way to a store.
var network = []row{
	{
		name: "certificate of somebody else", when: as[x509.HostnameError],
		say: "The certificate belongs to another host: use the host name in it for endpoint=.",
	},
	{
		name: "certificate expired",
		when: func(f *facts) bool {
			invalid, ok := errors.AsType[x509.CertificateInvalidError](f.err)
			return ok && invalid.Reason == x509.Expired
		},
		say: "The certificate has expired, or this host's clock is wrong.",
	},
	{
		name: "unknown certificate authority", when: either(as[x509.UnknownAuthorityError], as[x509.SystemRootsError]),
		say: "The store's certificate is signed by an authority that this host does not know. " +
			"Give the authority's certificate as ca_file=/path.pem in the archive's address, or in AWS_CA_BUNDLE.",
	},
	{
		name: "certificate", when: as[*tls.CertificateVerificationError],
		say: "The certificate of the store cannot be verified: look at it with `openssl s_client -connect HOST:PORT`.",
	},
	{
		name: "wants http", when: either(is(http.ErrSchemeMismatch), as[tls.RecordHeaderError]),
		say: "The endpoint does not speak https: write endpoint=http://... in the archive's address, or http://... in " +
			"AWS_ENDPOINT_URL_S3 if it is there, or correct its port.",
	},
	{
		name: "wants https after all", when: text(`malformed http response "\x15\x03`),
		say: "The endpoint speaks https: write endpoint=https://... in the archive's address.",
	},
	{
		name: "TLS", when: as[tls.AlertError],
		say: "This host and the store do not agree on TLS: the store wants another version, or a client certificate.",
	},
	{
		name: "white space", when: both(is(storage.ErrSettings), text("white space")),
		say: "Remove it: most often it is the end of a line that was copied with the value. Nothing was sent.",
	},
	{
		name: "proxy",
		when: func(f *facts) bool {
			op, ok := errors.AsType[*net.OpError](f.err)
			return ok && op.Op == "proxyconnect"
		},
		say: "The proxy in HTTPS_PROXY (or HTTP_PROXY) cannot be reached: correct it, or bypass it with NO_PROXY.",
	},
	{
		name: "unknown host",
		when: func(f *facts) bool {
			lookup, ok := errors.AsType[*net.DNSError](f.err)
			return ok && lookup.IsNotFound
		},
		more: func(f *facts) string {
			lookup, _ := errors.AsType[*net.DNSError](f.err)
			if strings.HasSuffix(lookup.Name, amazon) {
				return fmt.Sprintf("There is no host %s. %s If AWS is meant, check region= and the network of this host.", lookup.Name, askedAmazon)
			}
			return fmt.Sprintf("There is no host %s: correct endpoint= in the archive's address, "+
				"or add path_style=true if the bucket's name is in front of it.", lookup.Name)
		},
	},
	{name: "name server", when: as[*net.DNSError], say: "The name server does not answer: check the network of this host."},
	{
		name: "connection refused", when: both(ofStore, is(syscall.ECONNREFUSED)),
		say: "Nothing listens there: check host and port of endpoint= in the archive's address, and that the store is running.",
	},
	{
		name: "no way", when: both(ofStore, is(syscall.EHOSTUNREACH, syscall.ENETUNREACH)),
		say: "There is no route to the store from this host: check the network, and host and port of endpoint=.",
	},
	{
		name: "breaks off", when: both(ofStore, is(io.ErrUnexpectedEOF)),
		say: "What the store sends breaks off on the way: check the network, and the proxy if there is one, and run " +
			"the same command again, " +
			"with a longer --store-timeout if necessary.",
	},
	{
		name: "no answer", when: func(f *facts) bool { return f.store != nil && f.store.Answer != nil && f.answer.Status == 0 },
		more: func(f *facts) string {
			return "The store did not answer" + tried(f) + ": check the network and endpoint= in the archive's " +
				"address, and run the same command again."
		},
	},
}
