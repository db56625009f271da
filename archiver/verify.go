package archiver

import (
	"context"
	"errors"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/verify"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// VerifyOptions modify one verification.
type VerifyOptions struct {
	// Deep reads every segment, checks every hash, decompresses every frame and checks
	// every checksum that the database itself keeps of its image and log. Without it,
	// segments are only looked for by name and size. Of an encrypted archive for which no
	// identity was given, it checks the hashes of what is stored, and opens nothing: see
	// [VerifyReport.Unopened].
	Deep bool

	// Observer is told what the run does; nil for nobody.
	Observer Observer
}

// VerifyReport is what one verification found.
type VerifyReport struct {
	Deep     bool
	Backups  int       // whose manifests could be read
	Objects  int       // objects that were looked at
	Bytes    int64     // of content that was read or, unless deep, listed
	Unopened bool      // deep, but there was no key to the data: what is stored was compared with its hashes
	Waiting  int       // segments that only removed backups name: a later expiry deletes them
	Unused   int       // segments that no backup names: of runs that were interrupted or are still going on
	Findings []Finding // sorted by key
	Gone     int       // problems that are no findings: of backups that were removed while this ran
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Finding is something that is wrong with an object.
type Finding struct {
	Key     string
	Problem string
}

// OK reports whether nothing was found.
func (r *VerifyReport) OK() bool { return len(r.Findings) == 0 }

// Verify checks an archive. What is wrong with the archive is not an error of
// Verify but a finding; an error means that the check itself could not be done. Of a
// backup that was removed, nothing needs to be right.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (VerifyReport, error) {
	o := verify.Options{Store: a.objects, Journal: a.journal, Workers: a.workers, Deep: opts.Deep}
	r := VerifyReport{Deep: opts.Deep}
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) error {
		progress.Tell(ctx, PhaseJournal)
		known := remember(a, "")
		h, err := a.existingRecords(ctx, a.journal.OpenRecords)
		progress.Tell(ctx, PhaseVerify)
		found, err := verify.Archive(ctx, o, h, err)
		r.Backups, r.Objects, r.Bytes = found.Backups, found.Objects, found.Bytes
		r.Unopened = found.Unopened
		r.Waiting, r.Unused, r.Gone = found.Waiting, found.Unused, found.Gone
		for _, f := range found.Findings {
			r.Findings = append(r.Findings, Finding(f))
		}
		if h != nil {
			if lost := known.Lost(h); lost != nil && lost.IsRolledBack() {
				r.Findings = append(r.Findings, Finding{manifest.Seq(lost.Was.Seq).Key(), lost.Error()})
			}
			keys := a.journal.CheckKeys(ctx, h)
			if object, isMissing := errors.AsType[*manifest.ObjectError](keys); err == nil && isMissing {
				r.Findings = append(r.Findings, Finding{object.Key, object.Problem})
			} else if err == nil {
				err = keys
			}
		}
		return err
	})
	if err != nil {
		return VerifyReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}
