package archiver

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/probe"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// probeConditions finds out how the store treats conditional writes, before an archive
// is made in it.
func (a *Archive) probeConditions(ctx context.Context) (manifest.Verdict, error) {
	p := probe.New(a.objects, a.effort)
	verdict, err := p.Conditions(ctx)
	if left := p.Clean(ctx); left != nil {
		a.log.Info("a few small objects of the probe of the store stay in it", "prefix", p.Prefix, "err", left)
	}
	if err != nil {
		return "", fmt.Errorf("trying whether the store creates an object only if it is absent: %w", err)
	}
	return verdict, nil
}
