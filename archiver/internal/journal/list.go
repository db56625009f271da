package journal

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// List is archive.json, and the numbers of the records as the store has listed them: all
// of them, or for a writer the newest ones.
type List struct {
	Archive *manifest.Archive          // nil if there is none yet
	Records []manifest.Seq             // ascending
	Written map[manifest.Seq]time.Time // when each of them was, by the store's clock

	// Backups are the backups, in the order of their numbers, as [Journal.Open] finds
	// them. A few may turn out not to be backups when they are read: records after the
	// newest keep that were merged from others.
	Backups []Entry

	// Keep is the newest keep that can be read, nil if there is none. KeepDamage is what
	// is wrong with a newer one, a [*DamagedKeepError].
	Keep       *manifest.Committed
	KeepDamage error

	// Keys is the newest record of kind keys, as the newest record that can be read says; 0 if
	// there is none.
	Keys manifest.Seq

	// Document is what is wrong with archive.json, nil if nothing is. Then Archive has
	// no more than the id that the manifests have.
	Document error

	marks marks // of a mirror, see [List.IsMirror]

	read    map[manifest.Seq]*manifest.Committed // records that were read to find Keep
	damaged map[manifest.Seq]bool                // keeps that could not be read

	// outlines are those of whole groups that were read, by the number of the record that
	// has them; nil unless they are kept.
	outlines map[manifest.Seq][]*manifest.Committed
}

// Last is the number of the newest record, 0 if there is none.
func (l *List) Last() manifest.Seq {
	if len(l.Records) == 0 {
		return 0
	}
	return l.Records[len(l.Records)-1]
}

// KeepOutlines makes l keep the outlines that are read from now on, so that the next who
// asks for them gets them without a request. What more a record has than its outline is not
// kept. Then l must not be used concurrently.
func (l *List) KeepOutlines() {
	if l.outlines == nil {
		l.outlines = map[manifest.Seq][]*manifest.Committed{}
	}
}

// of returns the list of some backups of l.
func (l *List) of(backups []Entry) *List {
	return &List{Archive: l.Archive, Records: l.Records, Backups: backups, Keep: l.Keep, KeepDamage: l.KeepDamage, read: l.read}
}

// Find returns the backup with a number, and whether there is one.
func (l *List) Find(seq manifest.Seq) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(l.Backups, seq, func(e Entry, seq manifest.Seq) int { return cmp.Compare(e.Seq, seq) })
	if !ok {
		return Entry{}, false
	}
	return l.Backups[i], true
}

// NoArchiveError is the error for an address at which there is no archive.
type NoArchiveError struct {
	Address string
	Err     error // what the store says of the bucket if that does not exist, else nil

	IsMirror bool // it is the address of a mirror that is not complete yet
}

func (e *NoArchiveError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	if e.IsMirror {
		return "there is no archive at " + e.Address + " yet: the first mirroring has not come to its end"
	}
	return "there is no archive at " + e.Address
}

// Unwrap returns Err.
func (e *NoArchiveError) Unwrap() error { return e.Err }

// List lists all records. That there is no archive is no error. It is an error, a
// [*DamagedDocumentError], if archive.json is damaged, or missing although there are
// backups.
func (j *Journal) List(ctx context.Context) (*List, error) {
	l, err := j.readDocument(ctx)
	if err != nil {
		return nil, err
	}
	if l.Records, l.Written, err = listAll(ctx, j.store, &l.marks); err != nil {
		return nil, err
	}
	return l, j.checkDocument(ctx, l)
}

// Open is [Journal.OpenRecords], and finds out which records are backups.
func (j *Journal) Open(ctx context.Context, known Memory) (*List, error) {
	l, err := j.OpenRecords(ctx, known)
	if err != nil {
		return nil, err
	}
	return l, j.Resolve(ctx, l)
}

// OpenRecords is [Journal.List] for readers: it sees records that a list does not show yet,
// and does without archive.json if the manifests can be read. If there is no archive, the
// error is a [*NoArchiveError], or a [*VanishedError] if known says that there was one.
func (j *Journal) OpenRecords(ctx context.Context, known Memory) (*List, error) {
	l, err := j.listBeyond(ctx)
	if err != nil {
		l, err = j.listWithoutDocument(ctx, err)
	}
	err = known.NoStore(err)
	if _, gone := errors.AsType[*VanishedError](err); !gone && errors.Is(err, storage.ErrNoStore) {
		return nil, &NoArchiveError{Address: j.Address(), Err: err}
	}
	if err != nil {
		return nil, err
	}
	if l.Archive == nil {
		if lost := known.Lost(l); lost != nil {
			return nil, lost
		}
		return nil, &NoArchiveError{Address: j.Address(), IsMirror: l.IsMirror()}
	}
	return l, j.dropGarbage(ctx, l)
}

// listBeyond is [Journal.List], and looks beyond the list.
func (j *Journal) listBeyond(ctx context.Context) (*List, error) {
	l, err := j.List(ctx)
	if err == nil {
		err = j.LookBeyond(ctx, l)
	}
	return l, err
}

// LookBeyond adds the backups that a list does not show yet: lists may be late, or come
// out of a cache.
func (j *Journal) LookBeyond(ctx context.Context, l *List) error {
	for l.Archive != nil {
		next := l.Last() + 1
		info, err := j.store.Storage.Head(ctx, next.Key())
		if errors.Is(err, storage.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		l.add(next, &info)
	}
	return nil
}

// add adds the newest record, which a list did not show.
func (l *List) add(seq manifest.Seq, info *storage.ObjectInfo) {
	l.Records = append(l.Records, seq)
	if l.Written != nil {
		l.Written[seq] = info.ModTime
	}
}

// listAll returns the numbers of all records, and when each was written.
func listAll(ctx context.Context, s *objects.Store, m *marks) (seqs []manifest.Seq, written map[manifest.Seq]time.Time, err error) {
	written = map[manifest.Seq]time.Time{}
	for info, err := range listJournal(ctx, s, "") {
		if err != nil {
			return nil, nil, err
		}
		m.note(info.Key)
		if seq, ok := manifest.ParseKey(info.Key); ok {
			seqs = append(seqs, seq)
			written[seq] = info.ModTime
		}
	}
	listed(s, seqs)
	return seqs, written, nil
}

// listed tells the keys which record is the newest one in a list.
func listed(s *objects.Store, records []manifest.Seq) {
	if n := len(records); n > 0 {
		s.Ring.Listed(records[n-1])
	}
}
