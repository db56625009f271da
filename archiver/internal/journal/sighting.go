package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Sighting is what is known of an archive from before: a backup that was there.
type Sighting struct {
	ArchiveID string
	Seq       uint64 // of the newest backup then
	CommitID  string
	Epoch     uint64    // that it ends with
	At        time.Time // when it was taken, or committed
	Source    string    // path of the file that says so
}

// VanishedError is the error for an address at which there is not what was there
// before: no archive, another one, or one without a backup that it had.
type VanishedError struct {
	Address string
	Was     Sighting

	ArchiveID string // of the archive that is there, "" if there is none
	Seq       uint64 // of its newest backup, 0 if there is none
	Err       error  // why there is none, such as a bucket that is gone; nil if nobody said
}

// Unwrap returns Err.
func (e *VanishedError) Unwrap() error { return e.Err }

func (e *VanishedError) Error() string {
	was := fmt.Sprintf("backup %d, with epoch %d, of %s", e.Was.Seq, e.Was.Epoch, e.Was.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	says := fmt.Sprintf(" (%s says so)", e.Was.Source)
	switch {
	case e.Err != nil:
		return fmt.Sprintf("there is no archive at %s (%v), but there was one, which had %s%s", e.Address, e.Err, was, says)
	case e.ArchiveID == "":
		return fmt.Sprintf("there is no archive at %s, but there was one, which had %s%s", e.Address, was, says)
	case e.ArchiveID != e.Was.ArchiveID:
		return fmt.Sprintf("there is another archive at %s than before: that one had %s%s", e.Address, was, says)
	case e.Seq == 0:
		return fmt.Sprintf("the archive at %s has no backup, but had %s%s", e.Address, was, says)
	case e.Seq < e.Was.Seq:
		return fmt.Sprintf("the newest backup at %s is number %d, but there was %s%s", e.Address, e.Seq, was, says)
	}
	return fmt.Sprintf("the archive at %s has another backup %d than before; that was %s%s", e.Address, e.Was.Seq, was, says)
}

// Memory is what is known of archives before the store is asked: so nothing in it
// can be newer than the answer.
type Memory struct {
	Name   string
	Holds  []Sighting
	Names  []string // of holds
	Record *Sighting
}

// of gives the newest that is known of the archive with this id, nil if nothing is.
func (m *Memory) of(archiveID string) *Sighting {
	var newest *Sighting
	for i := range m.Holds {
		if h := &m.Holds[i]; h.ArchiveID == archiveID && (newest == nil || h.Seq > newest.Seq) {
			newest = h
		}
	}
	if r := m.Record; r != nil && r.ArchiveID == archiveID && (newest == nil || r.Seq > newest.Seq) {
		newest = r
	}
	return newest
}

// here gives what was at this address before, nil if nothing is known.
func (m *Memory) here() *Sighting {
	for i := range m.Holds {
		if m.Name != "" && m.Names[i] == m.Name {
			return &m.Holds[i]
		}
	}
	return m.Record
}

// hint is the number of the newest backup that is known of an archive, 0 if none is.
func (m *Memory) hint(archiveID string) manifest.Seq {
	if s := m.of(archiveID); s != nil && s.Seq <= uint64(manifest.MaxSeq) {
		return manifest.Seq(s.Seq)
	}
	return 0
}

// Lost compares what a list has shown with what is known, as far as that takes no
// request; nil if nothing is missing.
func (m *Memory) Lost(h *History) *VanishedError {
	e := &VanishedError{Address: addressOf(m.Name), Seq: uint64(h.Last())}
	was := m.here()
	if h.Archive != nil {
		e.ArchiveID = h.Archive.ArchiveID
		if s := m.of(e.ArchiveID); s != nil {
			was = s
		}
	}
	if was == nil || was.ArchiveID == e.ArchiveID && was.Seq <= e.Seq {
		return nil
	}
	e.Was = *was
	return e
}

// NoStore makes err a [*VanishedError] if it says that the bucket is gone in which
// there was an archive.
func (m *Memory) NoStore(err error) error {
	if was := m.here(); was != nil && errors.Is(err, storage.ErrNoStore) {
		return &VanishedError{Address: addressOf(m.Name), Was: *was, Err: storage.ErrNoStore}
	}
	return err
}

// CheckVanished makes sure that the archive still has the backup that is known of it,
// and returns its head. A list may be behind what is known: h is completed then. The
// error is a [VanishedError].
func (j *Journal) CheckVanished(ctx context.Context, h *History, head *manifest.Committed, m Memory) (*manifest.Committed, error) {
	lost := m.Lost(h)
	if lost != nil && lost.ArchiveID == lost.Was.ArchiveID {
		_, err := j.Store.Storage.Head(ctx, manifest.Seq(lost.Was.Seq).Key())
		switch {
		case err == nil:
			h.Seqs = append(h.Seqs, manifest.Seq(lost.Was.Seq))
			if err := j.lookBehind(ctx, h); err != nil {
				return nil, err
			}
			if head, err = j.Head(ctx, h); err != nil {
				return nil, err
			}
			lost = nil
		case !errors.Is(err, storage.ErrNotExist):
			return nil, err
		}
	}
	if lost != nil {
		return nil, lost
	}
	if h.Archive == nil {
		return head, nil
	}
	was := m.of(h.Archive.ArchiveID)
	if was == nil || head == nil {
		return head, nil
	}
	there := head
	if uint64(head.Seq) > was.Seq {
		var err error
		there, err = j.Load(ctx, h.Archive.ArchiveID, manifest.Seq(was.Seq))
		var object *manifest.ObjectError
		if errors.As(err, &object) {
			return head, nil // a verification tells of it: it is not another one
		}
		if err != nil {
			return nil, err
		}
	}
	if there.CommitID != was.CommitID {
		return nil, &VanishedError{Address: j.Address(), Was: *was, ArchiveID: h.Archive.ArchiveID, Seq: uint64(head.Seq)}
	}
	return head, nil
}

// stillThere is [Archive.vanished] for who writes: with accept, what has vanished is
// over, which anew says.
func (j *Journal) stillThere(ctx context.Context, h *History, head *manifest.Committed, m Memory, accept bool) (now *manifest.Committed, anew bool, err error) {
	now, err = j.CheckVanished(ctx, h, head, m)
	if _, gone := errors.AsType[*VanishedError](err); gone && accept {
		j.Log.Warn("continuing without what was there before", "err", err)
		return head, true, nil
	}
	return now, false, err
}
