package hold

import (
	"context"
	"math"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// LimitOthers looks, at the end of a backup, at what the holds of other archives than the
// one with this id cost on the log of the database at path. It releases those that keep
// more than limit bytes, 0 for no limit, and returns them, and of the rest those that
// seem to be abandoned. It never releases a hold that needs no more log than the
// archive's own. What fails here is logged, because the backup does not depend on it.
func (h Holder) LimitOthers(ctx context.Context, path, archiveID string, limit int64) (abandoned, released []Held) {
	r, err := Measure(path, manifest.Now())
	if err != nil {
		h.Log.Debug("what the holds of the log cost could not be determined", "err", err)
		return nil, nil
	}
	if limit > 0 {
		for _, held := range r.over(archiveID, limit) {
			done, _, err := Release(ctx, h.Disk, path, func(e Entry) bool { return e == held.Entry })
			if err != nil {
				h.Log.Warn("a hold that keeps too much log could not be ended", "archive", held.Entry.Name, "err", err)
			} else if done { // it has not been moved meanwhile
				released = append(released, held)
			}
		}
	}
	for _, held := range r.Holds {
		if held.Abandoned && held.Entry.ArchiveID != archiveID && !slices.Contains(released, held) {
			abandoned = append(abandoned, held)
		}
	}
	return abandoned, released
}

// over returns the holds that keep more than limit bytes, and need more log than that of
// the archive with this id.
func (r *Report) over(archiveID string, limit int64) []Held {
	own := uint64(math.MaxUint64)
	for _, h := range r.Holds {
		if h.Entry.ArchiveID == archiveID {
			own = h.Entry.LSN
		}
	}
	var over []Held
	for _, h := range r.Holds {
		if h.Entry.LSN < own && h.Bytes > limit {
			over = append(over, h)
		}
	}
	return over
}
