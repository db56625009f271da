package certificates

import (
	"cmp"
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// maxLookedBack is how many certificates are read to find another drill that failed: as many as daily
// samples and weekly drills leave in four months. It is done when an alarm would end, and no oftener.
const maxLookedBack = 128

// failures are the drills that failed and were not mended since. Two say it all: whatever shows that
// the newest state is mended does so for the older ones that were asked for; and one that is drawn
// after another has failed says that this is gone.
type failures struct {
	drawn *manifest.DrillOutcome
	asked *manifest.DrillOutcome // of the newest state
}

// add notes what came of a drill that is later than those before.
func (f *failures) add(d *manifest.DrillOutcome) {
	switch {
	case d == nil:
	case d.OK:
		for _, failed := range []**manifest.DrillOutcome{&f.drawn, &f.asked} {
			if *failed != nil && isMended(*failed, d) {
				*failed = nil
			}
		}
	case d.Random:
		f.drawn = d
	case f.asked == nil || !isOlder(d, f.asked):
		f.asked = d
	}
}

// told returns the one that certificates tell of, nil if there is none: the one that was drawn, because
// nobody would draw it again otherwise.
func (f *failures) told() *manifest.DrillOutcome {
	if f.drawn != nil {
		return f.drawn
	}
	return f.asked
}

// isMended reports whether a drill that succeeded shows that what made an earlier one fail is mended. Another
// state that is whole does not: only the same one or, if the one that failed was not drawn, a newer one.
// A state that was drawn and failed is drawn again as long as it exists, so another one that was drawn
// says that it is gone.
func isMended(failed, later *manifest.DrillOutcome) bool {
	switch {
	case failed.Timeline == 0: // it failed before there was a state
		return true
	case failed.Timeline == later.Timeline && failed.Epoch == later.Epoch:
		return true
	case failed.Random:
		return later.Random
	}
	return isOlder(failed, later)
}

// isOlder reports whether the state of a drill is older than that of another one.
func isOlder(d, than *manifest.DrillOutcome) bool {
	return d.Timeline < than.Timeline || d.Timeline == than.Timeline && d.Epoch < than.Epoch
}

func isFailed(d *manifest.DrillOutcome) bool { return d != nil && !d.OK }

// outcomeOf returns what came of the drill of a certificate, nil if it has none.
func outcomeOf(c *manifest.Certificate) *manifest.DrillOutcome {
	if c.Drill == nil {
		return nil
	}
	return &manifest.DrillOutcome{
		At: c.Drill.At, OK: c.OK, Why: c.Why, Timeline: c.Drill.Timeline, Epoch: c.Drill.Epoch, Random: c.Drill.Random,
	}
}

// lastAfter returns which drill a certificate tells of that comes after all that base knows.
func lastAfter(base, c *manifest.Certificate) *manifest.DrillOutcome {
	var before *manifest.DrillOutcome
	if base != nil {
		before = base.LastDrill
	}
	last, own := c.LastDrill, outcomeOf(c)
	if lastAt(before) > lastAt(last) {
		before, last = last, before
	}
	var f failures
	if isFailed(before) {
		f.add(before)
	}
	f.add(last) // who has put it may not have known of the one before
	f.add(own)
	return cmp.Or(f.told(), own, last)
}

// failedBefore returns a drill that failed before now, which succeeded, and that now does not mend either; nil
// for none. It looks back to where no drill was failed. Certificates that cannot be read are passed over.
func failedBefore(ctx context.Context, s *objects.Store, archiveID string, now *manifest.DrillOutcome) (*manifest.DrillOutcome, error) {
	keys, err := listRecent(ctx, s, maxLookedBack)
	if err != nil {
		return nil, err
	}
	var since []*manifest.Certificate // the newest first
	for _, key := range slices.Backward(keys) {
		c, err := readOrNil(ctx, s, archiveID, key)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		if !isFailed(c.LastDrill) {
			break
		}
		since = append(since, c)
	}
	var f failures
	for _, c := range slices.Backward(since) {
		f.add(outcomeOf(c))
		if outcome := c.LastDrill; isFailed(outcome) {
			f.add(outcome)
		}
	}
	f.add(now)
	return f.told(), nil
}
