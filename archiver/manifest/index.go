package manifest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Limits of what is read (FORMAT.md, "Limits").
const (
	// MaxIndexBytes is the largest decompressed index: enough for a database of
	// tens of terabytes.
	MaxIndexBytes = 1 << 30
	// MaxCommits is how many commits an index lists at most.
	MaxCommits = 100_000
	// MaxFrameBytes is the largest frame, decompressed.
	MaxFrameBytes = 16 << 20
	// MaxSegmentBytes is the largest stored segment.
	MaxSegmentBytes = 256 << 20
)

// Index says where the bytes of a backup's files are. Segments hold frames, frames
// hold raw bytes, and extents map these to files. Several extents may share a frame, and
// segments may belong to earlier backups.
type Index struct {
	Segments []Segment `json:"segments"`
	Frames   []Frame   `json:"frames"`
	Files    []File    `json:"files"`

	// Commits are the commits of the stored log, in order; null if there are more
	// than [MaxCommits].
	Commits []CommitTime `json:"commits"`

	// Replay is the part of the log that the image lacks, in a full backup of
	// generation 0.5 that has both; nil if the image lacks all of it.
	Replay *Replay `json:"replay,omitempty"`
}

// Replay is the part of a log of generation 0.5 that is restored together with the
// image of the same backup. What the image has already would be in the database
// twice if it were replayed (docs/grafeo-format.md, section 5.7).
type Replay struct {
	// The log begins at this offset of the file with this number, between two
	// frames: what comes before is left out.
	File   uint64 `json:"file"`
	Offset int64  `json:"offset"`

	// Graph is the graph that is current there, "" for the default one.
	Graph string `json:"graph,omitempty"`

	// Without are later frames that are left out, in order: each creates an edge
	// that the image has.
	Without []FramesOf `json:"without,omitempty"`

	// Unsure is true if it could not be found out which edges the image has: some
	// may then be there twice until the database is closed for the first time.
	Unsure bool `json:"unsure,omitempty"`
}

// FramesOf are frames of one log file.
type FramesOf struct {
	File    uint64  `json:"file"`    // number of the log file
	Offsets []int64 `json:"offsets"` // ascending
}

// CommitTime is the epoch of a commit and when it was made, in milliseconds
// since 1970 by the database's clock, 0 where it keeps no times.
type CommitTime [2]uint64

// Segment is an object that consists of frames, one after the other. If it is small,
// these bytes are in the manifest itself.
type Segment struct {
	Key         string `json:"key,omitempty"` // "" if the bytes are in Data
	StoredBytes int64  `json:"stored_bytes"`
	RawBytes    int64  `json:"raw_bytes"`      // of all its frames, decompressed
	SHA256      Digest `json:"sha256"`         // of the stored bytes
	Data        Inline `json:"data,omitempty"` // the stored bytes, if there is no object

	// PutAt is when the object was put, by the store's clock, in seconds: its lock began then.
	// It is left out by a writer that does not plan with locks, and if it is not known.
	PutAt time.Time `json:"put_at,omitzero"`
}

// InlineSegment returns a segment with these stored bytes, inside the manifest.
func InlineSegment(stored []byte, rawBytes int64) Segment {
	return Segment{StoredBytes: int64(len(stored)), RawBytes: rawBytes, SHA256: Sum(stored), Data: Inline(stored)}
}

// IsInline reports whether the segment's bytes are in the manifest, and not in an object.
func (s Segment) IsInline() bool { return s.Key == "" }

// Inline is bytes inside a document, in base64. It is a string, so that it can be
// compared.
type Inline string

// MaxInlineBytes is how many bytes of segments a manifest has at most.
const MaxInlineBytes = 64 << 10

// MarshalText implements [encoding.TextMarshaler].
func (d Inline) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(d)), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Inline) UnmarshalText(text []byte) error {
	if bytes.ContainsAny(text, "\r\n") { // which a decoder skips
		return errors.New("base64 in lines")
	}
	b, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	*d = Inline(b)
	return err
}

