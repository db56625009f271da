package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/view"
)

// archiveLook is what a report has seen of an archive.
type archiveLook struct {
	address string
	status  archiver.StatusReport
	drills  archiver.DrillsReport
	unseen  error // why it is not known which drills there were
	err     error // why the archive could not be read

	verified *archiver.VerifyReport // nil if no object was looked up
	cut      error                  // why not all of them were; then verified has what was found until then
	at       time.Time              // when that was
}

// look reads what is to be seen. The error says that there is nothing.
func (l *archiveLook) look(ctx context.Context, archive *archiver.Archive, verify bool) (err error) {
	if l.status, err = archive.Status(ctx, archiver.StatusOptions{}); err != nil {
		return err
	}
	if l.drills, l.unseen = archive.Drills(ctx); l.unseen != nil && ctx.Err() != nil {
		return l.unseen
	}
	if !verify {
		return nil
	}
	found, err := archive.Verify(ctx, archiver.VerifyOptions{})
	if err != nil && ctx.Err() != nil {
		return err
	}
	l.verified, l.cut, l.at = &found, err, time.Now().UTC()
	return nil
}

// verdict returns the error that a report ends with because of this archive, nil if all is well.
func (l *archiveLook) verdict() error {
	if l.err != nil {
		return l.err
	}
	if err := (statusLimits{}).check(l.status); err != nil {
		return err
	}
	p := l.status.Proofs
	switch v := l.verified; {
	case v != nil && !v.OK():
		return damagedError("%s: %s: %s", named(l.address), v.Findings[0].Key, v.Findings[0].Problem)
	case p == nil:
	case p.Coverage != nil && p.Coverage.Damaged > 0:
		return damagedError("%s: %s of the archive was read and is damaged", named(l.address), page.Percent(p.Coverage.Damaged))
	case p.LastDrill != nil && !p.LastDrill.OK:
		return &archiver.Error{
			Code: archiver.CodeDamagedArchive, Err: fmt.Errorf("%s: a drill failed, and no later one shows that this is mended: %s", named(l.address), p.LastDrill.Why),
			Hint: "Mend what is named there, and run `gbak-s3 drill` again. If it is about what was restored, " +
				"`gbak-s3 verify --deep` names all that is damaged, and `gbak-s3 salvage` what can still be restored.",
		}
	}
	return l.cut
}

func damagedError(format string, args ...any) error {
	return &archiver.Error{Code: archiver.CodeDamagedArchive, Err: fmt.Errorf(format, args...)}
}

// row returns the row of a report.
func (l *archiveLook) row(a *app) page.Database {
	r := &l.status
	d := page.Database{Name: l.name(), Archive: named(l.address)}
	if l.err != nil {
		d.Unread, d.Code, d.Hint = page.Text(l.err.Error()), string(archiver.CodeOf(l.err)), describe(l.err, "report").Hint
		return d
	}
	d.Encryption, d.Conditional = view.Encryption(r.Encryption != nil), string(r.Conditions)
	h := history.Of(r.All, r.Restorable)
	if l.unseen != nil {
		d.History = h.WithoutDrills(l.unseen.Error())
	} else {
		d.History = h.WithDrills(l.drills)
	}
	if r.Proofs != nil {
		d.Proof = view.Proof(r.Proofs)
	} else {
		d.Proof.Why = page.Text(r.ProofsUnknown.Error())
	}
	if v := l.verified; v != nil {
		d.Verify = page.Upkeep{Last: l.at, LastGood: l.at, Findings: len(v.Findings)}
	}
	if l.cut != nil {
		d.Verify.LastGood, d.Verify.Why = time.Time{}, page.Text(l.cut.Error())
	}
	if err := r.Within(math.MaxInt64); r.Vanished != nil || r.Broken != nil {
		d.Broken, d.Hint = page.Text(sentence(err)), describe(err, "report").Hint
	}
	if r.Newest == nil {
		return d
	}
	l.backups(&d)
	d.Restore, d.Remark = l.restore()
	if r.Broken != nil {
		d.Restorable, d.Restore = time.Time{}, ""
		if last := lastRestorable(r.Restorable); last != nil {
			d.Restorable = last.AsOf
			if last.ToTime != nil {
				d.Restorable = *last.ToTime
			}
			d.Restore, d.Remark = l.restore("--backup", strconv.FormatUint(last.LastBackup, 10))
		}
	}
	return d
}

// name is that of the database, else of the archive.
func (l *archiveLook) name() string {
	if n := l.status.Newest; n != nil && n.Database != "" {
		return strings.TrimSuffix(n.Database, ".grafeo")
	}
	return path.Base(strings.ReplaceAll(named(l.address), `\`, "/"))
}

// lastShown is how many backups a report lists.
const lastShown = 20

// backups fills in what the archive has.
func (l *archiveLook) backups(d *page.Database) {
	all := l.status.All
	newest := l.status.Newest
	d.Newest, d.LastBackup, d.Restorable = view.Backup(newest), newest.CreatedAt, newest.RestorableTo()
	for i := range slices.Backward(all) {
		b := &all[i]
		if len(d.Last) < lastShown {
			d.Last = append(d.Last, view.Backup(b))
		}
		if b.Kind == archiver.KindFull {
			d.LastFull = b.CreatedAt
			break
		}
		d.Increments++
	}
	for i := len(all) - 1 - len(d.Last); i >= 0 && len(d.Last) < lastShown; i-- {
		d.Last = append(d.Last, view.Backup(&all[i]))
	}
	d.Known = all[0].CreatedAt
}

// lastRestorable returns the range that ends with the newest backup that can be restored, nil if none can.
func lastRestorable(reach []archiver.Reach) *archiver.Reach {
	if len(reach) == 0 {
		return nil
	}
	last := slices.MaxFunc(reach, func(a, b archiver.Reach) int { return cmp.Compare(a.LastBackup, b.LastBackup) })
	return &last
}

// restore returns the command that restores the archive, and what has to be added to it.
func (l *archiveLook) restore(flags ...string) (command, remark string) {
	words := []string{"gbak-s3", "restore"}
	var remarks []string
	if l.status.Encryption != nil {
		words = append(words, "-i", "IDENTITY")
		remarks = append(remarks, "IDENTITY is the file with a key that opens the archive.")
	}
	place := absolute(l.address)
	if page.Text(place) != place { // who copies a command has to see all of it
		place = "ARCHIVE"
		remarks = append(remarks, "ARCHIVE is the address of the archive, which cannot be shown as it is.")
	}
	words = append(append(words, quote(place), "restored.grafeo"), flags...)
	return strings.Join(words, " "), strings.Join(remarks, " ")
}

// sentence returns a message as a sentence.
func sentence(err error) string {
	text := strings.TrimRight(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
