package page

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Level is how bad something is.
type Level int

// The levels. Good is said only of what was seen to be good.
const (
	Good Level = iota
	Wait       // nothing is known to be wrong, and nothing shows yet that it is safe
	Warn       // it needs somebody soon
	Bad        // it needs somebody now
)

// String is the level's name in classes and in JSON.
func (l Level) String() string { return [...]string{"good", "wait", "warn", "bad"}[l] }

// Trouble is something that is wrong with a row, or not known to be right.
type Trouble struct {
	Level Level
	Word  string // the state in a word or two
	Text  string // what it is, in a sentence
	Hint  string // what to do about it; "" if nothing has to be done
}

// Row is a database with what is to be said of it.
type Row struct {
	*Database

	State    Trouble   // the worst trouble; or, if there is none, that all is well
	Troubles []Trouble // all, the worst first

	// IsInDoubt says that the archive may lack something, or was not seen to lack nothing. IsComplete
	// says that it was seen to have all that the database has.
	IsInDoubt, IsComplete bool
}

// Rows returns the rows, the worst first.
func (s *Status) Rows() []Row {
	rows := make([]Row, len(s.Databases))
	for i := range s.Databases {
		rows[i] = s.row(&s.Databases[i])
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.State.Level, a.State.Level), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Archive, b.Archive))
	})
	return rows
}

func (s *Status) row(d *Database) Row {
	j := judge{s: s, d: d, now: s.At}
	if s.IsWatched {
		j.watched()
	}
	j.archive()
	j.proof()
	slices.SortStableFunc(j.troubles, func(a, b Trouble) int { return cmp.Compare(b.Level, a.Level) })
	r := Row{Database: d, Troubles: j.troubles}
	r.IsInDoubt = j.isInDoubt
	r.IsComplete = s.IsWatched && d.Phase == PhaseClean && d.Unsaved.Since.IsZero() && !j.isInDoubt
	if len(r.Troubles) > 0 {
		r.State = r.Troubles[0]
	} else {
		r.State = j.good()
	}
	return r
}

// judge says what is wrong with one row.
type judge struct {
	s        *Status
	d        *Database
	now      time.Time
	troubles []Trouble

	isInDoubt bool
}

func (j *judge) doubt(level Level, word, text, hint string) {
	j.isInDoubt = true
	j.add(level, word, text, hint)
}

func (j *judge) add(level Level, word, text, hint string) {
	j.troubles = append(j.troubles, Trouble{level, word, text, hint})
}

func (j *judge) ago(t time.Time) string  { return j.s.Ago(t) }
func (j *judge) when(t time.Time) string { return j.s.When(t) }

// DayLeft is how long before a disk is full that is a warning.
const DayLeft = 24 * time.Hour

// How long something may last before it is worse than a warning, or a warning at all.
const (
	goneFor    = 5 * time.Minute  // a database that is being replaced is away for a moment
	awayFor    = 10 * time.Minute // as its alert
	unlookedAt = 5 * time.Minute  // as its alert; a database that rests is looked at each three minutes
	unaskedAt  = time.Hour        // an archive is asked each quarter of an hour, or never if that was wished
	forksFor   = 6 * time.Hour
	hoursLeft  = 4 * time.Hour
)

// watched looks at the database, its disk and the store.
func (j *judge) watched() {
	d := j.d
	if d.IsStuck {
		j.doubt(Bad, "no sign of life", "The watcher has heard nothing from it for minutes: a disk seems to hang. What this page shows of it is old.",
			"Look at the disk of the database, then restart the watcher.")
	}
	switch d.Phase {
	case PhaseGone:
		text := "There has been no file at its path since " + j.when(d.Since) + ". The archive stays."
		if d.Newest.Seq == 0 {
			text = "There has been no file at its path since " + j.when(d.Since) + ", and no backup of it was seen."
		}
		j.doubt(grade(j.now.Sub(d.Since) >= goneFor), "gone", text, d.Hint)
	case PhaseRefused:
		j.doubt(Bad, "refused", "It cannot be backed up as it is"+because(d.Why), d.Hint)
	}
	if d.Disk.IsGivenUp {
		j.add(Bad, "log given up", "Its disk is nearly full and the store is away, so it need not keep its log any more. Its data is safe on its disk, but states between "+
			"the last backup and the next full one may never be restorable.", "Make room on its disk, and bring the store back.")
	}
	j.disk()
	store := j.s.StoreOf(d.Store)
	isAway := d.Phase == PhaseWaiting || store != nil && !store.IsUp
	switch {
	case isAway:
		j.away(store)
	case d.Phase != PhaseGone:
		j.behind()
	}
	if !d.Writer.Forks.IsZero() && j.now.Sub(d.Writer.Forks) < forksFor {
		j.add(Bad, "two writers", "Two databases seem to back up into this archive, and each takes a full backup after the other. A copy of a database has the same id.",
			"Find the other one, and give it an archive of its own.")
	}
	j.unseen(store)
}

