// Package pack stores the bytes of a source in an archive.
//
// A source is cut into stripes. A worker takes one stripe at a time and makes a segment
// of it, or several if it does not compress. A stripe is a list of frames, and a frame is
// a list of pieces: ranges of files, up to 4 MiB together, that are compressed as one. On
// its way a byte passes, once each,
//
//	stripes.go   which says which worker reads it, and in which frame
//	read.go      which reads it and adds it to the checksums that prove the source
//	divide.go    which finds out whether it is fresh (to be stored), shared (the reference's
//	             segments have it) or one of many zeros (left out)
//	building.go  which compresses it into a segment
//	segments.go  which creates the segment in the store, or leaves it to the manifest if it
//	             is small and all there is
//	index.go     which says in the index where it is
//
// The reference of a full backup is the earlier full backup whose segments it refers to.
// (The parent, which a backup continues, is another matter.) Where only a little of each
// stripe is fresh, many of them are joined into one segment.
//
// The package decides nothing about the journal: it neither reads the head nor commits.
//
// # How long a copy takes to give up
//
// A store that does not answer ends a copy after its patience and a few requests (package
// objects), and the copy is not made again for that. It is made again for two reasons only:
// the store has lost segments that it had confirmed, up to [objects.Attempts] copies; or the
// database has changed meanwhile, up to 40 times ([capture.UntilStable]), with pauses of
// about a second. So there are at most 160 copies, each of which stores only what the ones
// before it have not.
package pack

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/locate"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/pages"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/sent"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// Options say how a source is stored.
type Options struct {
	// SegmentBytes is how many raw bytes of a source a stripe has, a multiple of
	// [manifest.PageBytes]; 0 leaves it to [SegmentBytes].
	SegmentBytes int64

	Level    segment.Level
	Fresh    bool      // refer to nothing that earlier backups have stored
	Prepared *Prepared // what was stored ahead of a full backup, nil if nothing was
	Since    time.Time // refer to nothing that was put before; if it is not zero, it is noted when segments were put
	Workers  int       // how many stripes are on their way at a time, at least 1
	Log      *slog.Logger

	// Sent is what was sent before to an encrypted archive, and is told what is sent; nil if
	// nobody needs to know.
	Sent *sent.Notes

	// BeforeRead, if not nil, is called before so many bytes of the source are read, and may
	// wait. It is called concurrently.
	BeforeRead func(ctx context.Context, bytes int) error
}

// Packer stores sources in the archive of one head.
type Packer struct {
	options Options
	head    *commit.Head
}

// New returns a packer that stores for the next backup on head.
func New(head *commit.Head, o Options) *Packer { return &Packer{o, head} }

// Copy captures what is new in a database and stores its bytes. If the database changes
// meanwhile, it begins again, until the bytes that were sent have the checksums that the
// database keeps of them; [capture.UntilStable] says when it gives up. Each copy is made up
// to [objects.Attempts] times if the store loses segments. If nothing is new, the result has no
// index.
func (p *Packer) Copy(ctx context.Context, q capture.Query) (c Packed, err error) {
	var damaged []string
	err = UntilStable(ctx, q.Path, func() (err error) {
		for range objects.Attempts {
			if c, err = p.copyOnce(ctx, q, &damaged); !errors.Is(err, objects.ErrLost) {
				break
			}
			p.options.Log.Warn("storing again what is missing", "err", err)
		}
		if err != nil && IsTorn(err) {
			p.options.Log.Info("the database may have changed while it was read; reading it again", "err", err)
		}
		return err
	})
	for _, problem := range damaged {
		p.options.Log.Warn("a file of spilled vectors is damaged, and is archived as it is; "+
			"Grafeo opens the database without its vectors", "err", problem)
	}
	return c, err
}

func (p *Packer) copyOnce(ctx context.Context, q capture.Query, damaged *[]string) (Packed, error) {
	progress.Tell(ctx, progress.Phase("capture"))
	s, err := q.Capture(ctx)
	if err != nil {
		return Packed{}, err
	}
	if s.IsNothing() {
		return Packed{Source: s}, nil
	}
	if s.Kind == manifest.Incremental || s.Archived {
		c, err := p.Store(ctx, s)
		if _, ok := errors.AsType[*unarchivedError](err); ok {
			p.options.Log.Warn("what was committed between an open and a close cannot be restored by itself", "err", err)
			q.NoArchived = true
			return p.copyOnce(ctx, q, damaged)
		}
		return c, err
	}
	if *damaged, err = s.ProveSpill(*damaged); err != nil {
		return Packed{}, err
	}
	c, err := p.Store(ctx, s)
	if err == nil {
		err = s.CheckSpillUnchanged()
	}
	return c, err
}

// Store stores the bytes of a source, and proves every checksum of the source with the
// bytes that were sent. Whatever it returns an error for is not to be committed;
// [objects.ErrLost] is worth another try.
func (p *Packer) Store(ctx context.Context, s *capture.Source) (Packed, error) {
	return p.store(ctx, s, SegmentBytes(p.options.SegmentBytes, s.Bytes()), true)
}

