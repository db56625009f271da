package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// chainReader reads the entries of a native folder, one after the other. Its state is the
// chain so far: a full backup and the log after it.
type chainReader struct {
	folder   *Folder
	database string // id that all fulls must have
	broken   bool   // no chain is whole at this place

	image   *grafeo.Image // of the chain's full
	files   []chainFile   // its log
	pieces  grafeo.Pieces05
	end     uint64 // log position (0.6)
	epoch   uint64 // of the last commit (0.5), or what the last entry says
	when    time.Time
	created time.Time // of the entry before
}

// chainFile is a file of a log whose bytes are in native backups. In the native file at
// path it begins at start.
type chainFile struct {
	name     string
	path     string
	start    int64
	size     int64
	stored   int64  // of it belong to entries before
	firstLSN uint64 // (0.6)
	epoch    uint64 // of the first commit that ends in it (0.5)
}

// found is what an incremental has that earlier entries do not have.
type found struct {
	first, last *grafeo.Commit // with an epoch
	end         *grafeo.Commit // of all kinds
	commits     int64
	listed      []manifest.CommitTime
}

func (n *found) add(c grafeo.Commit) {
	n.end = &c
	if !c.HasEpoch {
		return
	}
	if n.first == nil {
		n.first = &c
	}
	n.last = &c
	if n.commits++; n.commits <= manifest.MaxCommits {
		n.listed = append(n.listed, capture.CommitTime(&c))
	} else {
		n.listed = nil
	}
}

