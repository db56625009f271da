package copying

import (
	"context"
	"reflect"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// keep commits a keep that says of pins, rules and what was imported the same as the source
// does, unless the target says so already.
func (r *run) keep(ctx context.Context, h *commit.Head) error {
	if h.Last == nil || r.list.Keep == nil {
		return nil
	}
	before, err := h.ReadKeep(ctx)
	if err != nil {
		return err
	}
	said := manifest.Keeping{}
	if before != nil {
		said = *before.Keeping
	}
	wanted, err := r.wanted(ctx, h)
	if err != nil {
		return err
	}
	if samePins(wanted.Pins, said.Pins) && reflect.DeepEqual(wanted.Policy, said.Policy) && sameDigests(wanted.Imported, said.Imported) {
		return nil
	}
	wanted.Alive = append(manifest.Ranges{}, said.Alive...)
	if from := h.NewestKeep() + 1; from <= h.Last.Seq { // whatever it has but keeps is a backup
		wanted.Alive = append(wanted.Alive, manifest.Range{from, h.Last.Seq})
	}
	by := r.By
	by.CopiedFrom = &manifest.CopiedFrom{ArchiveID: r.list.Archive.ArchiveID, Seq: r.list.Keep.Seq, SHA256: r.list.Keep.Digest}
	kept, err := h.CommitKeep(ctx, wanted, h.NewestFull(), false, by, r.Timeout)
	if err != nil {
		return err
	}
	r.last, r.report.Keep = kept.Seq, uint64(kept.Seq)
	return nil
}

// wanted returns what the newest keep of the source says, with the numbers of the target.
func (r *run) wanted(ctx context.Context, h *commit.Head) (manifest.Keeping, error) {
	k := manifest.Keeping{Policy: r.list.Keep.Keeping.Policy, Imported: r.list.Keep.Keeping.Imported}
	for _, p := range r.list.Keep.Keeping.Pins {
		n, err := r.numberOf(ctx, h, p.Backup)
		if err != nil {
			return k, err
		}
		if n != 0 {
			p.Backup = n
			k.Pins = append(k.Pins, p)
		}
	}
	return k, nil
}

func samePins(a, b []manifest.Pin) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, y := a[i], b[i]
		if !x.At.Equal(y.At) {
			return false
		}
		x.At = y.At
		if x != y {
			return false
		}
	}
	return true
}

func sameDigests(a, b []manifest.Digest) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}
