package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// WriterKeyReport describes the writer key that [Archive.MakeWriterKey] has made.
type WriterKeyReport struct {
	Key      *WriterKey
	Keys     KeyList
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// MakeWriterKey makes the writer key of the archive anew, from the identities that it was given:
// for a host that has none, or that was revoked. With keep, it is in the state folder when this
// returns, in the place of an older one.
//
// The error is [CodeKeyMissing] or [CodeKeyWrong] if the identities do not open the archive, and
// [CodeNotEncrypted] if that is not encrypted.
func (a *Archive) MakeWriterKey(ctx context.Context, keep bool) (WriterKeyReport, error) {
	var r WriterKeyReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		by := a.byIdentities()
		if _, err := by.withAllKeys(ctx, &r.Keys); err != nil {
			return err
		}
		r.Key = by.objects.Ring.WriterKey()
		if !keep {
			return nil
		}
		return a.expected.adopt(ctx, r.Key)
	})
	if err != nil {
		return WriterKeyReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}