// store is [Packer.Store] with stripes of segmentBytes, and may leave out the proof.
func (p *Packer) store(ctx context.Context, s *capture.Source, segmentBytes int64, proves bool) (Packed, error) {
	progress.Tell(ctx, progress.Phase("store"))
	p.head.LookAgain(ctx)
	tracker := progress.Track(ctx, s.Bytes())
	reference, err := p.reference(ctx, s)
	if err != nil {
		return Packed{}, err
	}
	image, err := p.archivedImage(ctx, s)
	if err != nil {
		return Packed{}, err
	}
	name, err := p.nameOf(ctx, s, segmentBytes)
	if err != nil {
		return Packed{}, err
	}
	folder, err := p.folder(ctx, name, s.Bytes() > segmentBytes)
	if err != nil {
		return Packed{}, err
	}
	var digests *pages.Digests
	if pages.IsShareable(s) {
		digests = pages.New(p.head.Store, folder, p.head.Archive.ArchiveID, s.Image.Size, reference)
	}
	to := newSegments(p.head.Store, manifest.SegmentFolder(folder))
	to.notesTimes = !p.options.Since.IsZero()
	if err := p.openNotes(ctx, to, folder, s.Bytes() > segmentBytes); err != nil {
		return Packed{}, err
	}
	// Only a large backup is worth the request that finds what an interrupted run has
	// left; for a small one, the put finds it.
	folders := reference.Folders()
	if s.Bytes() > segmentBytes && !slices.Contains(folders, to.folder) {
		folders = append(folders, to.folder)
	}
	if err := to.list(ctx, folders); err != nil {
		return Packed{}, err
	}
	reference.Confirm(to.present)
	u := newUpload(s, segmentBytes, p.options, to, reference, digests, tracker)
	u.image, u.proves = image, proves
	stripes, err := u.run(ctx)
	if err != nil {
		return Packed{}, err
	}
	ix, counts := u.index(stripes)
	if ix.HasInline() && !ix.FitsInManifest() { // it has many commits
		if err := to.putInline(ctx, stripes); err != nil {
			return Packed{}, err
		}
		ix, counts = u.index(stripes)
	}
	if err := to.confirm(ctx, counts.unproved); err != nil {
		return Packed{}, err
	}
	return Packed{s, ix, folder, counts}, nil
}

// hashOf returns what the name of the folder of s is made from. With locks, a full backup
// of what has not changed since the last one stores it again, under other keys.
func (p *Packer) hashOf(s *capture.Source, segmentBytes int64) string {
	hash := s.Folder(segmentBytes, p.options.Level)
	if full := p.head.NewestFull(); !p.options.Since.IsZero() && s.Kind == manifest.Full && full != nil {
		sum := manifest.Sum(fmt.Appendf(nil, "%s after %d\n", hash, *full))
		return hex.EncodeToString(sum[:16])
	}
	return hash
}

// folder returns the name of the folder for what hash names. If the source is large, it is
// that of the generation before if an interrupted run has left something there that is not
// dead.
func (p *Packer) folder(ctx context.Context, hash string, isLarge bool) (string, error) {
	folder := manifest.FolderName(p.head.Generation, hash)
	if !isLarge {
		return folder, nil
	}
	before, ok, err := p.head.EarlierGeneration(ctx)
	if err != nil || !ok {
		return folder, err
	}
	earlier := manifest.FolderName(before, hash)
	for _, err := range p.head.Store.List(ctx, manifest.SegmentFolder(earlier), objects.MaxSegments) {
		if err != nil {
			return "", err
		}
		return earlier, nil
	}
	return folder, nil
}

// UntilStable is [capture.UntilStable] for what reads the database at path and perhaps a store. If
// there is no database any more, its error says just that, whatever the last read has met.
func UntilStable(ctx context.Context, path string, read func() error) error {
	err := capture.UntilStable(ctx, path, IsTorn, read)
	if err == nil || isSettled(err) || objects.IsFromStore(err) || ctx.Err() != nil {
		return err
	}
	return locate.Gone(path, err)
}

// isSettled reports whether err is a verdict on the database, and not perhaps a
// consequence of its having been removed meanwhile.
func isSettled(err error) bool {
	_, unsteady := errors.AsType[*capture.UnsteadyError](err)
	_, other := errors.AsType[*capture.OtherDatabaseError](err)
	return unsteady || other
}

// IsTorn reports whether err can come from reading a database that somebody is writing
// to. An error of the store cannot.
func IsTorn(err error) bool { return !objects.IsFromStore(err) && grafeo.IsTorn(err) }

// DefaultSegmentBytes is how many raw bytes of a large source a stripe has by default.
const DefaultSegmentBytes = 48 << 20

// SegmentBytes returns how many raw bytes a stripe of a source of total bytes has, if
// asked were asked for, or 0 for the default. A small source is cut finer, so that all
// workers have something to do.
func SegmentBytes(asked, total int64) int64 {
	switch {
	case asked != 0:
		return asked
	case total < 8*DefaultSegmentBytes:
		return DefaultSegmentBytes / 2
	}
	return DefaultSegmentBytes
}
