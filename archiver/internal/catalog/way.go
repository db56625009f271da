package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Way is a route with the content of its backups as one index: the files of
// all of them, the segments that these need, and the database's files that they
// are parts of.
type Way struct {
	Route  *Route
	Result result

	Index  *manifest.Index
	FileOf []int // for each file of index, the file in files
	fromOf []int // and the backup in route.chain that it is of
	Files  []wholeFile

	Replay *manifest.Replay // of the full backup that the way begins with
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
	Name  string
	Bytes int64
}

func (w *Way) KeyOf(file int) string { return w.Route.Chain[w.fromOf[file]].Seq.Key() }

// Join joins the indexes of a route's backups. They must continue each other.
func Join(r *Route, indexes []*manifest.Index, t Target) (*Way, error) {
	b := manifest.NewIndexBuilder()
	w := &Way{Route: r, Index: b.Index()}
	byName := map[string]int{}
	for i, ix := range indexes {
		err := w.add(b, i, ix, byName)
		if err == nil && i == 0 {
			w.Replay = ix.Replay
			err = w.checkReplay(ix.Replay)
		}
		if err == nil {
			err = w.endsAt(r.Chain[i])
		}
		if err != nil {
			return nil, &manifest.ObjectError{Key: r.Chain[i].Seq.Key(), Problem: err.Error()}
		}
	}
	if err := w.unbroken(); err != nil {
		return nil, &manifest.ObjectError{Key: r.Last().Seq.Key(), Problem: err.Error()}
	}
	for _, f := range w.Files {
		w.Result.RawBytes += f.Bytes
	}
	for _, s := range w.Index.Segments {
		w.Result.Objects++
		w.Result.StoredBytes += s.StoredBytes
	}
	image, first, more := w.Needs()
	w.Result.NeededBytes = image + first + more
	w.describe(indexes, t)
	return w, nil
}

// add joins the index of backup i of the route: its log files, and the image
// of the first with what had been spilled then.
func (w *Way) add(b *manifest.IndexBuilder, i int, ix *manifest.Index, byName map[string]int) error {
	part := b.From(ix)
	for _, f := range ix.Files {
		if i > 0 && !manifest.IsLogName(f.Name) {
			continue
		}
		to, ok := byName[f.Name]
		if !ok {
			to = len(w.Files)
			byName[f.Name] = to
			w.Files = append(w.Files, wholeFile{Name: f.Name})
		}
		// A backup may have all of a file again, as a full one on the way does.
		if before := w.Files[to].Bytes; f.From != before && f.From != 0 || f.Bytes < before {
			return fmt.Errorf("its part of %s is from %d to %d, and what it continues ends at %d", f.Name, f.From, f.Bytes, before)
		}
		w.Files[to].Bytes = f.Bytes
		part.AddFile(f)
		w.FileOf = append(w.FileOf, to)
		w.fromOf = append(w.fromOf, i)
	}
	return nil
}

// DropSpill leaves out what had been spilled.
func (w *Way) DropSpill() {
	var files []wholeFile
	numbers := make([]int, len(w.Files))
	for i, f := range w.Files {
		numbers[i] = len(files)
		if !manifest.IsSpillName(f.Name) {
			files = append(files, f)
		}
	}
	kept := 0
	for i := range w.Index.Files {
		if f := w.Index.Files[i]; !manifest.IsSpillName(f.Name) {
			w.Index.Files[kept], w.FileOf[kept], w.fromOf[kept] = f, numbers[w.FileOf[i]], w.fromOf[i]
			kept++
		} else {
			w.Result.RawBytes -= f.Bytes
		}
	}
	w.Files, w.Index.Files, w.FileOf, w.fromOf = files, w.Index.Files[:kept], w.FileOf[:kept], w.fromOf[:kept]
}

// endsAt makes sure that the log of the backups so far ends where m, the last
// one of them, says.
func (w *Way) endsAt(m *manifest.Committed) error {
	var last wholeFile
	for _, f := range w.Files {
		if manifest.IsLogName(f.Name) && CompareLogs(f.Name, last.Name) > 0 {
			last = f
		}
	}
	c := m.Position.Commit
	if last.Name == "" || c == nil {
		return nil
	}
	end := grafeo.Position{LSN: m.Position.LSN, File: c.EndFile, Offset: c.End}
	if !end.IsEndOf(grafeo.Generation(m.Database.Generation), last.Name, last.Bytes) {
		return fmt.Errorf("the log ends at %d of %s, and not where its last commit does", last.Bytes, last.Name)
	}
	return nil
}

