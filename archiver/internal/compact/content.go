package compact

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// content reads the joined log of a merging from front to back, a window of parts at a
// time. Of each part, the digests of its segments and the checksums of its files are
// checked before anything of it is used.
type content struct {
	ctx     context.Context // io.ReaderAt has no place for it
	store   *objects.Store
	merging *merging
	tracker *progress.Tracker

	next   int    // part that was not fetched yet
	window []byte // fetched, and not read yet
	memory []byte // of the window
	copied io.Writer
	at     int64 // place in the joined log
}

// file is one file of the joined log: for a source, which reads it in order.
type file struct {
	content *content
	from    int64 // where the part of the file begins that the joined log has
	at      int64 // and where that is in the joined log
}

// ReadAt implements [io.ReaderAt], for a caller that reads all files in order.
func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	c := f.content
	if want := f.at + offset - f.from; c.at != want {
		return 0, fmt.Errorf("the joined log is read at %d after %d", want, c.at)
	}
	n := 0
	for n < len(p) {
		if len(c.window) == 0 {
			if err := c.fill(); err != nil {
				return n, err
			}
		}
		m := copy(p[n:], c.window)
		c.window = c.window[m:]
		n, c.at = n+m, c.at+int64(m)
	}
	_, err := c.copied.Write(p)
	return n, err
}

// fill fetches the next parts.
func (c *content) fill() error {
	g := c.merging
	if c.next == len(g.parts) {
		return io.ErrUnexpectedEOF
	}
	first, bytes := c.next, int64(0)
	for c.next < len(g.parts) && c.next-first < windowParts && (c.next == first || bytes+g.parts[c.next].bytes <= windowBytes) {
		bytes += g.parts[c.next].bytes
		c.next++
	}
	parts := g.parts[first:c.next]
	indexes, err := g.indexesOf(c.ctx, parts)
	if err != nil {
		return err
	}
	if int64(cap(c.memory)) < bytes {
		c.memory = make([]byte, bytes)
	}
	c.window = c.memory[:bytes]
	clear(c.window) // what no extent covers is zeros
	return c.fetch(parts, indexes)
}

// indexesOf returns the indexes of some parts. Those that are not in memory are read again.
func (g *merging) indexesOf(ctx context.Context, parts []part) ([]*manifest.Index, error) {
	indexes := make([]*manifest.Index, len(parts))
	var missing []int
	var records []*manifest.Committed
	for i, p := range parts {
		if indexes[i] = p.index; p.index == nil {
			missing, records = append(missing, i), append(records, p.Committed)
		}
	}
	read, again, err := g.read(ctx, records)
	if err != nil {
		return nil, err
	}
	for n, i := range missing {
		if read[n].Digest != parts[i].digest {
			return nil, &manifest.ObjectError{Key: read[n].Seq.Key(), Problem: "it has changed"}
		}
		indexes[i] = again[n]
	}
	return indexes, nil
}

// fetch fetches parts into the window.
func (c *content) fetch(parts []part, indexes []*manifest.Index) error {
	b := manifest.NewIndexBuilder()
	var owners []int   // parts, one for each file
	var places []int64 // of its part of the file in the window
	at := int64(0)
	for i, ix := range indexes {
		from := b.From(ix)
		for _, f := range ix.Files[:parts[i].files] {
			from.AddFile(f)
			owners, places = append(owners, i), append(places, at-f.From)
			at += f.Bytes - f.From
		}
	}
	if at != int64(len(c.window)) {
		return errors.New("the parts have other sizes than their manifests say")
	}
	sums, err := fetch.All(c.ctx, fetch.Options{
		Store: c.store, Workers: 1, Index: b.Index(), Tracker: c.tracker,
		ManifestKey: func(file int) string { return parts[owners[file]].Key() },
		Use: func(file int, offset int64, p []byte) error {
			copy(c.window[places[file]+offset:], p)
			return nil
		},
	})
	if err != nil {
		return err
	}
	return sums.Check()
}
