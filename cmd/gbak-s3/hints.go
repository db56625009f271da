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
	"slices"
	"strings"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// This file says what to do next about an error: one table, from what is known of
// the cause. A row claims no more than its evidence shows; an error that no row is
// about gets no cause. (Where a code stands for cases that only the library can tell
// apart, the hint is in the error itself, see [archiver.Error], and wins. It names no
// flag and no command.)

// facts are what is known of an error.
type facts struct {
	err    error
	verb   string // the command that failed, such as "backup"
	code   archiver.Code
	store  *storage.Error // nil if it is not the store's
	answer storage.Answer // of it; zero if there was none
}

// row is one line of the table.
type row struct {
	name string
	when func(f *facts) bool
	say  string
	more func(f *facts) string // instead of say, where it depends on the facts
}

// hintFor returns the next step after a command has failed with err, an error of the
// library.
func hintFor(err error, verb string) string {
	f := factsOf(err, verb)
	if known, ok := errors.AsType[*archiver.Error](err); ok && known.Hint != "" {
		return known.Hint
	}
	for _, r := range hints {
		if !r.when(f) {
			continue
		}
		if r.more != nil {
			return r.more(f)
		}
		return r.say
	}
	if f.answer.Code != "" {
		return fmt.Sprintf("The store said %s. --log-level debug shows each request and its answer.", f.answer.Code)
	}
	if f.answer.Status != 0 {
		return fmt.Sprintf("The store answered with HTTP %d and no more. --log-level debug shows each request and its answer.", f.answer.Status)
	}
	return "Run the same command again with --log-level debug to see more."
}

func factsOf(err error, verb string) *facts {
	f := &facts{err: err, verb: verb, code: archiver.CodeOf(err)}
	if errors.As(err, &f.store) && f.store.Answer != nil {
		f.answer = *f.store.Answer
	}
	return f
}

// hints is the table: codes that say all, then what a store says, what the network
// says, what the system says, and the codes that are left. The first row that fits
// is the one.
var hints = slices.Concat(outcomes, answers, network, system, remaining)

// code is a row for errors with one of these codes.
func code(codes ...archiver.Code) func(*facts) bool {
	return func(f *facts) bool { return slices.Contains(codes, f.code) }
}

// of is a row for errors of these commands.
func of(verbs ...string) func(*facts) bool {
	return func(f *facts) bool { return slices.Contains(verbs, f.verb) }
}

// said is a row for what a store calls the error.
func said(codes ...string) func(*facts) bool {
	return func(f *facts) bool { return slices.Contains(codes, f.answer.Code) }
}

// status is a row for answers with one of these, for which the store has no name of
// its own.
func status(statuses ...int) func(*facts) bool {
	return func(f *facts) bool {
		named := f.answer.Code != "" && f.answer.Code != strings.ReplaceAll(http.StatusText(f.answer.Status), " ", "") && f.answer.Code != "UnknownError"
		return !named && slices.Contains(statuses, f.answer.Status)
	}
}

// is is a row for errors that are one of these.
func is(targets ...error) func(*facts) bool {
	return func(f *facts) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(f.err, target) })
	}
}

// as is a row for errors of a type.
func as[T error](f *facts) bool {
	_, ok := errors.AsType[T](f.err)
	return ok
}

func both(a, b func(*facts) bool) func(*facts) bool {
	return func(f *facts) bool { return a(f) && b(f) }
}

func either(a, b func(*facts) bool) func(*facts) bool {
	return func(f *facts) bool { return a(f) || b(f) }
}

func ofStore(f *facts) bool { return f.store != nil }

// opening is a row for errors of opening a store with a backend.
func opening(backend string) func(*facts) bool {
	return func(f *facts) bool {
		e, ok := errors.AsType[*openingError](f.err)
		return ok && e.backend == backend
	}
}

// text is a row for what an error says, where it has no type.
func text(parts ...string) func(*facts) bool {
	return func(f *facts) bool {
		said := strings.ToLower(f.err.Error() + " " + f.answer.Message)
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(said, part) })
	}
}

