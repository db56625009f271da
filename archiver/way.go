package archiver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// way is a route with the content of its backups as one index: the files of
// all of them, the segments that these need, and the database's files that they
// are parts of.
type way struct {
	route  *route
	result result

	index  *manifest.Index
	fileOf []int // for each file of index, the file in files
	fromOf []int // and the backup in route.chain that it is of
	files  []wholeFile

	replay *manifest.Replay // of the full backup that the way begins with
}

// result is what a way leads to.
type result struct {
	// Epoch and Time are those of the state that results; Time is nil where the
	// database keeps no times. Exact is false if the target was a time and the
	// state is that of the last backup before it, as the database keeps no
	// times, or if the log must be read to know the epoch.
	Epoch uint64
	Time  *time.Time
	Exact bool

	Objects     int   // segments that are fetched
	StoredBytes int64 // of these
	RawBytes    int64 // of the files that are written
	NeededBytes int64 // of these, that take room: the others are holes
}

// wholeFile is a file of the database that will be.
type wholeFile struct {
	name  string
	bytes int64
}

func (w *way) keyOf(file int) string { return w.route.chain[w.fromOf[file]].Seq.Key() }

// newWay joins the indexes of a route's backups. They must continue each other.
func newWay(r *route, indexes []*manifest.Index, t stateTarget) (*way, error) {
	b := manifest.NewIndexBuilder()
	w := &way{route: r, index: b.Index()}
	byName := map[string]int{}
	for i, ix := range indexes {
		err := w.add(b, i, ix, byName)
		if err == nil && i == 0 {
			w.replay = ix.Replay
			err = w.checkReplay(ix.Replay)
		}
		if err == nil {
			err = w.endsAt(r.chain[i])
		}
		if err != nil {
			return nil, &manifest.ObjectError{Key: r.chain[i].Seq.Key(), Problem: err.Error()}
		}
	}
	if err := w.unbroken(); err != nil {
		return nil, &manifest.ObjectError{Key: r.last().Seq.Key(), Problem: err.Error()}
	}
	for _, f := range w.files {
		w.result.RawBytes += f.bytes
	}
	for _, s := range w.index.Segments {
		w.result.Objects++
		w.result.StoredBytes += s.StoredBytes
	}
	image, first, more := w.needs()
	w.result.NeededBytes = image + first + more
	w.describe(indexes, t)
	return w, nil
}

// add joins the index of backup i of the route: its log files, and the image
// of the first with what had been spilled then.
func (w *way) add(b *manifest.IndexBuilder, i int, ix *manifest.Index, byName map[string]int) error {
	part := b.From(ix)
	for _, f := range ix.Files {
		if i > 0 && !manifest.IsLogName(f.Name) {
			continue
		}
		to, ok := byName[f.Name]
		if !ok {
			to = len(w.files)
			byName[f.Name] = to
			w.files = append(w.files, wholeFile{name: f.Name})
		}
		// A backup may have all of a file again, as a full one on the way does.
		if before := w.files[to].bytes; f.From != before && f.From != 0 || f.Bytes < before {
			return fmt.Errorf("its part of %s is from %d to %d, and what it continues ends at %d", f.Name, f.From, f.Bytes, before)
		}
		w.files[to].bytes = f.Bytes
		part.AddFile(f)
		w.fileOf = append(w.fileOf, to)
		w.fromOf = append(w.fromOf, i)
	}
	return nil
}

// dropSpill leaves out what had been spilled.
func (w *way) dropSpill() {
	var files []wholeFile
	numbers := make([]int, len(w.files))
	for i, f := range w.files {
		numbers[i] = len(files)
		if !manifest.IsSpillName(f.name) {
			files = append(files, f)
		}
	}
	kept := 0
	for i := range w.index.Files {
		if f := w.index.Files[i]; !manifest.IsSpillName(f.Name) {
			w.index.Files[kept], w.fileOf[kept], w.fromOf[kept] = f, numbers[w.fileOf[i]], w.fromOf[i]
			kept++
		} else {
			w.result.RawBytes -= f.Bytes
		}
	}
	w.files, w.index.Files, w.fileOf, w.fromOf = files, w.index.Files[:kept], w.fileOf[:kept], w.fromOf[:kept]
}

// endsAt makes sure that the log of the backups so far ends where m, the last
// one of them, says.
func (w *way) endsAt(m *manifest.Committed) error {
	var last wholeFile
	for _, f := range w.files {
		if manifest.IsLogName(f.name) && compareLogs(f.name, last.name) > 0 {
			last = f
		}
	}
	c := m.Position.Commit
	if last.name == "" || c == nil {
		return nil
	}
	end := grafeo.Position{LSN: m.Position.LSN, File: c.EndFile, Offset: c.End}
	if !end.IsEndOf(grafeo.Generation(m.Database.Generation), last.name, last.bytes) {
		return fmt.Errorf("the log ends at %d of %s, and not where its last commit does", last.bytes, last.name)
	}
	return nil
}

