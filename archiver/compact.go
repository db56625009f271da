package archiver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/compact"
	"github.com/gbak-s3/gbak-s3/archiver/internal/keeping"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/storage"
)

// By default, at least 32 backups are merged, and the newest 32 stay as they are.
const (
	DefaultCompactMin  = 32
	DefaultCompactTail = 32
)

// CompactOptions say which backups are merged, and whether to merge them.
type CompactOptions struct {
	// Min is how many consecutive backups are worth merging; 0 means
	// [DefaultCompactMin]. It is at least two.
	Min int

	// Tail is how many of the newest backups stay as they are; 0 means
	// [DefaultCompactTail]. At least the newest one does.
	Tail int

	// Apply merges. Otherwise nothing is changed, and the report says what would be.
	Apply bool

	// Level is the compression level; 0 means [segment.DefaultLevel].
	Level segment.Level

	// CommitTimeout is how long each commit waits for a clear answer from the store; 0
	// means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// CompactReport says what a compaction did, or would do.
type CompactReport struct {
	Applied bool
	Keep    uint64 // the record that replaced the parts by the merged backups; 0 if nothing was merged

	Merged  []MergedBackups
	Dropped int // series that were merged in vain, because a part was removed or pinned meanwhile

	// Before is what the parts take in the store, and After what their replacement
	// takes; unless Applied, After is an upper bound. The parts stay in the store
	// until an expiry has removed them.
	Before, After Amount

	// ApplyRequests is about how many requests merging would send, and ApplyBytes how
	// much it would fetch; 0 if it is done.
	ApplyRequests storage.RequestCounts
	ApplyBytes    int64

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// MergedBackups are backups whose log is now one. Each of their epochs can still be
// restored. The merged backup has the number of the last one.
type MergedBackups struct {
	From, To uint64 // numbers of the first and the last backup
	By       uint64 // number of the merged record; 0 if nothing was changed
	Backups  int    // how many these were
}

// Compact merges the log of many consecutive small incrementals into few large objects, so that
// restores and lists need few requests. Every epoch stays restorable. Of the merged backups,
// only the last one of each series keeps its number. Full, pinned, labelled, imported and large
// backups are not merged.
//
// What is merged is proved to be the same before it takes the place of its parts, and backups
// and other compactions may run meanwhile. A run that is killed has changed nothing; what it
// has merged is used by the next one, or by the next expiry. In an archive on a store without
// conditional writes nothing can be merged ([CodeUnsafeStore]).
//
// If a backup is damaged, the error is [CodeDamagedArchive]. Then there is a report as well,
// of the series that have no such backup and were merged.
func (a *Archive) Compact(ctx context.Context, opts CompactOptions) (CompactReport, error) {
	if opts.Min < 0 || opts.Tail < 0 || opts.CommitTimeout < 0 {
		return CompactReport{}, explain(fmt.Errorf("the numbers %d and %d and the commit timeout %s cannot be used: they must not be negative", opts.Min, opts.Tail, opts.CommitTimeout))
	}
	c := compaction{archive: a, opts: opts}
	requests, elapsed, err := run(ctx, opts.Observer, c.run)
	c.report.Requests, c.report.Elapsed = requests, elapsed
	return c.report, err
}

// compaction is one run of [Archive.Compact].
type compaction struct {
	archive *Archive
	opts    CompactOptions
	report  CompactReport

	done   []*compact.Merged
	damage error // the first one
}

func (c *compaction) run(ctx context.Context) error {
	c.opts.Min, c.opts.Tail = orDefault(c.opts.Min, DefaultCompactMin), orDefault(c.opts.Tail, DefaultCompactTail)
	if c.opts.Level == 0 {
		c.opts.Level = segment.DefaultLevel
	}
	if c.opts.CommitTimeout == 0 {
		c.opts.CommitTimeout = DefaultCommitTimeout
	}
	state, err := c.read(ctx)
	if err != nil {
		return err
	}
	if err := c.archive.journal.CheckMirror(ctx, state.List); err != nil {
		return err
	}
	if c.opts.Apply && len(state.Merged) > 0 { // an earlier run was killed
		if _, err := c.keep(ctx); err != nil {
			return err
		}
		if state, err = c.read(ctx); err != nil {
			return err
		}
	}
	series := seriesOf(state, c.opts.Min, c.opts.Tail)
	if !c.opts.Apply {
		c.plan(state, series)
		return nil
	}
	for _, r := range series {
		err := c.merge(ctx, r)
		if err != nil && !as[*manifest.ObjectError](err) {
			return err
		}
		if err != nil {
			if err := c.noteDamage(ctx, r, err); err != nil {
				return err
			}
		}
	}
	if len(c.done) > 0 {
		if err := c.finish(ctx); err != nil {
			return err
		}
	}
	c.report.Applied = true
	return c.damage
}

// noteDamage notes that a part of a series is missing or damaged, unless some part is no backup
// any more: others can still be merged.
func (c *compaction) noteDamage(ctx context.Context, r compact.Series, damage error) error {
	l, err := c.archive.existing(ctx)
	if err != nil {
		return err
	}
	for _, m := range r {
		if e, ok := l.Find(m.Seq); !ok || e.Record != m.RecordSeq() {
			c.report.Dropped++
			return nil
		}
	}
	c.damage = cmp.Or(c.damage, damage)
	return nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// read reads which backups there are. All must be readable: one that is not may continue a
// part.
func (c *compaction) read(ctx context.Context) (*keeping.State, error) {
	return c.archive.state(ctx, func(s *keeping.State) error {
		if len(s.Unreadable) > 0 {
			return &manifest.ObjectError{Key: s.Unreadable[0].Key(), Problem: "it is missing or damaged, so that nobody knows which backup it continues"}
		}
		return nil
	})
}

// seriesOf returns the series that are worth merging. What merged records have that wait for a
// keep is merged already.
func seriesOf(s *keeping.State, least, tail int) []compact.Series {
	pins := s.Pins()
	series := compact.Choose(s.Catalog, compact.Options{
		Min: least, Tail: tail,
		IsFixed: func(seq manifest.Seq) bool {
			_, pinned := findPin(pins, seq)
			return pinned
		},
	})
	return slices.DeleteFunc(series, func(r compact.Series) bool {
		return slices.ContainsFunc(s.Merged, func(m manifest.StandIn) bool { return r.From() <= m.For && m.From <= r.Last().Seq })
	})
}

// plan reports what merging the series would do.
func (c *compaction) plan(s *keeping.State, series []compact.Series) {
	for _, r := range series {
		c.report.Merged = append(c.report.Merged, MergedBackups{From: uint64(r.From()), To: uint64(r.Last().Seq), Backups: len(r)})
		c.count(r.Takes(), r.WillTake())
		c.report.ApplyRequests = c.report.ApplyRequests.Plus(r.Requests())
		c.report.ApplyBytes += r.Fetches()
	}
	if len(series) > 0 {
		records := int64(len(s.List.Records))
		c.report.ApplyRequests = c.report.ApplyRequests.Plus(storage.RequestCounts{
			List: 2 * (1 + records/1000), Get: 2 * (3 + int64(len(s.List.Backups))/manifest.GroupBackups), Put: 2, Head: 3,
		})
	}
}

func (c *compaction) count(before, after compact.Amount) {
	r := &c.report
	r.Before = Amount{r.Before.Objects + before.Objects, r.Before.Bytes + before.Bytes}
	r.After = Amount{r.After.Objects + after.Objects, r.After.Bytes + after.Bytes}
}

// merge merges a series, as several records if it does not fit into one, and commits these. No
// keep names them yet, so they are no backups.
func (c *compaction) merge(ctx context.Context, r compact.Series) error {
	for len(r) >= c.opts.Min && len(r) > 1 {
		var m *compact.Merged
		rest := r
		err := commit.Update(ctx, c.archive.journal, commit.UpdateOptions{Known: remember(c.archive, ""), Existing: true}, func(head *commit.Head) (err error) {
			if isStale, err := isStale(ctx, m, head); err != nil {
				return err
			} else if isStale {
				merger := compact.Merger{Journal: c.archive.journal, Head: head, Tool: c.archive.tool, Level: c.opts.Level, Log: c.archive.log}
				if m, rest, err = merger.Merge(ctx, r); err != nil || m == nil {
					return err
				}
			}
			return head.Commit(ctx, m.Manifest, m.Index, c.opts.CommitTimeout)
		})
		if err != nil {
			return err
		}
		if m != nil {
			c.done = append(c.done, m)
		}
		r = rest
	}
	return nil
}

// isStale reports whether a series has to be merged again for a head: it was not merged yet, or
// into a folder of a generation that is dead as of that head.
func isStale(ctx context.Context, m *compact.Merged, head *commit.Head) (bool, error) {
	if m == nil {
		return true, nil
	}
	k, err := head.ReadKeep(ctx)
	if err != nil || k == nil {
		return false, err
	}
	return m.Generation < k.Keeping.DeadBefore, nil
}

// keep commits a keep that puts merged records in the place of their parts, where all of
// these still are backups. It returns the newest keep, which is that one unless there was
// nothing to commit; nil if there is none.
func (c *compaction) keep(ctx context.Context) (newest *manifest.Keeping, err error) {
	a := c.archive
	kept, err := keeping.Update(ctx, a.journal, updateOptions(a, "", BackupOptions{}), a.author(c.opts.CommitTimeout), func(_ context.Context, s *keeping.State) (*keeping.Next, error) {
		n := keeping.Next{Pins: slices.Clone(s.Pins()), Policy: s.Policy()}
		newest = s.Keep()
		var err error
		if n.Decision, err = s.Decide(nil, n.Pins, nil); err != nil || !s.ChangesList(n) {
			return nil, err
		}
		return &n, nil
	})
	if kept != nil {
		c.report.Keep, newest = uint64(kept.Seq), kept.Keeping
	}
	return newest, err
}

// finish puts what was merged in the place of its parts, and reports what the newest keep
// says of it.
func (c *compaction) finish(ctx context.Context) error {
	progress.Tell(ctx, progress.Phase("commit"))
	newest, err := c.keep(ctx)
	if err != nil {
		return err
	}
	for _, m := range c.done {
		r := compact.Series(m.Parts)
		merged := manifest.StandIn{For: r.Last().Seq, From: r.From(), By: m.Manifest.Seq}
		if newest == nil || !slices.Contains(newest.StandIns, merged) {
			c.report.Dropped++
			continue
		}
		c.report.Merged = append(c.report.Merged, MergedBackups{uint64(merged.From), uint64(merged.For), uint64(merged.By), len(r)})
		c.count(r.Takes(), m.Takes())
	}
	return nil
}
