package copying

import (
	"context"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// NotCopyError is the error for a target that has something else than copies of the source, or
// that is the source.
type NotCopyError struct {
	Target, Source string // addresses
	Seq            uint64 // the newest record of the target; 0 if it is the source itself

	// ArchiveID is that of the archive of which that record is a copy, "" if it is none.
	ArchiveID string
}

func (e *NotCopyError) Error() string {
	switch {
	case e.Seq == 0:
		return fmt.Sprintf("%s and %s are the same archive", e.Source, e.Target)
	case e.ArchiveID != "":
		return fmt.Sprintf("%s is a copy of another archive than %s, of that with the id %s", e.Target, e.Source, e.ArchiveID)
	}
	return fmt.Sprintf("%s is in use: its record %d is not a copy of one of %s", e.Target, e.Seq, e.Source)
}

// PlainError is the error for an encrypted source whose copy would not be encrypted.
type PlainError struct{ Source, Target string } // addresses

func (e *PlainError) Error() string {
	return fmt.Sprintf("%s is encrypted, and the copy at %s would not be", e.Source, e.Target)
}

// SealedError is the error for a target that is encrypted, although the copy must not be.
type SealedError struct{ Target string } // its address

func (e *SealedError) Error() string {
	return fmt.Sprintf("%s is encrypted, and the copy there is to be without encryption", e.Target)
}

// originOf returns the number in the source of the newest backup of the target, 0 if that has
// none. As nobody copies into an archive whose newest record is no copy, all are copies if that
// one is.
func (o *Options) originOf(source *journal.List, h *commit.Head) (manifest.Seq, error) {
	id, newest := source.Archive.ArchiveID, h.Last
	e := &NotCopyError{Target: o.Target.Address(), Source: o.Source.Address()}
	if h.Archive.ArchiveID == id {
		return 0, e
	}
	if o.Plain && h.Archive.Encryption != nil {
		return 0, &SealedError{e.Target}
	}
	if o.Source.Store().Ring.IsSealed() && h.Archive.Encryption == nil && !o.Plain {
		return 0, &PlainError{e.Source, e.Target}
	}
	if newest == nil {
		return 0, nil
	}
	e.Seq = uint64(newest.Seq)
	switch from := newest.CopiedFrom; {
	case from == nil:
		return 0, e
	case from.ArchiveID != id:
		e.ArchiveID = from.ArchiveID
		return 0, e
	}
	return h.Parent.CopiedFrom.Seq, nil
}

// numberOf returns the number in the target of a backup of the source, 0 if the target does not
// have it. Numbers ascend in both, so that a few manifests show it.
func (r *run) numberOf(ctx context.Context, h *commit.Head, seq manifest.Seq) (manifest.Seq, error) {
	if n, ok := r.known[seq]; ok || h.Last == nil {
		return n, nil
	}
	low, high := manifest.Seq(1), h.Last.Seq
	for low <= high {
		middle := low + (high-low)/2
		m, err := h.Load(ctx, middle)
		if err == nil && m.LastBackup != nil { // a keep
			m, err = h.Load(ctx, *m.LastBackup)
		}
		if err != nil {
			return 0, err
		}
		if m.CopiedFrom == nil {
			return 0, &manifest.ObjectError{Key: m.Key(), Problem: "it is no copy, although a later one is"}
		}
		switch from := m.CopiedFrom.Seq; {
		case from == seq:
			r.known[seq] = m.Seq
			return m.Seq, nil
		case from < seq:
			low = middle + 1
		default:
			high = m.Seq - 1
		}
	}
	return 0, nil
}

// continues returns what the copy of a backup continues: the copy of what that continues. A
// full one continues none if that is not there.
func (r *run) continues(ctx context.Context, h *commit.Head, m *original) (*manifest.Seq, error) {
	if m.Continues == nil {
		return nil, nil
	}
	n, err := r.numberOf(ctx, h, *m.Continues)
	switch {
	case err != nil:
		return nil, err
	case n != 0:
		return &n, nil
	case m.Kind != manifest.Full:
		return nil, r.ofSource(&manifest.ObjectError{Key: m.Key(), Problem: fmt.Sprintf("it continues backup %d, which does not exist", *m.Continues)})
	}
	return nil, nil
}
