package journal

import (
	"context"
	"fmt"
	"sort"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Entry is a backup of a list.
type Entry struct {
	Seq    manifest.Seq // of the backup
	Record manifest.Seq // whose manifest describes it: Seq itself, unless it was merged
	From   manifest.Seq // if it was merged, the first backup that it stands for; else 0
}

// maxDamagedEnd is how many records at the end of the journal may be damaged before
// nobody looks further back for the newest keep.
const maxDamagedEnd = 32

// Resolve finds the newest keep, and with it the backups of l: those that the keep says
// are alive, and the records after it. Whether such a record is a backup, its kind says
// when it is read.
func (j *Journal) Resolve(ctx context.Context, l *List) error {
	if err := j.findKeep(ctx, l); err != nil {
		return err
	}
	l.SetKeep(l.Keep)
	return nil
}

// SetKeep makes k the newest keep of l, nil for none, and sets the backups to those that it
// and the records after it make.
func (l *List) SetKeep(k *manifest.Committed) {
	l.Keep, l.Backups = k, nil
	newestKeep := manifest.Seq(0)
	if k != nil {
		newestKeep = k.Seq
		for shown, record := range k.Keeping.Backups() {
			e := Entry{Seq: shown, Record: record}
			if shown != record {
				e.From = k.Keeping.StandInFor(shown).From
			}
			l.Backups = append(l.Backups, e)
		}
	}
	for _, seq := range l.Records {
		if seq > newestKeep && !l.damaged[seq] {
			l.Backups = append(l.Backups, Entry{Seq: seq, Record: seq})
		}
	}
}

// findKeep reads the newest keep of l. Damaged records at the end are passed over: what
// was committed before them is not affected. If the keep itself is damaged, so that the
// one before it is the newest that can be read, l.KeepDamage says so.
func (j *Journal) findKeep(ctx context.Context, l *List) error {
	l.Keep, l.KeepDamage, l.Keys, l.read, l.damaged = nil, nil, 0, map[manifest.Seq]*manifest.Committed{}, map[manifest.Seq]bool{}
	damaged := 0
	for i := len(l.Records) - 1; i >= 0; i-- {
		m, err := j.load(ctx, l, l.Records[i])
		if IsDamaged(err) {
			if damaged++; damaged >= maxDamagedEnd {
				return l.AboutNewest(err)
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(l.read) == 0 {
			l.Keys = m.Keys
		}
		l.read[m.Seq] = m
		seq := m.NewestKeep()
		if seq == 0 {
			return nil
		}
		keep, err := j.load(ctx, l, seq)
		if err == nil && keep.Keeping == nil {
			err = &manifest.ObjectError{Key: seq.Key(), Problem: fmt.Sprintf("it is no keep, but record %d says that it is", m.Seq)}
		}
		switch {
		case err == nil:
			l.Keep, l.read[seq] = keep, keep
			return nil
		case !IsDamaged(err):
			return err
		case l.KeepDamage == nil:
			l.KeepDamage = &DamagedKeepError{err}
		}
		l.damaged[seq] = true
		i = sort.Search(i, func(i int) bool { return l.Records[i] >= seq })
	}
	return nil
}

// load is [Journal.Load] of a record of l. What findKeep has read is not read again.
func (j *Journal) load(ctx context.Context, l *List, seq manifest.Seq) (*manifest.Committed, error) {
	if m := l.read[seq]; m != nil {
		return m, nil
	}
	return j.Load(ctx, l.Archive.ArchiveID, seq)
}

// LoadBackup reads the manifest of a backup of l. If it is damaged or missing, the error is
// a [*manifest.ObjectError].
func (j *Journal) LoadBackup(ctx context.Context, l *List, seq manifest.Seq) (*manifest.Committed, error) {
	e, _ := l.Find(seq)
	m, err := j.load(ctx, l, e.Record)
	if err != nil {
		return nil, err
	}
	return e.Backup(m)
}

// Backup returns the backup of an entry that the record m describes: m itself, or a copy
// under the number of the backup that it stands in for. It is nil if m is no backup.
func (e Entry) Backup(m *manifest.Committed) (*manifest.Committed, error) {
	switch {
	case e.Seq == e.Record && m.Kind.IsBackup():
		return m, nil
	case e.Seq == e.Record:
		return nil, nil
	case m.Kind != manifest.Merged:
		return nil, &manifest.ObjectError{Key: e.Record.Key(), Problem: fmt.Sprintf("it is not merged, and should stand in for backup %d", e.Seq)}
	}
	shown := *m.Manifest
	shown.Seq, shown.Kind, shown.Replaces = e.Seq, manifest.Incremental, &manifest.Range{e.From, e.Seq}
	return &manifest.Committed{Manifest: &shown, Digest: m.Digest, Record: e.Record}, nil
}