// Frame is one zstd frame in a segment.
type Frame struct {
	Segment     int   `json:"segment"` // index in Segments
	Offset      int64 `json:"offset"`  // in the stored segment
	StoredBytes int64 `json:"stored_bytes"`
	RawBytes    int64 `json:"raw_bytes"`
}

// File is one of the database's files.
type File struct {
	// Name is [ImageName], the base name of a log file, or a [SpillName].
	Name string `json:"name"`
	// From is the offset at which this backup's part of the file begins: 0, or in an
	// incremental where the backup that it continues ends.
	From  int64  `json:"from"`
	Bytes int64  `json:"bytes"` // size of the file, From included
	CRC32 uint32 `json:"crc32"` // IEEE, of the bytes from From on
	// Extents are in ascending order. What no extent covers, from From on, is
	// zero bytes.
	Extents []Extent `json:"extents"`
	// Pages are the objects with the digests of an image's pages, one for each
	// [PagesSpan] bytes; none if there are no digests.
	Pages []Pages `json:"pages,omitempty"`
}

// Extent says that the Bytes bytes of the file at Offset are those at FrameOffset of a
// decompressed frame.
type Extent struct {
	Offset      int64 `json:"offset"`
	Bytes       int64 `json:"bytes"`
	Frame       int   `json:"frame"` // index in Frames
	FrameOffset int64 `json:"frame_offset"`
}

// ImageName is the [File.Name] of the .grafeo file itself, whatever it is called.
const ImageName = "image"

// logName matches the names of the database's log files. An index may have no others:
// the name becomes a path when it is restored.
var logName = regexp.MustCompile(`^wal_[0-9]{8,20}\.log$`)

// HasInline reports whether a segment of the index is inline.
func (ix *Index) HasInline() bool { return slices.ContainsFunc(ix.Segments, Segment.IsInline) }

// MaxContentBytes is the largest encoded index that goes into the manifest, not
// counting the bytes of segments. A larger one is an object of its own.
const MaxContentBytes = 16 << 10

// FitsInManifest reports whether the index is small enough for the manifest. Only then
// may it have inline segments.
func (ix *Index) FitsInManifest() bool {
	const least = 5 // bytes of a commit or frame
	if len(ix.Commits)+len(ix.Frames) > MaxContentBytes/least {
		return false // and encoding it would take long
	}
	bare := *ix
	bare.Segments = slices.Clone(ix.Segments)
	for i := range bare.Segments {
		bare.Segments[i].Data = ""
	}
	return len(bare.Encode()) <= MaxContentBytes
}

// indexDocument is an [Index] as an object of its own.
type indexDocument struct {
	Type   string `json:"type"` // "index"
	Format int    `json:"format"`
	Index
}

// Encode returns the document's bytes, before compression.
func (ix *Index) Encode() []byte {
	return encode(indexDocument{Type: typeIndex, Format: Format, Index: *ix})
}

// DecodeIndex decodes what [Index.Encode] returned. Errors are [ErrDamaged] or an
// [*UnsupportedError].
func DecodeIndex(b []byte) (*Index, error) {
	var d indexDocument
	if err := decode(b, typeIndex, &d); err != nil {
		return nil, err
	}
	if err := d.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &d.Index, nil
}

// Image returns the file that is the image, or nil if there is none, as in an
// incremental.
func (ix *Index) Image() *File {
	for i := range ix.Files {
		if ix.Files[i].Name == ImageName {
			return &ix.Files[i]
		}
	}
	return nil
}

