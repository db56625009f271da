package archiver

import (
	"context"
	"fmt"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/probe"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Protection says whether what is stored can be lost to a thief of this host's credentials.
// It was tried with objects that were made for that. What a bucket's own settings permit to
// change was not tried.
type Protection struct {
	// AppendOnly reports whether nothing that is stored can be destroyed or replaced.
	AppendOnly Certainty

	Why   []string // it is not, or why that is not known
	Holes []string // what is possible and destroys nothing, in spite of that

	Versioning storage.Versioning  // as the bucket says, or as was seen; "" if not known
	Lock       *storage.ObjectLock // as the bucket says; nil if not known

	Left int // small objects of the checks that stay: as versions, or because they may not be deleted

	trials probe.Trials
}

// Certainty is an answer that may not be known.
type Certainty string

// The answers.
const (
	Yes     Certainty = "yes"
	No      Certainty = "no"
	Unknown Certainty = "unknown"
)

// tamper tries what a thief would.
func (d *doctor) tamper(ctx context.Context, info storage.StoreInfo) {
	mayLock := info.ObjectLock == nil || info.ObjectLock.Enabled
	trials, err := d.probe.Tamper(ctx, mayLock)
	if err != nil {
		d.fail("append_only", "trying what a thief could do", err)
		return
	}
	p := &Protection{Versioning: info.Versioning, Lock: info.ObjectLock, trials: trials}
	if v := p.trials.Versions; v != nil {
		switch {
		case *v:
			p.Versioning = storage.VersioningOn
		case p.Versioning == "" || p.Versioning == storage.VersioningOn:
			p.Versioning = storage.VersioningOff
		}
	}
	d.report.Protection = p
}

// protection says what was found out by trying.
func (d *doctor) protection() {
	p := d.report.Protection
	if p == nil {
		return
	}
	p.conclude()
	severity, hint := SeverityOK, ""
	if p.AppendOnly != Yes {
		severity = SeverityNote
	}
	isLocked := p.Lock != nil && p.Lock.Retention != nil
	switch t := p.trials; {
	case t.LockBriefly.IsDone():
		severity, hint = SeverityWarning, "This host can shorten locks: take the permissions s3:PutObjectRetention and s3:BypassGovernanceRetention away from it."
	case t.ShortenLock.IsDone(), t.ReplaceVersion.IsDone() && isLocked:
		severity, hint = SeverityWarning, "A lock in GOVERNANCE mode does not help against that: give the bucket a default retention in COMPLIANCE mode."
	case p.AppendOnly == No && isLocked:
		severity = SeverityWarning
		fallthrough
	case p.AppendOnly == No && p.Lock != nil:
		hint = "Give this host credentials that cannot delete, and the bucket versions, or better a lock."
	}
	text := "append-only: " + string(p.AppendOnly)
	if len(p.Why) > 0 {
		text += ": " + strings.Join(p.Why, "; ")
	}
	if len(p.Holes) > 0 {
		joint := ", with these holes: "
		if p.AppendOnly != Yes {
			joint = "; besides: "
		}
		text += joint + strings.Join(p.Holes, "; ")
	}
	d.say("append_only", severity, hint, "%s", text)
}

// conclude makes the verdict from what was tried.
func (p *Protection) conclude() {
	lost, unknown, t := p.losses()
	switch {
	case len(lost) > 0:
		p.AppendOnly, p.Why = No, lost
	case len(unknown) > 0:
		p.AppendOnly, p.Why = Unknown, unknown
	default:
		p.AppendOnly = Yes
	}
	if t.LockBriefly.IsDone() || t.ShortenLock.IsDone() {
		p.Holes = append(p.Holes, "this host can shorten locks")
	}
}

// losses returns how bytes can be lost, and what is not known of that; it notes as holes
// what hides bytes without losing them.
func (p *Protection) losses() (lost, unknown []string, t probe.Trials) {
	t = p.trials
	weigh := func(trial probe.Trial, what string) {
		switch {
		case trial.Err != nil:
			unknown = append(unknown, fmt.Sprintf("whether %s: %v", what, trial.Err))
		case trial.IsDone() && p.Versioning == "":
			unknown = append(unknown, what+", and whether the bucket keeps them as versions is not known")
		case trial.IsDone():
			lost = append(lost, what)
		}
	}
	if p.Versioning != storage.VersioningOn {
		weigh(t.Delete, "objects can be deleted")
		weigh(t.Overwrite, "objects can be overwritten")
		return lost, unknown, t
	}
	weigh(t.DeleteVersion, "versions can be deleted")
	weigh(t.ReplaceVersion, "a put can replace the bytes of a version")
	for _, hole := range []struct {
		isOpen bool
		text   string
	}{
		{t.DeleteVersion.Outcome == storage.TamperRefused, "versions can be deleted once their lock ends"},
		{t.Delete.IsDone(), "deletes hide objects, whose versions stay"},
		{t.Overwrite.IsDone(), "puts hide objects behind newer versions"},
		{t.BackdateVersion.IsDone(), "puts can claim to be older than what is there"},
	} {
		if hole.isOpen {
			p.Holes = append(p.Holes, hole.text)
		}
	}
	return lost, unknown, t
}
