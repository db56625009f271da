package archiver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Plan is what a restore would do.
type Plan struct {
	Full         uint64   // number of the full backup
	Incrementals []uint64 // numbers of the backups whose log continues it
	Backup       Backup   // the one that has the target

	Timeline int
	// OtherTimelines have the same epoch, with another content.
	OtherTimelines []int

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

	Spill *Spill // what of them is spilled vectors, nil if nothing is
}

// Plan says what Restore would do for a target. It reads manifests and indexes,
// and no segment.
func (a *Archive) Plan(ctx context.Context, target Target) (Plan, storage.RequestCounts, error) {
	var w *way
	requests, _, err := run(ctx, againRead, func(ctx context.Context) (err error) {
		w, err = a.wayTo(ctx, target)
		return err
	})
	if err != nil {
		return Plan{}, requests, err
	}
	return w.plan, requests, nil
}

// way is a route with the content of its backups as one index: the files of
// all of them, the segments that these need, and the database's files that they
// are parts of.
type way struct {
	route *route
	plan  Plan

	index  *manifest.Index
	fileOf []int // for each file of index, the file in files
	fromOf []int // and the backup in route.chain that it is of
	files  []wholeFile

	replay *manifest.Replay   // of the full backup that the way begins with
	moved  map[uint64][]shift // what trimming the log by it has moved
}

// wholeFile is a file of the database that will be.
type wholeFile struct {
	name  string
	bytes int64
}

func (w *way) keyOf(file int) string { return w.route.chain[w.fromOf[file]].Seq.Key() }

// wayTo finds the way to a target.
func (a *Archive) wayTo(ctx context.Context, t Target) (*way, error) {
	h, err := a.backups(ctx, t)
	if err != nil {
		return nil, err
	}
	r, err := a.journal.routeTo(ctx, h, t)
	if err != nil {
		return nil, err
	}
	return a.journal.along(ctx, r, t)
}

// routeTo finds the route to a target of an archive that has backups.
func (j *Journal) routeTo(ctx context.Context, h *history, t Target) (*route, error) {
	if !t.isEnd() {
		if r, err := j.outlinedRoute(ctx, h, t); r != nil || err != nil {
			return r, err
		}
	}
	c, err := j.catalog(ctx, h, t)
	if err != nil {
		return nil, err
	}
	return c.route(t)
}

// along reads the indexes of a route to a target.
func (j *Journal) along(ctx context.Context, r *route, t Target) (*way, error) {
	indexes := make([]*manifest.Index, len(r.chain))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manifestReaders)
	for i, m := range r.chain {
		g.Go(func() (err error) {
			indexes[i], err = j.index(ctx, m.Manifest)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return newWay(r, indexes, t)
}

// backups is [Archive.existing] for a target: there is a backup, and if it names
// one, this one.
func (a *Archive) backups(ctx context.Context, t Target) (*history, error) {
	h, err := a.existing(ctx)
	if err != nil {
		return nil, err
	}
	if len(h.seqs) == 0 {
		return nil, noBackup()
	}
	if b := manifest.Seq(t.Backup); b > h.last() {
		return nil, &Error{
			Code: CodeNoBackup,
			Err:  fmt.Errorf("there is no backup %d: the archive has %d to %d", b, h.seqs[0], h.last()),
		}
	} else if b != 0 && !slices.Contains(h.seqs, b) {
		return nil, &manifest.ObjectError{Key: b.Key(), Problem: "it is missing"} // there are later ones
	}
	return h, nil
}

func noBackup() error {
	return &Error{
		Code: CodeNoBackup,
		Err:  errors.New("the archive has no backup"),
		Hint: "Its first backup was interrupted before it was committed. Run the backup again where the database is.",
	}
}

// catalog reads the manifests that a target needs. For the newest state, or a
// backup, these are the chain that it ends, which is read backwards in growing
// batches; for all else they are all. A manifest that is damaged is
// an error only if the target needs it.
func (j *Journal) catalog(ctx context.Context, h *history, t Target) (*catalog, error) {
	seqs := h.seqs
	if t.Backup != 0 {
		seqs = seqs[:slices.Index(seqs, manifest.Seq(t.Backup))+1]
	}
	batch := 1
	if !t.isEnd() {
		batch = len(seqs)
	}
	var all []*manifest.Committed
	for len(seqs) > 0 {
		part := seqs[max(0, len(seqs)-batch):]
		seqs = seqs[:len(seqs)-len(part)]
		read := make([]*manifest.Committed, len(part))
		var first error // of the newest manifest that is broken
		var broken manifest.Seq
		err := j.loadAll(ctx, &history{archive: h.archive, seqs: part}, func(i int, m *manifest.Committed, err error) error {
			var object *manifest.ObjectError
			if errors.As(err, &object) {
				if part[i] >= broken {
					first, broken = err, part[i]
				}
				return nil
			}
			if read[i] = m; m != nil {
				m.Earlier = nil // of many backups they are as much as all the rest
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		newest := len(all) == 0
		if first != nil && (newest && read[len(read)-1] == nil && t.Epoch == nil && t.Time == nil || t.isEnd()) {
			return nil, h.aboutNewest(first)
		}
		all = append(read, all...)
		c := newCatalog(all)
		if len(seqs) == 0 {
			return c, nil
		}
		if top := all[len(all)-1]; top != nil && c.toEnd(top) != nil {
			return c, nil
		}
		batch *= 8
	}
	return newCatalog(all), nil
}

// newWay joins the indexes of a route's backups. They must continue each other.
func newWay(r *route, indexes []*manifest.Index, t Target) (*way, error) {
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
		w.plan.RawBytes += f.bytes
	}
	for _, s := range w.index.Segments {
		w.plan.Objects++
		w.plan.StoredBytes += s.StoredBytes
	}
	image, first, more := w.needs()
	w.plan.NeededBytes = image + first + more
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
			w.plan.RawBytes -= f.Bytes
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

// describe fills in the plan what the manifests tell.
func (w *way) describe(indexes []*manifest.Index, t Target) {
	r, p := w.route, &w.plan
	base, last := r.chain[0], r.last()
	p.Spill = spillIn(base)
	p.Full, p.Backup, p.Timeline, p.OtherTimelines = uint64(base.Seq), describe(last.Manifest), last.Timeline, r.other
	for _, m := range r.chain[1:] {
		p.Incrementals = append(p.Incrementals, uint64(m.Seq))
	}
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
