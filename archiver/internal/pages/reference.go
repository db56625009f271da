package pages

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// A full backup may refer to segments of its reference, within limits: a restore of it
// fetches at most one and a half times as much as if it referred to nothing
// (docs/decisions.md, "What a full backup shares").

// isMostlyUsed reports whether a segment of so many raw bytes may be referred to: at least
// four fifths of it are still in use by the reference.
func isMostlyUsed(bytes, used int64) bool { return used > 0 && used >= bytes/5*4 }

const (
	// maxFolders is how many earlier runs a backup may refer to the segments of.
	maxFolders = 16
	// minSharedBytes is the smallest image whose pages are compared: below, the requests
	// cost more than the bytes.
	minSharedBytes = 1 << 20
)

// Reference is the earlier full backup whose segments a new one refers to wherever a page
// of the image has not changed. Nothing can be used of a nil reference.
type Reference struct {
	store  *objects.Store
	log    *slog.Logger
	Index  *manifest.Index
	image  *manifest.File
	usable []bool // one for each segment

	mu    sync.Mutex
	spans map[int]func() ([]byte, error) // digests of pages, near those that are compared
}

// IsShareable reports whether the image of s can have pages that an earlier one has, too.
func IsShareable(s *capture.Source) bool {
	return s.Kind == manifest.Full && s.Image.Generation == grafeo.Gen06 && s.Image.Size >= minSharedBytes
}

// Find returns the reference of a full backup of s that follows previous, or nil
// if it refers to nothing, as images of 0.5 do. A damaged backup is not used, so that a new
// full backup heals an archive.
func Find(ctx context.Context, head *commit.Head, previous *manifest.Committed, s *capture.Source, since time.Time, log *slog.Logger) (*Reference, error) {
	if previous == nil || !IsShareable(s) || previous.Database.Generation != string(grafeo.Gen06) {
		return nil, nil
	}
	newest := head.NewestFull()
	if head.Catalog != nil { // of an import, whose previous backup is not always the newest
		newest = previous.NewestFull()
	}
	if newest == nil || head.Catalog != nil && !head.IsBackup(*newest) {
		return nil, nil
	}
	found, err := loadReference(ctx, head, previous, *newest, since, log)
	if _, ok := errors.AsType[*manifest.ObjectError](err); ok {
		log.Warn("everything is stored again, because an earlier full backup is damaged", "err", err)
		return nil, nil
	}
	return found, err
}

// loadReference returns full backup seq as a reference, or nil if it cannot be one.
func loadReference(ctx context.Context, head *commit.Head, previous *manifest.Committed, seq manifest.Seq, since time.Time, log *slog.Logger) (*Reference, error) {
	full := previous
	if full.Seq != seq {
		var err error
		if full, err = head.Load(ctx, seq); err != nil {
			return nil, err
		}
	}
	isSame := full.Database.Is(&previous.Database) && full.Database.Generation == previous.Database.Generation
	if full.Kind != manifest.Full || !isSame {
		return nil, nil
	}
	ix, err := head.Index(ctx, full)
	if err != nil {
		return nil, err
	}
	if len(ix.Image().Pages) == 0 {
		return nil, nil
	}
	return Of(head, ix, since, log), nil
}

// Of returns the image that an index has, with digests of its pages, as a reference. Only
// segments that were put at the time since or later are referred to; those of which nobody
// knows that are not, unless since is the zero time.
func Of(head *commit.Head, ix *manifest.Index, since time.Time, log *slog.Logger) *Reference {
	r := &Reference{
		store: head.Store, log: log, Index: ix, image: ix.Image(), spans: map[int]func() ([]byte, error){},
	}
	r.choose(since)
	return r
}

// choose decides which segments may be referred to.
func (r *Reference) choose(since time.Time) {
	used := make([]int64, len(r.Index.Segments))
	for _, e := range r.image.Extents {
		used[r.Index.Frames[e.Frame].Segment] += e.Bytes
	}
	r.usable = make([]bool, len(used))
	folders := map[string]int64{} // bytes that are used
	for i, s := range r.Index.Segments {
		if r.usable[i] = isMostlyUsed(s.RawBytes, used[i]) && !s.PutAt.Before(since); r.usable[i] {
			folders[manifest.SegmentFolderOf(s.Key)] += used[i]
		}
	}
	names := slices.SortedFunc(maps.Keys(folders), func(x, y string) int {
		return cmp.Or(cmp.Compare(folders[y], folders[x]), cmp.Compare(x, y))
	})
	if len(names) <= maxFolders {
		return
	}
	for i, s := range r.Index.Segments {
		r.usable[i] = r.usable[i] && slices.Contains(names[:maxFolders], manifest.SegmentFolderOf(s.Key))
	}
}

// Folders returns those of the segments that may be referred to.
func (r *Reference) Folders() []string {
	if r == nil {
		return nil
	}
	folders := map[string]bool{}
	for i, s := range r.Index.Segments {
		if r.usable[i] {
			folders[manifest.SegmentFolderOf(s.Key)] = true
		}
	}
	return slices.Sorted(maps.Keys(folders))
}

// Confirm drops the segments that the store does not list, or lists with another size.
func (r *Reference) Confirm(present map[string]int64) {
	if r == nil {
		return
	}
	for i, s := range r.Index.Segments {
		if r.usable[i] && present[s.Key] != s.StoredBytes {
			r.log.Warn("a segment of an earlier backup is missing or damaged; its content is stored again", "key", s.Key)
			r.usable[i] = false
		}
	}
}
