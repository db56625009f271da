package catalog

import (
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Plan is what a restore along a route does: it writes these files, with bytes from these
// segments. Only the restore that it is for may change it.
type Plan struct {
	Route *Route
	State State
	Cost  Cost

	Files []File // of the database that is restored

	// Index is the indexes of all backups of the route in one. FileOf has, for each file of
	// it, the file in Files that it is, or is a part of.
	Index  *manifest.Index
	FileOf []int
	fromOf []int // and the backup in Route.Chain that it is of

	segments []int // how many the index has of the chain up to each backup

	Replay *manifest.Replay // of the full backup that the route begins with
}

// State is the state of the database that a plan leads to.
type State struct {
	Epoch uint64
	Time  *time.Time // nil if the commits of the database have no times

	// Exact is false if the target is a time and the state is that of the last backup
	// before it, as the commits of the database have no times, or if only reading the log
	// shows the epoch.
	Exact bool

	// LogFile is the number of the log file in which its last commit ends, and LogEnd the offset
	// there (0.5). They are 0 if there is no such commit, or before the log was cut.
	LogFile uint64
	LogEnd  int64
}

// Cost is what a plan takes.
type Cost struct {
	Objects     int   // segments that are fetched, without those that stand in manifests
	ObjectBytes int64 // of these
	StoredBytes int64 // of all segments
	RawBytes    int64 // of the files that are written
	NeededBytes int64 // space on the disk: RawBytes without what becomes holes
}

// File is a file of the database that is restored.
type File struct {
	Name  string // as in an index
	Bytes int64
}

// NewPlan returns the plan for a route to the target t, from the indexes of the backups in
// its chain. They must continue each other. What does not fit is a
// [*manifest.ObjectError] about the manifest of the backup.
func NewPlan(r *Route, indexes []*manifest.Index, t Target) (*Plan, error) {
	b := manifest.NewIndexBuilder()
	p := &Plan{Route: r, Index: b.Index()}
	byName := map[string]int{}
	for i, ix := range indexes {
		err := p.add(b, i, ix, byName)
		p.segments = append(p.segments, len(b.Index().Segments))
		if err == nil && i == 0 {
			p.Replay = ix.Replay
			err = p.checkReplay()
		}
		if err == nil {
			err = p.checkEnd(r.Chain[i])
		}
		if err != nil {
			return nil, &manifest.ObjectError{Key: r.Chain[i].Key(), Problem: err.Error()}
		}
	}
	if err := p.checkUnbroken(); err != nil {
		return nil, &manifest.ObjectError{Key: r.Last().Key(), Problem: err.Error()}
	}
	p.Cost = p.cost()
	p.State = stateOf(r, indexes[len(indexes)-1], t)
	return p, nil
}

// add adds the index of backup i of the chain: its log files, and of the first one the
// image and the spilled vectors as well.
func (p *Plan) add(b *manifest.IndexBuilder, i int, ix *manifest.Index, byName map[string]int) error {
	part := b.From(ix)
	for _, f := range ix.Files {
		if i > 0 && !manifest.IsLogName(f.Name) {
			continue
		}
		to, ok := byName[f.Name]
		if !ok {
			to = len(p.Files)
			byName[f.Name] = to
			p.Files = append(p.Files, File{Name: f.Name})
		}
		// A backup may have all of a file again, as a full one in the chain does.
		if before := p.Files[to].Bytes; f.From != before && f.From != 0 || f.Bytes < before {
			return fmt.Errorf("its part of %s is from %d to %d, and what it continues ends at %d", f.Name, f.From, f.Bytes, before)
		}
		p.Files[to].Bytes = f.Bytes
		part.AddFile(f)
		p.FileOf = append(p.FileOf, to)
		p.fromOf = append(p.fromOf, i)
	}
	return nil
}

// DropSpill removes the spilled vectors from the plan.
func (p *Plan) DropSpill() {
	var files []File
	numbers := make([]int, len(p.Files))
	for i, f := range p.Files {
		numbers[i] = len(files)
		if !manifest.IsSpillName(f.Name) {
			files = append(files, f)
		}
	}
	kept := 0
	for i := range p.Index.Files {
		if f := p.Index.Files[i]; !manifest.IsSpillName(f.Name) {
			p.Index.Files[kept], p.FileOf[kept], p.fromOf[kept] = f, numbers[p.FileOf[i]], p.fromOf[i]
			kept++
		} else {
			p.Cost.RawBytes -= f.Bytes
		}
	}
	p.Files, p.Index.Files, p.FileOf, p.fromOf = files, p.Index.Files[:kept], p.FileOf[:kept], p.fromOf[:kept]
}

// ManifestKey returns the key of the manifest of the backup that has this file of Index.
func (p *Plan) ManifestKey(file int) string { return p.Route.Chain[p.fromOf[file]].Key() }

// Digests returns the digests of the manifests of the chain. Two plans with the same
// digests have the same bytes.
func (p *Plan) Digests() []manifest.Digest {
	var all []manifest.Digest
	for _, m := range p.Route.Chain {
		all = append(all, m.Digest)
	}
	return slices.Clip(all)
}

// Segments returns how many segments of Index are of the chain up to each of its backups.
// Two plans whose chains begin alike have these segments in common.
func (p *Plan) Segments() []int { return p.segments }

// FileNames returns the names of Files.
func (p *Plan) FileNames() []string {
	names := make([]string, len(p.Files))
	for i, f := range p.Files {
		names[i] = f.Name
	}
	return names
}
