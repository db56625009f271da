package archiver

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// keepsVersions reports whether the store keeps versions of what is deleted, as far as it
// says so. One that fails or refuses has deleted what it had to, and its versions wait.
func (e *expiry) keepsVersions(ctx context.Context) bool {
	d := storage.VersionsOf(e.archive.objects.Storage)
	if d == nil {
		return false
	}
	keeps, err := d.KeepsVersions(ctx)
	if err != nil {
		e.archive.log.Info("whether the bucket keeps versions is not known; if it does, they stay", "err", err)
	}
	return keeps
}

// sweepVersions deletes what the store keeps of what is dead for a keep. That it may not
// do so is no failure: the versions stay, hidden.
func (e *expiry) sweepVersions(ctx context.Context, kept *manifest.Committed) error {
	swept, err := e.names.SweepVersions(ctx, e.archive.objects, kept, e.probesBefore())
	e.report.Versions = &OldVersions{amountOf(swept.Deleted), amountOf(swept.Locked), int64(swept.Refused)}
	e.report.Applied = e.report.Applied || swept.Deleted.Objects > 0
	if errors.Is(err, storage.ErrPermission) || errors.Is(err, storage.ErrRefused) {
		e.archive.log.Info("the versions that the bucket keeps of what is deleted stay", "err", err)
		e.report.Versions.Refused++
		return nil
	}
	return err
}

// bucket asks whether the store keeps versions, or locks objects; nil if it does not say.
func (e *expiry) bucket(ctx context.Context) (versioned, locked *bool) {
	inspector, ok := e.archive.objects.Storage.(storage.Inspector)
	if !ok {
		return nil, nil
	}
	info := inspector.Inspect(ctx)
	if v := info.Versioning; v != "" {
		is := v == storage.VersioningOn || v == storage.VersioningSuspended
		versioned = &is
	}
	if info.ObjectLock != nil {
		locked = &info.ObjectLock.Enabled
	}
	return versioned, locked
}
