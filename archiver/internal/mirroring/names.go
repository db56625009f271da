package mirroring

import (
	"context"
	"errors"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// named is an object that new records name.
type named struct {
	size   int64
	sum    manifest.Digest
	by     manifest.Seq // the first needed record that names it, 0 if none does
	isSeen bool         // one of the archives has it
}

// isNew reports whether the target does not have a record yet, and it comes after those that it
// has. In a first mirroring all are.
func (r *run) isNew(seq manifest.Seq) bool { return r.isFirst || !r.has[seq] }

// isRead reports whether a new record was read, and is not damaged.
func (r *run) isRead(seq manifest.Seq) bool {
	_, isRead := r.digests[seq]
	return isRead
}

// isNeeded reports whether the newest keep of the source does not rule out a record.
func (r *run) isNeeded(seq manifest.Seq) bool {
	if r.list == nil || r.list.Keep == nil {
		return true
	}
	return seq >= r.list.Keep.Seq || r.list.Keep.Keeping.Alive.Contains(seq) || r.keys[seq]
}

// nameAll reads new records, and finds out what they name. A damaged one is noted, and so is one of
// which the index is.
func (r *run) nameAll(ctx context.Context) error {
	r.named, r.digests, r.keys = map[string]*named{}, map[manifest.Seq]manifest.Digest{}, map[manifest.Seq]bool{}
	if r.list == nil {
		return nil
	}
	if seq := r.firstMissing(); seq != 0 {
		r.stop = min(r.stop, seq)
		r.report.Damaged = append(r.report.Damaged, Damage{manifest.ObjectError{Key: seq.Key(), Problem: "it is missing"}, true})
	}
	var fresh []manifest.Seq
	for _, seq := range r.records {
		if r.isNew(seq) {
			fresh = append(fresh, seq)
		}
	}
	return r.Source.LoadRecords(ctx, r.list.Archive.ArchiveID, fresh, func(i int, m *manifest.Committed, err error) error {
		if err == nil {
			r.digests[m.Seq], r.keys[m.Seq] = m.Digest, m.Kind == manifest.KeyChange
			err = r.nameBy(ctx, m)
		}
		if !journal.IsDamaged(err) {
			return err
		}
		return r.spoilRecord(ctx, fresh[i], err)
	})
}

// firstMissing returns the first needed record that the list of the source lacks, 0 if there is none.
func (r *run) firstMissing() manifest.Seq {
	next := manifest.Seq(1) // from here on, no number is missing
	if k := r.list.Keep; k != nil {
		for seq := range k.Keeping.Alive.All() {
			if _, ok := slices.BinarySearch(r.records, seq); !ok {
				return seq
			}
		}
		next = k.Seq
	}
	for _, seq := range r.records {
		if seq > next {
			return next
		}
		if seq == next {
			next++
		}
	}
	return 0
}

// nameBy notes what a record names.
func (r *run) nameBy(ctx context.Context, m *manifest.Committed) error {
	if ref := m.Index; ref != nil {
		r.name(m.Seq, ref.Key, ref.StoredBytes, ref.SHA256)
	}
	if m.Index == nil && m.Content == nil {
		return nil
	}
	ix, err := r.Source.Index(ctx, m)
	if err != nil {
		return err
	}
	for _, s := range ix.Segments {
		if !s.IsInline() {
			r.name(m.Seq, s.Key, s.StoredBytes, s.SHA256)
		}
	}
	if image := ix.Image(); image != nil {
		for _, p := range image.Pages {
			r.name(m.Seq, p.Key, p.StoredBytes, p.SHA256)
		}
	}
	return nil
}

func (r *run) name(by manifest.Seq, key string, size int64, sum manifest.Digest) {
	n := r.named[key]
	if n == nil {
		n = &named{size: size, sum: sum}
		r.named[key] = n
	}
	if r.isNeeded(by) && (n.by == 0 || by < n.by) {
		n.by = by
	}
}

// spoilRecord notes that a record, or its index, is damaged or missing, which err says. Of one that is
// not needed, an expiry may have deleted the index.
func (r *run) spoilRecord(ctx context.Context, seq manifest.Seq, err error) error {
	object := damageOf(err)
	if !r.isNeeded(seq) {
		r.isUneven = true
		if isGone, err := isMissing(ctx, r.Source.Store(), object); isGone || err != nil {
			return err
		}
	} else {
		r.stop = min(r.stop, seq)
	}
	r.report.Damaged = append(r.report.Damaged, Damage{object, true})
	return nil
}

// damageOf returns which object err is about.
func damageOf(err error) manifest.ObjectError {
	object, _ := errors.AsType[*manifest.ObjectError](err)
	return *object
}

// isMissing reports whether an object with which something is wrong does not exist. If that cannot
// be seen, the error is a [*journal.UnseenError].
func isMissing(ctx context.Context, s *objects.Store, object manifest.ObjectError) (bool, error) {
	_, err := s.Storage.Head(ctx, object.Key)
	switch {
	case err == nil, errors.Is(err, storage.ErrPermission): // who may not ask has read it
		return false, nil
	case errors.Is(err, storage.ErrNotExist):
		return true, nil
	}
	return false, &journal.UnseenError{Missing: &object, Look: err}
}
