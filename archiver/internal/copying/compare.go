package copying

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Compared says what a comparison has looked at.
type Compared struct {
	Backups int // that are the same in both
	Gone    int // that only the target has, or that were merged in the source since
}

// Compare reads the manifests and indexes of the target, and those that they are copies of. It
// makes sure that they say the same: of the database, of the checksums of all files, and of
// which backup continues which. It also makes sure that the target has a copy of every backup
// of source that is not newer than its newest. A difference is a [*manifest.ObjectError] about
// the target.
func Compare(ctx context.Context, o Options, source, target *journal.List) (Compared, error) {
	progress.Tell(ctx, progress.Phase("verify"))
	c := comparison{Options: o, source: source, target: target, origins: map[manifest.Seq]manifest.Seq{}}
	for entries := range slices.Chunk(target.Backups, batchBackups) {
		if err := c.batch(ctx, entries); err != nil {
			return c.done, err
		}
	}
	return c.done, c.mustHaveAll(ctx)
}

// mustHaveAll makes sure that no backup of the source was left out.
func (c *comparison) mustHaveAll(ctx context.Context) error {
	var missing []journal.Entry
	for _, e := range c.source.Backups {
		if e.Seq < c.newest && !c.isCopied(e.Seq) {
			missing = append(missing, e)
		}
	}
	all, err := c.loadSource(ctx, c.source, missing)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m != nil { // else it is no backup
			return &manifest.ObjectError{Key: c.newest.Key(), Problem: fmt.Sprintf("there is no copy of backup %d of %s", m.Seq, c.Source.Address())}
		}
	}
	return nil
}

// comparison is one [Compare].
type comparison struct {
	Options
	source, target *journal.List
	done           Compared

	origins map[manifest.Seq]manifest.Seq // numbers in the source, by those in the target
	copied  []manifest.Seq                // numbers in the source, ascending
	newest  manifest.Seq                  // the last of these
}

func (c *comparison) isCopied(seq manifest.Seq) bool {
	_, ok := slices.BinarySearch(c.copied, seq)
	return ok
}

// pair is a backup and its copy.
type pair struct{ source, target *manifest.Committed }

// batch compares some backups of the target.
func (c *comparison) batch(ctx context.Context, entries []journal.Entry) error {
	pairs, err := c.pairs(ctx, entries)
	if err != nil {
		return err
	}
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(c.Workers)
	for _, p := range pairs {
		g.Go(func() error { return c.content(running, p) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	c.done.Backups += len(pairs)
	return nil
}

// pairs reads the manifests of some backups of the target, and of those that they are copies of
// and that are there still. It compares what they say.
func (c *comparison) pairs(ctx context.Context, entries []journal.Entry) ([]pair, error) {
	copies := make([]*manifest.Committed, len(entries))
	records := make([]manifest.Seq, len(entries))
	for i, e := range entries {
		records[i] = e.Record
	}
	err := c.Target.LoadRecords(ctx, c.target.Archive.ArchiveID, records, func(i int, m *manifest.Committed, err error) error {
		copies[i] = m
		return err
	})
	if err != nil {
		return nil, err
	}
	var pairs []pair
	var originals []journal.Entry
	for _, m := range copies {
		if !m.Kind.HasContent() {
			continue
		}
		if m.CopiedFrom == nil || m.CopiedFrom.ArchiveID != c.source.Archive.ArchiveID || m.CopiedFrom.Seq <= c.newest {
			return nil, different(m, "it is no copy of a later backup than the one before it")
		}
		c.newest = m.CopiedFrom.Seq
		c.origins[m.Seq], c.copied = c.newest, append(c.copied, c.newest)
		if e, ok := c.source.Find(c.newest); ok {
			pairs, originals = append(pairs, pair{target: m}), append(originals, e)
		} else {
			c.done.Gone++
		}
	}
	read, err := c.loadSource(ctx, c.source, originals)
	if err != nil {
		return nil, err
	}
	var same []pair
	for i, p := range pairs {
		p.source = read[i]
		switch {
		case p.source == nil:
			return nil, different(p.target, "what it is a copy of is no backup")
		case p.source.Digest != p.target.CopiedFrom.SHA256: // it was merged
			c.done.Gone++
			continue
		case !bytes.Equal(c.plain(p.target), c.plain(p.source)):
			return nil, different(p.target, "it says something else than what it is a copy of")
		}
		if err := c.continues(p); err != nil {
			return nil, err
		}
		same = append(same, p)
	}
	return same, nil
}

func different(m *manifest.Committed, problem string) error {
	return &manifest.ObjectError{Key: m.Key(), Problem: problem}
}

// plain returns what a manifest says, as a document.
func (c *comparison) plain(m *manifest.Committed) []byte { return said(m.Manifest).Encode() }

// continues compares which backups the two continue.
func (c *comparison) continues(p pair) error {
	var want, got manifest.Seq
	if s := p.source.Continues; s != nil && c.isCopied(*s) {
		want = *s
	}
	if s := p.target.Continues; s != nil {
		got = c.origins[*s]
	}
	if want != got {
		return different(p.target, fmt.Sprintf("it continues the copy of backup %d instead of that of %d", got, want))
	}
	return nil
}

// content compares the indexes of two backups.
func (c *comparison) content(ctx context.Context, p pair) error {
	copied, err := c.Target.Index(ctx, p.target)
	if err != nil {
		return err
	}
	ix, err := c.Source.Index(ctx, p.source)
	if err != nil {
		return c.ofSource(err)
	}
	a, b := withoutKeys(ix), withoutKeys(copied)
	if !bytes.Equal(a.Encode(), b.Encode()) {
		return different(p.target, "its index says something else than that of which it is a copy")
	}
	return nil
}

// withoutKeys returns an index without what says where the segments and digests are.
func withoutKeys(ix *manifest.Index) *manifest.Index {
	without := *ix
	without.Segments = slices.Clone(ix.Segments)
	for i, s := range ix.Segments {
		without.Segments[i] = manifest.Segment{RawBytes: s.RawBytes}
	}
	without.Files = slices.Clone(ix.Files)
	for i := range without.Files {
		without.Files[i].Pages = nil
	}
	return &without
}