// newestHint says what there still is, and how to go on. Whether an empty manifest
// ever was a backup cannot be seen: it may have been one, and so nothing is built on
// what is before it without a word.
func newestHint(f *facts) string {
	e, _ := errors.AsType[*archiver.NewestError](f.err)
	goOn := fmt.Sprintf("To go on, put a whole copy of %s back, from the bucket's versions or a copy of the archive. If there is none, that backup is lost: move the object away and give `gbak-s3 backup` --begin-anew, once; or back up to another address.", e.Key)
	if e.Before == 0 {
		return goOn
	}
	return fmt.Sprintf("The backups before it are not touched: `gbak-s3 restore --backup %d` restores the last of them. %s", e.Before, goOn)
}

// outcomes are the codes whose meaning does not depend on what has caused them.
var outcomes = []row{
	{name: "interrupted backup", when: both(code(archiver.CodeInterrupted), of("backup", "import")), say: "Run the same command again: it does not send twice what is stored already."},
	{name: "interrupted restore", when: both(code(archiver.CodeInterrupted), of("restore")), say: "Run the same command again: it puts back what was moved aside, and goes on with what was fetched."},
	{name: "interrupted export", when: both(code(archiver.CodeInterrupted), of("export")), say: "Run the same command again: it clears what is left."},
	{name: "interrupted reader", when: both(code(archiver.CodeInterrupted), of("plan", "list", "verify", "status", "inspect")), say: "Nothing was changed. Run the same command again."},
	{name: "interrupted", when: code(archiver.CodeInterrupted), say: "Run the same command again."},
	{name: "outcome unknown", when: code(archiver.CodeUnknownOutcome), say: "The backup may or may not exist. Run `gbak-s3 list` when the store answers again; running the backup again is safe."},
	{name: "damaged database", when: code(archiver.CodeDamagedDatabase), say: "Nothing was committed and earlier backups are untouched. Open the database with Grafeo and close it; if that fails, restore the newest backup to another path."},
	{name: "newest manifest", when: as[*archiver.NewestError], more: newestHint},
	{name: "archive.json", when: as[*archiver.DocumentError], say: "What is stored can be restored all the same: `gbak-s3 restore` goes by the manifests. Nothing is written to this archive before a whole copy of archive.json is back, from the bucket's versions or a copy of the archive; or back up to another address, and keep this one for restores."},
	{name: "damaged archive", when: code(archiver.CodeDamagedArchive), say: "Run `gbak-s3 verify --deep` on the archive to see which backups are whole."},
	{name: "no conditions", when: is(storage.ErrNoConditionalPut), say: "A backup is committed by creating an object only if it is absent. Use a store that can do that, such as AWS S3, MinIO or a local directory."},
	{name: "unsafe store", when: code(archiver.CodeUnsafeStore), say: "A backup is committed by creating an object only if it is absent; without that, two backups at the same time may overwrite each other. Use a store that keeps it, such as AWS S3, MinIO or a local directory. If never more than one process will back up into this archive, --single-writer accepts the store as it is."},
	{name: "no archive as there is no bucket", when: both(code(archiver.CodeNoArchive), is(storage.ErrNoStore)), say: "Check the bucket in the archive's address."},
	{name: "directory of an archive", when: both(code(archiver.CodePermission), opening("local")), say: "Check the permissions of the folders above the archive."},
	{name: "no directory for an archive", when: opening("local"), say: "Give the path of a directory for the archive; it need not exist."},
	{name: "AWS configuration", when: both(opening("s3"), func(f *facts) bool { return !is(storage.ErrSettings, fs.ErrNotExist)(f) }), say: "Check the AWS configuration: environment, profile and region."},
	{name: "vanished", when: code(archiver.CodeVanished), say: "Nothing was changed. Is the disk mounted, and is it the right bucket and prefix? `gbak-s3 list` shows what is there now. If what was there is gone by your will, give `backup` or `import` --begin-anew, once."},
	{name: "locked", when: code(archiver.CodeLocked), say: "Another run has that lock for milliseconds, unless it hangs: look for one that does, end it, and run the same command again."},
	{name: "spilled vectors", when: is(archiver.ErrSpilled), say: "Restore the database and open it with Grafeo 0.6, which takes them in; or export it without them by --without-spilled."},
	{name: "conflict", when: code(archiver.CodeConflict), say: "Several processes back up into this archive at the same time. Run the backup again, or less often."},
}

