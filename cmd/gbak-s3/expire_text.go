package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

func (p *expirePrinter) say(format string, args ...any) {
	if p.err == nil {
		p.err = p.print(format, args...)
	}
}

// printText prints an expiry for people.
func (p *expirePrinter) printText() {
	r := p.report
	p.table()
	p.reach()
	p.doubts()
	p.bytes()
	p.bucket()
	p.say("%s, %s", requests(r.Requests), took(r.Elapsed))
	if c := p.costOf(r.Requests, 0, 0); c != nil {
		p.say("cost: %s", c)
	}
	switch {
	case !p.opts.Apply && r.Removed == 0 && r.Deleted.Objects+r.Manifests == 0:
		p.say("there is nothing to do; nothing was changed")
	case !p.opts.Apply:
		p.say("nothing was changed; to do this, if the archive is still the same:")
		p.say("%s", p.command())
	case !r.Applied:
		p.say("there was nothing to do")
	}
}

// table prints what becomes of each backup, with neighbours of which the same is true on
// one line.
func (p *expirePrinter) table() {
	w := p.aligned()
	fmt.Fprintln(w, "BACKUP\tTAKEN (UTC)\tKIND\tSTAYS BECAUSE")
	verdicts := p.report.Verdicts
	for i := 0; i < len(verdicts); {
		first, because := verdicts[i].Backup, p.fate(verdicts[i])
		n := 1
		for i+n < len(verdicts) && p.fate(verdicts[i+n]) == because {
			n++
		}
		last := verdicts[i+n-1].Backup
		i += n
		if n == 1 {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", first.Seq, first.CreatedAt.Format(time.DateTime), first.Kind, because)
		} else {
			fmt.Fprintf(w, "%d-%d\t%s ...\t%s\t%s\n", first.Seq, last.Seq, first.CreatedAt.Format(time.DateTime), plural(n, "backup"), because)
		}
	}
	for _, seq := range p.report.Unreadable {
		fmt.Fprintf(w, "%d\t\t\t- goes: it was given up, and cannot be read\n", seq)
	}
	if err := w.Flush(); p.err == nil {
		p.err = err
	}
}

// fate says what becomes of a backup, and why.
func (p *expirePrinter) fate(v archiver.Verdict) string {
	var why []string
	for i, rule := range v.Because {
		of := ""
		if i < len(v.Of) {
			of = v.Of[i]
		}
		switch {
		case strings.HasPrefix(rule, "chain"):
		case rule == "pin" && of == "":
			why = append(why, "pinned")
		case rule == "pin":
			why = append(why, fmt.Sprintf("pinned %q", of))
		case rule == "window" && p.report.WindowFrom != nil:
			why = append(why, "window (every epoch since "+p.report.WindowFrom.Format(time.DateTime)+")")
		case of != "":
			why = append(why, rule+" "+of)
		default:
			why = append(why, rule)
		}
	}
	switch {
	case v.GivenUp:
		return "- goes: it was given up, or needs one that was"
	case !v.Stays:
		return "- goes"
	case len(why) > 0:
		return strings.Join(why, ", ")
	case v.NeededBy != 0:
		return fmt.Sprintf("stays for %d", v.NeededBy)
	}
	return "stays"
}

const (
	shownTimelines = 12 // of which an expiry tells what can be restored
	shownRanges    = 6  // of epochs of each
)

// reach prints what can be restored, before and after.
func (p *expirePrinter) reach() {
	before, after := rangesByTimeline(p.report.Before), rangesByTimeline(p.report.After)
	shown, more, same := 0, 0, 0
	for _, timeline := range before.order {
		was, is := before.ranges[timeline], after.ranges[timeline]
		switch {
		case slices.Equal(was, is):
			same++
		case shown == shownTimelines:
			more++
		case len(is) == 0:
			shown++
			p.say("timeline %d goes altogether: it had %s", timeline, ranges(was))
		default:
			shown++
			p.say("restorable on timeline %d: before %s; after %s", timeline, ranges(was), ranges(is))
		}
	}
	if more > 0 {
		p.say("other timelines go, or lose states: %d of them; --json has all", more)
	}
	switch {
	case same > 0 && shown == 0:
		p.say("restorable: everything that was")
	case same > 0:
		p.say("restorable on %s: everything that was", plural(same, "other timeline"))
	}
}

// timelineRanges are ranges of epochs by timeline.
type timelineRanges struct {
	order  []int // of the timelines
	ranges map[int][][2]uint64
}

func rangesByTimeline(all []archiver.Reach) timelineRanges {
	t := timelineRanges{ranges: map[int][][2]uint64{}}
	for _, r := range all {
		if t.ranges[r.Timeline] == nil {
			t.order = append(t.order, r.Timeline)
		}
		t.ranges[r.Timeline] = append(t.ranges[r.Timeline], [2]uint64{r.FromEpoch, r.ToEpoch})
	}
	slices.Sort(t.order)
	return t
}

// ranges names ranges of epochs; of many, the first and the last.
func ranges(all [][2]uint64) string {
	var words []string
	for i, r := range all {
		switch {
		case len(all) <= shownRanges, i < 2, i >= len(all)-2:
			words = append(words, epochs(r[0], r[1]))
		case i == 2:
			words = append(words, fmt.Sprintf("%d more ranges", len(all)-4))
		}
	}
	return strings.Join(words, ", ")
}

