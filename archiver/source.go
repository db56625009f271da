package archiver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/archiver/segment"
)

// source is one consistent state of a database: its files up to where they
// count, and what proves their bytes. Nothing of it is held open or locked; if
// the database moves on while its files are read, the proof fails.
type source struct {
	path  string
	image *grafeo.Image
	files []sourceFile

	startEpoch, endEpoch uint64
	endTime              *time.Time
	commits              int64
	position             manifest.Position

	// follows is true if the log shows that this state comes after the backup
	// that capture was asked about.
	follows bool
}

// sourceFile is a file of a source: its first bytes, and the checksums that a
// copy of these must have.
type sourceFile struct {
	name  string // as in the index
	path  string
	bytes int64
	proof []grafeo.Range
}

// capture finds out which state of the database at path can be copied now.
// The order of reading decides what is consistent
// (docs/grafeo-format.md, section 9.1): 0.6 log first, then image; 0.5 image
// first, then log. before is the newest backup of the archive, or nil.
func capture(path string, before *manifest.Manifest) (*source, error) {
	generation, err := grafeo.Identify(path)
	if err != nil {
		return nil, err
	}
	image, err := readImage(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, image: image}
	trail := trail{before: before}
	log, err := grafeo.ScanLog(grafeo.LogDir(path), generation, grafeo.ScanOptions{DatabaseID: image.DatabaseID, Visit: trail.visit})
	if err != nil {
		return nil, err
	}
	if generation == grafeo.Gen06 {
		// The image that was read before the log only told the database's id.
		if s.image, err = readImage(path); err != nil {
			return nil, err
		}
		err = s.assemble06(log, &trail)
	} else {
		s.assemble05(log, &trail)
	}
	if err != nil {
		return nil, err
	}
	s.follows = trail.found || s.same(before)
	return s, nil
}

// relate finds out again what s.follows says, for another backup.
func (s *source) relate(before *manifest.Manifest) error {
	trail := trail{before: before}
	_, err := grafeo.ScanLog(grafeo.LogDir(s.path), s.image.Generation, grafeo.ScanOptions{DatabaseID: s.image.DatabaseID, Visit: trail.visit})
	s.follows = trail.found || s.same(before)
	return err
}