// answers are what stores say, by their own names first.
var answers = []row{
	{name: "archive tier", when: said("InvalidObjectState"), say: "The object is in an archive tier (Glacier or the like). Restore it there first (`aws s3api restore-object`), and take the archive's prefix out of the rule that moves it."},
	{
		name: "no room", when: is(storage.ErrNoRoom),
		say: "The store has no room, or a quota is reached: make room there, or raise the quota. Nothing that was committed is touched.",
	},
	{name: "wants a checksum", when: func(f *facts) bool {
		return f.answer.Status == http.StatusBadRequest && text("content-md5", "x-amz-checksum")(f)
	}, say: "The store wants a checksum with each object, as buckets with object lock do: add checksum=sha256 to the archive's address."},
	{name: "too large", when: either(status(http.StatusRequestEntityTooLarge), said("EntityTooLarge", "MaxMessageLengthExceeded", "RequestEntityTooLarge")), say: "The store, or a proxy on the way to it, takes no objects of that size. Use a smaller --segment-size, such as 4MiB, or raise the limit there (nginx: client_max_body_size)."},
	{name: "region", when: func(f *facts) bool { return f.answer.Region != "" }, more: func(f *facts) string {
		return fmt.Sprintf("The bucket is in another region: add region=%s to the archive's address.", f.answer.Region)
	}},
	{name: "unknown region", when: said("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"), say: "The bucket is in another region, or behind another endpoint: correct region= or endpoint= in the archive's address."},
	{name: "redirect", when: func(f *facts) bool { return f.answer.Status/100 == 3 }, more: func(f *facts) string {
		if f.answer.Location == "" {
			return "The store is somewhere else, or behind another endpoint: correct endpoint= and region= in the archive's address."
		}
		return fmt.Sprintf("What answers sends us to %s, and a signed request cannot follow. If that is the store, give it as endpoint= in the archive's address.", f.answer.Location)
	}},
	{name: "clock", when: said("RequestTimeTooSkewed", "RequestExpired"), say: "The clock of this host and that of the store are too far apart: set this host's clock (`timedatectl`, NTP)."},
	{name: "signature", when: said("SignatureDoesNotMatch"), say: "The secret key is not the one of this access key (AWS_SECRET_ACCESS_KEY), or a proxy changes host, path or headers of requests."},
	{name: "access key", when: said("InvalidAccessKeyId", "InvalidClientTokenId"), say: "The store does not know this access key (AWS_ACCESS_KEY_ID, AWS_PROFILE): is it one of this store?"},
	{name: "expired", when: said("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"), say: "The credentials have expired: get new ones and run the same command again."},
	{name: "session token", when: said("InvalidToken"), say: "The session token is not valid, or belongs to other keys: check AWS_SESSION_TOKEN, and unset it if the keys need none."},
	{name: "encryption key", when: func(f *facts) bool {
		return f.answer.Code != "" && (strings.HasPrefix(f.answer.Code, "KMS") || text("kms")(f))
	}, say: "The key that objects are encrypted with cannot be used: check kms_key_id=, and that these credentials may use the key (kms:GenerateDataKey, kms:Decrypt)."},
	{name: "no bucket", when: either(code(archiver.CodeNoStore), said("InvalidBucketName")), say: "Create the bucket first, or correct its name in the archive's address."},
	{name: "not this method", when: either(said("MethodNotAllowed", "NotImplemented"), status(http.StatusMethodNotAllowed, http.StatusNotImplemented)), say: "What answers does not know this request: is endpoint= the S3 API of the store, and not its web page? `gbak-s3 doctor` tries what a backup needs."},
	{name: "changed on the way", when: said("BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"), say: "What arrived is not what was sent: a proxy or the network changes it. Run the same command again; if it fails again, go around the proxy."},
	{name: "key too long", when: said("KeyTooLongError"), say: "Use a shorter prefix in the archive's address."},
	{name: "wants https", when: both(is(storage.ErrSettings), func(f *facts) bool { return f.answer.Status == http.StatusBadRequest }), say: "The endpoint speaks https: write endpoint=https://... in the archive's address."},
	{name: "foreign", when: is(storage.ErrForeign), more: func(f *facts) string {
		if strings.Contains(f.err.Error(), "compressed") || strings.Contains(f.err.Error(), "on the way") {
			return "Nothing is said about the archive by that. Something between here and the store changes what it sends, such as a proxy that compresses: switch that off, or go around it."
		}
		return "Nothing is said about the archive by that. A login page, a proxy, or a console answers in the store's place: check that endpoint= is the S3 API of the store, with its port."
	}},
	{name: "login at a proxy", when: status(http.StatusProxyAuthRequired), say: "A proxy wants credentials: they go into HTTPS_PROXY (or HTTP_PROXY); NO_PROXY goes around it."},
	{name: "busy", when: said("SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "Throttling", "ThrottlingException", "RequestLimitExceeded", "BandwidthLimitExceeded"), more: func(f *facts) string {
		return "The store is busy" + tried(f) + ". Run the same command again later, with a smaller --concurrency, or with a longer --store-timeout."
	}},
	{name: "unavailable", when: both(is(storage.ErrUnavailable), func(f *facts) bool { return f.answer.Status >= 500 || f.answer.Status == http.StatusTooManyRequests }), more: func(f *facts) string {
		return fmt.Sprintf("The store answered with HTTP %d%s. Run the same command again when it has recovered, or with a longer --store-timeout.", f.answer.Status, tried(f))
	}},
	{name: "denied by policy", when: both(ofStore, said("AccessDenied", "AllAccessDisabled", "UnauthorizedAccess")), say: "Check that these credentials may list, read and create objects below this prefix (s3:ListBucket, s3:GetObject, s3:PutObject), by the user's policy and the bucket's."},
	{name: "denied", when: func(f *facts) bool {
		return f.store != nil && f.store.Answer != nil && f.code == archiver.CodePermission
	}, say: "Check that you may list, read and create objects in this archive: the credentials of a bucket (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...), and its policy."},
}

