package journal

import (
	"context"
	"errors"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// listPage is how many objects a store lists in one request.
const listPage = 1000

// FindNewest lists the end of the journal, which is all that a backup needs. That takes
// one LIST if known tells which backup was the newest and at most a thousand follow it,
// or if there are less than a thousand; otherwise a number that grows with the logarithm
// of the number of backups.
func (j *Journal) FindNewest(ctx context.Context, known Memory) (*List, error) {
	l, err := j.readDocument(ctx)
	if err != nil {
		return nil, err
	}
	hint := manifest.Seq(0)
	if l.Archive != nil {
		hint = known.newest(l.Archive.ArchiveID)
	}
	all := false
	if hint > 0 {
		if l.Records, all, err = listFrom(ctx, j.store, hint, listPage, &l.marks); err != nil {
			return nil, err
		}
	}
	if !slices.Contains(l.Records, hint) { // it is not of this archive, or no longer exists
		l.Records, all = nil, false
	}
	if !all {
		if l.Records, err = searchEnd(ctx, j.store, l.Records, &l.marks); err != nil {
			return nil, err
		}
	}
	return l, j.checkDocument(ctx, l)
}

// CheckKeys makes sure that the archive has the record with the newest list of keys that is known
// here, such as by the writer key: if not, it was set back, and somebody who was removed would open
// again what comes. The error is a [*manifest.ObjectError].
func (j *Journal) CheckKeys(ctx context.Context, l *List) error {
	record := j.store.Ring.Keys()
	if l.Archive == nil || record <= l.Last() {
		return nil
	}
	_, err := j.store.Storage.Head(ctx, record.Key()) // lists may be late
	if errors.Is(err, storage.ErrNotExist) {
		return objects.MissingKeys(record)
	}
	return err
}

// FindLast returns the number of the newest record. Record seq exists.
func (j *Journal) FindLast(ctx context.Context, seq manifest.Seq) (manifest.Seq, error) {
	records, err := searchEnd(ctx, j.store, []manifest.Seq{seq}, &marks{})
	if err != nil {
		return 0, err
	}
	l := &List{Archive: &manifest.Archive{}, Records: records}
	err = j.LookBeyond(ctx, l)
	return l.Last(), err
}

// listFrom returns the numbers of the backups from seq on, of at most limit objects, and
// whether these are all. It takes one request if limit is listPage.
func listFrom(ctx context.Context, s *objects.Store, seq manifest.Seq, limit int, m *marks) (seqs []manifest.Seq, all bool, err error) {
	n := 0
	for info, err := range listJournal(ctx, s, (seq - 1).Key()) {
		if err != nil {
			return nil, false, err
		}
		m.note(info.Key)
		if seq, ok := manifest.ParseKey(info.Key); ok {
			seqs = append(seqs, seq)
		}
		if n++; n == limit {
			listed(s, seqs)
			return seqs, false, nil
		}
	}
	listed(s, seqs)
	return seqs, true, nil
}

// searchEnd returns the numbers of the newest backups. It looks after those that are
// known, further and further ahead until there is nothing, and then halves.
func searchEnd(ctx context.Context, s *objects.Store, known []manifest.Seq, m *marks) ([]manifest.Seq, error) {
	end := manifest.MaxSeq + 1 // from here on there is nothing
	for ahead := manifest.Seq(0); ; ahead = 3*ahead + listPage {
		last := manifest.Seq(0)
		if len(known) > 0 {
			last = known[len(known)-1]
		}
		if last+1 >= end {
			return known, nil
		}
		next := last + 1
		switch {
		case end > manifest.MaxSeq:
			next = min(next+ahead, manifest.MaxSeq)
		case end-next > listPage:
			next += (end - next) / 2
		}
		seqs, all, err := listFrom(ctx, s, next, listPage, m)
		switch {
		case err != nil || all && len(seqs) > 0:
			return seqs, err
		case len(seqs) > 0:
			known = seqs
		case all:
			end = next
		default: // a page full of other objects
			seqs, _, err = listFrom(ctx, s, 1, objects.MaxManifests, m)
			return seqs, err
		}
	}
}
