package copying

import (
	"context"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
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
}

// Plan returns what [Run] would do, without what comparing takes. It changes nothing.
func Plan(ctx context.Context, o Options) (Planned, error) {
	l, err := o.openSource(ctx)
	if err != nil {
		return Planned{}, err
	}
	p := Planned{Source: l}
	target, err := o.Target.FindNewest(ctx, o.Update.Known)
	if err != nil {
		return p, err
	}
	newest, err := o.Target.Newest(ctx, target)
	if err != nil {
		return p, err
	}
	if p.Newest, err = o.Target.LastBackup(ctx, target, newest); err != nil {
		return p, err
	}
	origin, err := o.originOf(l, target.Archive, newest, p.Newest)
	if err != nil {
		return p, err
	}
	has, err := o.sharedInTarget(ctx, target, newest)
	if err != nil {
		return p, err
	}
	if newest == nil {
		p.Requests.Put++ // archive.json
	}
	return p, o.plan(ctx, &p, after(l.Backups, origin), has)
}

// sharedInTarget returns the digests of the segments of the target's newest full backup.
func (o *Options) sharedInTarget(ctx context.Context, l *journal.List, newest *manifest.Committed) (map[manifest.Digest]bool, error) {
	if newest == nil || newest.NewestFull() == nil {
		return nil, nil
	}
	full, err := o.Target.Load(ctx, l.Archive.ArchiveID, *newest.NewestFull())
	if err != nil {
		return nil, err
	}
	ix, err := o.Target.Index(ctx, full)
	if err != nil {
		return nil, err
	}
	return digestsOf(ix.Segments), nil
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

func (p *Planned) add(segments, bytes int64) {
	p.Segments += segments
	p.Bytes += bytes
	p.Requests.Get += segments
	p.Requests.Put += segments
}
