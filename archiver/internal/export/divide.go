package export

import (
	"bufio"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/replay"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// dividedLog is a staged log and how it is divided into native incrementals.
type dividedLog struct {
	dir        string
	moved      replay.Moved // by the trimming of the restored log
	generation grafeo.Generation
	log        *grafeo.Log

	// after is the end epoch of the full backup in front: the restore of an epoch
	// that is not higher takes nothing of the log.
	after  uint64
	lowest bool
	parts  []logPart

	// In 0.5, what lies before fresh belongs to earlier runs, whose epochs must not
	// be seen.
	fresh logPlace
}

// logPlace is a place in a log: an index into its files and an offset.
type logPlace struct {
	file   int
	offset int64
}

// before reports whether p is before q.
func (p logPlace) before(q logPlace) bool {
	return p.file < q.file || p.file == q.file && p.offset < q.offset
}

// logPart is a stretch of a log, between two commits.
type logPart struct {
	backup     int // index into the route's chain of the backup that it ends with
	from, to   logPlace
	endLSN     uint64
	start, end uint64 // epochs
	groups     uint64 // with an epoch
}

// divide returns which parts of the log in dir become native incrementals: one for each
// backup of the route. If a backup ends between two commits of the same epoch, as changes of
// the schema in 0.6 may have, its part has all commits of that epoch: the restore of an
// epoch uses an incremental as a whole or not at all.
//
// The log before lsn (0.6), and all up to the epoch after, has been written already. A
// change of the schema right after the image has the image's epoch as well. If lowest is
// true, no entry is below this full one: then its end is one epoch lower.
func divide(dir string, chain []*manifest.Committed, m replay.Moved, lsn, after uint64, lowest bool) (*dividedLog, error) {
	d := &dividedLog{
		dir: dir, moved: m, generation: grafeo.Generation(chain[0].Database.Generation), after: after, lowest: lowest,
	}
	opts := grafeo.ScanOptions{WithoutEmpty: true}
	if d.generation == grafeo.Gen06 {
		opts.From = &grafeo.Position{LSN: lsn}
	}
	var last *grafeo.Commit
	opts.Visit = func(c grafeo.Commit) error {
		if last != nil && c.Run != last.Run {
			d.fresh = logPlace{last.File, last.End}
		}
		last = &c
		return nil
	}
	var err error
	if d.log, err = grafeo.ScanLog(dir, d.generation, opts); err != nil {
		return nil, err
	}
	v := divider{d: d, chain: chain}
	opts.Visit = v.visit
	if _, err := grafeo.ScanLog(dir, d.generation, opts); err != nil {
		return nil, err
	}
	v.end()
	return d, nil
}

// divider collects commits into parts.
type divider struct {
	d       *dividedLog
	chain   []*manifest.Committed
	backup  int // that the next commit is of
	started bool
	counted bool // a commit with an epoch that counts was there
	part    logPart
}

func (v *divider) visit(c grafeo.Commit) error {
	d, at := v.d, logPlace{c.File, c.End}
	for v.backup < len(v.chain)-1 && d.isAfter(&c, v.chain[v.backup]) {
		v.backup++
	}
	counts := c.HasEpoch && d.fresh.before(at)
	if counts && !v.counted {
		v.counted = true
		if d.generation == grafeo.Gen06 && c.Epoch <= d.after && d.lowest {
			d.after = max(c.Epoch, 1) - 1
		}
		v.part.end = d.after
	}
	switch {
	case !v.started:
		v.started = true
		if d.generation == grafeo.Gen06 {
			v.part.from = logPlace{c.StartFile, c.Start}
		}
	case counts && v.backup > v.part.backup && c.Epoch > v.part.end && v.part.end > d.last():
		d.add(v.part)
		v.part = logPart{from: v.part.to, end: v.part.end}
		if v.part.from.file < c.StartFile && d.generation == grafeo.Gen06 {
			v.part.from = logPlace{c.StartFile, c.Start}
		}
	}
	v.part.backup, v.part.to, v.part.endLSN = v.backup, at, c.EndLSN
	if c.HasEpoch {
		v.part.groups++
	}
	if counts {
		v.part.end = max(v.part.end, c.Epoch)
	}
	return nil
}

// end adds what is left as a last part.
func (v *divider) end() {
	d := v.d
	switch {
	case v.part.end > d.last():
		d.add(v.part)
	case v.part.groups > 0 && d.generation == grafeo.Gen06: // changes of the schema, at epoch 0
		v.part.end = d.after + 1
		d.add(v.part)
	}
}

// last returns the epoch that the parts so far end with.
func (d *dividedLog) last() uint64 {
	if len(d.parts) == 0 {
		return d.after
	}
	return d.parts[len(d.parts)-1].end
}

func (d *dividedLog) add(p logPart) {
	p.start = d.last() + 1
	d.parts = append(d.parts, p)
}

// isAfter reports whether the commit c is after the end of m.
func (d *dividedLog) isAfter(c *grafeo.Commit, m *manifest.Committed) bool {
	if d.generation == grafeo.Gen06 {
		return c.EndLSN > m.Position.LSN
	}
	end := m.Position.Commit
	if end == nil {
		return true
	}
	number := d.log.Files[c.File].Number
	return number > end.EndFile || number == end.EndFile && d.moved.Original(number, c.End) > end.End
}

// incremental writes a part of the log as a native incremental.
func (w *Writer) incremental(d *dividedLog, p *logPart, chain []*manifest.Committed) error {
	e := grafeo.NativeEntry{
		Filename: grafeo.NativeIncrementalName(len(w.list.Entries)), StartEpoch: p.start, EndEpoch: p.end,
		Created: chain[p.backup].CreatedAt,
	}
	h := grafeo.NativeHeader{Generation: d.generation, Version: 2, StartEpoch: p.start, EndEpoch: p.end, Count: p.groups}
	if d.generation == grafeo.Gen05 {
		h.Version, h.Count = 1, 1
	}
	err := w.writeSynced(e.Filename, func(f disk.File) error {
		out := &summed{w: bufio.NewWriterSize(f, 1<<18)}
		if _, err := out.Write(h.Encode()); err != nil {
			return err
		}
		for i := p.from.file; i <= p.to.file; i++ {
			from, to := int64(0), d.log.Files[i].End
			if i == p.from.file {
				from = p.from.offset
			}
			if i == p.to.file {
				to = p.to.offset
			}
			if err := d.copy(out, p, i, from, to); err != nil {
				return err
			}
		}
		e.Checksum, e.Size = out.crc, out.bytes
		return out.w.Flush()
	})
	w.add(e)
	return err
}

// copy writes a stretch of log file i in the format of the generation.
func (d *dividedLog) copy(out io.Writer, p *logPart, i int, from, to int64) error {
	f, err := os.Open(filepath.Join(d.dir, d.log.Files[i].Name))
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	if d.generation == grafeo.Gen05 {
		earlier := min(to, max(from, d.earlierIn(i)))
		if _, err := grafeo.CopyCommits05(out, io.NewSectionReader(f, from, earlier-from)); err != nil {
			return err
		}
		_, err = io.Copy(out, io.NewSectionReader(f, earlier, to-earlier))
		return err
	}
	header := make([]byte, grafeo.SegmentHeaderLength)
	if _, err := f.ReadAt(header, 0); err != nil {
		return err
	}
	from = max(from, grafeo.SegmentHeaderLength)
	if from >= to {
		return nil
	}
	if from > grafeo.SegmentHeaderLength {
		header = grafeo.MoveSegment(header, d.log.Files[i].FirstLSN+uint64(from-grafeo.SegmentHeaderLength))
	}
	length := grafeo.AppendPartLength(nil, grafeo.SegmentHeaderLength+to-from)
	if _, err := out.Write(append(length, header...)); err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(f, from, to-from))
	return err
}

// earlierIn returns how much of log file i belongs to earlier runs (0.5).
func (d *dividedLog) earlierIn(i int) int64 {
	switch {
	case i < d.fresh.file:
		return d.log.Files[i].End
	case i == d.fresh.file:
		return d.fresh.offset
	}
	return 0
}

// summed is a writer that computes what a native manifest has of a file: size and checksum.
type summed struct {
	w     *bufio.Writer
	crc   uint32
	bytes uint64
}

func (s *summed) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.crc = crc32.Update(s.crc, crc32.IEEETable, p[:n])
	s.bytes += uint64(n)
	return n, err
}