// tried says how often a call was attempted, and for how long, where that is known.
func tried(f *facts) string {
	if f.answer.Attempts < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s in %s)", plural(f.answer.Attempts, "attempt"), took(f.answer.Elapsed))
}

// network is what happens on the way to a store.
var network = []row{
	{name: "certificate of somebody else", when: as[x509.HostnameError], say: "The certificate is one of another host: use the host name that is in it as endpoint=."},
	{name: "certificate expired", when: func(f *facts) bool {
		invalid, ok := errors.AsType[x509.CertificateInvalidError](f.err)
		return ok && invalid.Reason == x509.Expired
	}, say: "The certificate has expired, or this host's clock is wrong."},
	{name: "unknown certificate authority", when: either(as[x509.UnknownAuthorityError], as[x509.SystemRootsError]), say: "The store's certificate is signed by an authority that this host does not know. Give the authority's certificate as ca_file=/path.pem in the archive's address, or in AWS_CA_BUNDLE."},
	{name: "certificate", when: as[*tls.CertificateVerificationError], say: "The certificate of the store cannot be verified: look at it with `openssl s_client -connect HOST:PORT`."},
	{name: "wants http", when: either(is(http.ErrSchemeMismatch), as[tls.RecordHeaderError]), say: "The endpoint does not speak https: write endpoint=http://... in the archive's address, with the scheme, or correct its port."},
	{name: "wants https after all", when: text(`malformed http response "\x15\x03`), say: "The endpoint speaks https: write endpoint=https://... in the archive's address."},
	{name: "TLS", when: as[tls.AlertError], say: "Here and there do not agree on TLS: the store wants another version, or a certificate of the client."},
	{name: "white space", when: both(is(storage.ErrSettings), text("white space")), say: "Remove it: the end of a line that was copied with the value, most often. Nothing was sent."},
	{name: "proxy", when: func(f *facts) bool {
		op, ok := errors.AsType[*net.OpError](f.err)
		return ok && op.Op == "proxyconnect"
	}, say: "The proxy of HTTPS_PROXY (or HTTP_PROXY) cannot be reached: correct it, or go around it with NO_PROXY."},
	{name: "unknown host", when: func(f *facts) bool {
		lookup, ok := errors.AsType[*net.DNSError](f.err)
		return ok && lookup.IsNotFound
	}, more: func(f *facts) string {
		lookup, _ := errors.AsType[*net.DNSError](f.err)
		return fmt.Sprintf("There is no host %s: correct endpoint= in the archive's address, or add path_style=true if the bucket's name is in front of it.", lookup.Name)
	}},
	{name: "name server", when: as[*net.DNSError], say: "The name server gave no answer: check the network of this host."},
	{name: "connection refused", when: both(ofStore, is(syscall.ECONNREFUSED)), say: "Nothing listens there: check host and port of endpoint= in the archive's address, and that the store is running."},
	{name: "no way", when: both(ofStore, is(syscall.EHOSTUNREACH, syscall.ENETUNREACH)), say: "There is no way to the store from this host: check the network, and host and port of endpoint=."},
	{name: "breaks off", when: both(ofStore, is(io.ErrUnexpectedEOF)), say: "What the store sends breaks off on the way: check the network, and a proxy if there is one, and run the same command again, with a longer --store-timeout if it takes that."},
	{name: "no answer", when: func(f *facts) bool { return f.store != nil && f.store.Answer != nil && f.answer.Status == 0 }, more: func(f *facts) string {
		return "The store did not answer" + tried(f) + ": check the network and endpoint= in the archive's address, and run the same command again."
	}},
}

