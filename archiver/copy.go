package archiver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/copying"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/verify"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// CopyOptions modify one copy of an archive. The zero value is usable.
type CopyOptions struct {
	// DryRun changes nothing, and reports what would be copied.
	DryRun bool

	// Plain accepts that the copy of an encrypted archive is not encrypted. Without it, that
	// is [CodeNoRecipients].
	Plain bool

	// BeginAnew accepts that the copy, or its newest backups, have vanished from the address.
	// Without it, that is [CodeVanished].
	BeginAnew bool

	// CommitTimeout is how long each commit waits for a clear answer from the store; 0
	// means [DefaultCommitTimeout].
	CommitTimeout time.Duration

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// CopyReport describes what one copy of an archive did, or would do.
type CopyReport struct {
	DryRun bool

	// UpTo is the newest backup of the archive that is copied, as of this run, and Newest its
	// number in the copy; 0 in a dry run, unless nothing has to be copied.
	UpTo, Newest uint64

	Backups  int    // that were copied by this run
	Segments int64  // objects that were stored for them
	Bytes    int64  // of these, and of small segments in manifests
	RawBytes int64  // of the databases' files in these backups
	Keep     uint64 // the record with the pins and rules that was committed; 0 if none had to be

	// Compared is how many backups were found to be the same in both archives, and Gone
	// how many only the copy still has, or has as they were before they were merged.
	Compared, Gone int

	// CopyRequests is, in a dry run, about how many requests copying would send to
	// both stores.
	CopyRequests storage.RequestCounts

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Copy makes to a copy of the archive: an archive of its own, with another id, whose backups are
// numbered from 1. Every state can be restored from it as from this one. Labels, timelines, times,
// pins, stored rules and digests of states are copied; merged backups become ordinary ones. What
// full backups share, they also share in the copy.
//
// The archive may grow meanwhile; the next call copies what is new. A call continues where an
// earlier one ended, however that ended, and any number of them may run at the same time. If this
// archive is encrypted, its content is opened with its own keys, which takes an identity. If the
// copy is encrypted, the content is sealed with the keys of the copy. If to is not a copy of this
// archive, or has received other records since, such as a change of its keys, it is left alone
// ([CodeTargetExists]). Nothing of either archive is changed or deleted.
//
// At the end everything is compared: all objects of the copy must exist, and its manifests and
// indexes, with the checksums of all files, must say what those of this archive say. The
// segments themselves were checked when they were read, and proved when they were stored.
//
// If there is an error, the report says what was copied before it.
func (a *Archive) Copy(ctx context.Context, to *Archive, opts CopyOptions) (CopyReport, error) {
	if opts.CommitTimeout < 0 {
		return CopyReport{}, explain(fmt.Errorf("the commit timeout %s cannot be used: it must be longer than 0", opts.CommitTimeout))
	}
	r := CopyReport{DryRun: opts.DryRun}
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) error {
		o := copying.Options{
			Source: a.journal, Target: to.journal, Open: a.existing, Plain: opts.Plain, Sent: to.sent,
			Update: updateOptions(to, "", BackupOptions{BeginAnew: opts.BeginAnew}), Workers: to.workers,
			Timeout: cmp.Or(opts.CommitTimeout, DefaultCommitTimeout), By: commit.KeepAuthor{Tool: to.tool, Host: to.host}, Log: to.log,
			Committed: func(m *manifest.Committed) {
				r.RawBytes += m.RawBytes
				progress.Tell(ctx, Committed{describe(m.Manifest)})
			},
		}
		if opts.DryRun {
			return planCopy(ctx, o, &r)
		}
		return a.copyTo(ctx, to, o, &r)
	})
	r.Requests, r.Elapsed = requests, elapsed
	return r, err
}

// planCopy reports what a copy would do.
func planCopy(ctx context.Context, o copying.Options, r *CopyReport) error {
	p, err := copying.Plan(ctx, o)
	if err != nil {
		return err
	}
	r.Backups, r.Segments, r.Bytes, r.RawBytes, r.CopyRequests = p.Backups, p.Segments, p.Bytes, p.RawBytes, p.Requests
	if p.Newest != nil {
		r.UpTo, r.Newest = uint64(p.Newest.CopiedFrom.Seq), uint64(p.Newest.Seq)
	}
	return nil
}

// copyTo copies, and compares.
func (a *Archive) copyTo(ctx context.Context, to *Archive, o copying.Options, r *CopyReport) error {
	done, err := copying.Run(ctx, o)
	r.Backups, r.Segments, r.Bytes, r.Keep = done.Backups, int64(done.Segments), done.Bytes, done.Keep
	if done.Newest == nil {
		return err
	}
	if done.Newest.CopiedFrom != nil {
		r.UpTo, r.Newest = uint64(done.Newest.CopiedFrom.Seq), uint64(done.Newest.Seq)
		to.note(ctx, done.Newest, done.Anew)
	}
	if err != nil {
		return err
	}
	l, err := a.compareCopy(ctx, to, o, done, r)
	if err != nil {
		return err
	}
	return a.copyDigests(ctx, to, l)
}

// copyDigests pins the digests of this archive in its copy, where timelines, epochs and places in the log
// are the same; l is the list of the copy. What cannot be, is for the log: the copy is whole.
func (a *Archive) copyDigests(ctx context.Context, to *Archive, l *journal.List) error {
	skipped, err := certificates.CopyPins(ctx, a.objects, to.writable(l), l.Archive.ArchiveID)
	for _, why := range skipped {
		to.log.Warn("a digest that is pinned for a state is not pinned in the copy", "err", why)
	}
	if isDenied(err) {
		to.log.Warn("the digests that are pinned for states are not copied", "err", err)
		return nil
	}
	return err
}

// compareCopy checks the copy, and compares it with the archive. It returns the list of the copy.
func (a *Archive) compareCopy(ctx context.Context, to *Archive, o copying.Options, done copying.Report, r *CopyReport) (*journal.List, error) {
	progress.Tell(ctx, PhaseVerify)
	l, err := to.existingRecords(ctx, to.journal.OpenRecords)
	found, err := verify.Archive(ctx, verify.Options{Store: to.objects, Journal: to.journal, Workers: to.workers}, l, err)
	if err != nil {
		return nil, err
	}
	if len(found.Findings) > 0 {
		return nil, &manifest.ObjectError{Key: found.Findings[0].Key, Problem: found.Findings[0].Problem}
	}
	l.Backups = slices.DeleteFunc(l.Backups, func(e journal.Entry) bool { return e.Seq > done.Newest.Seq }) // of others, since
	source := done.Source
	for n := 0; ; n++ {
		c, err := copying.Compare(ctx, o, source, l)
		r.Compared, r.Gone = c.Backups, c.Gone
		if !copying.IsSource(err) || n == maxReplans {
			return l, err
		}
		outdated, why := a.journal.IsOutdated(ctx, source, err)
		if !outdated {
			return l, why
		}
		if source, err = a.existing(ctx); err != nil {
			return nil, err
		}
	}
}
