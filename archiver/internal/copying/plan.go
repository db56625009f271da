package copying

import (
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/seal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Planned is about what [Run] would do.
type Planned struct {
	Source *journal.List
	Newest *manifest.Committed // the newest backup of the target, nil if it has none

	Backups  int
	Segments int64 // objects
	Bytes    int64 // of all segments
	RawBytes int64 // of the backups' files
	Requests storage.RequestCounts

	isSealed bool // the target is encrypted, or will be
}

// Plan returns what [Run] would do, without what comparing takes. It changes nothing.
func Plan(ctx context.Context, o Options) (Planned, error) {
	l, err := o.openSource(ctx)
	if err != nil {
		return Planned{}, err
	}
	var p Planned
	o.Update.DryRun = true
	o.Update.Probe = func(context.Context) (manifest.Verdict, error) { return manifest.Honoured, nil }
	err = commit.Update(ctx, o.Target, o.Update, func(h *commit.Head) error {
		p = Planned{Source: l, Newest: h.Parent, isSealed: h.Archive.Encryption != nil}
		return o.planOn(ctx, &p, h)
	})
	return p, err
}

// planOn adds up what the head lacks.
func (o *Options) planOn(ctx context.Context, p *Planned, h *commit.Head) error {
	origin, err := o.originOf(p.Source, h)
	if err != nil {
		return err
	}
	if h.Last == nil {
		p.Requests.Put++ // archive.json
	}
	var has map[manifest.Digest]bool
	if newest := h.NewestFull(); newest != nil {
		segments, _, err := o.segmentsOf(ctx, p.Source, h, *newest)
		if err != nil {
			return err
		}
		has = digestsOf(segments)
	}
	return o.plan(ctx, p, after(p.Source.Backups, origin), has)
}

func digestsOf(segments []manifest.Segment) map[manifest.Digest]bool {
	all := make(map[manifest.Digest]bool, len(segments))
	for _, s := range segments {
		all[s.SHA256] = true
	}
	return all
}

// plan adds up what backups take. has are the segments of the full backup before them.
func (o *Options) plan(ctx context.Context, p *Planned, entries []journal.Entry, has map[manifest.Digest]bool) error {
	var full []journal.Entry
	err := o.outlines(ctx, p.Source, entries, func(m *manifest.Committed) {
		p.Backups++
		p.RawBytes += m.RawBytes
		p.Requests.Get++
		p.Requests.Put++
		if m.Index != nil {
			p.Requests.Get++
			p.Requests.Put++
		}
		if m.Kind == manifest.Full {
			p.Requests.Put++ // RESTORE.md
			full = append(full, journal.Entry{Seq: m.Seq, Record: m.RecordSeq()})
			return
		}
		p.add(int64(m.SegmentsNew), m.StoredBytes)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(full, func(a, b journal.Entry) int { return int(int64(a.Seq) - int64(b.Seq)) }) //nolint:gosec // of ten digits
	for _, e := range full {
		m, err := o.Source.LoadBackup(ctx, p.Source, e.Seq)
		if err != nil {
			return o.ofSource(err)
		}
		ix, err := o.Source.Index(ctx, m)
		if err != nil {
			return o.ofSource(err)
		}
		for _, s := range ix.Segments {
			if !has[s.SHA256] {
				p.add(1, s.StoredBytes)
			}
		}
		has = digestsOf(ix.Segments)
	}
	return nil
}

// add adds segments of so many bytes together. One that stands in a manifest is not counted.
func (p *Planned) add(segments, bytes int64) {
	p.Segments += segments
	p.Requests.Get += segments
	p.Requests.Put += segments
	if p.isSealed && bytes > 0 {
		n := max(segments, 1)
		bytes = n * seal.SealedBytes(bytes/n)
	}
	p.Bytes += bytes
}
