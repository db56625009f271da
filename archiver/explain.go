package archiver

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
)

// explain turns err into an [*Error], unless it is nil or one already.
func explain(err error) error {
	if err == nil {
		return nil
	}
	known, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return &Error{Code: classify(err), Err: detailed(err), Hint: hintOf(err)}
	case error(known) == err: //nolint:errorlint // one that wraps it has to become one
		return err
	}
	return &Error{Code: known.Code, Err: err, Hint: known.Hint}
}

// interrupted is the error of a run that failed with err after its context had ended.
// It keeps everything that err says, which may be where a database is.
func interrupted(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(err, cause) {
		err = fmt.Errorf("interrupted: %w", err)
	} else {
		err = fmt.Errorf("interrupted: %w: %w", cause, err)
	}
	return &Error{Code: CodeInterrupted, Err: detailed(err)}
}

// detailed wraps err in the public type that has its details, if there is one.
func detailed(err error) error {
	if e, ok := errors.AsType[*journal.DamagedNewestError](err); ok {
		return &NewestError{e.Key, e.Seq, e.Before, err}
	}
	if as[*journal.DamagedDocumentError](err) {
		return &DocumentError{err}
	}
	if e, ok := errors.AsType[*capture.MaybeUpgradedError](err); ok {
		return &UpgradeError{e.Old, err}
	}
	if e, ok := errors.AsType[*capture.NeedsFullError](err); ok {
		return &NeedsFullError{e.Why, e.Bytes, err}
	}
	if e := withRecipients(err); e != nil {
		return e
	}
	return err
}
