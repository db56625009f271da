package replay

import (
	"errors"
	"math"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// maxCreatedEdges is how many edges of a log are looked up in the image: more would take
// too much memory.
const maxCreatedEdges = 1 << 18

var errTooManyEdges = errors.New("too many edges")

// createdEdge is a frame of a log that creates an edge.
type createdEdge struct {
	edge   grafeo.Edge05
	file   uint64
	offset int64
}

// leaveOutEdges makes a replay leave out the edges that it creates and the image has. If
// that cannot be found out, the replay is unsure.
func leaveOutEdges(r *manifest.Replay, image *grafeo.Image, dir string, end grafeo.Position) error {
	created, err := findCreatedEdges(r, dir, end)
	var there map[grafeo.Edge05]bool
	if err == nil {
		there, err = edgesIn(image, created)
	}
	if errors.Is(err, errTooManyEdges) || errors.Is(err, grafeo.ErrUnknownStore) {
		r.Unsure = true
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range created {
		if !there[c.edge] {
			continue
		}
		if n := len(r.Without); n == 0 || r.Without[n-1].File != c.file {
			r.Without = append(r.Without, manifest.FramesOf{File: c.file})
		}
		of := &r.Without[len(r.Without)-1]
		of.Offsets = append(of.Offsets, c.offset)
	}
	return nil
}

// findCreatedEdges returns the edges that a replay creates. It reads on after the end of the
// backup: a later commit includes what direct calls wrote there, and the image may have it
// already. More than [maxCreatedEdges] are errTooManyEdges.
func findCreatedEdges(r *manifest.Replay, dir string, end grafeo.Position) ([]createdEdge, error) {
	var created []createdEdge
	graph := r.Graph
	visit := func(rec grafeo.Record05) error {
		switch rec.Kind {
		case grafeo.SwitchGraph05:
			graph = rec.Graph
		case grafeo.DropNamedGraph05:
			if graph == rec.Graph {
				graph = ""
			}
		case grafeo.CreateEdge05:
			created = append(created, createdEdge{grafeo.Edge05{Graph: graph, ID: rec.ID}, rec.File, rec.Start})
			if len(created) > maxCreatedEdges {
				return errTooManyEdges
			}
		}
		return nil
	}
	if err := grafeo.ScanRecords05(dir, grafeo.Position{File: r.File, Offset: r.Offset}, end, visit); err != nil {
		return nil, err
	}
	err := grafeo.ScanRecords05(dir, end, grafeo.Position{File: math.MaxUint64}, visit)
	if err != nil && !errors.Is(err, grafeo.ErrDamaged) { // nothing after a torn frame is ever replayed
		return nil, err
	}
	return created, nil
}

// edgesIn returns which of the created edges are in the image.
func edgesIn(image *grafeo.Image, created []createdEdge) (map[grafeo.Edge05]bool, error) {
	wanted := make(map[grafeo.Edge05]bool, len(created))
	for _, c := range created {
		wanted[c.edge] = true
	}
	f, err := os.Open(image.Path)
	if err != nil {
		return nil, err
	}
	defer disk.CloseRead(f)
	return grafeo.EdgesIn05(f, image, wanted)
}
