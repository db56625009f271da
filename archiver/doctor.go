package archiver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/commit"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/internal/probe"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Severity is how much a [Check] matters.
type Severity string

// The severities.
const (
	SeverityOK      Severity = "ok"
	SeverityNote    Severity = "note"    // worth knowing
	SeverityWarning Severity = "warning" // worth changing; backups can be committed
	SeverityProblem Severity = "problem" // it is not safe to commit here, or not possible
)

// Check is one thing that was looked at.
type Check struct {
	Name     string // short and stable: "list", "conditions", ...
	Severity Severity
	Text     string // what was found, in plain words
	Hint     string // what to do, "" if there is nothing to do
	Code     Code   // of a problem: what a backup would end with
	Err      error  // that is the problem, nil if it is none or has no error
}

// DoctorReport says whether it is safe to commit backups to an archive.
type DoctorReport struct {
	Checks []Check

	Conditions manifest.Verdict // "" if it could not be found out
	Backups    int              // that the archive has; if that cannot be read, its records

	// Clock is how far the store's clock is ahead of this host's, in whole seconds; nil
	// if the store does not tell.
	Clock *time.Duration

	// Protection is what this host's credentials could do to what is stored; nil if nothing
	// could be tried.
	Protection *Protection

	Latency       time.Duration // of a request without a body; 0 if not measured
	UploadSpeed   float64       // bytes a second, of a few objects at a time; 0 if not measured
	DownloadSpeed float64

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Problem returns the first check that is a problem, nil if it is safe to commit.
func (r *DoctorReport) Problem() *Check {
	for i := range r.Checks {
		if r.Checks[i].Severity == SeverityProblem {
			return &r.Checks[i]
		}
	}
	return nil
}

// DoctorOptions modify an examination.
type DoctorOptions struct {
	// LockKeep and LockLength are those of [BackupOptions]: one of the checks is
	// whether backups can be planned with them.
	LockKeep, LockLength time.Duration
}

// Doctor finds out whether it is safe to commit backups to the archive, which need not
// exist yet: whether the store can be reached, read, listed and written, whether it
// supports conditional writes, even with several writers at the same time, and what its
// settings and its clock mean for backups. It writes a few objects of its own and removes
// them. The report says what it found; an error means that it was interrupted.
func (a *Archive) Doctor(ctx context.Context, opts DoctorOptions) (DoctorReport, error) {
	d := doctor{archive: a, opts: opts, journal: a.journal, store: a.objects, probe: probe.New(a.objects, a.effort)}
	requests, elapsed, err := run(ctx, nil, func(ctx context.Context) error {
		d.examine(ctx)
		return context.Cause(ctx)
	})
	if err != nil {
		return DoctorReport{}, err
	}
	d.report.Requests, d.report.Elapsed = requests, elapsed
	return d.report, nil
}

type doctor struct {
	archive *Archive
	opts    DoctorOptions
	journal *journal.Journal
	store   *objects.Store
	probe   *probe.Probe
	report  DoctorReport
}

func (d *doctor) say(name string, severity Severity, hint, text string, args ...any) {
	d.report.Checks = append(d.report.Checks, Check{Name: name, Severity: severity, Text: fmt.Sprintf(text, args...), Hint: hint})
}

// fail notes err as the problem of a check.
func (d *doctor) fail(name, doing string, err error) {
	var e *Error
	errors.As(explain(err), &e)
	d.report.Checks = append(d.report.Checks, Check{
		Name: name, Severity: SeverityProblem, Text: doing + ": " + e.Error(), Hint: e.Hint, Code: e.Code, Err: e,
	})
}

// examine makes all checks, as far as the ones before leave a point in making them.
func (d *doctor) examine(ctx context.Context) {
	known := remember(d.archive, "")
	h, reached := d.reach(ctx, known)
	if !reached {
		return
	}
	if h != nil {
		d.archived(ctx, h, known)
	}
	info := d.inspect(ctx)
	if d.write(ctx) {
		d.clock(ctx)
		d.speed(ctx)
		d.tamper(ctx, info)
	}
	d.remove(ctx)
	d.settings(info)
	d.lockKeep(ctx)
	d.protection()
}

// reach reads archive.json and lists the manifests, and reports whether the store
// answered. The history is nil if something else was wrong.
func (d *doctor) reach(ctx context.Context, known journal.Memory) (*journal.List, bool) {
	h, err := d.journal.List(ctx)
	if err == nil {
		d.say("read", SeverityOK, "", "the store answers, and can be read and listed")
		return h, true
	}
	d.fail("read", "reading the archive", known.NoStore(err))
	code := classify(err)
	return nil, code != CodeStore && code != CodeNoStore && code != CodePermission
}

// newestBackup reads the newest backup, nil if there is none, and counts the others.
func (d *doctor) newestBackup(ctx context.Context, h *journal.List) (*manifest.Committed, error) {
	if err := d.journal.Resolve(ctx, h); err != nil {
		return nil, err
	}
	if h.KeepDamage != nil {
		return nil, h.KeepDamage
	}
	d.report.Backups = len(h.Backups)
	return d.journal.NewestBackup(ctx, h)
}

// archived looks at the archive, if there is one.
func (d *doctor) archived(ctx context.Context, h *journal.List, known journal.Memory) {
	if h.Archive == nil {
		if lost := known.Lost(h); lost != nil {
			d.fail("vanished", "comparing with what was there before", lost)
			return
		}
		d.say("archive", SeverityNote, "", "there is no archive yet; the first backup creates it")
		return
	}
	d.report.Backups = len(h.Records)
	head, err := d.newestBackup(ctx, h)
	if err == nil {
		if _, err := d.journal.CheckVanished(ctx, h, head, known); err != nil {
			d.fail("vanished", "comparing with what was there before", err)
		}
	}
	switch {
	case err != nil:
		d.fail("archive", "reading the newest backup", err)
	case head == nil:
		d.say("archive", SeverityNote, "", "there is an archive without a backup: the first one was interrupted, or is running")
	default:
		d.say("archive", SeverityOK, "", "the newest backup is number %d, taken at %s", head.Seq, head.CreatedAt.Format(time.RFC3339))
		if age := manifest.Now().Sub(head.CreatedAt); age < -skewTolerance {
			d.say("time", SeverityWarning, clockHint, "the newest backup was taken %s in the future by this host's clock", (-age).Round(time.Second))
		}
	}
	d.encryption(ctx)
	if c := h.Archive.Conditions; c != nil && c.SingleWriter {
		d.say("single_writer", SeverityWarning, "Never let two backups into this archive run at the same time. "+
			"To lift that restriction, start a new archive in a store with conditional writes.",
			"the archive is for a single writer: when it was made, the store %s", c.Verdict.Description())
	}
}

// write probes the store as the first backup does, and reports whether it may be written
// to.
func (d *doctor) write(ctx context.Context) bool {
	verdict, err := d.probe.Conditions(ctx)
	if err != nil {
		d.fail("write", "writing to the archive", err)
		return false
	}
	d.say("write", SeverityOK, "", "objects can be created")
	d.report.Conditions = verdict
	if verdict == manifest.Honoured {
		d.say("conditions", SeverityOK, "", "the store %s, even when %d writers try at the same time", verdict.Description(), probe.Writers)
		return true
	}
	d.report.Checks = append(d.report.Checks, Check{
		Name: "conditions", Severity: SeverityProblem, Text: "the store " + verdict.Description(), Code: CodeUnsafeStore,
		Err: explain(&commit.UnsafeStoreError{Address: d.journal.Address(), Verdict: verdict}),
	})
	return true
}

// clockTolerance is how far apart clocks may be before that is worth a warning. AWS
// refuses requests that are 15 minutes off.
const clockTolerance = time.Minute

// clock compares the store's clock with this host's.
func (d *doctor) clock(ctx context.Context) {
	seen, err := d.probe.Clock(ctx)
	if err != nil {
		d.fail("clock", "writing an object", err)
		return
	}
	if seen == nil {
		d.say("clock", SeverityNote, "", "the store does not report the time of an object")
		return
	}
	ahead := *seen
	d.report.Clock = seen
	if ahead.Abs() < clockTolerance {
		d.say("clock", SeverityOK, "", "the clocks of store and host are at most %s apart", max(ahead.Abs(), time.Second))
		return
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	d.say("clock", SeverityWarning, "Set the clock of this host, or of the store. Commits do not depend on it, but S3 refuses requests that are 15 minutes off, and the times of backups are those of this host.",
		"the store's clock is %s %s that of this host", ahead.Abs(), direction)
}

// speed measures latency and throughput.
func (d *doctor) speed(ctx context.Context) {
	speed, err := d.probe.Speed(ctx)
	d.report.UploadSpeed, d.report.DownloadSpeed = speed.Upload, speed.Download
	if err != nil {
		d.fail("speed", "writing and reading objects", err)
		return
	}
	d.report.Latency = speed.Latency
	d.say("speed", SeverityOK, "", "a request takes %s; %.1f MB/s up, %.1f MB/s down, %d objects of %d MiB at a time",
		speed.Latency.Round(time.Microsecond), speed.Upload/1e6, speed.Download/1e6, probe.SpeedObjects, d.probe.Effort.SpeedBytes>>20)
}

// remove removes the objects of all checks.
func (d *doctor) remove(ctx context.Context) {
	err := d.probe.Clean(ctx)
	left := d.probe.Left
	if p := d.report.Protection; p != nil {
		p.Left = left
	}
	switch {
	case err == nil && left > 0:
		d.say("delete", SeverityOK, "", "the objects of these checks were removed; the bucket keeps their versions, %d small objects below %s", left, d.probe.Prefix)
	case err == nil:
		d.say("delete", SeverityOK, "", "the objects of these checks were removed")
	case errors.Is(err, storage.ErrPermission):
		d.say("delete", SeverityNote, "", "objects cannot be deleted with these credentials, which is good for backups; %d small objects stay below %s", left, d.probe.Prefix)
	default:
		d.say("delete", SeverityNote, "", "objects of these checks stay below %s: %v", d.probe.Prefix, err)
	}
}
