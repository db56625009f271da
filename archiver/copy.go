package archiver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// copied is a source whose bytes are stored. If nothing was new, there is no
// index.
type copied struct {
	source *source
	index  *manifest.Index

	sent, storedBytes, reusedBytes int64
}

// copySource captures what is new in the database and stores its bytes, again
// if the database changes meanwhile, until bytes and checksums fit.
func (a *Archive) copySource(ctx context.Context, path, archiveID string, head *committed, held bool, opts BackupOptions) (c copied, err error) {
	var short []string
	err = steady(ctx, path, func() (err error) {
		for range tries {
			if c, err = a.copyOnce(ctx, path, archiveID, head, held, opts, &short); !errors.Is(err, errVanished) {
				break
			}
			a.log.Warn("storing what is missing again", "err", err)
		}
		if err != nil && torn(err) {
			a.log.Info("the database may have changed while it was read, reading it again", "err", err)
		}
		return err
	})
	for _, problem := range short {
		a.log.Warn("a file of spilled vectors is damaged, and is archived as it is; Grafeo opens the database without what it had", "err", problem)
	}
	if err != nil && CodeOf(err) == CodeFailed && !isStorage(err) {
		_, gone := grafeo.Identify(path)
		if _, other := errors.AsType[*grafeo.NotDatabaseError](gone); other || errors.Is(gone, fs.ErrNotExist) {
			return c, fmt.Errorf("it was there when the backup began: %w", notFound(gone))
		}
	}
	return c, err
}

// torn tells whether err can come from reading a database that somebody is
// writing to.
func torn(err error) bool {
	return CodeOf(err) == CodeFailed && !isStorage(err) &&
		(errors.Is(err, grafeo.ErrDamaged) || errors.Is(err, grafeo.ErrGap) || errors.Is(err, fs.ErrNotExist))
}

func (a *Archive) copyOnce(ctx context.Context, path, archiveID string, head *committed, held bool, opts BackupOptions, short *[]string) (copied, error) {
	readFrom := a.now()
	s, err := a.plan(ctx, path, head, held, opts)
	if err != nil {
		return copied{}, err
	}
	s.name = opts.name
	s.readFrom, s.readUntil = readFrom, later(readFrom, a.now())
	if s.kind == manifest.Incremental && s.commits == 0 {
		return copied{source: s}, nil
	}
	if s.kind == manifest.Incremental {
		return a.storeSource(ctx, archiveID, s, opts)
	}
	if err := s.proveSpill(short); err != nil {
		return copied{}, err
	}
	c, err := a.storeSource(ctx, archiveID, s, opts)
	if err == nil {
		err = s.spillStays()
	}
	return c, err
}

// storeSource stores the bytes of a source in the archive with this id.
func (a *Archive) storeSource(ctx context.Context, archiveID string, s *source, opts BackupOptions) (copied, error) {
	segmentBytes := opts.segmentBytes(s.bytes())
	u := &upload{
		archive: a, files: s.files, level: opts.Level, total: s.bytes(), tracker: track(opts.Observer, s.bytes()),
		folder: manifest.SegmentFolder(s.folder(segmentBytes, opts.Level)), present: map[string]int64{},
	}
	if !opts.Fresh {
		var err error
		if u.base, err = a.findBase(ctx, s.before, s); err != nil {
			return copied{}, err
		}
	}
	if s.shares() {
		u.pages = a.newPages(archiveID, s.image.Size, u.base)
	}
	// Only a large backup is worth the request that tells what an interrupted
	// run has left; of a small one, its put does.
	folders := u.base.folders()
	if s.bytes() > segmentBytes && !slices.Contains(folders, u.folder) {
		folders = append(folders, u.folder)
	}
	for _, folder := range folders {
		for info, err := range a.list(ctx, folder, maxSegments) {
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

// plan decides between what is new and everything.
func (a *Archive) plan(ctx context.Context, path string, head *committed, held bool, opts BackupOptions) (*source, error) {
	why, err := a.succession(ctx, path, head, opts.NewDatabase)
	if err != nil {
		return nil, err
	}
	before := head
	switch {
	case why != "":
		before = nil // it continues nothing
	case head == nil:
		why = "it is the first one"
	case !opts.Full:
		s, breach, err := increment(path, head, held)
		if err != nil || breach == "" {
			return s, err
		}
		why = breach
	default:
		why = "it was asked for"
	}
	s, err := captureAll(path, before, held)
	if err != nil {
		return nil, err
	}
	s.why = why
	if err := s.findReplay(); err != nil {
		return nil, err
	}
	if head != nil && !s.continues {
		a.log.Warn("taking a full backup on a new timeline", "why", why)
	}
	return s, nil
}

// later gives the later one of two times: clocks may be set back.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