func readImage(path string) (*grafeo.Image, error) {
	at, err := grafeo.ImagePath(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return grafeo.ReadImage(f, info.Size(), at)
}

// trail watches a log being scanned: where it ends, and whether it contains
// the place where an earlier backup ended.
type trail struct {
	before *manifest.Manifest
	found  bool
	last   *grafeo.Commit // of any kind
}

func (t *trail) visit(c grafeo.Commit) error {
	t.last = &c
	if t.before != nil && t.before.Position.CRC32C != nil && *t.before.Position.CRC32C == c.CRC32C {
		p := t.before.Position
		t.found = t.found || p.LSN == c.EndLSN && p.Offset == c.End && p.Run == c.Run
	}
	return nil
}

// assemble06 joins the image with the part of the log behind its checkpoint.
func (s *source) assemble06(log *grafeo.Log, t *trail) error {
	s.addImage()
	s.startEpoch, s.endEpoch = s.image.Epoch, s.image.Epoch
	if !s.image.Time.IsZero() {
		s.endTime = &s.image.Time
	}
	s.position = manifest.Position{LSN: s.image.CheckpointLSN}
	if len(log.Files) == 0 || t.last == nil || t.last.EndLSN <= s.image.CheckpointLSN {
		return nil
	}
	if first := log.Files[0]; first.FirstLSN > s.image.CheckpointLSN {
		return &grafeo.GapError{Path: grafeo.LogDir(s.path), What: "its first segment begins behind the image's checkpoint", Want: s.image.CheckpointLSN, Got: first.FirstLSN}
	}
	for _, f := range log.Files {
		if f.EndLSN > s.image.CheckpointLSN {
			s.addLog(f)
		}
	}
	s.commits = log.Commits
	if last := log.Last; last != nil && last.Epoch >= s.endEpoch {
		s.endEpoch, s.endTime = last.Epoch, &last.Time
	}
	s.position = t.position(log)
	s.position.LSN = t.last.EndLSN
	return nil
}

// assemble05 joins the image with all of the log. Its epochs are those of the
// log's last run: epochs of other runs, the image's among them, cannot be
// compared with them (docs/grafeo-format.md, section 5.4).
func (s *source) assemble05(log *grafeo.Log, t *trail) {
	s.addImage()
	s.startEpoch, s.endEpoch = s.image.Epoch, s.image.Epoch
	for _, f := range log.Files {
		if f.End > 0 {
			s.addLog(f)
		}
	}
	if log.Last == nil {
		return
	}
	s.commits = log.Commits
	s.endEpoch = log.Last.Epoch
	// The image is of this run if the run's log reaches it and has no other
	// run before it; else the run's first state is the one before its first
	// commit.
	if log.Last.Run > 0 || s.image.Epoch > s.endEpoch {
		s.startEpoch = 1
	}
	s.position = t.position(log)
}

func (t *trail) position(log *grafeo.Log) manifest.Position {
	f, crc := log.Files[t.last.File], t.last.CRC32C
	p := manifest.Position{File: f.Number, Offset: t.last.End, Run: t.last.Run, CRC32C: &crc}
	if log.Generation == grafeo.Gen06 {
		p.File = f.FirstLSN
	}
	return p
}

// same tells whether s is the very state that b holds: a database that was
// closed cleanly has no log that could show more.
func (s *source) same(b *manifest.Manifest) bool {
	return b != nil && b.Database.Iteration == s.image.Iteration && b.Database.ImageEpoch == s.image.Epoch &&
		b.EndEpoch == s.endEpoch && b.Position.LSN == s.position.LSN &&
		(b.Position.CRC32C == nil) == (s.position.CRC32C == nil)
}

func (s *source) addImage() {
	at, err := grafeo.ImagePath(s.path)
	if err != nil {
		at = s.path
	}
	s.files = append(s.files, sourceFile{manifest.ImageName, at, s.image.Size, s.image.Proof})
}

func (s *source) addLog(f grafeo.LogFile) {
	s.files = append(s.files, sourceFile{
		f.Name, filepath.Join(grafeo.LogDir(s.path), f.Name), f.End,
		[]grafeo.Range{f.Range()},
	})
}

func (s *source) bytes() int64 {
	var n int64
	for _, f := range s.files {
		n += f.bytes
	}
	return n
}

func (s *source) database() manifest.Database {
	return manifest.Database{
		Generation: string(s.image.Generation), ID: s.image.DatabaseID, Name: filepath.Base(s.path),
		Iteration: s.image.Iteration, ImageEpoch: s.image.Epoch,
	}
}

// folder names the segments of a backup of s by what goes into them: the same
// image, cut and compressed in the same way, gives the same name, so that a
// backup that was interrupted finds its segments.
func (s *source) folder(segmentBytes int64, level segment.Level) string {
	h := sha256.New()
	fmt.Fprintln(h, s.image.Generation, s.image.DatabaseID, s.image.Iteration, s.image.CheckpointLSN,
		s.image.Epoch, s.image.Time.UnixMilli(), s.image.Size, segmentBytes, int(level))
	for _, r := range s.image.Proof {
		fmt.Fprintln(h, r.Offset, r.Length, r.CRC32)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fingerprint is what changes when anybody works on the database: it tells a
// copy that was torn by a writer from a database that is damaged.
func fingerprint(path string) string {
	h := crc32.NewIEEE()
	add := func(at string) {
		if info, err := os.Stat(at); err == nil {
			fmt.Fprintln(h, at, info.Size(), info.ModTime().UnixNano())
		}
	}
	add(path)
	add(path + ".checkpoint")
	entries, err := os.ReadDir(path + ".wal")
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
	return fmt.Sprintf("%08x", h.Sum32())
}
