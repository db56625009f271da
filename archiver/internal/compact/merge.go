package compact

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/fetch"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pack"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Merge stores the log of a series as one, and proves that it is the same. It takes as many
// parts from the beginning of the series as one record can have, and returns the rest. If
// that is only the first one, nothing is merged, and the result is nil.
//
// A part that is damaged or missing is a [*manifest.ObjectError].
func (m *Merger) Merge(ctx context.Context, series Series) (merged *Merged, rest Series, err error) {
	taken := series
	for len(taken) > 1 {
		merged, err = m.merge(ctx, taken)
		if closing, ok := errors.AsType[*closingError](err); ok {
			taken = taken[:closing.parts]
			continue
		}
		if errors.Is(err, errTooFew) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		return merged, series[len(merged.Parts):], nil
	}
	return nil, series[1:], nil
}

// withoutLimit returns m for a run that has taken its memory.
func (m *Merger) withoutLimit() *Merger {
	free, head, store := *m, *m.Head, *m.Head.Store
	store.Memory, head.Store, free.Head = nil, &store, &head
	return &free
}

func (m *Merger) merge(ctx context.Context, series Series) (*Merged, error) {
	// The packer reads what is being fetched: each would wait for the other's memory.
	give, err := m.Head.Store.Memory.Take(ctx, mergeBytes)
	if err != nil {
		return nil, err
	}
	defer give()
	m = m.withoutLimit()
	g, err := m.load(ctx, series)
	if err != nil {
		return nil, err
	}
	series = series[:len(g.parts)]
	notes := sent.InMemory()
	for range objects.Attempts {
		var stored pack.Packed
		if stored, err = m.store(ctx, g, notes); err == nil {
			if err := m.prove(ctx, g, stored.Index); err != nil {
				return nil, err
			}
			generation, _ := manifest.GenerationOf(stored.Folder)
			return &Merged{series, g.manifest(series, m.Tool, stored), stored.Index, generation}, nil
		}
		if !errors.Is(err, objects.ErrLost) {
			break
		}
		m.Log.Warn("storing again what is missing", "err", err)
	}
	return nil, err
}

// store stores the joined log, and scans the very bytes that are stored.
func (m *Merger) store(ctx context.Context, g *merging, notes *sent.Notes) (pack.Packed, error) {
	scanned, toScan := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := g.scan(scanned)
		_ = scanned.CloseWithError(err) // so that nothing more is read of a log that is wrong
		result <- err
	}()
	packer := pack.New(m.Head, pack.Options{Level: m.Level, Fresh: true, Workers: 1, Log: m.Log, Sent: notes})
	// Nobody is told of the bytes that are read: the packer tells of those that it stores.
	stored, err := packer.Store(ctx, g.source(&content{
		ctx: ctx, store: m.Head.Store, merging: g, tracker: progress.Track(context.Background(), 0), copied: toScan,
	}))
	_ = toScan.CloseWithError(err)
	if scanErr := <-result; err == nil {
		err = scanErr
	}
	return stored, err
}

// source returns the joined log as what is to be stored.
func (g *merging) source(c *content) *capture.Source {
	s := &capture.Source{
		Kind: manifest.Merged, Image: &grafeo.Image{Generation: g.generation, DatabaseID: g.last.Database.ID},
		Commits: int64(len(g.commits)), CommitTimes: g.commits,
	}
	for _, p := range g.parts {
		s.Merges = append(s.Merges, p.digest)
	}
	at := int64(0)
	for _, f := range g.files {
		s.Files = append(s.Files, capture.File{
			Name: f.Name, From: f.From, Bytes: f.Bytes, Proof: grafeo.NewProof(f.Name, nil),
			Content: &file{content: c, from: f.From, at: at},
		})
		at += f.Bytes - f.From
	}
	return s
}

// prove compares the checksums of what was stored with those of the parts, and reads it back
// as a restore does.
func (m *Merger) prove(ctx context.Context, g *merging, ix *manifest.Index) error {
	if err := g.proveSums(ix); err != nil {
		return err
	}
	progress.Tell(ctx, progress.Phase("verify"))
	sums, err := fetch.All(ctx, fetch.Options{
		Store: m.Head.Store, Workers: 1, Index: ix, Tracker: progress.Track(ctx, g.rawBytes),
		ManifestKey: func(int) string { return g.last.Seq.Key() },
		Use:         func(int, int64, []byte) error { return nil },
	})
	if err != nil {
		return fmt.Errorf("reading back what was merged: %w", err)
	}
	return sums.Check()
}

// proveSums compares the checksums of the files that were stored with what those of the
// parts give, one after the other.
func (g *merging) proveSums(ix *manifest.Index) error {
	if len(ix.Files) != len(g.files) {
		return g.wrong(fmt.Sprintf("there are %d files instead of %d", len(ix.Files), len(g.files)))
	}
	for i, f := range ix.Files {
		want := g.files[i]
		if f.Name != want.Name || f.From != want.From || f.Bytes != want.Bytes {
			return g.wrong(fmt.Sprintf("%s from %d to %d instead of %s from %d to %d", f.Name, f.From, f.Bytes, want.Name, want.From, want.Bytes))
		}
		if f.CRC32 != want.CRC32 {
			return g.wrong(fmt.Sprintf("%s has checksum %08x instead of %08x", f.Name, f.CRC32, want.CRC32))
		}
	}
	return nil
}

// manifest describes the merged record: it begins as the first part does and ends as the
// last one does. What it says of the journal is for the commit to fill in.
func (g *merging) manifest(series Series, tool string, stored pack.Packed) *manifest.Manifest {
	m := *g.last
	m.Kind, m.CommitID, m.Tool, m.Folder = manifest.Merged, manifest.NewID(), tool, stored.Folder
	m.Replaces = &manifest.Range{series.From(), series.Last().Seq}
	m.Continues, m.RestoreFrom = g.first.Continues, g.first.RestoreFrom
	m.StartEpoch, m.StartTime = g.first.StartEpoch, g.first.StartTime
	m.Commits, m.RawBytes = int64(len(g.commits)), g.rawBytes
	m.StoredBytes, m.ReusedBytes, m.SegmentsNew = 0, 0, 0
	for _, s := range stored.Index.Segments {
		m.StoredBytes += s.StoredBytes
		if !s.IsInline() {
			m.SegmentsNew++
		}
	}
	m.Content, m.Index, m.Earlier = nil, nil, nil
	return &m
}
