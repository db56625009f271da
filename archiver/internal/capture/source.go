package capture

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Source is a consistent part of a database's history: its files, or the parts
// of them that are new, and what proves their bytes. Nothing of it is held open
// or locked; if the database moves on while its files are read, the proof fails.
type Source struct {
	Path  string
	name  string // of the database, "" for that of path
	Kind  manifest.Kind
	Image *grafeo.Image // in an incremental too: what the headers say now
	Files []File

	StartEpoch, EndEpoch uint64
	StartTime, EndTime   *time.Time
	Commits              int64
	Listed               []manifest.CommitTime
	Position             manifest.Position

	spill   []grafeo.SpillFile // what was in the spill folder before anything was read
	Spilled []manifest.Spilled // the same for the manifest, once it is read

	LeftOut int64 // bytes behind the last whole commit

	// What the database had committed before readFrom is in here, what it
	// commits after readUntil is not.
	ReadFrom, ReadUntil time.Time

	// before is the backup that this was captured after, nil if there is none.
	// continues tells that its history is the same, because the end of before
	// was found in the log or nothing has changed since. why says, for a full
	// backup, why it is one.
	Before    *manifest.Committed
	Continues bool
	Why       string

	Replay   *manifest.Replay   // of a full backup of 0.5, see findReplay
	Imported *manifest.Imported // the native backup that it is, nil if it is none
}

// File is a file of a source: its bytes from from up to bytes, and the
// checksums that a copy of these must have.
type File struct {
	Name        string // as in the index
	Path        string
	Start       int64 // where it begins in the file at path: not 0 in native backups only
	From, Bytes int64
	Proof       *grafeo.Proof
	free        []grafeo.Span // that is not read: zeros stand for it
}

// Read fills p with what is at offset of the file.
func (s *File) Read(p []byte, offset int64) error {
	f, err := os.Open(s.Path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	end := offset + int64(len(p))
	next := sort.Search(len(s.free), func(i int) bool { return s.free[i].Offset+s.free[i].Length > offset })
	for at := offset; at < end; next++ {
		used, free := end, end // up to where there is each
		if next < len(s.free) {
			used, free = min(end, max(at, s.free[next].Offset)), min(end, s.free[next].Offset+s.free[next].Length)
		}
		if err := readAt(f, p[at-offset:used-offset], s.Start+at); err != nil {
			return err
		}
		clear(p[used-offset : free-offset])
		at = free
	}
	return nil
}

func readAt(f *os.File, p []byte, offset int64) error {
	if n, err := f.ReadAt(p, offset); n < len(p) {
		if errors.Is(err, io.EOF) {
			return &grafeo.DamageError{Path: f.Name(), Offset: offset + int64(n), What: "the file ends here, although more belongs to it"}
		}
		return err
	}
	return nil
}

func (s *Source) Bytes() int64 {
	var n int64
	for _, f := range s.Files {
		n += f.Bytes - f.From
	}
	return n
}

func (s *Source) Database() manifest.Database {
	return DatabaseOf(s.Image, cmp.Or(s.name, filepath.Base(s.Path)))
}

// DatabaseOf is what a manifest says of an image, and of the database by this
// name that it is of.
func DatabaseOf(image *grafeo.Image, name string) manifest.Database {
	d := manifest.Database{
		Generation: string(image.Generation), ID: image.DatabaseID, Name: name,
		Iteration: image.Iteration, ImageEpoch: image.Epoch, CheckpointLSN: image.CheckpointLSN,
		HeadersCRC32C: headersOf(image), Content: image.Content,
	}
	if image.Directory {
		d.Layout = manifest.Directory
	}
	return d
}

// Belongs makes sure that an archive holds one database only. A directory that
// cannot be named any more, as its log has lost its beginning, keeps its name.
func (s *Source) Belongs(before *manifest.Committed) error {
	if before == nil {
		return nil
	}
	if d := s.Database(); d.Is(&before.Database) {
		if d.ID == manifest.UnknownID {
			s.Image.DatabaseID = before.Database.ID
		}
		return nil
	}
	return &OtherDatabaseError{before.Database.Name, before.Database.ID, s.Image.DatabaseID}
}

// OtherDatabaseError is the error for a database that is not the archive's.
type OtherDatabaseError struct {
	Name, ID string // of the archive's
	This     string // the id of the other one
}

func (e *OtherDatabaseError) Error() string {
	return fmt.Sprintf("the archive belongs to another database: %s (%s), and this is %s", e.Name, e.ID, e.This)
}

// headersOf is the checksum of the image's headers, by which images are told
// apart: their proof begins with it. A directory has none, which is 0.
func headersOf(image *grafeo.Image) uint32 {
	if image.Directory {
		return 0
	}
	return image.Proof[0].CRC32
}

// Folder names the segments of a backup of s by what goes into them: the same
// image, cut and compressed in the same way, gives the same name, so that a
// backup that was interrupted finds its segments.
func (s *Source) Folder(segmentBytes int64, level segment.Level) string {
	h := sha256.New()
	fmt.Fprintln(h, s.Kind, s.Image.Generation, s.Image.DatabaseID, segmentBytes, int(level))
	switch {
	case s.Kind == manifest.Incremental:
		fmt.Fprintln(h, s.Before.Digest)
	case s.Image.Directory:
		fmt.Fprintln(h, s.Position.Commit)
	default:
		for _, r := range s.Image.Proof {
			fmt.Fprintln(h, r.Offset, r.Length, r.CRC32)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fingerprint is what changes when anybody works on the database: it tells a
// copy that was torn by a writer from a database that is damaged.
func fingerprint(path string) string {
	h := sha256.New() // a CRC cannot tell headers apart that contain their own
	add := func(at string) {
		if info, err := os.Stat(at); err == nil {
			fmt.Fprintln(h, at, info.Size(), info.ModTime().UnixNano())
		}
	}
	add(path)
	add(grafeo.PendingImage(path))
	spill, err := grafeo.ListSpill(path)
	if err != nil {
		fmt.Fprintln(h, err)
	}
	for _, f := range spill {
		add(f.Path)
	}
	entries, err := os.ReadDir(grafeo.LogDir(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(h, err)
	}
	for _, e := range entries {
		add(filepath.Join(grafeo.LogDir(path), e.Name()))
	}
	if f, err := os.Open(path); err == nil {
		_, _ = io.CopyN(h, f, 3*4096) // the header pages
		_ = f.Close()
	}
	return hex.EncodeToString(h.Sum(nil))
}
