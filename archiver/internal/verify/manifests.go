package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// manifests reads all manifests and compares them with each other.
func (v *verification) manifests(ctx context.Context, l *journal.List) (*records, error) {
	r, err := v.readManifests(ctx, l)
	if err != nil {
		return nil, err
	}
	v.report.Objects += len(l.Records)
	v.sequence(r)
	if err := v.backups(r); err != nil {
		return nil, err
	}
	v.ancestry(r)
	return r, v.fences(ctx, r)
}

// readManifests reads all manifests, and compares what they say of each other in
// summaries. What is wrong with those that count is found.
func (v *verification) readManifests(ctx context.Context, l *journal.List) (*records, error) {
	var read []*manifest.Committed
	known := map[manifest.Seq]*manifest.Committed{}
	damaged, wrong := map[manifest.Seq]error{}, map[manifest.Seq]string{}
	for seqs := range slices.Chunk(l.Records, journal.Readers*manifest.GroupBackups) {
		part := make([]*manifest.Committed, 0, len(seqs))
		err := v.journal.LoadRecords(ctx, l.Archive.ArchiveID, seqs, func(i int, m *manifest.Committed, err error) error {
			if isAboutObject(err) {
				damaged[seqs[i]] = err
				return nil
			}
			if err == nil {
				known[m.Seq], part = m, append(part, m)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		compareSummaries(known, part, wrong)
		read = append(read, part...)
	}
	r := newRecords(l, read)
	for _, seq := range l.Records {
		if !r.counts(seq) {
			continue
		}
		if err := v.pass(damaged[seq]); err != nil {
			return nil, err
		}
		if wrong[seq] != "" {
			v.find(seq.Key(), wrong[seq])
		}
	}
	return r, nil
}

// compareSummaries compares what the manifests of part say in summaries with the manifests
// that these summarize, as far as they have been read, and drops the summaries: of many
// backups they are as much as all the rest. What is wrong, it says by number.
func compareSummaries(known map[manifest.Seq]*manifest.Committed, part []*manifest.Committed, wrong map[manifest.Seq]string) {
	for _, m := range part {
		for _, b := range m.Outlines() {
			if of := known[b.Seq]; of != nil && of != m && !of.SameOutline(b) {
				wrong[m.Seq] = fmt.Sprintf("what it says about backup %d is not what that manifest says", b.Seq)
			}
		}
		m.Earlier = nil
	}
}

// sequence makes sure that no number is missing but those that may be gone, and that each
// manifest names the digest of the one before.
func (v *verification) sequence(r *records) {
	before := manifest.Seq(0)
	for _, seq := range r.list.Records {
		switch missing := r.firstMissing(before+1, seq); {
		case missing == seq:
		case before == 0:
			v.find(missing.Key(), fmt.Sprintf("it is missing: the first manifest is that of backup %d", seq))
		default:
			v.find(missing.Key(), fmt.Sprintf("it is missing: backup %d follows backup %d", seq, before))
		}
		if m, previous := r.record(seq), r.previous(seq); m != nil && previous != nil && *m.Previous != previous.Digest {
			v.find(previous.Seq.Key(), fmt.Sprintf("it is not the manifest that backup %d was committed on", seq))
		}
		before = seq
	}
}

// previous returns the record before another, nil if it is missing or damaged. One whose
// manifest may be gone is none: somebody may have created another one under its number,
// which does not count.
func (r *records) previous(seq manifest.Seq) *manifest.Committed {
	if before := seq - 1; before > 0 && !r.mayBeGone(before) {
		return r.record(before)
	}
	return nil
}

// backups finds out which records are backups, and makes sure that those that incrementals
// continue exist.
func (v *verification) backups(r *records) error {
	for _, e := range r.list.Backups {
		m := r.record(e.Record)
		if m == nil {
			continue
		}
		b, err := e.Backup(m)
		if err := v.pass(err); err != nil {
			return err
		}
		if b != nil {
			r.living = append(r.living, b)
		}
	}
	v.report.Backups = len(r.living)
	for _, m := range r.living {
		if m.Kind == manifest.Incremental && !r.isBackup(*m.Continues) {
			v.find(m.Key(), fmt.Sprintf("it continues backup %d, which does not exist any more", *m.Continues))
		}
	}
	return nil
}

// ancestry checks what each record that counts says about those before it.
func (v *verification) ancestry(r *records) {
	c := catalog.New(r.all())
	for _, m := range r.read {
		if !r.counts(m.Seq) {
			continue
		}
		err := c.CheckAncestry(m, r.previous(m.Seq))
		switch {
		case err != nil:
		case m.Kind == manifest.Keep:
			err = catalog.CheckKeep(m, r.record, r.read)
		case m.Kind == manifest.Merged:
			err = catalog.CheckMerged(m, r.record)
		}
		if err != nil {
			v.find(m.Seq.Key(), err.Error())
		}
	}
}

// all returns all backups that could be read, removed ones as well. A merged one is there
// under the number of a backup whose own manifest is gone.
func (r *records) all() []*manifest.Committed {
	var all []*manifest.Committed
	for _, m := range r.read {
		if m.Kind == manifest.Full || m.Kind == manifest.Incremental {
			all = append(all, m)
		}
	}
	for _, m := range r.living {
		if r.record(m.Seq) == nil {
			all = append(all, m)
		}
	}
	return all
}

// fences makes sure that there is a fence before each keep that follows another one.
func (v *verification) fences(ctx context.Context, r *records) error {
	var before []manifest.Seq // keeps that another one follows
	for _, m := range r.read {
		if m.Kind == manifest.Keep && m.Keep != 0 && r.counts(m.Seq) {
			before = append(before, m.Keep)
		}
	}
	if len(before) == 0 {
		return nil
	}
	there, err := v.sizes(ctx, manifest.FencePrefix)
	if err != nil {
		return err
	}
	for _, keep := range before {
		v.report.Objects++
		key := manifest.FenceKey(keep)
		if _, ok := there[key]; !ok {
			v.find(key, fmt.Sprintf("it is missing, although a keep follows the keep %d", keep))
		} else if v.deep {
			if err := v.fence(ctx, key, keep, r.list.Archive.ArchiveID); err != nil {
				return err
			}
		}
	}
	return nil
}

// fence reads a fence. That it exists is all that backups ask for.
func (v *verification) fence(ctx context.Context, key string, keep manifest.Seq, archiveID string) error {
	d, err := v.store.ReadDocument(ctx, key)
	if err != nil {
		return v.pass(err)
	}
	f, err := manifest.DecodeFence(d.Bytes)
	switch {
	case errors.Is(err, manifest.ErrDamaged):
		v.find(key, err.Error())
	case err != nil:
		return fmt.Errorf("%s: %w", key, err)
	case f.Keep != keep || f.ArchiveID != archiveID:
		v.find(key, fmt.Sprintf("it is the fence of keep %d of archive %s", f.Keep, f.ArchiveID))
	}
	return nil
}