// away says that the store does not answer.
func (j *judge) away(store *Store) {
	d := j.d
	since, why := d.Since, d.Why
	if store != nil && !store.IsUp {
		since, why = store.Since, store.Why
	}
	text := "The store has not answered since " + j.when(since) + because(why)
	if !d.Unsaved.Since.IsZero() && d.Newest.Seq != 0 { // else nobody knows from when on it lacks something
		text += " What was committed since " + j.when(d.Unsaved.Since) + " is only in the database."
	}
	late := j.now.Sub(since) >= awayFor || j.isLate(3)
	j.doubt(grade(late), "store away", text, "Nothing is lost, and backups go on by themselves when it answers. `gbak-s3 doctor` says what is wrong with it.")
}

// behind says that commits are older than they should be, and not in the archive.
func (j *judge) behind() {
	d := j.d
	if !j.isLate(1.5) || d.Newest.Seq == 0 {
		return
	}
	text := "What was committed since " + j.when(d.Unsaved.Since) + " is not in the archive; it should be after " + Duration(d.Target) + "."
	if d.Why != "" {
		text += " What holds it up" + because(d.Why)
	} else if d.Lag > d.Target {
		text += " That is stretched to " + Duration(d.Lag) + " at present, by another writer that is first again and again, or by a bound on requests."
	}
	hint := d.Hint
	if len(d.Errors) > 0 && d.Errors[0].At.After(d.Unsaved.Since) && hint == "" {
		text += " The last error was that of " + d.Errors[0].What + because(d.Errors[0].Text)
		hint = d.Errors[0].Hint
	}
	j.doubt(grade(j.isLate(3)), "behind", text, hint)
}

// isLate reports whether the oldest unsaved commit is so many times as old as it may be, and not just
// for want of a moment.
func (j *judge) isLate(times float64) bool {
	u := j.d.Unsaved
	late := time.Duration(times * float64(j.d.Target))
	return !u.Since.IsZero() && j.now.Sub(u.Since) > max(late, j.d.Target+5*time.Second)
}

func (j *judge) disk() {
	d := &j.d.Disk
	left := d.FullAt.Sub(j.now)
	const hint = "Make room on its disk, or bring the store back: the log goes when the archive has it."
	switch {
	case !d.FullAt.IsZero() && left < DayLeft:
		j.add(grade(left < hoursLeft), "disk filling", "The log that waits for the archive fills the disk: it is full in about "+Duration(max(0, left))+".", hint)
	case d.Total > 0 && d.MinFree > 0 && d.Free < d.MinFree && !d.IsGivenUp:
		j.add(Warn, "disk full", "Only "+Bytes(d.Free)+" of its disk are free, and "+Bytes(d.MinFree)+" should be. If the store goes away as well, its log is given up.", hint)
	}
}

// unseen says what is not known yet.
func (j *judge) unseen(store *Store) {
	d := j.d
	if d.IsStuck || d.Phase == PhaseGone || d.Phase == PhaseRefused {
		return
	}
	switch {
	case d.Looked.IsZero() && d.Newest.Seq == 0 && d.Doing.What != "full":
		j.doubt(Wait, "not looked yet", "It has not been looked at yet.", "")
	case d.Newest.Seq == 0 && d.Doing.What == "full":
		j.first()
	case d.Newest.Seq == 0:
		j.doubt(Wait, "checking", "What the archive has is not known yet.", "")
	case d.Safe.IsZero(), d.Phase == PhaseNew:
		j.doubt(Wait, "checking", "The archive has backups, but the watcher has not seen yet that they have everything.", "")
	case d.Phase != PhaseRunning && j.now.Sub(d.Looked) > unlookedAt:
		j.doubt(Warn, "not looked at", "It was last looked at "+j.ago(d.Looked)+".", "The log says what keeps the watcher from it.")
	case (store == nil || store.IsUp) && j.now.Sub(later(d.Safe, d.Asked)) > unaskedAt:
		j.doubt(Wait, "not asked", "The archive was last asked "+j.ago(later(d.Safe, d.Asked))+": whether it is still there is not known.",
			"It is asked each quarter of an hour, but while a backup runs, and with `store-check: 0` never.")
	}
}

// first says how far the first backup is.
func (j *judge) first() {
	w := &j.d.Doing
	text := "There is no backup yet: the first one runs."
	switch {
	case w.IsQueued:
		text = "There is no backup yet: the first one waits for its turn."
	case w.Total > 0:
		text = "There is no backup yet: the first one runs, and has read " + Bytes(w.Done) + " of " + Bytes(w.Total) + "."
	}
	j.doubt(Wait, "first backup", text, "")
}

