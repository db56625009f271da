package pack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// Options say how a source is stored.
type Options struct {
	SegmentBytes int64 // see [BackupOptions.SegmentBytes]
	Level        segment.Level
	Fresh        bool // refer to nothing that earlier backups stored
	Workers      int
	Log          *slog.Logger
}

// Packer stores sources in the archive of a head.
type Packer struct {
	Options
	Head *journal.Head
}

// Copied is a source whose bytes are stored. If nothing was new, there is no
// index.
type Copied struct {
	Source *capture.Source
	Index  *manifest.Index

	sent, storedBytes, reusedBytes int64
}

// Copy captures what is new in a database and stores its bytes, again
// if the database changes meanwhile, until bytes and checksums fit.
func (p *Packer) Copy(ctx context.Context, q capture.Query) (c Copied, err error) {
	var damaged []string
	err = capture.UntilStable(ctx, q.Path, IsTorn, func() (err error) {
		for range objects.Tries {
			if c, err = p.copyOnce(ctx, q, &damaged); !errors.Is(err, objects.ErrLost) {
				break
			}
			p.Log.Warn("storing what is missing again", "err", err)
		}
		if err != nil && IsTorn(err) {
			p.Log.Info("the database may have changed while it was read; reading it again", "err", err)
		}
		return err
	})
	for _, problem := range damaged {
		p.Log.Warn("a file of spilled vectors is damaged, and is archived as it is; Grafeo opens the database without its vectors", "err", problem)
	}
	if err != nil && !isSettled(err) && !objects.IsFromStore(err) {
		_, gone := grafeo.Identify(q.Path)
		if _, other := errors.AsType[*grafeo.NotDatabaseError](gone); other || errors.Is(gone, fs.ErrNotExist) {
			return c, fmt.Errorf("it was there when the backup began: %w", locate.Missing(gone))
		}
	}
	return c, err
}

func (p *Packer) copyOnce(ctx context.Context, q capture.Query, damaged *[]string) (Copied, error) {
	progress.Tell(ctx, progress.Phase("capture"))
	s, err := q.Capture(ctx)
	if err != nil {
		return Copied{}, err
	}
	if s.Kind == manifest.Incremental && s.Commits == 0 {
		return Copied{Source: s}, nil
	}
	if s.Kind == manifest.Incremental {
		return p.StoreSource(ctx, s)
	}
	if *damaged, err = s.ProveSpill(*damaged); err != nil {
		return Copied{}, err
	}
	c, err := p.StoreSource(ctx, s)
	if err == nil {
		err = s.CheckSpillUnchanged()
	}
	return c, err
}

// StoreSource stores the bytes of a source in the archive of head.
func (p *Packer) StoreSource(ctx context.Context, s *capture.Source) (Copied, error) {
	progress.Tell(ctx, progress.Phase("store"))
	segmentBytes := SegmentBytes(p.SegmentBytes, s.Bytes())
	u := &upload{
		objects: p.Head.Store, workers: p.Workers, files: s.Files, level: p.Level, total: s.Bytes(), tracker: progress.Track(ctx, s.Bytes()),
		folder: manifest.SegmentFolder(s.Folder(segmentBytes, p.Level)), present: map[string]int64{},
	}
	if !p.Fresh {
		var err error
		if u.base, err = p.findBase(ctx, s.Parent, s); err != nil {
			return Copied{}, err
		}
	}
	if shares(s) {
		u.pages = newPages(p.Head.Store, p.Head.Archive.ArchiveID, s.Image.Size, u.base)
	}
	// Only for a large backup it is worth a request to list what an interrupted run left;
	// for a small one, each put finds it out.
	folders := u.base.folders()
	if s.Bytes() > segmentBytes && !slices.Contains(folders, u.folder) {
		folders = append(folders, u.folder)
	}
	for _, folder := range folders {
		for info, err := range p.Head.Store.List(ctx, folder, objects.MaxSegments) {
			if err != nil {
				return Copied{}, err
			}
			u.present[info.Key] = info.Size
		}
	}
	u.base.confirm(u.present)
	ix, err := u.run(ctx, segmentBytes)
	if err != nil {
		return Copied{}, err
	}
	if err := u.confirm(ctx); err != nil {
		return Copied{}, err
	}
	ix.Commits, ix.Replay = s.CommitTimes, s.Replay
	return Copied{s, ix, u.sent, u.storedBytes, u.reusedBytes}, nil
}

// Manifest describes what was stored, as the successor of parent. A history that
// does not continue the backup that it was captured after is a timeline of its
// own.
func (c *Copied) Manifest(parent *manifest.Committed, tool, host string) *manifest.Manifest {
	s := c.Source
	m := &manifest.Manifest{
		Seq: 1, Timeline: 1, Timelines: 1,
		CommitID: manifest.NewID(), CreatedAt: s.ReadFrom, ReadUntil: s.ReadUntil, Tool: tool, Host: host,
		Kind: s.Kind, Database: s.Database(),
		StartEpoch: s.StartEpoch, EndEpoch: s.EndEpoch, StartTime: s.StartTime, EndTime: s.EndTime, Commits: s.Commits, Position: s.Position,
		RawBytes: s.Bytes(), StoredBytes: c.storedBytes, ReusedBytes: c.reusedBytes, SegmentsNew: int(c.sent),
		Imported: s.Imported, Spill: s.Spilled,
	}
	m.RestoreFrom = s.StartEpoch
	if s.Kind == manifest.Incremental {
		m.RestoreFrom = s.Parent.RestoreFrom
	}
	if parent == nil {
		return m
	}
	m.Seq, m.Previous, m.Timelines = parent.Seq+1, &parent.Digest, parent.Timelines
	m.SetEarlier(parent.Manifest)
	if s.Kind == manifest.Incremental {
		m.LastFull = parent.NewestFull()
	}
	if s.Continues {
		m.Continues, m.Timeline = &s.Parent.Seq, s.Parent.Timeline
	} else {
		m.Timelines++
		m.Timeline = m.Timelines
	}
	return m
}

// isSettled reports whether err is a verdict on the database, and not perhaps a
// consequence of its having been removed meanwhile.
func isSettled(err error) bool {
	_, unsteady := errors.AsType[*capture.UnsteadyError](err)
	_, other := errors.AsType[*capture.OtherDatabaseError](err)
	return unsteady || other
}

// IsTorn reports whether err can come from reading a database that somebody is
// writing to, and is not the store's.
func IsTorn(err error) bool { return !objects.IsFromStore(err) && grafeo.IsTorn(err) }

// DefaultSegmentBytes is how much of a source goes into a segment by default.
const DefaultSegmentBytes = 48 << 20

// SegmentBytes returns how much of a source of total bytes goes into one segment if asked,
// or 0 for the default, was asked for. A small source is cut finer, so that all workers
// have something to do.
func SegmentBytes(asked, total int64) int64 {
	switch {
	case asked != 0:
		return asked
	case total < 8*DefaultSegmentBytes:
		return DefaultSegmentBytes / 2
	}
	return DefaultSegmentBytes
}
