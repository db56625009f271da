package render

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/page/picture"
)

// fact is something that is known of a row: its main point, and what else there is to it.
type fact struct {
	Label string
	Level page.Level // what is not good stands out
	Main  string
	More  []string
}

// IsLong reports whether it takes the whole width.
func (f fact) IsLong() bool { return len(f.Main) > 24 }

// rowView is a row as the page of all databases shows it.
type rowView struct {
	page.Row

	Link  string
	Cells []fact
	Said  []page.Trouble // what there is to say beside the state
}

func (v *view) row(r page.Row, link string) rowView {
	row := rowView{Row: r, Link: link}
	row.Cells = []fact{v.restorable(r), v.backups(r), v.proven(r)}
	if v.Status.IsWatched {
		row.Cells = []fact{v.restorable(r), v.lag(r), v.backups(r), v.proven(r), v.disk(r), v.store(r)}
	}
	row.Said = r.Troubles
	return row
}

const unknown = "not known"

func (v *view) restorable(r page.Row) fact {
	f := fact{Label: "Restorable up to"}
	switch {
	case r.Newest.Seq == 0 && r.State.Word == "first backup", !v.Status.IsWatched && r.Newest.Seq == 0 && r.Broken == "" && r.Unread == "":
		f.Level, f.Main = page.Wait, "nothing yet"
	case r.Restorable.IsZero():
		f.Main = unknown
	case r.IsComplete:
		f.Main, f.More = "now", []string{"last commit " + v.Status.Ago(r.Restorable)}
	default:
		f.Main, f.More = v.Status.When(r.Restorable), []string{v.Status.Ago(r.Restorable)}
	}
	if r.Broken != "" || r.Verify.Findings > 0 {
		f.Level = page.Bad
	}
	return f
}

func (v *view) lag(r page.Row) fact {
	f := fact{Label: "Lag", More: []string{"target " + page.Duration(r.Target)}}
	if r.Lag > r.Target {
		f.More = append(f.More, "stretched to "+page.Duration(r.Lag))
	}
	switch age := v.Status.At.Sub(r.Unsaved.Since); {
	case r.IsStuck, r.Newest.Seq == 0, r.Safe.IsZero() && r.Unsaved.Since.IsZero():
		f.Main = unknown
	case r.Unsaved.Since.IsZero() && r.IsInDoubt:
		f.Main = unknown
	case r.Unsaved.Since.IsZero():
		f.Main = "none"
		if r.Phase == page.PhaseRunning && !r.Doing.Since.IsZero() {
			f.More = append(f.More, "as of "+v.Status.Ago(r.Doing.Since))
		}
	default:
		f.Main = page.Duration(max(0, age).Truncate(time.Second))
		for _, t := range r.Troubles {
			if t.Word == "behind" || t.Word == "store away" {
				f.Level = t.Level
			}
		}
		if n := r.Unsaved.Commits; n > 0 {
			f.More = append(f.More, page.Count(n, "commit"))
		}
	}
	return f
}

func (v *view) backups(r page.Row) fact {
	f := fact{Label: "Backups"}
	switch {
	case r.Newest.Seq == 0 && r.Doing.What == "full" && !r.Doing.IsQueued:
		f.Main = "first one runs"
		if r.Doing.Total > 0 {
			f.More = []string{page.Percent(float64(r.Doing.Done) / float64(r.Doing.Total))}
		}
	case r.LastBackup.IsZero():
		f.Main = "none seen"
	default:
		f.Main = v.Status.Ago(r.LastBackup)
	}
	if !r.LastFull.IsZero() {
		f.More = append(f.More, "full "+v.Status.Ago(r.LastFull))
	}
	return f
}

