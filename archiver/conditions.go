package archiver

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// probeConditions finds out how the store treats conditional writes, for a new
// archive.
func (a *Archive) probeConditions(ctx context.Context) (manifest.Verdict, error) {
	p := newProbe(a.objects, a.effort)
	verdict, err := p.conditions(ctx)
	if left := p.clean(ctx); left != nil {
		a.log.Info("a few small objects of the probe of the store stay in it", "prefix", p.prefix, "err", left)
	}
	if err != nil {
		return "", fmt.Errorf("trying whether the store creates an object only if it is absent: %w", err)
	}
	return verdict, nil
}

// UnsafeStoreError is the error for a store that does not create an object only if it is
// absent.
type UnsafeStoreError struct {
	Address string
	Verdict manifest.Verdict // what it does instead
}

func (e *UnsafeStoreError) Error() string {
	return fmt.Sprintf("%s %s: nothing was stored", e.Address, describeVerdict[e.Verdict])
}

// describeVerdict says what a store does with the condition: the end of a sentence
// about it.
var describeVerdict = map[manifest.Verdict]string{
	manifest.Honoured:  "creates an object only if it is absent",
	manifest.Ignored:   "overwrites an object that was to be created only if it is absent, and says that all is well",
	manifest.Rejected:  "refuses to create an object only if it is absent",
	manifest.NotAtomic: "lets several writers create one object at the same time, and tells each of them that it has",
	manifest.Lying:     "does something else with conditional puts than it answers",
}
