// Package replay keeps 0.5 from replaying what its image has already. Grafeo 0.5 opens a
// database by replaying its log on top of the image. An image has everything before the
// checkpoint that it is of, and an edge that is in both shows up twice
// (docs/grafeo-format.md, section 5.7).
//
// Both ends are here: [Find] finds out at a backup which part of the log is to be replayed,
// as a [manifest.Replay]; [Trim] removes the rest from a log that is restored. The archive
// has all of the log. The package knows no store.
package replay

import (
	"errors"
	"math"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Find returns which part of its log a full backup of 0.5 is restored with. The image has
// what the log before its checkpoint has, and 0.5.42 shows an edge twice that is in both
// (docs/grafeo-format.md, section 5.7).
//
// What is not certainly in the image stays in the log: to replay a record again changes
// nothing, except that it creates edges a second time, and those are looked up in the image.
//
// The image is that of a backup whose log is in dir, from the file with the number first up
// to at, where it ends with the epoch end. The replay is nil if all of the log is replayed;
// else the state of the image is that of the epoch start, unless start is nil.
func Find(dir string, image *grafeo.Image, first uint64, at grafeo.Position, end uint64) (r *manifest.Replay, start *uint64, err error) {
	r = &manifest.Replay{File: first}
	c, err := findCheckpoint(dir, at, image)
	switch {
	case errors.Is(err, grafeo.ErrDamaged):
		r.Unsure = true // its frames are whole: there are records that are not known
		return r, nil, nil
	case err != nil:
		return nil, nil, err
	case c != nil:
		if r.Graph = c.graph; c.from.File >= first { // else nothing has ended before it: all of the log
			r.File, r.Offset = c.from.File, c.from.Offset
		}
		epoch := min(c.epoch, end)
		if c.run != c.lastRun || c.epoch == 0 {
			epoch = min(1, end) // all epochs of the last run come after it
		}
		if start = &epoch; c.again {
			start = nil
		}
	}
	if !image.Compacted() { // whose edges are elsewhere, and are shown once
		err = leaveOutEdges(r, image, dir, at)
	}
	if err != nil {
		return nil, nil, err
	}
	if c == nil && len(r.Without) == 0 && !r.Unsure {
		return nil, nil, nil
	}
	return r, start, nil
}

// imageCheckpoint is the place in a log that an image is of.
type imageCheckpoint struct {
	from  grafeo.Position // what comes before is in the image
	graph string          // that is current there
	epoch uint64          // of the last commit before it in its run, 0 if there is none
	run   int

	lastRun int // of the log

	// again says that a later run has a Checkpoint record of the same number, as transactions
	// are numbered anew in each run: the image may be of that one, too. To replay what it has
	// already changes nothing, but its epoch is not known.
	again bool
}

// findCheckpoint returns the place, in the log up to end, of whose state the image is. It
// is nil if that cannot be found out.
//
// walCheckpoint() writes a Checkpoint record with the number of the newest transaction,
// then checkpoint.meta with the same number, then the image. So an image that is not
// older than checkpoint.meta has everything before that record, or before the first of
// several with that number. Only if a transaction was open at the time, the image lacks
// some of the records before it, and nothing shows which. If that transaction has ended
// since, the whole log is replayed. If not, the log is replayed as Grafeo itself does it:
// without the files before that of the checkpoint, because they would undo what the image
// has without a commit.
func findCheckpoint(dir string, end grafeo.Position, image *grafeo.Image) (*imageCheckpoint, error) {
	meta, err := grafeo.ReadCheckpointMeta(dir)
	if err != nil {
		return nil, err
	}
	if meta == nil || meta.Time.IsZero() || meta.Time.After(image.Time) {
		return nil, nil // it says nothing of this image
	}
	f := checkpointFinder{meta: meta}
	if err := grafeo.ScanRecords05(dir, grafeo.Position{}, end, f.visit); err != nil {
		return nil, err
	}
	last := f.here(end)
	ended := f.seen && f.seenRun == f.run && f.ended.all(meta.TransactionID)
	// The record may be after the last commit, where a frame may be torn.
	err = grafeo.ScanRecords05(dir, end, grafeo.Position{File: math.MaxUint64}, f.visit)
	if err != nil && !errors.Is(err, grafeo.ErrDamaged) {
		return nil, err
	}
	file := f.file
	if f.records && meta.LogSequence > end.File {
		file = last // all of the log comes before that file
	}
	c := f.found
	switch {
	case image.Compacted(), c == nil && !ended:
		c = file
	case c != nil && file != nil && c.from.File < meta.LogSequence:
		c = file
	}
	if c == nil {
		return nil, nil // all of the log
	}
	if c.from.File > end.File || c.from.File == end.File && c.from.Offset > end.Offset {
		c.from = end
	}
	c.lastRun, c.again = last.run, f.again
	return c, nil
}

// checkpointFinder reads the records of a log from its first one on.
type checkpointFinder struct {
	meta *grafeo.CheckpointMeta

	between      grafeo.Position // after the last record that ends a commit, or an abort
	graph        string          // that is current there
	current      string          // and now
	epoch        uint64
	run          int
	ended, batch transactions // of this run, and since the last commit

	seen    bool // the first Checkpoint record with the number
	seenRun int
	again   bool // a later run has another one
	found   *imageCheckpoint

	records bool             // there are some before the file that the checkpoint names
	file    *imageCheckpoint // the beginning of that file, if there are
}

// here returns the place at, between the record that was visited last and the next one.
func (f *checkpointFinder) here(at grafeo.Position) *imageCheckpoint {
	return &imageCheckpoint{from: at, graph: f.current, epoch: f.epoch, run: f.run}
}

func (f *checkpointFinder) visit(r grafeo.Record05) error {
	if r.File < f.meta.LogSequence {
		f.records = true
	} else if f.records && f.file == nil {
		f.file = f.here(grafeo.Position{File: f.meta.LogSequence})
	}
	switch r.Kind {
	case grafeo.SwitchGraph05:
		f.current = r.Graph
	case grafeo.DropNamedGraph05:
		if f.current == r.Graph {
			f.current = ""
		}
	case grafeo.TransactionCommit05, grafeo.TransactionAbort05:
		f.ended.add(r.ID)
		f.batch.add(r.ID)
	case grafeo.EpochAdvance05:
		if f.epoch > 0 && r.ID <= f.epoch { // the database was opened again
			f.run++
			f.ended = f.batch
		}
		f.epoch, f.batch = r.ID, transactions{}
	case grafeo.Checkpoint05:
		f.checkpoint(r)
		return nil
	default:
		return nil
	}
	if r.Kind != grafeo.SwitchGraph05 && r.Kind != grafeo.DropNamedGraph05 {
		f.between, f.graph = grafeo.Position{File: r.File, Offset: r.End}, f.current
	}
	return nil
}

// checkpoint visits a Checkpoint record.
func (f *checkpointFinder) checkpoint(r grafeo.Record05) {
	if r.ID != f.meta.TransactionID || r.File < f.meta.LogSequence { // of another run
		return
	}
	if f.seen {
		f.again = f.again || f.run != f.seenRun
		return
	}
	f.seen, f.seenRun = true, f.run
	if f.ended.all(r.ID) {
		f.found = &imageCheckpoint{from: f.between, graph: f.graph, epoch: f.epoch, run: f.run}
	}
}
