package gc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// noteOutline keeps the outline of a record if it is needed.
func (n *Names) noteOutline(m *manifest.Manifest) {
	if _, ok := n.needed[m.Seq]; ok {
		outline := *m
		outline.Earlier, outline.Content, outline.Keeping = nil, nil, nil // what may be large
		n.needed[m.Seq] = &outline
	}
}

// checkOutline makes sure that a needed record is what its outline says, by which it was
// chosen.
func (n *Names) checkOutline(m *manifest.Committed) error {
	if o := n.needed[m.Seq]; o != nil && !m.SameOutline(o) {
		return &manifest.ObjectError{Key: m.Key(), Problem: "it is not what a later manifest says of it"}
	}
	return nil
}

// readNeeded reads the needed records that are no full ones as a restore does, with their
// indexes, several at a time. The census then looks for each object that they name.
func (n *Names) readNeeded(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(journal.Readers)
	var mutex sync.Mutex
	for _, seq := range slices.Sorted(maps.Keys(n.needed)) {
		if n.needed[seq] != nil && n.needed[seq].Kind == manifest.Full {
			continue // readFulls has read it
		}
		n.exact = append(n.exact, seq)
		g.Go(func() error {
			m, err := n.journal.Load(ctx, n.archive.ArchiveID, seq)
			if err != nil {
				return err
			}
			if err := n.checkOutline(m); err != nil {
				return err
			}
			if m.Content != nil {
				if err := m.Fits(m.Content); err != nil {
					return &manifest.ObjectError{Key: m.Key(), Problem: fmt.Sprintf("it contradicts itself: %v", err)}
				}
			}
			return n.journal.Keys(ctx, m, func(key string, bytes int64) {
				mutex.Lock()
				defer mutex.Unlock()
				n.add(key, bytes, byLiving)
			})
		})
	}
	return g.Wait()
}