func (ix *Index) validate() error {
	if len(ix.Commits) > MaxCommits {
		return fmt.Errorf("%d commits", len(ix.Commits))
	}
	inline := 0
	for i, s := range ix.Segments {
		if inline += len(s.Data); s.IsInline() == (s.Data == "") || inline > MaxInlineBytes || s.IsInline() && s.validateData() != nil {
			return fmt.Errorf("segment %d of %d bytes in the document", i, len(s.Data))
		}
		if !s.IsInline() && !isKey(s.Key, SegmentPrefix) || s.StoredBytes <= 0 || s.StoredBytes > MaxSegmentBytes || s.RawBytes <= 0 {
			return fmt.Errorf("segment %d, %q of %d bytes", i, s.Key, s.StoredBytes)
		}
	}
	for i, f := range ix.Frames {
		if f.Segment < 0 || f.Segment >= len(ix.Segments) {
			return fmt.Errorf("frame %d is in segment %d of %d", i, f.Segment, len(ix.Segments))
		}
		size := ix.Segments[f.Segment].StoredBytes
		if f.Offset < 0 || f.StoredBytes <= 0 || f.StoredBytes > min(size, 2*MaxFrameBytes) || f.Offset > size-f.StoredBytes {
			return fmt.Errorf("frame %d is outside of its segment", i)
		}
		if f.RawBytes <= 0 || f.RawBytes > MaxFrameBytes {
			return fmt.Errorf("frame %d has %d raw bytes", i, f.RawBytes)
		}
	}
	seen := make(map[string]bool, len(ix.Files))
	for i := range ix.Files {
		f := &ix.Files[i]
		if !validName(f.Name) {
			return fmt.Errorf("file name %q", f.Name)
		}
		if seen[f.Name] {
			return fmt.Errorf("file %s is listed twice", f.Name)
		}
		seen[f.Name] = true
		if err := f.validate(ix.Frames); err != nil {
			return fmt.Errorf("file %s: %w", f.Name, err)
		}
	}
	return ix.Replay.validate()
}

// validateData checks the bytes that stand in the document.
func (s *Segment) validateData() error {
	if int64(len(s.Data)) != s.StoredBytes || Sum([]byte(s.Data)) != s.SHA256 {
		return errors.New("not the bytes of the segment")
	}
	return nil
}

func (r *Replay) validate() error {
	if r == nil {
		return nil
	}
	if r.Offset < 0 || len(r.Graph) > maxGraphName {
		return fmt.Errorf("a replay from offset %d", r.Offset)
	}
	file, offset := r.File, r.Offset-1
	for i, w := range r.Without {
		if w.File < file || i > 0 && w.File == file {
			return fmt.Errorf("frames left out of log file %d come after those of %d", w.File, file)
		}
		if w.File > file {
			file, offset = w.File, -1
		}
		for _, at := range w.Offsets {
			if at <= offset {
				return fmt.Errorf("frame %d left out of log file %d comes after that at %d", at, file, offset)
			}
			offset = at
		}
	}
	return nil
}

// maxGraphName bounds [Replay.Graph], in bytes.
const maxGraphName = 32 << 10

func (f *File) validate(frames []Frame) error {
	if f.From < 0 || f.Bytes < f.From || f.From > 0 && !IsLogName(f.Name) {
		return fmt.Errorf("%d bytes from %d on", f.Bytes, f.From)
	}
	end := f.From
	for i, e := range f.Extents {
		switch {
		case e.Offset < end || e.Bytes <= 0 || e.Bytes > f.Bytes || e.Offset > f.Bytes-e.Bytes:
			return fmt.Errorf("extent %d, %d bytes at %d, does not fit", i, e.Bytes, e.Offset)
		case e.Frame < 0 || e.Frame >= len(frames):
			return fmt.Errorf("extent %d is in frame %d of %d", i, e.Frame, len(frames))
		case e.FrameOffset < 0 || e.Bytes > frames[e.Frame].RawBytes || e.FrameOffset > frames[e.Frame].RawBytes-e.Bytes:
			return fmt.Errorf("extent %d is outside of its frame", i)
		}
		end = e.Offset + e.Bytes
	}
	return f.validatePages()
}
