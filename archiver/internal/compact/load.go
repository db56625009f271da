package compact

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// merging is a series on its way to becoming one record: what the manifests of its parts say
// of the joined log.
type merging struct {
	journal    *journal.Journal
	archiveID  string
	generation grafeo.Generation

	parts       []part
	first, last *manifest.Manifest
	files       []manifest.File       // of the joined log, without extents
	commits     []manifest.CommitTime // of all parts
	rawBytes    int64
	kept        int64 // bytes of the indexes in parts
}

// part is one part of a series.
type part struct {
	*manifest.Committed
	digest manifest.Digest // of its manifest
	files  int             // of its index that go into the joined log: all, or all but the last one
	bytes  int64           // of these
	index  *manifest.Index // nil if it is read again

	lastBytes int64 // that it has of its last file
}

// errTooFew: less than two parts of a series can be merged, although their outlines looked as
// if more could.
var errTooFew = errors.New("nothing to merge")

// load reads the manifests of a series, as many at a time as there are in a window. It ends
// before the series does where the next part would be too much, or does not fit.
func (m *Merger) load(ctx context.Context, series Series) (*merging, error) {
	g := &merging{journal: m.Journal, archiveID: m.Head.Archive.ArchiveID, generation: grafeo.Generation(series.First().Database.Generation)}
	for len(series) > 0 {
		window := series[:min(len(series), windowParts)]
		read, indexes, err := g.read(ctx, window)
		if err != nil {
			return nil, err
		}
		for i := range read {
			if err := g.add(window[i], read[i], indexes[i]); err != nil {
				m.Log.Info("a series of backups ends before the one that does not fit", "backup", window[i].Seq, "why", err)
				return g.whole()
			}
		}
		series = series[len(window):]
	}
	return g.whole()
}

// whole returns the merging if it has anything to merge.
func (g *merging) whole() (*merging, error) {
	if len(g.parts) < 2 {
		return nil, errTooFew
	}
	return g, nil
}

// read reads the manifests of some parts, and their indexes.
func (g *merging) read(ctx context.Context, parts []*manifest.Committed) ([]*manifest.Committed, []*manifest.Index, error) {
	records := make([]manifest.Seq, len(parts))
	for i, p := range parts {
		records[i] = p.RecordSeq()
	}
	read, indexes := make([]*manifest.Committed, len(parts)), make([]*manifest.Index, len(parts))
	err := g.journal.LoadRecords(ctx, g.archiveID, records, func(i int, m *manifest.Committed, err error) error {
		if err != nil {
			return err
		}
		if m.EndEpoch != parts[i].EndEpoch || *m.Continues != *parts[i].Continues || m.RawBytes != parts[i].RawBytes {
			return &manifest.ObjectError{Key: m.Seq.Key(), Problem: "it is not what a later manifest says of it"}
		}
		m.Earlier = nil
		read[i] = m
		indexes[i], err = g.journal.Index(ctx, m)
		return err
	})
	return read, indexes, err
}

// add adds a part whose manifest is m. The error says why it cannot be added.
func (g *merging) add(p, m *manifest.Committed, ix *manifest.Index) error {
	switch {
	case m.Commits > 0 && ix.Commits == nil || len(g.commits)+len(ix.Commits) > manifest.MaxCommits:
		return errors.New("there would be more commits than a record lists")
	case m.Position.Commit == nil || len(ix.Files) == 0:
		return errors.New("it does not end with a commit")
	}
	if g.isAgain(ix) {
		g.dropLast()
	}
	files, err := g.joined(ix)
	if err != nil {
		return err
	}
	g.files = files
	g.commits = append(g.commits, ix.Commits...)
	g.rawBytes += m.RawBytes
	if g.first == nil {
		g.first = m.Manifest
	}
	g.last = m.Manifest
	added := part{Committed: p, digest: m.Digest, files: len(ix.Files), bytes: m.RawBytes}
	last := ix.Files[len(ix.Files)-1]
	added.lastBytes = last.Bytes - last.From
	if size := sizeOf(ix); g.kept+size <= indexBytes {
		g.kept += size
		added.index = ix
	}
	m.Content, ix.Commits = nil, nil
	g.parts = append(g.parts, added)
	return nil
}

// sizeOf returns about how many bytes of memory an index takes.
func sizeOf(ix *manifest.Index) (n int64) {
	for _, s := range ix.Segments {
		n += 200 + int64(len(s.Key)+len(s.Data))
	}
	for _, f := range ix.Files {
		n += 200 + 32*int64(len(f.Extents))
	}
	return n + 32*int64(len(ix.Frames)) + 200
}

// isAgain reports whether a part has all of a file again with which the part before it ends:
// a new file in which there was no commit yet.
func (g *merging) isAgain(ix *manifest.Index) bool {
	if len(g.files) == 0 || len(ix.Files) == 0 {
		return false
	}
	last, again, before := g.files[len(g.files)-1], ix.Files[0], g.parts[len(g.parts)-1]
	return again.Name == last.Name && again.From == 0 && last.From == 0 && again.Bytes >= last.Bytes &&
		before.files > 1 && last.Bytes == before.lastBytes
}

// dropLast leaves out the file with which the last part ends.
func (g *merging) dropLast() {
	before := &g.parts[len(g.parts)-1]
	before.files--
	before.bytes -= before.lastBytes
	g.rawBytes -= before.lastBytes
	g.files = g.files[:len(g.files)-1]
}

// joined returns the files of the joined log with those of one more part, which must
// continue it.
func (g *merging) joined(ix *manifest.Index) ([]manifest.File, error) {
	files := g.files[:len(g.files):len(g.files)]
	isOpen := len(files) > 0 // the last file may go on
	for _, f := range ix.Files {
		if !manifest.IsLogName(f.Name) {
			return nil, fmt.Errorf("it has %s", f.Name)
		}
		n := len(files)
		switch {
		case n == 0:
		case files[n-1].Name == f.Name && files[n-1].Bytes == f.From && isOpen:
			last := files[n-1]
			last.CRC32 = crc32combine.Combine(last.CRC32, f.CRC32, f.Bytes-f.From)
			last.Bytes = f.Bytes
			files = append(files[:n-1:n-1], last)
			isOpen = false
			continue
		case f.From != 0 || !grafeo.Follows(g.generation, files[n-1].Name, files[n-1].Bytes, f.Name):
			return nil, fmt.Errorf("its part of %s does not continue %s of %d bytes", f.Name, files[n-1].Name, files[n-1].Bytes)
		}
		isOpen = false
		files = append(files, manifest.File{Name: f.Name, From: f.From, Bytes: f.Bytes, CRC32: f.CRC32})
	}
	return files, nil
}