// read reads entry i and adds it to the chain, or begins a new one with it.
func (r *chainReader) read(ctx context.Context, i int, b *Backup) error {
	f, err := shared.Open(b.path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	holds := r.created
	if b.Entry.Full {
		if err = r.full(ctx, f, i, b); err == nil && r.image.Time.After(holds) {
			holds = r.image.Time
		}
	} else {
		if err = r.incremental(f, b); err == nil && r.when.After(holds) {
			holds = r.when
		}
	}
	if err != nil {
		return err
	}
	r.created = b.Entry.Created
	return r.folder.checkTime(b, holds)
}

// full begins a chain.
func (r *chainReader) full(ctx context.Context, f *os.File, i int, b *Backup) error {
	e := b.Entry
	image, err := grafeo.ReadImage(f, int64(e.Size), b.path)
	if err != nil {
		return err
	}
	if err := image.Check(ctx, f); err != nil {
		return err
	}
	if r.database == "" {
		r.database = image.DatabaseID
	}
	if image.DatabaseID != r.database {
		return &grafeo.WrongDatabaseError{Path: b.path, Want: r.database, Got: image.DatabaseID}
	}
	// The epoch may advance while the image is written, and in 0.5 the image may be of a
	// run before. Then the next entry says so.
	isContinued := false
	if i+1 < len(r.folder.Backups) {
		next := r.folder.Backups[i+1].Entry
		isContinued = !next.Full && next.StartEpoch == e.EndEpoch+1
	}
	if e.StartEpoch != 0 || e.EndEpoch != image.Epoch && !isContinued {
		return &grafeo.DamageError{
			Path: filepath.Join(r.folder.Path, grafeo.NativeManifestName),
			What: fmt.Sprintf("%s has epochs %d to %d there, but its image has epoch %d",
				e.Filename, e.StartEpoch, e.EndEpoch, image.Epoch),
		}
	}
	b.Follows, b.Why = r.follows(image)
	s := &capture.Source{
		Path: r.folder.Path, Kind: manifest.Full, Image: image, StartEpoch: image.Epoch, EndEpoch: image.Epoch,
		Position: manifest.Position{LSN: image.CheckpointLSN}, ReadFrom: e.Created, ReadUntil: e.Created,
		Imported: &manifest.Imported{File: e.Filename, SHA256: b.Sum},
	}
	if image.Generation == grafeo.Gen05 {
		s.StartEpoch, s.EndEpoch = e.EndEpoch, e.EndEpoch
	} else if !image.Time.IsZero() {
		s.StartTime, s.EndTime = &image.Time, &image.Time
	}
	// All of the file, what the image itself does not prove included.
	whole := grafeo.Range{Length: image.Size, CRC32: e.Checksum, What: "native backup"}
	s.Files = []capture.File{{Name: manifest.ImageName, Path: b.path, Bytes: image.Size}}
	b.Ranges = [][]grafeo.Range{append([]grafeo.Range{whole}, image.Proof...)}
	b.Source = s
	*r = chainReader{
		folder: r.folder, database: r.database, created: r.created,
		image: image, end: image.CheckpointLSN, epoch: e.EndEpoch, when: image.Time,
	}
	return nil
}

// follows reports whether a full backup begins where the chain before it ends, so that
// epochs continue from one to the other; if not, why says what that means.
//
// Native backups have nothing that would prove it, only positions that must not contradict
// it: in 0.6 the log position, which never begins again in the life of a database. In 0.5,
// where epochs begin again at each open, there must have been neither a clean close, each
// of which is a checkpoint, nor a commit between the two.
func (r *chainReader) follows(image *grafeo.Image) (bool, string) {
	switch {
	case r.broken:
		return false, "what it continues is not in the folder"
	case r.image == nil:
		return false, "it is the first one of its history in the folder"
	}
	if image.Generation == grafeo.Gen06 {
		if image.CheckpointLSN == r.end && image.Epoch >= r.epoch {
			return true, ""
		}
	} else if image.Epoch == r.epoch && image.Iteration == r.image.Iteration+1 &&
		image.TransactionID >= r.image.TransactionID && r.pending() == 0 {
		return true, ""
	}
	why := "the folder does not show that it continues the entry before"
	switch from, to := r.epoch+1, image.Epoch-min(image.Epoch, 1); {
	case from == to:
		why += fmt.Sprintf(": epoch %d is in no file of it", from)
	case from < to:
		why += fmt.Sprintf(": epochs %d to %d are in no file of it", from, to)
	}
	return false, why
}

// pending counts the bytes after the last commit.
func (r *chainReader) pending() int64 {
	var n int64
	for _, f := range r.files {
		n += f.size - f.stored
	}
	return n
}

// incremental adds a native incremental backup to the chain.
func (r *chainReader) incremental(f *os.File, b *Backup) error {
	e := b.Entry
	h, parts, err := grafeo.ReadNative(f, int64(e.Size), b.path)
	if err != nil {
		return err
	}
	switch {
	case r.image == nil:
		return &grafeo.GapError{
			Path: b.path, What: "it continues no full backup: the first entry of the list", Want: 0, Got: e.StartEpoch,
		}
	case h.Generation != r.image.Generation:
		return fmt.Errorf("%s: %w: it has generation %s, but the full backup before it has %s",
			b.path, grafeo.ErrWrongDatabase, h.Generation, r.image.Generation)
	case h.StartEpoch != e.StartEpoch || h.EndEpoch != e.EndEpoch:
		return &grafeo.DamageError{
			Path: filepath.Join(r.folder.Path, grafeo.NativeManifestName),
			What: fmt.Sprintf("%s has epochs %d to %d there, but %d to %d in its header",
				e.Filename, e.StartEpoch, e.EndEpoch, h.StartEpoch, h.EndEpoch),
		}
	}
	var n found
	if h.Generation == grafeo.Gen05 {
		err = r.log05(f, b, &n)
	} else {
		err = r.log06(f, b, h, parts, &n)
	}
	if err != nil || n.first == nil {
		return err
	}
	b.Source, err = r.source(b, &n)
	return err
}

// source makes a source of what was found up to the last commit.
func (r *chainReader) source(b *Backup, n *found) (*capture.Source, error) {
	end, last := n.end, &r.files[n.end.File]
	c := &manifest.Commit{
		LSN: end.LSN, CRC32C: end.CRC32C,
		StartFile: r.number(end.StartFile), Start: end.Start, EndFile: r.number(end.File), End: end.End,
	}
	s := &capture.Source{
		Path: r.folder.Path, Kind: manifest.Incremental, Image: r.image, Continues: true,
		StartEpoch: n.first.Epoch, EndEpoch: n.last.Epoch, Commits: n.commits, CommitTimes: n.listed,
		Position: manifest.Position{LSN: end.EndLSN, Commit: c}, ReadFrom: b.Entry.Created, ReadUntil: b.Entry.Created,
		Imported: &manifest.Imported{File: b.Entry.Filename, SHA256: b.Sum},
	}
	if !n.last.Time.IsZero() {
		s.StartTime, s.EndTime = &n.first.Time, &n.last.Time
	}
	for i := range r.files {
		f := &r.files[i]
		limit := f.size
		if f == last {
			limit = end.End
		}
		if f.stored < limit {
			crc, err := castagnoliOf(f.path, f.start+f.stored, limit-f.stored)
			if err != nil {
				return nil, err
			}
			b.Ranges = append(b.Ranges, []grafeo.Range{{
				Offset: f.stored, Length: limit - f.stored, CRC32: crc, Castagnoli: true, What: "log",
			}})
			s.Files = append(s.Files, capture.File{Name: f.name, Path: f.path, Start: f.start, From: f.stored, Bytes: limit})
			f.stored = limit
		}
		if f == last {
			break
		}
	}
	return s, nil
}

func (r *chainReader) number(file int) uint64 {
	if r.image.Generation == grafeo.Gen06 {
		return r.files[file].firstLSN
	}
	return uint64(file)
}

var errDiffer = errors.New("the bytes differ")

// sameBytes compares a stretch of f with one of the file at path.
func sameBytes(f io.ReaderAt, offset int64, path string, at, length int64) error {
	other, err := shared.Open(path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(other)
	a, b := make([]byte, min(length, 1<<16)), make([]byte, min(length, 1<<16))
	for done := int64(0); done < length; {
		n := min(int64(len(a)), length-done)
		if _, err := f.ReadAt(a[:n], offset+done); err != nil {
			return err
		}
		if _, err := other.ReadAt(b[:n], at+done); err != nil {
			return err
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return errDiffer
		}
		done += n
	}
	return nil
}

// castagnoliOf returns the CRC-32C of a stretch of a file.
func castagnoliOf(path string, offset, length int64) (uint32, error) {
	f, err := shared.Open(path)
	if err != nil {
		return 0, err
	}
	defer disk.CloseRead(f)
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	_, err = io.Copy(h, io.NewSectionReader(f, offset, length))
	return h.Sum32(), err
}