// unbroken makes sure that the log files of all backups together are one log,
// without a hole between two files.
func (w *way) unbroken() error {
	logs := slices.DeleteFunc(slices.Clone(w.files), func(f wholeFile) bool { return !manifest.IsLogName(f.name) })
	slices.SortFunc(logs, func(a, b wholeFile) int { return compareLogs(a.name, b.name) })
	generation := grafeo.Generation(w.route.last().Database.Generation)
	for i := 1; i < len(logs); i++ {
		if f := logs[i-1]; !grafeo.Follows(generation, f.name, f.bytes, logs[i].name) {
			return fmt.Errorf("there is a hole in the log: %s does not continue %s of %d bytes", logs[i].name, f.name, f.bytes)
		}
	}
	return nil
}

// compareLogs orders the names of log files as the log is.
func compareLogs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// describe fills in the result what the manifests tell.
func (w *way) describe(indexes []*manifest.Index, t stateTarget) {
	r, p := w.route, &w.result
	base, last := r.chain[0], r.last()
	p.Epoch, p.Time, p.Exact = last.EndEpoch, last.EndTime, t.Time == nil || r.time != nil
	if r.epoch == nil && r.time == nil {
		return
	}
	// The cut is in the last backup's log, or right at its beginning.
	p.Epoch, p.Time = base.StartEpoch, base.StartTime
	if n := len(r.chain); n > 1 {
		p.Epoch, p.Time = r.chain[n-2].EndEpoch, r.chain[n-2].EndTime
	}
	ix := indexes[len(indexes)-1]
	if ix.Commits == nil && last.Commits > 0 {
		p.Exact = false
		if r.epoch != nil {
			p.Epoch = *r.epoch
		}
		return
	}
	if epoch, at, ok := endsAt(ix.Commits, r); ok && epoch >= p.Epoch {
		p.Epoch, p.Time = epoch, nil
		if at.UnixMilli() != 0 {
			p.Time = &at
		}
	}
}

// checkReplay makes sure that a replay begins in the log files of the way so far,
// which are those of its backup. What it is without may lie behind them, in the log
// of later backups, and is checked as it is left out.
func (w *way) checkReplay(r *manifest.Replay) error {
	if r == nil {
		return nil
	}
	for _, f := range w.files {
		if number, ok := grafeo.LogNumber05(f.name); ok && number == r.File && r.Offset <= f.bytes {
			return nil
		}
	}
	return fmt.Errorf("its replay begins at a place of log file %d that is not there", r.File)
}

// needs is how many bytes the files of a way take, without what comes back as a
// hole: its image, what belongs to that in the full backup, and what is of the
// backups after it.
func (w *way) needs() (image, first, more int64) {
	sums := make([]int64, len(w.files))
	later := make([]int64, len(w.files))
	for i := range w.index.Files {
		covered(w.index.Files[i].Extents, func(from, end int64) {
			sums[w.fileOf[i]] += end - from
			if w.fromOf[i] > 0 {
				later[w.fileOf[i]] += end - from
			}
		})
	}
	for i, f := range w.files {
		n := min(sums[i], f.bytes) // several backups may have the same part of a log
		if f.name == manifest.ImageName {
			image += n
			continue
		}
		after := min(later[i], n)
		first, more = first+n-after, more+after
	}
	return image, first, more
}

// covered calls each for what extents cover together. What is between them, and long
// enough, stays a hole.
func covered(extents []manifest.Extent, each func(from, end int64)) {
	for i := 0; i < len(extents); {
		from := extents[i].Offset
		end := from
		for ; i < len(extents) && extents[i].Offset < end+manifest.HoleBytes; i++ {
			end = extents[i].Offset + extents[i].Bytes
		}
		each(from, end)
	}
}

// logFiles gives the log files of a chain, each one put together from its parts,
// in the order of their names.
func (w *way) logFiles() []*manifest.File {
	var files []*manifest.File
	byName := map[string]*manifest.File{}
	for _, part := range w.index.Files {
		if !manifest.IsLogName(part.Name) {
			continue
		}
		f := byName[part.Name]
		if f == nil {
			f = &manifest.File{Name: part.Name}
			byName[part.Name] = f
			files = append(files, f)
		}
		if part.From == 0 {
			f.Extents = nil // all of it again
		}
		f.Bytes = part.Bytes
		f.Extents = append(f.Extents, part.Extents...)
	}
	slices.SortFunc(files, func(a, b *manifest.File) int { return compareLogs(a.Name, b.Name) })
	return files
}

// chainOf are the digests of a way's manifests, which say all that it has.
func (w *way) chainOf() []manifest.Digest {
	var all []manifest.Digest
	for _, m := range w.route.chain {
		all = append(all, m.Digest)
	}
	return slices.Clip(all)
}

// endsAt says how a commit list ends when it is cut as a route wants: the epoch
// and time of the last commit that stays, and whether there is one.
func endsAt(list []manifest.CommitTime, r *route) (epoch uint64, at time.Time, ok bool) {
	for _, c := range list {
		t := time.UnixMilli(int64(c[1])).UTC() //nolint:gosec // a time of a database that was read before
		if r.epoch != nil && c[0] > *r.epoch || r.time != nil && t.After(*r.time) {
			break
		}
		epoch, at, ok = c[0], t, true
	}
	return epoch, at, ok
}

// fileNames are the names of the files.
func (w *way) fileNames() []string {
	names := make([]string, len(w.files))
	for i, f := range w.files {
		names[i] = f.name
	}
	return names
}