func (v *view) proven(r page.Row) fact {
	f := fact{Label: "Proven by a drill"}
	p := &r.Proof
	switch {
	case p.Last != nil && !p.Last.IsOK:
		f.Level, f.Main = page.Bad, "failed "+v.Status.Ago(p.Last.At)
		if p.Proven != nil {
			f.More = []string{"before that " + v.Status.Ago(p.Proven.At)}
		}
		return f
	case p.Proven != nil:
		f.Main = v.Status.Ago(p.Proven.At)
		f.More = []string{"restored in " + page.Duration(p.Proven.Restore)}
	case p.IsKnown:
		f.Main = "never"
	case v.Status.IsWatched && p.Every == 0:
		f.Main, f.More = unknown, []string{"no drills are asked for"}
	default:
		f.Main = unknown
	}
	for _, t := range r.Troubles {
		if t.Word == "drill old" || t.Word == "drill overdue" {
			f.Level = t.Level
		}
	}
	if !r.Doing.Drill.IsZero() {
		f.More = append(f.More, "a drill goes on")
	} else if f.Main == "never" && !p.Due.IsZero() && p.Due.After(v.Status.At) {
		f.More = append(f.More, "due "+v.Status.Ago(p.Due))
	}
	return f
}

func (v *view) disk(r page.Row) fact {
	f := fact{Label: "Log held", Main: page.Bytes(r.Held)}
	switch {
	case r.Held == 0 && r.Looked.IsZero():
		f.Main = unknown
	case r.Held == 0:
		f.Main = "none"
	}
	d := &r.Disk
	if d.IsGivenUp {
		f.Level, f.Main = page.Bad, "given up"
	}
	if d.Total > 0 {
		f.More = append(f.More, page.Percent(float64(d.Free)/float64(d.Total))+" of disk free")
	}
	if !d.FullAt.IsZero() {
		left := d.FullAt.Sub(v.Status.At)
		f.More = append(f.More, "full in "+page.Duration(max(0, left)))
		if left < page.DayLeft {
			f.Level = max(f.Level, page.Warn)
		}
	}
	return f
}

func (v *view) store(r page.Row) fact {
	f := fact{Label: "Store"}
	switch s := v.Status.StoreOf(r.Store); {
	case s == nil:
		f.Main = unknown
	case !s.IsUp:
		f.Level, f.Main, f.More = page.Bad, "away", []string{"since " + v.Status.When(s.Since)}
		if !s.NextTry.IsZero() {
			f.More = append(f.More, "next try "+v.Status.Ago(s.NextTry))
		}
	case s.LastAnswer.IsZero():
		f.Main = "not asked yet"
	default:
		f.Main, f.More = "answers", []string{v.Status.Ago(s.LastAnswer)}
	}
	return f
}

// oneView is a row with all that is known of it.
type oneView struct {
	page.Row

	Status   *page.Status
	ID       string
	Facts    []fact
	Counters []fact
	Since    string // of the tables of backups
	Picture  template.HTML
}

func (v *view) one(r page.Row, id string) oneView {
	o := oneView{Row: r, Status: v.Status, ID: id}
	o.Facts = v.row(r, "").Cells
	o.Facts = append(o.Facts, v.more(r)...)
	if v.Status.IsWatched {
		o.Counters = v.counters(r)
		if !r.Known.IsZero() && v.Status.At.Sub(r.Known) < 24*time.Hour {
			o.Since = "The watcher has seen backups since " + v.Status.When(r.Known) + "; `gbak-s3 list` shows those before."
		}
	}
	p := picture.View{ID: id, History: legible(r.History), At: v.Status.At, UnsavedSince: r.Unsaved.Since}
	if r.IsComplete {
		p.QuietUntil = r.Looked
	}
	o.Picture = p.Draw()
	return o
}

// legible returns a history whose messages are fit to be shown.
func legible(h *history.History) *history.History {
	if h == nil {
		return nil
	}
	l := *h
	l.DrillsUnknown = page.Text(h.DrillsUnknown)
	l.Drills = slices.Clone(h.Drills)
	for i := range l.Drills {
		l.Drills[i].Why = page.Text(l.Drills[i].Why)
	}
	return &l
}

