package archiver

import (
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/compact"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Replay is the log that Grafeo replays when it opens what a restore of the newest backup
// has written. A full backup of a database that has made a checkpoint shortens it.
type Replay struct {
	Full    uint64 // number of the full backup with the image
	Backups int    // that continue it
	Epochs  uint64 // from that of the image to the newest
	Bytes   int64  // of the log of these backups
}

// Mergeable is what a compaction with the default options would merge.
type Mergeable struct {
	Backups       int
	Before, After Amount // what these backups take in the store, and what would take their place, at most
}

// replayOf returns what is replayed after a restore of the newest backup of c, nil if there
// is none.
func replayOf(c *catalog.Catalog) *Replay {
	all := c.All()
	if len(all) == 0 {
		return nil
	}
	newest := all[len(all)-1]
	chain := c.ChainTo(newest)
	if chain == nil {
		return nil
	}
	r := &Replay{Full: uint64(chain[0].Seq), Backups: len(chain) - 1, Epochs: newest.EndEpoch - min(newest.EndEpoch, chain[0].StartEpoch)}
	for _, m := range chain[1:] {
		r.Bytes += m.RawBytes
	}
	return r
}

// mergeableOf returns what a compaction of the backups of c would merge, which are those of
// h; nil if that is nothing.
func mergeableOf(c *catalog.Catalog, h *journal.List) *Mergeable {
	if h.Archive.Conditions != nil && h.Archive.Conditions.SingleWriter {
		return nil // nothing can be
	}
	var pins []manifest.Pin
	if h.Keep != nil {
		pins = h.Keep.Keeping.Pins
	}
	series := compact.Choose(c, compact.Options{Min: DefaultCompactMin, Tail: DefaultCompactTail, IsFixed: func(seq manifest.Seq) bool {
		_, pinned := findPin(pins, seq)
		return pinned
	}})
	if len(series) == 0 {
		return nil
	}
	m := &Mergeable{}
	var before, after compact.Amount
	for _, s := range series {
		m.Backups += len(s)
		before, after = before.Plus(s.Takes()), after.Plus(s.WillTake())
	}
	m.Before, m.After = Amount(before), Amount(after)
	return m
}