// doubts prints what the decision could not rely on.
func (p *expirePrinter) doubts() {
	r := p.report
	if n := len(r.Disbelieved); n > 0 {
		p.say("taken by a clock that is not believed: %s %s; each counts as taken with the next one that is believed",
			plural(n, "backup"), numbers(r.Disbelieved))
	}
	if r.Withheld != nil {
		p.say("nothing is deleted: %v; it may name anything", r.Withheld)
	}
}

// numbers names backups; of many, the first ones.
func numbers(seqs []uint64) string {
	const most = 8
	var words []string
	for _, seq := range seqs[:min(len(seqs), most)] {
		words = append(words, fmt.Sprint(seq))
	}
	if len(seqs) > most {
		words = append(words, "...")
	}
	return strings.Join(words, ", ")
}

// bytes prints what goes, and what that frees and when.
func (p *expirePrinter) bytes() {
	r, did := p.report, p.opts.Apply
	gone, deleted := "goes from the list", "to be deleted now"
	if did {
		gone, deleted = "gone from the list", "deleted"
	}
	if r.Removed > 0 {
		committed := ""
		if r.Keep != 0 {
			committed = fmt.Sprintf(", as record %d says", r.Keep)
		}
		p.say("%s: %s%s; %s", gone, plural(r.Removed, "backup"), committed, plural(r.Kept, "stays", "stay"))
	}
	if n := r.Deleted.Objects + r.Manifests; n > 0 {
		p.say("%s: %s in %s%s", deleted, size(r.Deleted.Bytes), plural(int(r.Deleted.Objects), "object"), andManifests(r.Manifests))
	}
	if r.Waiting.Objects > 0 {
		until := ""
		if r.WaitingUntil != nil {
			until = ", " + r.WaitingUntil.Format(time.DateTime+" UTC")
		}
		p.say("to be deleted by an expiry after the grace (%s%s): %s in %s", age(r.Grace), until, size(r.Waiting.Bytes), plural(int(r.Waiting.Objects), "object"))
	}
	if r.Orphans > 0 {
		p.say("among these, left behind by backups that were killed, or of backups that are running: %s", plural(int(r.Orphans), "object"))
	}
	if did && p.opts.MarkOnly {
		p.say("nothing was deleted, because of --mark-only: an expiry without it does that")
	}
	if r.ChainsOnly.Objects > 0 {
		p.say("stay only because others need them: %s, %s; a full backup for each that is to stay, such as one a day, would free them",
			plural(int(r.ChainsOnly.Objects), "backup"), size(r.ChainsOnly.Bytes))
	}
	if r.Unknown > 0 {
		p.say("not written by gbak-s3, and left alone: %s", plural(int(r.Unknown), "object"))
	}
	if r.Refused > 0 {
		p.say("not deleted, because the store refused that: %s; the next expiry tries again", plural(int(r.Refused), "object"))
		for _, k := range r.RefusedKeys[:min(len(r.RefusedKeys), 3)] {
			p.say("  %s: %v", k.Key, k.Err)
		}
	}
	if r.Survivors > 0 {
		p.say("the store has said that it deleted objects, and still has %d of those that were looked for", r.Survivors)
	}
}

func andManifests(n int64) string {
	if n == 0 {
		return ""
	}
	return ", and " + plural(int(n), "manifest")
}

// bucket says what the settings of a bucket mean for what is deleted.
func (p *expirePrinter) bucket() {
	const rule = "This lifecycle rule removes them after a day:"
	old := p.report.Versions
	isKept := p.report.Versioned != nil && *p.report.Versioned
	switch {
	case old != nil && old.Refused == 0:
		isKept = false
	case old != nil:
		p.say("not deleted, because the store refused that: versions that the bucket keeps of what was deleted. " + rule)
		isKept = true
	case isKept && p.opts.Apply:
		p.say("the bucket keeps versions of what is deleted, and they cost as before. " + rule)
	case isKept:
		p.say("the bucket keeps versions of what is deleted; an expiry deletes these, too, if it may. If it may not: " + rule)
	}
	if isKept {
		p.say(`  {"Rules":[{"ID":"gbak-s3","Status":"Enabled","Filter":{"Prefix":%q},"NoncurrentVersionExpiration":{"NoncurrentDays":1},`+
			`"Expiration":{"ExpiredObjectDeleteMarker":true}}]}`, prefixOf(p.address))
	}
	if old != nil && old.Deleted.Objects > 0 {
		p.say("deleted for good, of versions that the bucket has kept: %s in %s", size(old.Deleted.Bytes), plural(int(old.Deleted.Objects), "version"))
	}
	if old != nil && old.Locked.Objects > 0 {
		p.say("locked still, and deleted by a later expiry: %s in %s", size(old.Locked.Bytes), plural(int(old.Locked.Objects), "version"))
	} else if l := p.report.Locked; l != nil && *l {
		p.say("the bucket locks objects: those that are locked still are deleted by a later expiry")
	}
}
