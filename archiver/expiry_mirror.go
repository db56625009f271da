package archiver

import (
	"context"

	"github.com/gbak-s3/gbak-s3/archiver/internal/gc"
)

// ofMirror is an expiry of a mirror, which err says that it is: nothing leaves its list of backups but
// by mirroring, and what is dead by the newest keep that was mirrored is deleted. With rules, or
// backups to remove, err is the error.
func (e *expiry) ofMirror(ctx context.Context, err error, apply bool) error {
	if e.opts.Rules != nil || len(e.opts.Remove) > 0 {
		return err
	}
	l, err := e.archive.existing(ctx)
	if err != nil {
		return err
	}
	if l.Document != nil {
		return l.Document
	}
	if l.KeepDamage != nil {
		return l.KeepDamage
	}
	e.list = l
	e.report = ExpireReport{Head: uint64(l.Last()), Grace: e.opts.Grace, Kept: len(l.Backups)}
	if l.Keep == nil {
		return nil // nothing was ever removed
	}
	l.KeepOutlines()
	kept := l.Keep
	if _, err := e.countFor(ctx, gc.Keep{Seq: kept.Seq, Keeping: kept.Keeping, Keys: kept.Keys}, nil); err != nil {
		return err
	}
	isIdle := e.report.Deleted.Objects+e.report.Manifests == 0
	keepsVersions := !e.opts.MarkOnly && e.keepsVersions(ctx)
	switch {
	case e.opts.MarkOnly || apply && isIdle && !keepsVersions:
		e.report.Deleted, e.report.Manifests = Amount{}, 0
		return nil
	case !apply:
		return nil
	}
	e.report.Applied = !isIdle
	if err := e.sweep(ctx, kept); err != nil || !keepsVersions {
		return err
	}
	return e.sweepVersions(ctx, kept)
}
