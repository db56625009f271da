package archiver

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/copying"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/keeping"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/mirroring"
	"github.com/gbak-s3/gbak-s3/archiver/internal/native"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/retention"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/staging"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/errno"
	"github.com/gbak-s3/gbak-s3/storage"
)

// kind is one kind of errors, and the code that they get.
type kind struct {
	is   func(error) bool
	code Code
}

// kinds is the one place that gives errors their codes. An error is of the first kind
// that fits, so those that may wrap others stand first.
var kinds = []kind{
	{as[*commit.UnknownOutcomeError], CodeUnknownOutcome},
	{as[*commit.ConflictError], CodeConflict},
	{as[*laggingError], CodeLagging},
	{as[*unprovenError], CodeUnproven},
	{as[*clockError], CodeLagging},
	{as[*commit.UnreadableError], CodeFailed}, // which wraps what a reader would say of the archive

	{isReplacedEncrypted, CodeKeyWrong},
	{isReplacedPlain, CodeEncrypted},
	{as[*copying.SealedError], CodeEncrypted},
	{isRolledBack, CodeDamagedArchive},
	{as[*notEncryptedError], CodeNotEncrypted},
	{is(seal.ErrNotEncrypted), CodeNotEncrypted},
	{as[*seal.RecipientsError], CodeRecipients},
	{as[*seal.UnknownRecipientError], CodeRecipients},
	{as[*seal.NeededRecipientError], CodeRecipientNeeded},
	{isMissingKey, CodeKeyMissing},
	{isWrongKey, CodeKeyWrong},
	{as[*seal.DamageError], CodeDamagedArchive},

	{as[*locate.UnfinishedUpgradeError], CodeNotFound},
	{as[*locate.MissingError], CodeNotFound},
	{as[*native.NoFolderError], CodeNotFound},
	{as[*native.NoListError], CodeNotDatabase},
	{as[*native.EmptyFolderError], CodeNotDatabase},
	{as[*locate.SeveralDatabasesError], CodeNotDatabase},
	{as[*locate.UnseenLogError], CodeUnseenLog},
	{as[*capture.UnsteadyError], CodeBusyDatabase},
	{as[*capture.OtherDatabaseError], CodeWrongDatabase},
	{as[*capture.NeedsFullError], CodeNeedsFull},
	{as[*native.DamagedFolderError], CodeDamagedDatabase},
	{as[*capture.SpillNameError], CodeUnsupported},
	{as[*noNativeFormError], CodeUnsupported},
	{is(ErrSpilled), CodeUnsupported},
	{is(hold.ErrForeignCursor), CodeForeignCursor},

	{as[*journal.MirrorError], CodeMirror},
	{as[*journal.VanishedError], CodeVanished},
	{as[*fetchedBeforeError], CodeVanished},
	{as[*journal.NoArchiveError], CodeNoArchive},
	{as[*journal.NoBackupError], CodeNoBackup},
	{as[*catalog.UnreachableError], CodeUnreachable},
	{as[*commit.UnsafeStoreError], CodeUnsafeStore},
	{as[*keeping.SingleWriterError], CodeUnsafeStore},

	{as[*certificates.ConflictError], CodeDigest},
	{as[*LockError], CodeLock},
	{as[*noRulesError], CodeNoRules},
	{as[*manifest.RulesError], CodeNoRules},
	{as[*retention.NeededError], CodeNeeded},
	{as[*retention.NoBackupError], CodeNoBackup},
	{as[*headMovedError], CodeConflict},
	{as[*copying.NotCopyError], CodeTargetExists},
	{as[*mirroring.NotMirrorError], CodeTargetExists},
	{as[*mirroring.DivergedError], CodeConflict},
	{as[*copying.PlainError], CodeNoRecipients},

	{as[*staging.ExistsError], CodeTargetExists},
	{as[*staging.AppearedError], CodeTargetExists},
	{as[*staging.TargetBusyError], CodeTargetBusy},
	{as[*staging.UnnameableError], CodeUnsupported},
	{as[*disk.LockedError], CodeLocked},

	{is(grafeo.ErrDamaged, grafeo.ErrWrongDatabase, grafeo.ErrGap), CodeDamagedDatabase},
	{is(grafeo.ErrEncrypted, grafeo.ErrUnsupportedVersion), CodeUnsupported},
	{is(grafeo.ErrNotDatabase), CodeNotDatabase},
	{as[*manifest.UnsupportedError], CodeUnsupported},
	{as[*manifest.ObjectError], CodeDamagedArchive},
	{is(manifest.ErrDamaged), CodeDamagedArchive},

	{is(storage.ErrNoConditionalPut), CodeUnsafeStore},
	{is(objects.ErrLost), CodeStore},
	{is(storage.ErrNoStore), CodeNoStore},
	{is(storage.ErrFull, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG), CodeDiskFull},
	{is(storage.ErrPermission, storage.ErrReadOnly, fs.ErrPermission, syscall.EROFS), CodePermission},
	{as[*storage.Error], CodeStore},
	{is(storage.ErrRefused), CodeStore},
}

// classify returns the code of an error of a room below.
func classify(err error) Code {
	for _, k := range kinds {
		if k.is(err) {
			return k.code
		}
	}
	return CodeFailed
}

// as reports whether an error is, or wraps, one of a type.
func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// is reports whether an error is, or wraps, one of these.
func is(targets ...error) func(error) bool {
	return func(err error) bool { return errno.Is(err, targets...) }
}
