package commit

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// UnsafeStoreError is the error for a store that does not support conditional writes.
type UnsafeStoreError struct {
	Address string
	Verdict manifest.Verdict // what it does instead
}

func (e *UnsafeStoreError) Error() string {
	return fmt.Sprintf("%s %s: nothing was stored", e.Address, e.Verdict.Description())
}

// conditions returns how the store treats conditional writes: what archive.json says or,
// for a new archive, what a probe finds. A store that does not support them is an
// [*UnsafeStoreError], unless the creator of the archive accepts it for a single writer.
func (w *writer) conditions(ctx context.Context, l *journal.List) (*manifest.Conditions, error) {
	var c *manifest.Conditions
	if l.Archive != nil {
		c = l.Archive.Conditions
	}
	if c == nil {
		verdict, err := w.options.Probe(ctx)
		if err != nil {
			return nil, err
		}
		c = &manifest.Conditions{
			Verdict: verdict, ProbedAt: manifest.Now(), SingleWriter: verdict != manifest.Honoured && w.options.SingleWriter,
		}
	}
	if c.Verdict != manifest.Honoured && !c.SingleWriter {
		return nil, &UnsafeStoreError{w.journal.Address(), c.Verdict}
	}
	return c, nil
}
