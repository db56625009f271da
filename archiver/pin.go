package archiver

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/keeping"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// MaxPinLabel is how many bytes the label of a pin may have.
const MaxPinLabel = manifest.MaxPinLabel

// ValidatePinLabel reports why label cannot be that of a pin: it is too long, is not
// UTF-8, or has control characters. It returns nil if it can.
func ValidatePinLabel(label string) error { return manifest.ValidatePinLabel(label) }

// KeepReport describes what [Archive.Pin], [Archive.Unpin] and [Archive.SetPolicy] have
// done.
type KeepReport struct {
	Keep     uint64 // number of the record that was committed; 0 if nothing had to change
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Pin keeps a backup, and those that it continues, until it is unpinned, whatever the
// rules say. label says why ([ValidatePinLabel]). Pinning a pinned backup changes its
// label. The error is [CodeNoBackup] if there is no such backup.
func (a *Archive) Pin(ctx context.Context, backup uint64, label string) (KeepReport, error) {
	if err := ValidatePinLabel(label); err != nil {
		return KeepReport{}, explain(err)
	}
	return a.keep(ctx, func(s *keeping.State, n *keeping.Next) (bool, error) {
		seq := manifest.Seq(backup)
		if _, ok := s.List.Find(seq); !ok {
			return false, noBackup(s.List, seq)
		}
		pin := manifest.Pin{Backup: seq, Label: label, Host: a.host, At: manifest.Now()}
		i, pinned := findPin(n.Pins, seq)
		switch {
		case pinned && n.Pins[i].Label == label:
			return false, nil
		case pinned:
			n.Pins[i] = pin
		case len(n.Pins) == manifest.MaxPins:
			return false, fmt.Errorf("%d backups are pinned, and more cannot be", len(n.Pins))
		default:
			n.Pins = slices.Insert(n.Pins, i, pin)
		}
		return true, nil
	})
}

// Unpin takes back what [Archive.Pin] did. The backup stays until an expiry removes it. The
// error is [CodeNoBackup] if there is no such backup. If it is not pinned, that is not an
// error.
func (a *Archive) Unpin(ctx context.Context, backup uint64) (KeepReport, error) {
	return a.keep(ctx, func(s *keeping.State, n *keeping.Next) (bool, error) {
		seq := manifest.Seq(backup)
		if _, ok := s.List.Find(seq); !ok {
			return false, noBackup(s.List, seq)
		}
		i, pinned := findPin(n.Pins, seq)
		if pinned {
			n.Pins = slices.Delete(n.Pins, i, i+1)
		}
		return pinned, nil
	})
}

func findPin(pins []manifest.Pin, seq manifest.Seq) (int, bool) {
	return slices.BinarySearchFunc(pins, seq, func(p manifest.Pin, seq manifest.Seq) int { return int(int64(p.Backup) - int64(seq)) }) //nolint:gosec // of ten digits
}

// keep commits a keep that differs from the newest one in what change changes. change
// returns false if nothing is to be changed.
func (a *Archive) keep(ctx context.Context, change func(*keeping.State, *keeping.Next) (bool, error)) (KeepReport, error) {
	var r KeepReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		kept, err := keeping.Update(ctx, a.journal, updateOptions(a, "", BackupOptions{}), a.author(0), func(_ context.Context, s *keeping.State) (*keeping.Next, error) {
			n := keeping.Next{Pins: slices.Clone(s.Pins()), Policy: s.Policy()}
			if changed, err := change(s, &n); err != nil || !changed {
				return nil, err
			}
			var err error
			n.Decision, err = s.Decide(nil, n.Pins, nil)
			return &n, err
		})
		if kept != nil {
			r.Keep = uint64(kept.Seq)
		}
		return err
	})
	if err != nil {
		return KeepReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// SetPolicy stores rules in the archive. [Archive.Expire] follows them if it is given
// none. nil removes them.
func (a *Archive) SetPolicy(ctx context.Context, rules *Rules) (KeepReport, error) {
	if rules != nil {
		if err := rules.document().Validate(); err != nil {
			return KeepReport{}, explain(err)
		}
	}
	return a.keep(ctx, func(_ *keeping.State, n *keeping.Next) (bool, error) {
		before := n.Policy
		n.Policy = rules.document()
		return !reflect.DeepEqual(before, n.Policy), nil
	})
}

// PolicyReport is what an archive's stored rules are.
type PolicyReport struct {
	Rules    *Rules // nil if there are none
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Policy returns the rules that are stored in the archive.
func (a *Archive) Policy(ctx context.Context) (PolicyReport, error) {
	var r PolicyReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		h, err := a.existing(ctx)
		if err == nil && h.KeepDamage != nil {
			err = h.KeepDamage
		}
		if err == nil && h.Keep != nil {
			r.Rules = rulesOf(h.Keep.Keeping.Policy)
		}
		return err
	})
	if err != nil {
		return PolicyReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}
