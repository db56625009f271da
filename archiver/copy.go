package archiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// packOptions say how a source is stored.
type packOptions struct {
	segmentBytes int64 // see [BackupOptions.SegmentBytes]
	level        segment.Level
	fresh        bool // refer to nothing that earlier backups have stored
	observer     progressFunc
	workers      int
	log          *slog.Logger
}

// packer stores sources in the archive of a head.
type packer struct {
	packOptions
	head *Head
}

// copied is a source whose bytes are stored. If nothing was new, there is no
// index.
type copied struct {
	source *source
	index  *manifest.Index

	sent, storedBytes, reusedBytes int64
}

// copySource captures what is new in a database and stores its bytes, again
// if the database changes meanwhile, until bytes and checksums fit.
func (p *packer) copySource(ctx context.Context, q query) (c copied, err error) {
	var short []string
	err = steady(ctx, q.path, isTornCopy, func() (err error) {
		for range tries {
			if c, err = p.copyOnce(ctx, q, &short); !errors.Is(err, errVanished) {
				break
			}
			p.log.Warn("storing what is missing again", "err", err)
		}
		if err != nil && isTornCopy(err) {
			p.log.Info("the database may have changed while it was read, reading it again", "err", err)
		}
		return err
	})
	for _, problem := range short {
		p.log.Warn("a file of spilled vectors is damaged, and is archived as it is; Grafeo opens the database without what it had", "err", problem)
	}
	if err != nil && !isSettled(err) && !isFromStore(err) {
		_, gone := grafeo.Identify(q.path)
		if _, other := errors.AsType[*grafeo.NotDatabaseError](gone); other || errors.Is(gone, fs.ErrNotExist) {
			return c, fmt.Errorf("it was there when the backup began: %w", missing(gone))
		}
	}
	return c, err
}

func (p *packer) copyOnce(ctx context.Context, q query, short *[]string) (copied, error) {
	readFrom := manifest.Now()
	s, err := q.capture(ctx)
	if err != nil {
		return copied{}, err
	}
	s.readFrom, s.readUntil = readFrom, later(readFrom, manifest.Now())
	if s.kind == manifest.Incremental && s.commits == 0 {
		return copied{source: s}, nil
	}
	if s.kind == manifest.Incremental {
		return p.storeSource(ctx, s)
	}
	if err := s.proveSpill(short); err != nil {
		return copied{}, err
	}
	c, err := p.storeSource(ctx, s)
	if err == nil {
		err = s.spillStays()
	}
	return c, err
}

// storeSource stores the bytes of a source in the archive of head.
func (p *packer) storeSource(ctx context.Context, s *source) (copied, error) {
	segmentBytes := segmentBytesOf(p.segmentBytes, s.bytes())
	u := &upload{
		objects: p.head.Store, workers: p.workers, files: s.files, level: p.level, total: s.bytes(), tracker: track(p.observer, s.bytes()),
		folder: manifest.SegmentFolder(s.folder(segmentBytes, p.level)), present: map[string]int64{},
	}
	if !p.fresh {
		var err error
		if u.base, err = p.findBase(ctx, s.before, s); err != nil {
			return copied{}, err
		}
	}
	if shares(s) {
		u.pages = newPages(p.head.Store, p.head.Archive.ArchiveID, s.image.Size, u.base)
	}
	// Only a large backup is worth the request that tells what an interrupted
	// run has left; of a small one, its put does.
	folders := u.base.folders()
	if s.bytes() > segmentBytes && !slices.Contains(folders, u.folder) {
		folders = append(folders, u.folder)
	}
	for _, folder := range folders {
		for info, err := range p.head.Store.list(ctx, folder, maxSegments) {
			if err != nil {
				return copied{}, err
			}
			u.present[info.Key] = info.Size
		}
	}
	u.base.confirm(u.present)
	ix, err := u.run(ctx, segmentBytes)
	if err != nil {
		return copied{}, err
	}
	if err := u.confirm(ctx); err != nil {
		return copied{}, err
	}
	ix.Commits, ix.Replay = s.listed, s.replay
	return copied{s, ix, u.sent, u.storedBytes, u.reusedBytes}, nil
}

// manifest describes what was stored, as the successor of parent. A history that
// does not continue the backup that it was captured after is a timeline of its
// own.
func (c *copied) manifest(parent *manifest.Committed, tool, host string) *manifest.Manifest {
	s := c.source
	m := &manifest.Manifest{
		Seq: 1, Timeline: 1, Timelines: 1,
		CommitID: manifest.NewID(), CreatedAt: s.readFrom, ReadUntil: s.readUntil, Tool: tool, Host: host,
		Kind: s.kind, Database: s.database(),
		StartEpoch: s.startEpoch, EndEpoch: s.endEpoch, StartTime: s.startTime, EndTime: s.endTime, Commits: s.commits, Position: s.position,
		RawBytes: s.bytes(), StoredBytes: c.storedBytes, ReusedBytes: c.reusedBytes, SegmentsNew: int(c.sent),
		Imported: s.imported, Spill: s.spilled,
	}
	m.RestoreFrom = s.startEpoch
	if s.kind == manifest.Incremental {
		m.RestoreFrom = s.before.RestoreFrom
	}
	if parent == nil {
		return m
	}
	m.Seq, m.Previous, m.Timelines = parent.Seq+1, &parent.Digest, parent.Timelines
	m.SetEarlier(parent.Manifest)
	if s.kind == manifest.Incremental {
		m.LastFull = parent.NewestFull()
	}
	if s.continues {
		m.Continues, m.Timeline = &s.before.Seq, s.before.Timeline
	} else {
		m.Timelines++
		m.Timeline = m.Timelines
	}
	return m
}

// isSettled reports whether err is a verdict on the database, and not perhaps a
// consequence of its having been removed meanwhile.
func isSettled(err error) bool {
	_, unsteady := errors.AsType[*UnsteadyError](err)
	_, other := errors.AsType[*OtherDatabaseError](err)
	return unsteady || other
}

// isTornCopy reports whether err can come from reading a database that somebody is
// writing to, and is not the store's.
func isTornCopy(err error) bool { return !isFromStore(err) && isTorn(err) }

// ordinarySourceBytes is how much of a source goes into a segment if nobody says.
const ordinarySourceBytes = 48 << 20

// segmentBytesOf is how much of a source of total bytes goes into one segment if
// asked, 0 for nothing, was asked for. A small source is cut finer, so that all
// workers have something to do.
func segmentBytesOf(asked, total int64) int64 {
	switch {
	case asked != 0:
		return asked
	case total < 8*ordinarySourceBytes:
		return ordinarySourceBytes / 2
	}
	return ordinarySourceBytes
}
