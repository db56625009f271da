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
	// segments are only looked for by name and size. If an archive is encrypted and no
	// identity was given, it checks the hashes of what is stored and decrypts nothing:
	// see [VerifyReport.Unopened].
	Deep bool

	// Sample, above 0, is the share of the segments to be read, by their bytes: 0.05 reads a
	// twentieth, and the next sample continues where this one ended, according to the newest
	// certificate. So 20 of them read everything that was there when the first of them began. A
	// sample reads at least one segment, compares its hash and decompresses its frames. That
	// proves the segments but not how they fit together; use Deep for that. With Deep, Sample is
	// ignored.
	Sample float64

	// Certify stores a certificate of a deep verification or a sample. It tells the next
	// sample where to continue, and everybody what was read ([Coverage]).
	Certify bool

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// VerifyReport is what one verification found.
type VerifyReport struct {
	Deep     bool
	Backups  int       // whose manifests could be read
	Objects  int       // objects that were looked at
	Bytes    int64     // of content that was read or, unless deep, listed
	Unopened bool      // segments were read, but there was no key to the data: they were compared with their hashes as stored
	Waiting  int       // segments that only removed backups name: a later expiry deletes them
	Unused   int       // segments that no backup names: of runs that were interrupted or are still running
	Findings []Finding // sorted by key
	Gone     int       // problems that are not findings, because the backups were removed during the run
	Read     *Reading  // which segments were read; nil if none
	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Reading is what a deep verification or a sample has read of the segments that are objects.
type Reading struct {
	Segments, OfSegments int
	Bytes, OfBytes       int64
	Coverage             Coverage // with what earlier ones have read

	Certificate   string // its key; "" if there is none
	NoCertificate error  // why the certificate could not be stored, nil if it was, or was not wanted
}

// Finding is something that is wrong with an object.
type Finding struct {
	Key     string
	Problem string
}

// OK reports whether nothing was found.
func (r *VerifyReport) OK() bool { return len(r.Findings) == 0 }

// Verify checks an archive. Damage to the archive is not an error of Verify but a
// finding; an error means that the check itself could not be done. Removed backups need
// not be intact.
//
// It changes nothing, except that it may store a certificate, see [VerifyOptions.Certify]. If
// Verify returns an error, it stores none. The report then has only findings, of those
// until then: what a removal of backups meanwhile would explain is left out.
func (a *Archive) Verify(ctx context.Context, opts VerifyOptions) (VerifyReport, error) {
	var r VerifyReport
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) (err error) {
		r, err = a.verify(ctx, opts)
		return err
	})
	if err != nil {
		return VerifyReport{Findings: r.Findings}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

func (a *Archive) verify(ctx context.Context, opts VerifyOptions) (VerifyReport, error) {
	progress.Tell(ctx, PhaseJournal)
	begun := manifest.Now()
	known := remember(a, "")
	h, err := a.existingRecords(ctx, a.journal.OpenRecords)
	var before readBefore
	if err == nil && (opts.Deep || opts.Sample > 0) {
		if before, err = a.readBefore(ctx, h, begun); err != nil {
			return VerifyReport{}, err
		}
	}
	progress.Tell(ctx, PhaseVerify)
	o := verify.Options{Store: a.objects, Journal: a.journal, Workers: a.workers, Deep: opts.Deep, Sample: opts.Sample, From: before.next}
	found, err := verify.Archive(ctx, o, h, err)
	r := VerifyReport{
		Deep: opts.Deep, Backups: found.Backups, Objects: found.Objects, Bytes: found.Bytes, Unopened: found.Unopened,
		Waiting: found.Waiting, Unused: found.Unused, Gone: found.Gone,
	}
	for _, f := range found.Findings {
		r.Findings = append(r.Findings, Finding(f))
	}
	if err != nil || h == nil {
		return r, err
	}
	if lost := known.Lost(h); lost != nil && lost.IsRolledBack() {
		r.Findings = append(r.Findings, Finding{manifest.Seq(lost.Was.Seq).Key(), lost.Error()})
	}
	err = a.journal.CheckKeys(ctx, h)
	if object, isMissing := errors.AsType[*manifest.ObjectError](err); isMissing {
		r.Findings = append(r.Findings, Finding{object.Key, object.Problem})
	} else if err != nil {
		return r, err
	}
	if found.Read == nil {
		return r, nil
	}
	read := *found.Read
	read.Findings += len(r.Findings) - len(found.Findings) // which records there are is in doubt
	r.Read = &Reading{
		Segments: read.Segments.Segments, Bytes: read.Segments.Bytes, OfSegments: read.All.Segments, OfBytes: read.All.Bytes,
	}
	return r, a.addRead(ctx, h, &r, before.with(begun, read), opts.Certify)
}
