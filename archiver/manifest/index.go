package manifest

import (
	"fmt"
	"regexp"
)

// Limits of what is read (FORMAT.md, "Limits").
const (
	// MaxIndexBytes is the largest decompressed index: that of a database of
	// tens of terabytes.
	MaxIndexBytes = 1 << 30
	// MaxCommits is how many commits an index lists at the most.
	MaxCommits = 100_000
	// MaxFrameBytes is the largest frame, decompressed.
	MaxFrameBytes = 16 << 20
	// MaxSegmentBytes is the largest stored segment.
	MaxSegmentBytes = 256 << 20
)

// The digests of an image's pages (FORMAT.md, "Digests of pages").
const (
	// PageBytes is the size of a page.
	PageBytes = 4096
	// PageDigestBytes is the size of a page's digest.
	PageDigestBytes = 8
	// PagesSpan is how much of an image one object has the digests of.
	PagesSpan = 512 << 20
)

// Index tells where the bytes of a backup's files are. Segments hold frames,
// frames hold raw bytes, and extents map these to files. Several extents may
// share a frame, and segments may belong to earlier backups.
type Index struct {
	Segments []Segment `json:"segments"`
	Frames   []Frame   `json:"frames"`
	Files    []File    `json:"files"`

	// Commits are the commits of the log that is stored, in its order; null if
	// there are more than [MaxCommits].
	Commits []CommitTime `json:"commits"`

	// Replay says what of the log the image lacks, in a full backup of generation
	// 0.5 that has both; nil if it is all of the log.
	Replay *Replay `json:"replay,omitempty"`
}

// Replay is the part of a log of generation 0.5 that is restored together with the
// image of the same backup. What the image has already would be in the database
// twice if it were replayed (docs/grafeo-format.md, section 5.7).
type Replay struct {
	// The log begins at this offset of the file with this number, the border
	// between two frames: what comes before it is left out.
	File   uint64 `json:"file"`
	Offset int64  `json:"offset"`

	// Graph is the graph that is current there, "" for the default one.
	Graph string `json:"graph,omitempty"`

	// Without are frames from there on that are left out, in their order: each
	// creates an edge that the image has.
	Without []FramesOf `json:"without,omitempty"`

	// Unsure tells that it could not be found out which edges the image has:
	// some may be there twice until the database was closed once.
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

// Segment is an object of frames, one behind the other.
type Segment struct {
	Key         string `json:"key"`
	StoredBytes int64  `json:"stored_bytes"`
	RawBytes    int64  `json:"raw_bytes"` // of all its frames, decompressed
	SHA256      Digest `json:"sha256"`    // of the stored bytes
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
	// From is where the part of the file begins that this backup has: 0, or in
	// an incremental where the backup that it continues has ended.
	From  int64  `json:"from"`
	Bytes int64  `json:"bytes"` // size of the file, From included
	CRC32 uint32 `json:"crc32"` // IEEE, of the bytes from From on
	// Extents are in ascending order. What no extent covers, from From on, is
	// zero bytes.
	Extents []Extent `json:"extents"`
	// Pages are the objects with the digests of an image's pages, one for each
	// [PagesSpan] bytes; none where they are not kept.
	Pages []Pages `json:"pages,omitempty"`
}

// Pages is an object of digests. A restore does not need it.
type Pages struct {
	Key         string `json:"key"`
	StoredBytes int64  `json:"stored_bytes"`
	SHA256      Digest `json:"sha256"` // of the stored bytes
}

// PagesBytes is the size of the digests of the n-th span of an image. Objects of
// twice that size are others, which earlier builds kept, and of no use.
func PagesBytes(imageBytes int64, n int) int64 {
	span := min(imageBytes-int64(n)*PagesSpan, PagesSpan)
	return (span + PageBytes - 1) / PageBytes * PageDigestBytes
}

// Extent says that Bytes bytes from Offset of the file are those from
// FrameOffset of a decompressed frame.
type Extent struct {
	Offset      int64 `json:"offset"`
	Bytes       int64 `json:"bytes"`
	Frame       int   `json:"frame"` // index in Frames
	FrameOffset int64 `json:"frame_offset"`
}

// ImageName is the [File.Name] of the .grafeo file itself, whatever it is called.
const ImageName = "image"

// logName is what the database calls its log files. Nothing else may stand in
// an index: the name becomes a path when it is restored.
var logName = regexp.MustCompile(`^wal_[0-9]{8,20}\.log$`)

// indexDocument is an [Index] as an object of its own.
type indexDocument struct {
	Type   string `json:"type"` // "index"
	Format int    `json:"format"`
	Index
}

// Encode gives the document's bytes, before compression.
func (ix *Index) Encode() []byte {
	return encode(indexDocument{Type: typeIndex, Format: Format, Index: *ix})
}

// DecodeIndex reads what [Index.Encode] wrote. Errors are [ErrDamaged] or an
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

// Image is the file that is the image, or nil in an incremental.
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
	for i, s := range ix.Segments {
		if !isKey(s.Key, SegmentPrefix) || s.StoredBytes <= 0 || s.StoredBytes > MaxSegmentBytes || s.RawBytes <= 0 {
			return fmt.Errorf("segment %d, %q of %d bytes", i, s.Key, s.StoredBytes)
		}
	}
	for i, f := range ix.Frames {
		if f.Segment < 0 || f.Segment >= len(ix.Segments) {
			return fmt.Errorf("frame %d is in segment %d of %d", i, f.Segment, len(ix.Segments))
		}
		size := ix.Segments[f.Segment].StoredBytes
		if f.Offset < 0 || f.StoredBytes <= 0 || f.StoredBytes > min(size, 2*MaxFrameBytes) || f.Offset > size-f.StoredBytes {
			return fmt.Errorf("frame %d lies outside of its segment", i)
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
			return fmt.Errorf("file %s is there twice", f.Name)
		}
		seen[f.Name] = true
		if err := f.validate(ix.Frames); err != nil {
			return fmt.Errorf("file %s: %w", f.Name, err)
		}
	}
	return ix.Replay.validate()
}

func (r *Replay) validate() error {
	if r == nil {
		return nil
	}
	if r.Offset < 0 || len(r.Graph) > maxGraphName {
		return fmt.Errorf("a replay from %d on", r.Offset)
	}
	file, offset := r.File, r.Offset-1
	for i, w := range r.Without {
		if w.File < file || i > 0 && w.File == file {
			return fmt.Errorf("frames of log file %d that are left out, after those of %d", w.File, file)
		}
		if w.File > file {
			file, offset = w.File, -1
		}
		for _, at := range w.Offsets {
			if at <= offset {
				return fmt.Errorf("frame %d of log file %d is left out after that at %d", at, file, offset)
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
			return fmt.Errorf("extent %d lies outside of its frame", i)
		}
		end = e.Offset + e.Bytes
	}
	return f.validatePages()
}

func (f *File) validatePages() error {
	if len(f.Pages) == 0 {
		return nil
	}
	if want := (f.Bytes + PagesSpan - 1) / PagesSpan; f.Name != ImageName || int64(len(f.Pages)) != want {
		return fmt.Errorf("%d objects with digests of pages", len(f.Pages))
	}
	for i, p := range f.Pages {
		if !isKey(p.Key, PagesPrefix) || p.StoredBytes != PagesBytes(f.Bytes, i) && p.StoredBytes != 2*PagesBytes(f.Bytes, i) {
			return fmt.Errorf("digests of pages %d, %q of %d bytes", i, p.Key, p.StoredBytes)
		}
	}
	return nil
}
