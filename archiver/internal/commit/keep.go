package commit

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// KeepAuthor is what a keep says of the run that makes it: for people, and, if that copies an
// archive, of which keep it is a copy.
type KeepAuthor struct {
	Tool, Host string
	CopiedFrom *manifest.CopiedFrom
}

// CommitKeep appends a keep that says what k does: which records before it are backups
// still. lastFull is the newest full backup among them, nil if there is none. First and,
// where it is the keep's own number, DeadBefore are filled in: ownGeneration asks for that.
//
// Its errors are those of [Head.Commit]. The fence that closes the way to the keep before
// is there before the new one is: so a writer that has slept since then learns that a
// number it finds free is one of old times.
func (h *Head) CommitKeep(ctx context.Context, k manifest.Keeping, lastFull *manifest.Seq, ownGeneration bool, by KeepAuthor, timeout time.Duration) (*manifest.Committed, error) {
	progress.Tell(ctx, progress.Phase("commit"))
	now := manifest.Now()
	m := &manifest.Manifest{
		CommitID: manifest.NewID(), Tool: by.Tool, Host: by.Host, CreatedAt: now, ReadUntil: now,
		Kind: manifest.Keep, Database: h.Parent.Database, Keeping: &k, CopiedFrom: by.CopiedFrom,
	}
	h.Place(m)
	m.LastFull = lastFull
	before, err := h.ReadKeep(ctx)
	if err != nil {
		return nil, err
	}
	if k.First = m.Seq; before != nil {
		k.First = before.Keeping.First
		k.DeadBefore = max(k.DeadBefore, before.Keeping.DeadBefore) // it never goes down
		if err := CreateFence(ctx, h.Store, h.Archive.ArchiveID, before.Seq); err != nil {
			return nil, err
		}
	}
	if ownGeneration {
		k.DeadBefore = m.Seq
	}
	created, err := h.create(ctx, m, timeout)
	if err != nil {
		return nil, err
	}
	h.Last, h.keep = created, created
	return h.Last, nil
}
