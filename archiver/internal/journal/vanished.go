package journal

import (
	"context"
	"errors"
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// VanishedError is the error for an address at which something is not there that was
// there before: there is no archive, another one, or one without a backup that it had.
type VanishedError struct {
	Address string
	Was     Sighting

	ArchiveID string // of the archive that is there now, "" if there is none
	Encrypted bool   // that archive is
	Seq       uint64 // of its newest backup, 0 if there is none
	Err       error  // why there is no archive, such as [storage.ErrNoStore]; nil if that is not known
}

// Unwrap returns Err.
func (e *VanishedError) Unwrap() error { return e.Err }

// IsReplaced reports whether another archive is there, and one of the two is encrypted: whoever
// has put it there may want to be sent plaintext, or backups for other keys.
func (e *VanishedError) IsReplaced() bool {
	return e.ArchiveID != "" && e.ArchiveID != e.Was.ArchiveID && (e.Encrypted || e.Was.Encrypted)
}

// IsRolledBack reports whether the archive is the same, encrypted, and lacks what it had. Whoever has
// no key to it can do no more than that to its log.
func (e *VanishedError) IsRolledBack() bool { return e.Encrypted && e.ArchiveID == e.Was.ArchiveID }

// isElsewhere reports whether the backup that is missing was made at another address, into an archive
// with the same id: one of the two is a copy of the other, such as a mirror that was detached.
func (e *VanishedError) isElsewhere() bool {
	return e.ArchiveID == e.Was.ArchiveID && e.Was.Name != "" && e.Was.Name != e.Address && e.Address != addressOf("")
}

func (e *VanishedError) Error() string {
	s := e.text()
	if e.IsRolledBack() {
		s = "rolled back: " + s
	}
	if e.isElsewhere() {
		s += "; it was made at " + e.Was.Name + ", another address with this archive's id"
	}
	return s
}

func (e *VanishedError) text() string {
	was := fmt.Sprintf("backup %d, with epoch %d, of %s", e.Was.Seq, e.Was.Epoch, e.Was.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	says := " (this process has seen it)"
	if e.Was.Source != "" {
		says = fmt.Sprintf(" (%s says so)", e.Was.Source)
	}
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

// CheckVanished makes sure that the archive still has the backup that is known of it, and
// returns its newest manifest: newest, unless the list was late, which is completed then.
// What is missing is a [*VanishedError].
func (j *Journal) CheckVanished(ctx context.Context, l *List, newest *manifest.Committed, known Memory) (*manifest.Committed, error) {
	if lost := known.Lost(l); lost != nil {
		late, err := findLate(ctx, j.store, lost)
		if err != nil {
			return nil, err
		}
		if late == nil {
			return nil, lost
		}
		l.add(manifest.Seq(lost.Was.Seq), late)
		if err := j.LookBeyond(ctx, l); err != nil {
			return nil, err
		}
		if newest, err = j.Newest(ctx, l); err != nil {
			return nil, err
		}
	}
	if l.Archive == nil || newest == nil {
		return newest, nil
	}
	was := known.of(l.Archive.ArchiveID)
	if was == nil {
		return newest, nil
	}
	there := newest
	if uint64(newest.Seq) > was.Seq {
		var err error
		there, err = j.Load(ctx, l.Archive.ArchiveID, manifest.Seq(was.Seq))
		if IsDamaged(err) {
			return newest, nil // it is not another backup; a verification finds it
		}
		if err != nil {
			return nil, err
		}
	}
	if there.CommitID != was.CommitID {
		if removed, err := j.isRemoved(ctx, l, newest, manifest.Seq(was.Seq)); removed || err != nil {
			return newest, err // whatever is there now does not count
		}
		return nil, &VanishedError{Address: j.Address(), Was: *was, ArchiveID: l.Archive.ArchiveID, Encrypted: l.Archive.Encryption != nil, Seq: uint64(newest.Seq)}
	}
	return newest, nil
}

// isRemoved reports whether the newest keep says that a record is no backup any more. Its
// manifest may be deleted then, and a writer that has slept may have put another one there.
func (j *Journal) isRemoved(ctx context.Context, l *List, newest *manifest.Committed, seq manifest.Seq) (bool, error) {
	last, err := j.Newest(ctx, l)
	if IsDamaged(err) {
		last, err = newest, nil
	}
	if err != nil || seq >= last.NewestKeep() {
		return false, err
	}
	k, err := j.Load(ctx, l.Archive.ArchiveID, last.NewestKeep())
	if IsDamaged(err) {
		return true, nil // nobody knows
	}
	if err != nil {
		return false, err
	}
	return k.Keeping == nil || !k.Keeping.Alive.Contains(seq), nil
}

// findLate returns what the store says of the record of a backup that a list lacks, nil if
// it does not exist.
func findLate(ctx context.Context, s *objects.Store, lost *VanishedError) (*storage.ObjectInfo, error) {
	if lost.ArchiveID != lost.Was.ArchiveID {
		return nil, nil
	}
	info, err := s.Storage.Head(ctx, manifest.Seq(lost.Was.Seq).Key())
	if errors.Is(err, storage.ErrNotExist) {
		return nil, nil
	}
	return &info, err
}
