package archiver

import (
	"context"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Kind is how much of a database a backup holds.
type Kind string

// The kinds of backups.
const (
	KindFull        Kind = "full"        // an image and the log that belongs to it
	KindIncremental Kind = "incremental" // the log after the backup that it continues
	KindMerged      Kind = "merged"      // the log of several incremental backups in a row, in one

	// KindNone is the kind of a run that found nothing new: it stored nothing, and the
	// backup that it describes is the newest one, which has everything.
	KindNone Kind = "none"
)

// Backup describes a committed backup. Sizes are in bytes, times in UTC.
type Backup struct {
	Seq      uint64 // its number in the archive, from 1
	Kind     Kind
	From     uint64 // of a merged one: the first of the backups that it replaces (the last is Seq); else 0
	Timeline int    // a stretch of history without a fork; only epochs of the same timeline can be compared

	// StartEpoch to EndEpoch is what the backup itself holds; RestoreFrom to RestoreTo is
	// what can be restored from it and the backups that it continues.
	StartEpoch, EndEpoch   uint64
	RestoreFrom, RestoreTo uint64

	CreatedAt time.Time  // when the database was read
	EndTime   *time.Time // of the last commit; nil where the database keeps no times

	RawBytes    int64 // of the database's files
	StoredBytes int64 // of the segments that the run has written
	ReusedBytes int64 // raw bytes of segments that were in the archive already
	Segments    int   // objects among these: a small segment is inside the manifest

	Database   string // name of the database's file
	DatabaseID string
	Generation grafeo.Generation // of the database
	Host, Tool string            // that made it

	Labels map[string]string // that [BackupOptions] has given it
}

// RestorableTo returns the moment up to which the backup restores: that of its last commit or, where
// the database keeps no times, when it was read.
func (b *Backup) RestorableTo() time.Time {
	if b.EndTime != nil {
		return *b.EndTime
	}
	return b.CreatedAt
}

func describe(m *manifest.Manifest) Backup {
	kind, from := Kind(m.Kind), uint64(0)
	if m.Replaces != nil { // it is shown as the incremental that it stands in for
		kind, from = KindMerged, uint64(m.Replaces[0])
	}
	return Backup{
		Seq: uint64(m.Seq), Kind: kind, From: from, Timeline: m.Timeline,
		StartEpoch: m.StartEpoch, EndEpoch: m.EndEpoch, RestoreFrom: m.RestoreFrom, RestoreTo: m.EndEpoch,
		CreatedAt: m.CreatedAt, EndTime: m.EndTime,
		RawBytes: m.RawBytes, StoredBytes: m.StoredBytes, ReusedBytes: m.ReusedBytes, Segments: m.SegmentsNew,
		Database: m.Database.Name, DatabaseID: m.Database.ID, Generation: grafeo.Generation(m.Database.Generation),
		Host: m.Host, Tool: m.Tool, Labels: m.Labels,
	}
}

// describeAll describes backups; of none, the list is empty, and not nil.
func describeAll(all []*manifest.Committed) []Backup {
	described := make([]Backup, len(all))
	for i, m := range all {
		described[i] = describe(m.Manifest)
	}
	return described
}

// nothingNew is the report of a run for which head has everything already.
func nothingNew(head *manifest.Committed) BackupReport {
	b := describe(head.Manifest)
	b.Kind, b.StartEpoch = KindNone, b.EndEpoch
	b.RawBytes, b.StoredBytes, b.ReusedBytes, b.Segments = 0, 0, 0, 0
	return BackupReport{Backup: b}
}

// ListReport is what an archive has.
type ListReport struct {
	Backups    []Backup    // all of them, the oldest first
	Restorable []Reach     // what can be restored from them, as in [StatusReport]; nil of removed ones
	Encryption *Encryption // of the archive; nil if it is not encrypted
	Requests   storage.RequestCounts
	Elapsed    time.Duration
}

// List returns all backups of the archive. The error is [CodeNoArchive] if there is no
// archive; an archive may have no backup. It reads one manifest of 32 backups, which
// describes the others: if one of those is damaged, [Archive.Verify] finds it.
func (a *Archive) List(ctx context.Context) (ListReport, error) {
	var r ListReport
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		_, all, err := a.outlines(ctx, a.existing)
		r.Backups, r.Restorable = describeAll(all), reachOf(catalog.New(all))
		if err == nil {
			r.Encryption, err = a.encryption(ctx)
		}
		return err
	})
	if err != nil {
		return ListReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// outlines reads the outlines of all backups of the archive that open opens.
func (a *Archive) outlines(ctx context.Context, open func(context.Context) (*journal.List, error)) (l *journal.List, all []*manifest.Committed, err error) {
	err = a.upToDate(ctx, func() (*journal.List, error) {
		if l, err = open(ctx); err != nil {
			return nil, err
		}
		all = make([]*manifest.Committed, len(l.Backups))
		return l, a.journal.LoadOutlines(ctx, l, func(i int, m *manifest.Committed, err error) error {
			all[i] = m
			return l.AboutNewest(err)
		})
	})
	return l, slices.DeleteFunc(all, func(m *manifest.Committed) bool { return m == nil }), err // some are no backups
}
