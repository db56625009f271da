package archiver

import (
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/hold"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// remember returns what the holds of the database at path, "" for none, and this host's
// record say of the archive from before.
func remember(a *Archive, path string) journal.Memory {
	m := journal.Memory{Name: a.name, Record: a.records.Read(a.name)}
	if path == "" {
		return m
	}
	entries, err := hold.Read(path)
	if err != nil {
		return m
	}
	for _, h := range entries {
		if h.Seq > 0 { // else its first backup was killed
			m.Holds = append(m.Holds, journal.Sighting{
				Name: h.Name, ArchiveID: h.ArchiveID, Encrypted: a.records.KeyFile(h.ArchiveID) != "", Seq: h.Seq, CommitID: h.CommitID, Epoch: h.Epoch, At: h.UpdatedAt, Source: grafeo.CursorPath(path),
			})
		}
	}
	return m
}

// note records on this host that head is the newest backup of the archive.
func (a *Archive) note(ctx context.Context, head *manifest.Committed, anew bool) {
	a.records.Note(ctx, a.name, head, a.objects.Ring.IsSealed(), anew)
}

// existing returns the journal of an archive for a verb that reads: if there is no
// archive, or another one than the encrypted one that this host knows, that is an error. If
// the archive lacks what this host has seen there before, that is only a warning.
func (a *Archive) existing(ctx context.Context) (*journal.List, error) {
	h, err := a.existingRecords(ctx, a.journal.Open)
	if err == nil {
		a.warnOfKeep(h)
	}
	return h, err
}

// upToDate calls read, which reads a list of the journal and what that names, and again, a
// few times, if what it misses may have been deleted by an expiry meanwhile.
func (a *Archive) upToDate(ctx context.Context, read func() (*journal.List, error)) error {
	for n := 0; ; n++ {
		l, err := read()
		if l == nil || n == maxReplans {
			return err
		}
		outdated, err := a.journal.IsOutdated(ctx, l, err)
		if !outdated {
			return err
		}
	}
}

// warnOfKeep says so if nobody knows what was removed last.
func (a *Archive) warnOfKeep(h *journal.List) {
	if h.KeepDamage != nil {
		a.log.Warn("which backups were removed last cannot be read: some may be shown that no longer exist", "err", h.KeepDamage)
	}
}

// warnOfKeys says so if the archive lacks the newest list of keys. What is left can be read.
func (a *Archive) warnOfKeys(ctx context.Context, h *journal.List) {
	if err := a.journal.CheckKeys(ctx, h); err != nil && ctx.Err() == nil {
		a.log.Warn("the archive may not be as it was", "err", err)
	}
}

// existingRecords is [Archive.existing], opened with a method of the journal.
func (a *Archive) existingRecords(ctx context.Context, open func(context.Context, journal.Memory) (*journal.List, error)) (*journal.List, error) {
	m := remember(a, "")
	h, err := open(ctx, m)
	if err != nil {
		return nil, err
	}
	lost := m.Lost(h)
	if lost != nil && isReplacedEncrypted(lost) {
		return nil, lost
	}
	if lost != nil {
		a.log.Warn("the archive is not as it was", "err", lost)
	}
	a.warnOfKeys(ctx, h)
	return h, nil
}

// backups is [Archive.existing] for a target: there must be a backup and, if the target
// names one, that one.
func (a *Archive) backups(ctx context.Context, t catalog.Target) (*journal.List, error) {
	h, err := a.existing(ctx)
	if err != nil {
		return nil, err
	}
	if len(h.Backups) == 0 {
		return nil, &journal.NoBackupError{}
	}
	b := manifest.Seq(t.Backup)
	if _, ok := h.Find(b); b == 0 || ok {
		return h, nil
	}
	return nil, noBackup(h, b)
}

// noBackup is the error for a backup that is not in h.
func noBackup(h *journal.List, b manifest.Seq) error {
	e := &journal.NoBackupError{Seq: uint64(b), First: uint64(h.Backups[0].Seq), Last: uint64(h.Backups[len(h.Backups)-1].Seq)}
	if b > h.Last() {
		return e
	}
	if h.Keep == nil || b > h.Keep.Seq {
		return &manifest.ObjectError{Key: b.Key(), Problem: "it is missing"} // there are later ones
	}
	e.Gone = true
	for _, other := range h.Backups {
		if other.From != 0 && other.From <= b && b < other.Seq {
			e.MergedFrom, e.MergedInto = uint64(other.From), uint64(other.Seq)
		}
	}
	return e
}

// knows reports whether the archive has a backup of the database with this id.
func (a *Archive) knows(ctx context.Context, id string) (bool, error) {
	if id == manifest.UnknownID {
		return false, nil
	}
	h, err := a.existing(ctx)
	if err != nil {
		return false, err
	}
	known := false
	err = a.journal.LoadOutlines(ctx, h, func(_ int, m *manifest.Committed, err error) error {
		var object *manifest.ObjectError
		if errors.As(err, &object) {
			return nil // what cannot be read says nothing
		}
		known = known || m != nil && m.Database.ID == id
		return err
	})
	return known, err
}
