package commit

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// CommitKeys appends a record of kind keys, with the key list that replaces the newest one: it was
// made for the number after that of h.Last. The record is encrypted with the keys that were the
// newest before it, so that everybody who has those can read it, and go on with its own.
//
// Its errors are those of [Head.Commit]. After [ErrConflict] the list is to be made anew.
func (h *Head) CommitKeys(ctx context.Context, list *manifest.KeyList, by KeepAuthor, timeout time.Duration) (*manifest.Committed, error) {
	progress.Tell(ctx, progress.Phase("commit"))
	now := manifest.Now()
	m := &manifest.Manifest{
		CommitID: manifest.NewID(), Tool: by.Tool, Host: by.Host, CreatedAt: now, ReadUntil: now,
		Kind: manifest.KeyChange, Database: h.Parent.Database, KeyList: list,
	}
	h.Place(m)
	m.Keys = m.Seq
	created, err := h.create(ctx, m, timeout)
	if err != nil {
		return nil, err
	}
	h.Last = created
	if err := h.Store.LoadKeys(ctx, m.Seq); err != nil { // the next one to read the head learns it
		h.Store.Log.Debug("the new keys could not be read back", "err", err)
	}
	return created, nil
}