// system is what the operating system says, of the database or of an archive in a
// directory.
var system = []row{
	{name: "disk full", when: is(syscall.ENOSPC, syscall.EDQUOT), say: "Free some space and run the same command again."},
	{name: "file too large", when: is(syscall.EFBIG), say: "Files may not be that large here: by the file system, or by a limit of the process (`ulimit -f`). Raise it, or use another path."},
	{name: "too many files", when: is(syscall.EMFILE, syscall.ENFILE), say: "Raise the number of files that may be open (`ulimit -n`): a few dozen are enough; or use --concurrency 1."},
	{name: "disk failed", when: is(syscall.EIO), say: "The disk, or the file system, has failed at this file: look at the system's log (`dmesg`), and save what can be read before it gets worse."},
	{name: "read-only", when: is(syscall.EROFS), say: "The file system is mounted read-only: on purpose, or by the system after an error of the disk (`dmesg`)."},
	{name: "stale", when: is(syscall.ESTALE), say: "The file has gone on the file server, or the server was restarted: mount it anew and run the same command again."},
	{name: "mount gone", when: is(syscall.ENODEV, syscall.ENXIO, syscall.ENOTCONN), say: "The device, or the program behind this mount (FUSE), is gone: mount it anew and run the same command again."},
	{name: "no locks", when: is(syscall.ENOLCK), say: "The file system gives no locks: on NFS, start its lock service, or mount with local_lock=flock; or use a path on a local disk."},
	{name: "mount point", when: is(syscall.EBUSY), say: "The file or folder is in use by the system itself, most often as a mount point: a file that is mounted into a container cannot be replaced. Mount the folder above it instead, or use another path."},
	{name: "running program", when: is(syscall.ETXTBSY), say: "The file is a program that is running: use another path."},
	{name: "other file system", when: is(syscall.EXDEV), say: "The two paths are on different file systems, or a mount lies between them: use a path where the folder and what is in it are on one."},
	{name: "links", when: is(syscall.EMLINK), say: "The file has as many hard links as its file system allows: use another folder."},
	{name: "timed out", when: both(func(f *facts) bool { return f.answer.Attempts == 0 }, is(syscall.ETIMEDOUT, syscall.EHOSTDOWN)), say: "The file server gives no answer: look at the mount, and run the same command again."},
	{name: "memory", when: is(syscall.ENOMEM), say: "The system has no memory left for this process: raise its limit, or use a smaller --concurrency."},
	{name: "path", when: is(syscall.ENAMETOOLONG, syscall.ENOTDIR, syscall.EISDIR), say: "Check the path: a name in it is too long, or what should be a folder is none."},
	{name: "circle of links", when: is(syscall.ELOOP), say: "Check the path: symbolic links in it lead in a circle."},
	{name: "not permitted", when: is(syscall.EPERM), say: "The system does not permit that even to those who may write: the file is immutable (`lsattr`), the file system or a policy (SELinux, a container) does not allow it."},
	{name: "permissions of a directory", when: both(ofStore, code(archiver.CodePermission)), say: "Check the permissions of the archive's directory, and of the folders above it."},
	{name: "permissions", when: either(code(archiver.CodePermission), is(fs.ErrPermission)), say: "Check the permissions of the file and its folder."},
	{name: "in the way", when: both(code(archiver.CodeFailed), is(fs.ErrExist)), say: "Check the path: something else has this name, such as a link to nothing."},
}