// more is what stands on a database's own page only.
func (v *view) more(r page.Row) []fact {
	s := v.Status
	var all []fact
	add := func(label, main string, more ...string) {
		all = append(all, fact{Label: label, Main: main, More: more})
	}
	if r.Newest.Seq > 0 {
		where := fmt.Sprintf("epoch %d", r.Newest.Epoch)
		if r.Newest.Timeline > 1 {
			where += fmt.Sprintf(" of timeline %d", r.Newest.Timeline)
		}
		add("Newest backup", fmt.Sprintf("no. %d", r.Newest.Seq), where, page.Count(int64(r.Increments), "backup")+" since the full one")
	}
	if !r.NextFull.IsZero() {
		add("Next full backup", s.Ago(r.NextFull), "if anything is new")
	}
	if p := &r.Proof; p.IsSampled {
		since := ""
		if !p.ReadSince.IsZero() {
			since = "since " + s.When(p.ReadSince)
		}
		add("Read back", page.Percent(p.Read)+" of the archive", since)
	}
	if p := &r.Proof; p.Every > 0 && !p.Due.IsZero() {
		add("Next drill", s.Ago(p.Due))
	}
	for _, u := range []struct {
		page.Upkeep

		label string
	}{{r.Verify, "Verified"}, {r.Expire, "Expired"}, {r.Compact, "Compacted"}} {
		if !u.Due.IsZero() || !u.Last.IsZero() {
			var next []string
			if !u.Due.IsZero() {
				next = []string{"next " + s.Ago(u.Due)}
			}
			add(u.label, s.Ago(u.LastGood), next...)
		}
	}
	if r.Encryption != "" {
		add("Encryption", r.Encryption)
	}
	if r.Conditional != "" {
		add("Conditional writes", r.Conditional)
	}
	if s.IsWatched {
		add("Looked at", s.Ago(r.Looked), "size "+page.Bytes(r.Bytes))
		if !r.Writer.Other.IsZero() {
			add("Another writer", s.Ago(r.Writer.Other), page.Text(r.Writer.Who))
		}
	}
	if r.Path != "" {
		add("Path", page.Address(r.Path))
	}
	return all
}

// counters are what has happened since the watcher began.
func (v *view) counters(r page.Row) []fact {
	c := &r.Counts
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	q := &c.Requests
	all := []fact{
		{Label: "Backups", Main: n(c.Full + c.Incremental + c.Merged), More: []string{n(c.Full) + " full"}},
		{Label: "Failed", Main: n(c.Failures), More: []string{page.Count(c.Conflicts, "conflict")}},
		{Label: "Read", Main: page.Bytes(c.Read)},
		{Label: "Stored", Main: page.Bytes(c.Stored), More: []string{page.Bytes(c.Reused) + " were there already"}},
		{Label: "Requests", Main: n(q.Put + q.Get + q.Head + q.List + q.Delete), More: []string{
			fmt.Sprintf("%d PUT, %d LIST", q.Put, q.List), fmt.Sprintf("%d GET, %d HEAD", q.Get, q.Head), fmt.Sprintf("%d DELETE", q.Delete),
		}},
	}
	if m := c.Cost; m != nil {
		f := fact{Label: "Cost of the requests", Main: page.Dollars(m.Requests), More: []string{"at S3's list prices"}}
		if m.PerMonth > 0 {
			f.More = append(f.More, "about "+page.Dollars(m.PerMonth)+" a month")
		}
		all = append(all, f)
	}
	if c.UnplannedFulls > 0 {
		all = append(all, fact{Label: "Unplanned full backups", Main: n(c.UnplannedFulls)})
	}
	if c.GivenUp > 0 {
		all = append(all, fact{Label: "Log given up", Main: n(c.GivenUp), More: []string{"times"}})
	}
	return all
}
