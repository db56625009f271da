package commit

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// A process that appends again and again keeps the head between its updates, as a [Tip], and
// reads nothing that it knows already. For everybody else such an update is that of a writer
// who read the head when the tip was made, and has slept since then; and however long a writer
// sleeps is what the commit and the rules of retention are made for:
//
//   - Whatever was committed meanwhile, a backup or a keep, has the number that this writer
//     wants: a conflict, and the head is read.
//   - If that number is free again, because an expiry has deleted what had it, a keep has
//     followed the one that the tip knows, and the fence after the commit says so (fence.go).
//     A tip that knows no keep wants a number that is never deleted.
//   - What the record names is of the newest generation that the tip knows, or of one after
//     the horizon of that keep. A keep that declares it dead has the number that the writer wants.
//
// What sleep cannot bring about is an archive that was emptied or replaced: there, the next
// number may be free, and would begin a log without a beginning. So before a commit that follows
// a tip, the newest record is looked at once more, beside the storing of what is committed. If
// it is not there, or is another one, nothing is committed, and the head is read.

// Tip is the end of a journal as an update has left it. It has no content of backups, and
// its size does not depend on theirs.
type Tip struct{ head Head }

// Tip returns the head for the next update of this process, nil if there is no record yet.
func (h *Head) Tip() *Tip {
	if h.Last == nil {
		return nil
	}
	last := withoutContent(h.Last)
	parent := last
	if h.Parent != h.Last {
		parent = withoutSummaries(withoutContent(h.Parent))
	}
	return &Tip{Head{Store: h.Store, Archive: h.Archive, Last: last, Parent: parent, First: true, Generation: h.NewestKeep(), journal: h.journal}}
}

// Parent returns the newest backup, nil if there is none. It has no content.
func (t *Tip) Parent() *manifest.Committed { return t.head.Parent }

// Check asks the store once whether the newest record is still there. If it is not, or is another
// one, the error is [ErrOutdated].
func (t *Tip) Check(ctx context.Context) error { return t.head.isStored(ctx) }

func withoutContent(m *manifest.Committed) *manifest.Committed {
	if m == nil {
		return nil
	}
	without := *m.Manifest
	without.Content = nil
	return &manifest.Committed{Manifest: &without, Digest: m.Digest, Record: m.Record}
}

func withoutSummaries(m *manifest.Committed) *manifest.Committed {
	if m != nil {
		m.Earlier = nil
	}
	return m
}

// ErrOutdated: the head that was kept is not the end of the journal any more, or does not show
// what is to be done. An attempt returns it to be called again with a head that was read.
var ErrOutdated = errors.New("the archive is not as it was, and is read again")

// maxAge is how old the answer may be that the newest record is still there when the next one
// is committed.
const maxAge = time.Minute

// secondLook is the look at the newest record of a kept head.
type secondLook struct {
	began time.Time
	done  chan struct{} // closed when err is known; nil before it begins
	err   error
	stop  context.CancelFunc
}

// IsKept reports whether the head is that of a tip. Once something was committed on it, it is the
// end of the journal like any other.
func (h *Head) IsKept() bool { return h.second != nil }

// WasRead reports whether this update has read the head.
func (h *Head) WasRead() bool { return !h.fromTip }

// LookAgain begins to look whether the newest record of a kept head is still there: beside what
// the caller does next, and [Head.Commit] waits for the answer. It does nothing for a head that
// was read.
func (h *Head) LookAgain(ctx context.Context) {
	s := h.second
	if s == nil || s.done != nil {
		return
	}
	s.began, s.done = time.Now(), make(chan struct{})
	ctx, s.stop = context.WithCancel(ctx)
	go func() {
		defer close(s.done)
		s.err = h.isStored(ctx)
	}()
}

// end waits for the look, if it has begun.
func (s *secondLook) end() {
	if s != nil && s.done != nil {
		s.stop()
		<-s.done
	}
}

// mustBeLast returns an error unless the head was read by this update, or its newest record
// was seen within the last minute.
func (h *Head) mustBeLast(ctx context.Context) error {
	for h.second != nil {
		s := h.second
		h.LookAgain(ctx)
		<-s.done
		s.stop()
		if s.err != nil || time.Since(s.began) <= maxAge {
			return s.err
		}
		h.second = &secondLook{}
	}
	return nil
}

// beginning is how much of a manifest is read to see which one it is. Its commit id, which is
// random, stands in the first hundred bytes or so, and a manifest has more than these.
const beginning = 512

// isStored returns [ErrOutdated] unless the newest record is in the store. One request shows
// that, and costs the same whatever the record has. (A Head would not do: most stores tell no
// digest.)
func (h *Head) isStored(ctx context.Context) error {
	b, err := h.Store.ReadPart(ctx, h.Last.Seq.Key(), storage.Range{Length: beginning})
	switch {
	case journal.IsDamaged(err), errors.Is(err, storage.ErrNoStore):
		return ErrOutdated
	case err == nil && !bytes.Contains(b, []byte(`"`+h.Last.CommitID+`"`)):
		return ErrOutdated
	}
	return err
}

// onTip calls attempt with the head that was kept. It reports whether that was enough: otherwise
// the head has to be read.
func onTip(t *Tip, attempt func(*Head) error) (isDone bool, err error) {
	head := t.head
	head.fromTip, head.second = true, &secondLook{}
	err = attempt(&head)
	head.second.end()
	_, unknown := errors.AsType[*UnknownOutcomeError](err)
	switch {
	case unknown: // whatever the reason, the record may be there
	case errors.Is(err, ErrOutdated), errors.Is(err, ErrConflict), journal.IsDamaged(err):
		return false, err
	}
	return true, err
}