// remaining are codes by which less is known.
var remaining = []row{
	{name: "busy database", when: code(archiver.CodeBusyDatabase), say: "Checkpoints follow each other faster than the database can be read. Try again when it is quieter, or make checkpoints rarer."},
	{name: "foreign cursor", when: code(archiver.CodeForeignCursor), say: "Grafeo's own backups use the same file. Remove it by hand if nobody needs the log that it keeps."},
	{name: "file mounted by itself", when: code(archiver.CodeUnseenLog), say: "Mount the folder that the database is in, and not its file. If nobody has the database open, say so with --closed."},
	{name: "perhaps upgraded", when: as[*archiver.UpgradeError], more: func(f *facts) string {
		upgrade, _ := errors.AsType[*archiver.UpgradeError](f.err)
		return fmt.Sprintf("If it is the same database after its upgrade, put %s, which the upgrade has left, beside it again, or say it: with --new-database a backup goes on with it on a new timeline, and the old history stays restorable. Use another archive for another database.", upgrade.Old)
	}},
	{name: "another database", when: code(archiver.CodeWrongDatabase), say: "Use another archive for another database. If this one was made in the place of the old one, --new-database goes on with it on a new timeline, and the old history stays restorable."},
	{name: "nothing that can be inspected", when: both(code(archiver.CodeNotDatabase), of("inspect")), say: "Give the path of a database file, its log folder, a log file, a backup cursor, a backup folder of Grafeo, or an archive."},
	{name: "not a database", when: code(archiver.CodeNotDatabase), say: "Give the path of a Grafeo database: a file, such as people.grafeo, or a directory of 0.5 that has its log in the folder wal."},
	{name: "nothing to inspect", when: both(code(archiver.CodeNotFound), of("inspect")), say: "Check the path."},
	{name: "nothing there", when: code(archiver.CodeNotFound), say: "Check the path: it is that of the database file, such as people.grafeo."},
	{name: "behind", when: code(archiver.CodeLagging), say: "Run `gbak-s3 backup DATABASE ARCHIVE`, and look why the backups that should have run did not."},
	{name: "export exists", when: both(code(archiver.CodeTargetExists), of("export")), say: "Export to another path, or move away what is there."},
	{name: "target exists", when: code(archiver.CodeTargetExists), say: "Use another path, or --force to move what is there aside."},
	{name: "state that is not there", when: code(archiver.CodeUnreachable), say: "Choose a state that the archive has: `gbak-s3 list` and `gbak-s3 status` show them."},
	{name: "no archive", when: code(archiver.CodeNoArchive), say: "Check the address; `gbak-s3 backup DATABASE ARCHIVE` makes the first backup and the archive with it."},
	{name: "no backup", when: code(archiver.CodeNoBackup), say: "`gbak-s3 list` shows all backups that there are."},
	{name: "not supported", when: is(syscall.EOPNOTSUPP, syscall.ENOSYS), say: "The file system does not know this call: use a folder on another file system."},
}
