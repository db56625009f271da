package objects

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/errno"
	"github.com/gbak-s3/gbak-s3/storage"
)

// isTemporary reports whether err is no answer, or only a part of one: the same call
// may succeed later.
func isTemporary(err error) bool {
	return errors.Is(err, storage.ErrUnavailable) || errors.Is(err, io.ErrUnexpectedEOF)
}

// permanent are the errors that another attempt cannot change: the store, the file
// system or the caller has said no.
var permanent = []error{
	storage.ErrNotExist, storage.ErrPreconditionFailed, storage.ErrNoConditionalPut,
	storage.ErrPermission, storage.ErrReadOnly, storage.ErrNoStore, storage.ErrFull, storage.ErrRefused, storage.ErrSettings,
	storage.ErrInvalidKey, storage.ErrInvalidRange,
	fs.ErrPermission, fs.ErrNotExist, errors.ErrUnsupported,
	syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP,
	context.Canceled,
}

// IsPermanent reports whether another attempt cannot change err, which may also be about
// the content of an object, or a body for which the patience is over.
func IsPermanent(err error) bool {
	if errno.Is(err, permanent...) {
		return true
	}
	if _, ok := errors.AsType[*manifest.ObjectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*PlaintextError](err); ok {
		return true
	}
	_, ok := errors.AsType[*brokenOffError](err)
	return ok
}

// IsFromStore reports whether err comes from the store, and is not about what is stored
// in it.
func IsFromStore(err error) bool {
	_, ok := errors.AsType[*storage.Error](err)
	return ok
}
