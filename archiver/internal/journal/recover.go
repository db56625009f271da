package journal

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// After an attack, a store may show what was there first under each key; and under numbers
// that no record had yet, whatever an attacker has put there. A journal that recovers does
// not let that stop a reader: records at its end that are none count as absent.

// Recovering returns the same journal for a reader of a store that was attacked.
func (j *Journal) Recovering() *Journal {
	recovering := *j
	recovering.recovers = true
	return &recovering
}

// isGarbage reports whether err is about an object that is no record of this archive, as far
// as this program can tell.
func isGarbage(err error) bool {
	_, unsupported := errors.AsType[*manifest.UnsupportedError](err)
	return IsDamaged(err) || unsupported
}

// dropGarbage removes the records at the end of l that cannot be read.
func (j *Journal) dropGarbage(ctx context.Context, l *List) error {
	if !j.recovers || l.Archive == nil {
		return nil
	}
	dropped := 0
	for l.Last() > 0 {
		last := l.Records[max(0, len(l.Records)-Readers):]
		errs := make([]error, len(last))
		g, running := errgroup.WithContext(ctx)
		for i, seq := range last {
			g.Go(func() error {
				_, errs[i] = j.Load(running, l.Archive.ArchiveID, seq)
				if isGarbage(errs[i]) {
					return nil
				}
				return errs[i]
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		n := len(last)
		for n > 0 && errs[n-1] != nil {
			n--
			dropped++
		}
		l.Records = l.Records[:len(l.Records)-len(last)+n]
		if n > 0 {
			break
		}
	}
	if dropped > 0 {
		j.log.Warn("what is at the end of the archive is no record of it, and is left out", "objects", dropped)
	}
	return nil
}