// unbroken makes sure that the log files of all backups together are one log,
// without a hole between two files.
func (w *Way) unbroken() error {
	logs := slices.DeleteFunc(slices.Clone(w.Files), func(f wholeFile) bool { return !manifest.IsLogName(f.Name) })
	slices.SortFunc(logs, func(a, b wholeFile) int { return CompareLogs(a.Name, b.Name) })
	generation := grafeo.Generation(w.Route.Last().Database.Generation)
	for i := 1; i < len(logs); i++ {
		if f := logs[i-1]; !grafeo.Follows(generation, f.Name, f.Bytes, logs[i].Name) {
			return fmt.Errorf("there is a hole in the log: %s does not continue %s of %d bytes", logs[i].Name, f.Name, f.Bytes)
		}
	}
	return nil
}

// CompareLogs orders the names of log files as the log is.
func CompareLogs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// describe fills in the result what the manifests tell.
func (w *Way) describe(indexes []*manifest.Index, t Target) {
	r, p := w.Route, &w.Result
	base, last := r.Chain[0], r.Last()
	p.Epoch, p.Time, p.Exact = last.EndEpoch, last.EndTime, t.Time == nil || r.Time != nil
	if r.Epoch == nil && r.Time == nil {
		return
	}
	// The cut is in the last backup's log, or right at its beginning.
	p.Epoch, p.Time = base.StartEpoch, base.StartTime
	if n := len(r.Chain); n > 1 {
		p.Epoch, p.Time = r.Chain[n-2].EndEpoch, r.Chain[n-2].EndTime
	}
	ix := indexes[len(indexes)-1]
	if ix.Commits == nil && last.Commits > 0 {
		p.Exact = false
		if r.Epoch != nil {
			p.Epoch = *r.Epoch
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
func (w *Way) checkReplay(r *manifest.Replay) error {
	if r == nil {
		return nil
	}
	for _, f := range w.Files {
		if number, ok := grafeo.LogNumber05(f.Name); ok && number == r.File && r.Offset <= f.Bytes {
			return nil
		}
	}
	return fmt.Errorf("its replay begins at a place of log file %d that is not there", r.File)
}

// Needs is how many bytes the files of a way take, without what comes back as a
// hole: its image, what belongs to that in the full backup, and what is of the
// backups after it.
func (w *Way) Needs() (image, first, more int64) {
	sums := make([]int64, len(w.Files))
	later := make([]int64, len(w.Files))
	for i := range w.Index.Files {
		Covered(w.Index.Files[i].Extents, func(from, end int64) {
			sums[w.FileOf[i]] += end - from
			if w.fromOf[i] > 0 {
				later[w.FileOf[i]] += end - from
			}
		})
	}
	for i, f := range w.Files {
		n := min(sums[i], f.Bytes) // several backups may have the same part of a log
		if f.Name == manifest.ImageName {
			image += n
			continue
		}
		after := min(later[i], n)
		first, more = first+n-after, more+after
	}
	return image, first, more
}

// Covered calls each for what extents cover together. What is between them, and long
// enough, stays a hole.
func Covered(extents []manifest.Extent, each func(from, end int64)) {
	for i := 0; i < len(extents); {
		from := extents[i].Offset
		end := from
		for ; i < len(extents) && extents[i].Offset < end+manifest.HoleBytes; i++ {
			end = extents[i].Offset + extents[i].Bytes
		}
		each(from, end)
	}
}

// LogFiles gives the log files of a chain, each one put together from its parts,
// in the order of their names.
func (w *Way) LogFiles() []*manifest.File {
	var files []*manifest.File
	byName := map[string]*manifest.File{}
	for _, part := range w.Index.Files {
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
	slices.SortFunc(files, func(a, b *manifest.File) int { return CompareLogs(a.Name, b.Name) })
	return files
}

// ChainOf are the digests of a way's manifests, which say all that it has.
func (w *Way) ChainOf() []manifest.Digest {
	var all []manifest.Digest
	for _, m := range w.Route.Chain {
		all = append(all, m.Digest)
	}
	return slices.Clip(all)
}

// endsAt says how a commit list ends when it is cut as a route wants: the epoch
// and time of the last commit that stays, and whether there is one.
func endsAt(list []manifest.CommitTime, r *Route) (epoch uint64, at time.Time, ok bool) {
	for _, c := range list {
		t := time.UnixMilli(int64(c[1])).UTC() //nolint:gosec // a time of a database that was read before
		if r.Epoch != nil && c[0] > *r.Epoch || r.Time != nil && t.After(*r.Time) {
			break
		}
		epoch, at, ok = c[0], t, true
	}
	return epoch, at, ok
}

// FileNames are the names of the files.
func (w *Way) FileNames() []string {
	names := make([]string, len(w.Files))
	for i, f := range w.Files {
		names[i] = f.Name
	}
	return names
}
