package archiver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/certificates"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// checkDigest compares the digest that was reported with what is known of the state.
func (d *drill) checkDigest(ctx context.Context) error {
	p, reported, expected := &d.report.Digest, d.report.Reported, d.opts.Expect
	if d.opts.Check == nil {
		return nil
	}
	began := time.Now()
	defer func() { p.Took = time.Since(began) }()
	fail := func(why string) error {
		p.Result, p.Why = DrillFailed, why
		return nil
	}
	switch {
	case reported == "" && expected != "":
		return fail("none was reported, and " + expected + " was expected")
	case reported == "":
		p.Result = DrillNotReported
		return nil
	case expected != "" && reported != expected:
		return fail("it is " + reported + ", and " + expected + " was expected")
	}
	if err := manifest.CheckDigest(reported); err != nil {
		return fail("what was reported cannot be one: " + err.Error())
	}
	p.Result = DrillOK
	isNew, denied, err := d.compare(ctx)
	switch {
	case as[*certificates.ConflictError](err), as[*manifest.ObjectError](err):
		return fail(err.Error())
	case isDenied(err) && expected != "":
		d.archive.log.Warn("the digest is the expected one, and was not compared with those of this state", "err", err)
	case err != nil: // also if digests may not be read: this state may have another one
		return fmt.Errorf("the digest was not compared with those of this state: %w", err)
	case isNew:
		p.Result = DrillPinned
	case denied != nil:
		p.Why = "this state has none yet, and it could not be pinned: " + denied.Error()
		d.archive.log.Warn("the digest is not pinned for later drills", "err", denied)
		if expected == "" {
			p.Result = DrillNotDone
		}
	case d.report.Pinned == nil && expected == "": // nothing is to be written
		p.Result, p.Why = DrillNotDone, "this state has none yet"
	}
	return nil
}

// compare compares the digest that was reported with those that the state has. If it has none, that
// becomes its digest, unless these credentials may not write, which is no error, but denied.
func (d *drill) compare(ctx context.Context) (isNew bool, denied, err error) {
	pin := manifest.DigestPin{
		ArchiveID: d.list.Archive.ArchiveID, State: d.state(), Digest: d.report.Reported,
		By: manifest.PinnedByDrill, At: manifest.Now(), Tool: d.archive.tool, Host: d.archive.host,
	}
	pinned, err := certificates.Compare(ctx, d.archive.objects, pin)
	if err == nil && pinned == nil && !d.opts.ReadOnly {
		pinned, isNew, err = certificates.Pin(ctx, d.archive.writable(d.list), pin)
		if isDenied(err) {
			pinned, denied, err = nil, err, nil
		}
	}
	if conflict, ok := errors.AsType[*certificates.ConflictError](err); ok {
		pinned = conflict.Pinned
	}
	d.report.Pinned = describePin(pinned)
	return isNew, denied, err
}

// state tells the restored state from all others.
func (d *drill) state() manifest.StateID {
	last, s := d.plan.Route.Last(), &d.plan.State
	id := manifest.StateID{Timeline: last.Timeline, Epoch: s.Epoch}
	if last.Database.Generation == string(grafeo.Gen05) {
		id.File, id.End = s.LogFile, s.LogEnd
	} else {
		id.LSN = d.found.LastLSN
	}
	return id
}

func describePin(p *manifest.DigestPin) *PinnedDigest {
	if p == nil {
		return nil
	}
	return &PinnedDigest{Digest: p.Digest, By: string(p.By), At: p.At, Host: p.Host}
}

// isDenied reports whether the store does not let these credentials do something.
func isDenied(err error) bool {
	return errors.Is(err, storage.ErrPermission) || errors.Is(err, storage.ErrReadOnly)
}

// certify stores a certificate of the drill, which ended with err. If that fails, the report says why.
func (d *drill) certify(ctx context.Context, err error) {
	if d.opts.ReadOnly {
		return
	}
	if d.list == nil || !isAboutArchive(err) {
		d.report.NoCertificate = err
		return
	}
	why := d.report.Why()
	if err != nil {
		why = explain(err).Error()
	}
	proof := d.proof(ctx)
	c, err := d.archive.certify(ctx, d.list, func(*manifest.Certificate) manifest.Certificate {
		return manifest.Certificate{Kind: manifest.DrillCertificate, OK: why == "", Why: text(why), Drill: proof}
	})
	if err != nil {
		d.report.NoCertificate = err
		d.archive.log.Warn("there is no certificate of this drill", "err", err)
		return
	}
	d.report.Certificate = c.Key
}

// isAboutArchive reports whether err, with which a drill ended, says something of the archive: that it is
// damaged, or that its store answers and yet does not hand out an object, such as one in an archive tier. What
// this host lacks (a folder, room, a program, permissions, keys, a connection) says nothing of it: a
// certificate of that would accuse the archive, and stand in the place of one that rightly does.
func isAboutArchive(err error) bool {
	if err == nil {
		return true
	}
	switch classify(err) {
	case CodeDamagedArchive, CodeDamagedDatabase:
		return true
	case CodeStore:
		e, ok := errors.AsType[*storage.Error](err)
		return ok && e.Op == storage.OpGet && !is(storage.ErrUnavailable, storage.ErrSettings, storage.ErrForeign)(err) &&
			!is(syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM)(err) // of an archive in a directory
	}
	return false
}

// proof returns what the certificate says of the drill.
func (d *drill) proof(ctx context.Context) *manifest.Drill {
	r := &d.report
	m := &manifest.Drill{
		At: d.began.UTC().Round(0), Random: r.Random, RestoreMS: r.RestoreTime.Milliseconds(), Digest: r.Reported,
		Requests: storage.RequestsFrom(ctx).Counts().Total(),
		Checks: manifest.DrillChecks{
			Bytes: certified(r.Bytes), Structure: certified(r.Structure), Exec: certified(r.Exec), Digest: certified(r.Digest),
		},
	}
	if manifest.CheckDigest(r.Reported) != nil {
		m.Digest = ""
	}
	if r.Pinned != nil && r.Digest.Result != DrillFailed {
		m.PinnedBy = manifest.PinnedBy(r.Pinned.By)
	}
	if len(d.opts.Command) > 0 {
		h := sha256.New()
		for _, arg := range d.opts.Command {
			_, _ = io.WriteString(h, arg+"\x00") // never fails
		}
		sum := manifest.Digest(h.Sum(nil))
		m.Command = &sum
	}
	if d.plan != nil {
		last := d.plan.Route.Last()
		m.Backup, m.Manifest, m.Timeline = last.Seq, &last.Digest, last.Timeline
		m.Epoch, m.Time, m.RawBytes = d.plan.State.Epoch, d.plan.State.Time, d.plan.Cost.RawBytes
	}
	return m
}

func certified(p DrillCheck) manifest.Proof {
	return manifest.Proof{Result: manifest.ProofResult(p.Result), MS: p.Took.Milliseconds(), Why: text(p.Why)}
}

// text returns an explanation as a certificate may have it.
func text(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > manifest.MaxWhyBytes {
		s = strings.ToValidUTF8(s[:manifest.MaxWhyBytes-3], "") + "..."
	}
	return s
}
