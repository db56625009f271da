package verify

import (
	"cmp"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// records are the records of an archive, and what the newest keep makes of them.
type records struct {
	list   *journal.List         // its Keep is the newest one that can be read
	read   []*manifest.Committed // ascending: those that could be read
	bySeq  map[manifest.Seq]*manifest.Committed
	keeps  map[manifest.Seq]bool // which numbers are those of keeps
	keys   manifest.Seq          // the newest record of kind keys, 0 if there is none
	living []*manifest.Committed // the backups that could be read, as lists show them
}

// newRecords returns the records of a list of which these could be read.
func newRecords(l *journal.List, read []*manifest.Committed) *records {
	r := &records{list: l, read: read, bySeq: map[manifest.Seq]*manifest.Committed{}, keeps: map[manifest.Seq]bool{}}
	slices.SortFunc(r.read, func(a, b *manifest.Committed) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, m := range r.read {
		r.bySeq[m.Seq] = m
		r.keeps[m.NewestKeep()] = true
		r.keys = m.Keys // of the newest one in the end
	}
	l.SetKeep(r.newestKeep())
	return r
}

// record returns the record with a number, nil if it is missing or damaged.
func (r *records) record(seq manifest.Seq) *manifest.Committed { return r.bySeq[seq] }

// newestKeep returns the newest keep that could be read, nil if there is none.
func (r *records) newestKeep() *manifest.Committed {
	for _, m := range slices.Backward(r.read) {
		if k := r.bySeq[m.NewestKeep()]; k != nil && k.Kind == manifest.Keep {
			return k
		}
	}
	return nil
}

// deadBefore is what the newest keep says of it, 0 without a keep.
func (r *records) deadBefore() manifest.Seq {
	if r.list.Keep == nil {
		return 0
	}
	return r.list.Keep.Keeping.DeadBefore
}

// counts reports whether it matters that a record is right: it describes a backup, has the
// newest list of keys, or is a keep that is not dead. What was removed may be damaged.
func (r *records) counts(seq manifest.Seq) bool {
	k := r.list.Keep
	if k == nil || seq >= k.Seq || k.Keeping.Alive.Contains(seq) || seq == r.keys {
		return true
	}
	return r.keeps[seq] && seq >= r.deadBefore()
}

// firstMissing returns the first number from one on, and below end, whose manifest must not
// be missing; end if there is none.
func (r *records) firstMissing(from, end manifest.Seq) manifest.Seq {
	for from < end && r.mayBeGone(from) {
		from = min(end, firstOfGroup(from)+manifest.GroupBackups)
	}
	return from
}

// firstOfGroup returns the first number of the group of another.
func firstOfGroup(seq manifest.Seq) manifest.Seq {
	return (seq-1)/manifest.GroupBackups*manifest.GroupBackups + 1
}

// mayBeGone reports whether a manifest may have been deleted: that happens to whole groups,
// which have neither a number up to the first keep, nor one that is alive, nor one that is
// not older than everything dead, nor the newest list of keys as of the newest keep.
func (r *records) mayBeGone(seq manifest.Seq) bool {
	k := r.list.Keep
	if k == nil {
		return false
	}
	from := firstOfGroup(seq)
	to := from + manifest.GroupBackups - 1
	if from <= k.Keys && k.Keys <= to {
		return false
	}
	if from <= k.Keeping.First || to >= r.deadBefore() || k.Keeping.Alive.Overlaps(from, to) {
		return false
	}
	then := r.bySeq[r.deadBefore()] // what was alive then is named by what is deleted only later
	return then == nil || then.Kind != manifest.Keep || !then.Keeping.Alive.Overlaps(from, to)
}

// isBackup reports whether there is, or should be, a backup with a number.
func (r *records) isBackup(seq manifest.Seq) bool {
	if k := r.list.Keep; k != nil && seq <= k.Seq {
		return k.Keeping.IsBackup(seq)
	}
	m := r.bySeq[seq]
	return m == nil || m.Kind == manifest.Full || m.Kind == manifest.Incremental
}