// archive looks at what the archive has, and at its upkeep.
func (j *judge) archive() {
	d := j.d
	if d.Unread != "" {
		j.add(Bad, "not readable", "The archive could not be read"+because(d.Unread), d.Hint)
		return
	}
	if d.Broken != "" {
		j.doubt(Bad, "damaged", d.Broken, cmp.Or(d.Hint, "`gbak-s3 salvage` shows what can still be had."))
	}
	if n := d.Verify.Findings; n > 0 {
		j.doubt(Bad, "damage found", "The last verification found "+Count(int64(n), "thing")+" wrong in the archive.", "`gbak-s3 verify --deep` says what, and `gbak-s3 salvage` what can still be had.")
	}
	if !j.s.IsWatched && d.Newest.Seq == 0 && d.Broken == "" {
		j.add(Wait, "no backup", "The archive has no backup.", d.Hint)
	}
	if old := 2 * d.FullEvery; d.FullEvery > 0 && !d.LastFull.IsZero() && j.now.Sub(d.LastFull) > old && d.Increments > 0 {
		j.add(Warn, "full overdue", "The last full backup was taken "+j.ago(d.LastFull)+"; there should be one every "+Duration(d.FullEvery)+".", "The log says why it failed.")
	}
	for _, u := range []struct {
		Upkeep

		verb string
	}{{d.Verify, "verify"}, {d.Expire, "expire"}, {d.Compact, "compact"}} {
		if u.Why != "" {
			j.add(Warn, u.verb+" failed", "`"+u.verb+"` could not be done"+because(u.Why), "")
		}
	}
}

// proof looks at drills and samples.
func (j *judge) proof() {
	p := &j.d.Proof
	if p.Damaged > 0 {
		j.doubt(Bad, "damage found", Percent(p.Damaged)+" of the archive were read and found damaged.", "`gbak-s3 verify --deep` says what, and `gbak-s3 salvage` what can still be had.")
	}
	if l := p.Last; l != nil && !l.IsOK {
		j.doubt(Bad, "drill failed", "The archive may not be restorable: the drill of "+j.when(l.At)+" failed"+because(l.Why), "`gbak-s3 drill` tries it again, and says more.")
	}
	if p.Unread != "" {
		j.add(Warn, "proof unread", "A certificate cannot be read, perhaps of a drill that failed"+because(p.Unread), "")
	}
	if p.Every == 0 {
		return
	}
	switch overdue := p.Due.Add(max(time.Hour, p.Every/4)); {
	case p.Why != "" && !p.IsKnown:
		j.add(Warn, "proof unknown", "What drills have shown cannot be read"+because(p.Why), "")
	case p.Why != "":
		j.add(Warn, "no drill", "A drill could not be done"+because(p.Why), "")
	case p.Proven != nil && j.now.Sub(p.Proven.At) > 2*p.Every:
		j.add(Warn, "drill old", "It was last proven restorable "+j.ago(p.Proven.At)+"; it should be proven every "+Duration(p.Every)+".", "`gbak-s3 drill` does one now.")
	case !p.Due.IsZero() && j.now.After(overdue):
		j.add(Warn, "drill overdue", "A drill has been due since "+j.when(p.Due)+". Drills begin only while no database is behind.", "`gbak-s3 drill` does one now.")
	}
}

// good says that all is well.
func (j *judge) good() Trouble {
	d := j.d
	switch {
	case !j.s.IsWatched:
		text := "By what its records say, it can be restored up to " + j.when(d.Restorable) + "."
		if !d.Verify.LastGood.IsZero() {
			text = "It can be restored up to " + j.when(d.Restorable) + ": every object is there."
		}
		return Trouble{Good, "restorable", text, ""}
	case d.Unsaved.Since.IsZero() && d.Phase == PhaseRunning:
		return Trouble{Good, "safe", "The archive had everything when the backup that runs now began. What was committed since will be seen when it ends.", ""}
	case d.Unsaved.Since.IsZero():
		return Trouble{Good, "safe", "The archive has everything.", ""}
	}
	return Trouble{Good, "saving", "The archive has everything but the commits of the last moments, which are on their way.", ""}
}

// StoreOf returns the store of that name, nil if nothing is known of it.
func (s *Status) StoreOf(name string) *Store {
	for i := range s.Stores {
		if s.Stores[i].Name == name {
			return &s.Stores[i]
		}
	}
	return nil
}

// because ends a sentence with the reason that a message gives, if there is one.
func because(message string) string {
	if message = strings.TrimRight(strings.TrimSpace(message), "."); message == "" {
		return "."
	}
	return ": " + message + "."
}

// grade is bad or a warning.
func grade(isBad bool) Level {
	if isBad {
		return Bad
	}
	return Warn
}
