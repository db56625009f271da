package archiver

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/gbak-s3/gbak-s3/storage"
)

// DrillOptions modify one drill. The zero value drills the newest state, and checks it as far as that is
// possible without the database itself.
type DrillOptions struct {
	// Target is the state to restore. With Random, it is chosen at random from all states that
	// can be restored. If the last random drill failed, its state is chosen again, as long as it
	// can be restored.
	Target Target
	Random bool

	// Scratch is the folder in which the drill makes its own; "" for the system's folder for temporary
	// files. It must exist.
	Scratch string

	// Keep leaves the restored database there: [DrillReport.Database].
	Keep bool

	// Check, if not nil, checks the restored database, preferably by opening it. An error means
	// that the check could not be done at all. Check may change the database.
	Check func(ctx context.Context, database string) (CheckResult, error)

	// Command is the command that Check runs. The certificate contains only its hash.
	Command []string

	// Expect is the digest that Check must report; "" for any.
	Expect string

	// ReadOnly writes nothing to the archive: no certificate, and no digest.
	ReadOnly bool

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// CheckResult is the result of a [DrillOptions.Check].
type CheckResult struct {
	OK     bool
	Why    string // why not, in words
	Digest string // of the content, SCHEME:VALUE or just VALUE; "" if it reports none
}

// DrillReport is what one drill has proved.
type DrillReport struct {
	Plan   Plan // of the restore
	Random bool // the state was chosen at random

	Bytes     DrillCheck // what was stored came back
	Structure DrillCheck // the restored files are a database, in the state that was asked for
	Exec      DrillCheck // the check of the user succeeded
	Digest    DrillCheck // the digest that it reported is the one that this state has

	Reported string        // digest, "" for none
	Pinned   *PinnedDigest // that Reported was compared with, or that was pinned by it; nil if there is none
	Database string        // path of the restored database, if it was kept; else ""

	// Reopen reports that queries of the restored database may show some edges twice until it has been opened
	// and closed once (generation 0.5).
	Reopen bool

	RestoreTime time.Duration // from the first request until the database was restored

	// Certificate is the key of the certificate that was stored, "" if none was; then NoCertificate
	// says why, nil if none was wanted.
	Certificate   string
	NoCertificate error

	Requests      storage.RequestCounts
	ReceivedBytes int64 // from the store
	Elapsed       time.Duration
}

// OK reports whether everything was proved that should be.
func (r *DrillReport) OK() bool { return r.Why() == "" }

// Why says what was not proved; "" if everything was.
func (r *DrillReport) Why() string {
	return cmp.Or(r.Bytes.failed("bytes"), r.Structure.failed("structure"), r.Exec.failed("exec"), r.Digest.failed("digest"))
}

// DrillCheck is the outcome of one check of a drill.
type DrillCheck struct {
	Result DrillResult
	Why    string // it failed; of a digest that could not be pinned, why
	Took   time.Duration
}

func (p *DrillCheck) failed(what string) string {
	if p.Result != DrillFailed {
		return ""
	}
	return what + ": " + p.Why
}

// DrillResult is the result of a check.
type DrillResult string

// The results.
const (
	DrillOK          DrillResult = "ok"
	DrillFailed      DrillResult = "failed"
	DrillNotDone     DrillResult = "not_done"     // nobody asked for it, or a check before it failed
	DrillNotReported DrillResult = "not_reported" // of a digest: the check reported none
	DrillPinned      DrillResult = "pinned"       // of a digest: it is the first of this state, which later ones are compared with
)

// PinnedDigest is a digest that a state of the database has.
type PinnedDigest struct {
	Digest string
	By     string // "drill" or "app"
	At     time.Time
	Host   string
}

// Drill restores a database, checks it and removes it again, to prove that the archive can be
// restored. The result becomes a certificate in the archive, whether it is good or bad.
//
// If something was not proved, that is not an error: the report says so. An error means that the
// drill could not be done. If this host is the cause, no certificate is stored, and the newest
// proof grows older. The errors are those of [Archive.Restore], and [ScratchError] before anything
// is asked of the store if the scratch folder cannot be used, or before anything is fetched if it
// has no room for the database and a tenth more, which is [CodeDiskFull].
//
// What [DrillReport.Bytes], [DrillReport.Structure] and so on prove of the restored database is in
// docs/drills.md. If the drill is killed, the next one with the same scratch folder removes what it left.
func (a *Archive) Drill(ctx context.Context, opts DrillOptions) (DrillReport, error) {
	opts.Scratch = cmp.Or(opts.Scratch, os.TempDir())
	d := &drill{archive: a, opts: opts, began: time.Now()}
	d.report.Random = opts.Random
	for _, p := range d.proofs() {
		p.Result = DrillNotDone
	}
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) error {
		err := d.run(ctx)
		d.report.ReceivedBytes = storage.RequestsFrom(ctx).Received()
		return err
	})
	d.report.NoCertificate = explain(d.report.NoCertificate)
	d.report.Requests, d.report.Elapsed = requests, elapsed
	return d.report, err
}
