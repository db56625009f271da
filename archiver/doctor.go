package archiver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

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

// DoctorReport tells whether it is safe to commit backups to an archive.
type DoctorReport struct {
	Checks []Check

	Conditions manifest.Verdict // "" if it could not be found out
	Backups    int              // that the archive has

	// Clock is how far the store's clock is ahead of ours, nil if it could not be
	// seen. Stores keep whole seconds.
	Clock *time.Duration

	Latency       time.Duration // median of a few requests without a body; 0 if none was answered
	UploadSpeed   float64       // bytes a second, of a few objects at a time; 0 if none could be sent
	DownloadSpeed float64

	Requests storage.RequestCounts
	Elapsed  time.Duration
}

// Problem gives the first check that is one, nil if it is safe to commit.
func (r *DoctorReport) Problem() *Check {
	for i := range r.Checks {
		if r.Checks[i].Severity == SeverityProblem {
			return &r.Checks[i]
		}
	}
	return nil
}

// Doctor tries whether it is safe to commit backups to the archive, which need
// not be there yet: whether the store can be reached, read, listed and written,
// whether it creates an object only if it is absent, also if several do so at
// the same time, and what its settings and its clock mean for backups. It writes
// a few objects of its own and removes them. What it finds is in the report; an
// error means that it was interrupted.
func (a *Archive) Doctor(ctx context.Context) (DoctorReport, error) {
	d := doctor{archive: a, journal: a.journal, store: a.objects, probe: probe.New(a.objects, a.effort)}
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

// examine makes all checks, as far as one makes sense after the other.
func (d *doctor) examine(ctx context.Context) {
	known := d.archive.remember("")
	h, reached := d.reach(ctx, known)
	if !reached {
		return
	}
	if h != nil {
		d.archived(ctx, h, known)
	}
	if d.write(ctx) {
		d.clock(ctx)
		d.speed(ctx)
	}
	d.remove(ctx)
	d.settings(ctx)
}

// reach reads archive.json and lists the manifests, and tells whether the store
// has answered. There is no history if that failed otherwise.
func (d *doctor) reach(ctx context.Context, known journal.Memory) (*journal.History, bool) {
	h, err := d.journal.History(ctx)
	if err == nil {
		d.say("read", SeverityOK, "", "the store answers, and may be read and listed")
		return h, true
	}
	d.fail("read", "reading the archive", known.NoStore(err))
	code := classify(err)
	return nil, code != CodeStore && code != CodeNoStore && code != CodePermission
}

// archived looks at the archive that is there.
func (d *doctor) archived(ctx context.Context, h *journal.History, known journal.Memory) {
	if h.Archive == nil {
		if lost := known.Lost(h); lost != nil {
			d.fail("vanished", "comparing with what was there before", lost)
			return
		}
		d.say("archive", SeverityNote, "", "there is no archive yet; the first backup makes it")
		return
	}
	d.report.Backups = len(h.Seqs)
	head, err := d.journal.Head(ctx, h)
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
	if c := h.Archive.Conditions; c != nil && c.SingleWriter {
		d.say("single_writer", SeverityWarning, "Never let two backups into this archive at the same time. To end that, start an archive in a store that keeps conditions.",
			"the archive is for a single writer: when it was made, the store %s", c.Verdict.Description())
	}
}

// write tries the store as the first backup does, and tells whether it may be
// written to.
func (d *doctor) write(ctx context.Context) bool {
	verdict, err := d.probe.Conditions(ctx)
	if err != nil {
		d.fail("write", "writing to the archive", err)
		return false
	}
	d.say("write", SeverityOK, "", "objects can be created")
	d.report.Conditions = verdict
	if verdict == manifest.Honoured {
		d.say("conditions", SeverityOK, "", "the store %s, also when %d writers try at the same time", verdict.Description(), probe.Writers)
		return true
	}
	d.report.Checks = append(d.report.Checks, Check{
		Name: "conditions", Severity: SeverityProblem, Text: "the store " + verdict.Description(), Code: CodeUnsafeStore,
		Err: explain(&journal.UnsafeStoreError{Address: d.journal.Address(), Verdict: verdict}),
	})
	return true
}

// clockTolerance is how far clocks may be apart before that is worth a word. AWS
// refuses requests that are 15 minutes off.
const clockTolerance = time.Minute

// clock compares the store's clock with ours by the time that it gives a new
// object.
func (d *doctor) clock(ctx context.Context) {
	key := d.probe.Key("clock")
	before := time.Now()
	if _, err := d.store.Storage.Put(ctx, key, bytes.NewReader(probe.Body(1)), storage.PutOptions{}); err != nil {
		d.fail("clock", "writing an object", err)
		return
	}
	after := time.Now()
	info, err := d.store.Storage.Head(ctx, key)
	if err != nil || info.ModTime.IsZero() {
		d.say("clock", SeverityNote, "", "the store does not tell the time of an object")
		return
	}
	var ahead time.Duration
	switch {
	case info.ModTime.Before(before.Truncate(time.Second)):
		ahead = info.ModTime.Sub(before)
	case info.ModTime.After(after):
		ahead = info.ModTime.Sub(after)
	}
	ahead = ahead.Round(time.Second)
	d.report.Clock = &ahead
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

// What the speed is measured with.
const (
	speedObjects  = 4
	speedRequests = 5
)

// speed measures latency and throughput with a few objects.
func (d *doctor) speed(ctx context.Context) {
	var bodies [speedObjects][]byte
	var keys [speedObjects]string
	for i := range bodies {
		bodies[i], keys[i] = probe.Body(d.probe.Effort.SpeedBytes), d.probe.Key("speed")
	}
	var err error
	bytesEach := float64(d.probe.Effort.SpeedBytes)
	d.report.UploadSpeed, err = throughput(ctx, bytesEach, func(ctx context.Context, i int) error {
		_, err := d.store.Storage.Put(ctx, keys[i], bytes.NewReader(bodies[i]), storage.PutOptions{})
		return err
	})
	if err == nil {
		d.report.DownloadSpeed, err = throughput(ctx, bytesEach, func(ctx context.Context, i int) error {
			same := func(b []byte) bool { return bytes.Equal(b, bodies[i]) }
			b, err := d.store.Read(ctx, keys[i], int64(d.probe.Effort.SpeedBytes), same)
			if err == nil && !same(b) {
				err = &manifest.ObjectError{Key: keys[i], Problem: "the store gives back other bytes than it got"}
			}
			return err
		})
	}
	var times []time.Duration
	for i := 0; err == nil && i < speedRequests; i++ {
		begin := time.Now()
		_, err = d.store.Storage.Head(ctx, keys[0])
		times = append(times, time.Since(begin))
	}
	if err != nil {
		d.fail("speed", "writing and reading objects", err)
		return
	}
	slices.Sort(times)
	d.report.Latency = times[len(times)/2]
	d.say("speed", SeverityOK, "", "a request takes %s; %.1f MB/s up, %.1f MB/s down, %d objects of %d MiB at a time",
		d.report.Latency.Round(time.Microsecond), d.report.UploadSpeed/1e6, d.report.DownloadSpeed/1e6, speedObjects, d.probe.Effort.SpeedBytes>>20)
}

// throughput does one thing with each of the objects at the same time, and
// gives the bytes a second.
func throughput(ctx context.Context, bytesEach float64, do func(ctx context.Context, i int) error) (float64, error) {
	begin := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range speedObjects {
		g.Go(func() error { return do(ctx, i) })
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return speedObjects * bytesEach / time.Since(begin).Seconds(), nil
}

// remove removes the objects of all checks.
func (d *doctor) remove(ctx context.Context) {
	err := d.probe.Clean(ctx)
	switch {
	case err == nil:
		d.say("delete", SeverityOK, "", "the objects of these checks were removed")
	case errors.Is(err, storage.ErrPermission):
		d.say("delete", SeverityNote, "", "objects cannot be deleted with these credentials, which is good for backups; %d small objects stay below %s", len(d.probe.Keys), d.probe.Prefix)
	default:
		d.say("delete", SeverityNote, "", "objects of these checks stay below %s: %v", d.probe.Prefix, err)
	}
}
