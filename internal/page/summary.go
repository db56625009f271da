package page

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Summary is the one sentence on top, and what stands below it. It is right in all states: that
// all is safe is said only if each row was seen to be.
type Summary struct {
	Level Level

	// Name is the database that Headline goes on about; "" if it is about several or none.
	Name     string
	Headline string
	Detail   string
	Note     string // what is worth knowing beside that, and alarms nobody
}

// String returns name and headline as one text.
func (s Summary) String() string {
	if s.Name == "" {
		return s.Headline
	}
	return Name(s.Name) + " " + s.Headline
}

// Summary returns the sentence of this moment.
func (s *Status) Summary() Summary {
	sum := s.sentence()
	if sum.Level == Good {
		sum.Note = s.note()
	}
	return sum
}

// note says what was never proven. That no drill was asked for is no trouble, and yet all that a safe
// database rests on.
func (s *Status) note() string {
	never, unknown := 0, 0
	for i := range s.Databases {
		switch p := &s.Databases[i].Proof; {
		case p.Proven != nil:
		case p.IsKnown:
			never++
		default:
			unknown++
		}
	}
	const how = " `gbak-s3 drill` restores it on trial."
	switch n := len(s.Databases); {
	case never == 1 && n == 1:
		return "It was never proven by a drill." + how
	case never == n && n > 0:
		return "None was ever proven by a drill." + how
	case never > 0:
		return fmt.Sprintf("%d of %d were never proven by a drill.", never, n) + how
	case unknown == 1 && n == 1:
		return "Whether it was ever proven by a drill is not known."
	case unknown > 0:
		return fmt.Sprintf("Whether %d of %d were ever proven by a drill is not known.", unknown, n)
	}
	return ""
}

func (s *Status) sentence() Summary {
	names := s.byName()
	t := tally{s: s, n: len(names)}
	for _, r := range names {
		t.of[r.State.Level] = append(t.of[r.State.Level], r)
	}
	switch {
	case t.n == 0 && len(s.Problems) > 0:
		return Summary{Warn, "", "Nothing is watched, and something is wrong.", s.Problems[0].What + because(s.Problems[0].Text), ""}
	case t.n == 0 && s.IsWatched:
		return Summary{Wait, "", "Nothing is watched yet.", "No database was found where the watcher is to look. It goes on looking.", ""}
	case t.n == 0:
		return Summary{Wait, "", "There is no archive here.", "", ""}
	case len(t.of[Bad])+len(t.of[Warn]) > 0:
		return t.needsYou()
	case len(t.of[Wait]) > 0:
		return t.notYet()
	case len(s.Problems) > 0:
		p := s.Problems[0]
		return Summary{Warn, "", "The watcher itself needs you.", p.What + because(p.Text) + " What it watches is safe.", ""}
	}
	return t.allGood()
}

// byName returns the worst row of each database, in the order of [Status.Rows]: one may have several
// archives.
func (s *Status) byName() []Row {
	seen := map[string]bool{}
	return slices.DeleteFunc(s.Rows(), func(r Row) bool {
		key := r.Name
		if !s.IsWatched {
			key += "\x00" + r.Archive // two archives are two things, whatever their databases are called
		}
		was := seen[key]
		seen[key] = true
		return was
	})
}

// tally is how many databases there are of each level.
type tally struct {
	s  *Status
	n  int
	of [Bad + 1][]Row
}

// thing is what is counted.
func (t *tally) thing() string {
	if t.s.IsWatched {
		return "database"
	}
	return "archive"
}

// needsYou is the sentence if something is wrong.
func (t *tally) needsYou() Summary {
	wrong := slices.Concat(t.of[Bad], t.of[Warn])
	level := wrong[0].State.Level
	if t.n == 1 {
		return Summary{level, wrong[0].Name, "needs you: " + wrong[0].State.Word + ".", wrong[0].State.Text, ""}
	}
	rest := t.others(len(t.of[Good]), len(t.of[Wait]))
	switch {
	case len(wrong) == 1:
		return Summary{level, wrong[0].Name, "needs you: " + wrong[0].State.Word + ".", join(wrong[0].State.Text, rest), ""}
	case len(wrong) == t.n && len(words(wrong)) == 1:
		detail := wrong[0].State.Text
		if slices.ContainsFunc(wrong, func(r Row) bool { return r.State.Text != detail }) {
			detail = Name(wrong[0].Name) + ": " + detail
		}
		return Summary{level, "", allOf(t.n, t.thing()) + " need you: " + wrong[0].State.Word + ".", detail, ""}
	case len(wrong) == t.n:
		return Summary{level, "", allOf(t.n, t.thing()) + " need you.", tell(wrong), ""}
	}
	return Summary{level, "", fmt.Sprintf("%d of %d %ss need you.", len(wrong), t.n, t.thing()), join(tell(wrong), rest), ""}
}

// others says how many others are good, and how many of them wait.
func (t *tally) others(good, wait int) string {
	word := "safe"
	if !t.s.IsWatched {
		word = "restorable"
	}
	switch {
	case good > 0 && wait > 0:
		return fmt.Sprintf("Of the others, %d %s %s, and %d %s not known to be so yet.", good, isOrAre(good), word, wait, isOrAre(wait))
	case good == 1:
		return "The other one is " + word + "."
	case good > 0:
		return fmt.Sprintf("The other %d are %s.", good, word)
	case wait > 0:
		return "None of the others is known to be " + word + " yet."
	}
	return ""
}

// notYet is the sentence if nothing is known to be wrong, and not all is known to be right.
func (t *tally) notYet() Summary {
	waiting, others := t.of[Wait], t.others(len(t.of[Good]), 0)
	if !t.s.IsWatched {
		if t.n == 1 {
			return Summary{Wait, waiting[0].Name, "has no backup.", waiting[0].State.Text, ""}
		}
		return Summary{Wait, "", fmt.Sprintf("%d of %d archives cannot be restored yet.", len(waiting), t.n), join(tell(waiting), others), ""}
	}
	if t.n == 1 {
		return Summary{Wait, waiting[0].Name, "is not safe yet.", waiting[0].State.Text, ""}
	}
	if len(waiting) == t.n {
		headline := fmt.Sprintf("None of %d databases is known to be safe yet.", t.n)
		return Summary{Wait, "", headline, tell(waiting), ""}
	}
	return Summary{Wait, "", fmt.Sprintf("%d of %d databases %s not known to be safe yet.", len(waiting), t.n, isOrAre(len(waiting))), join(tell(waiting), others), ""}
}

// allGood is the sentence if all was seen to be good.
func (t *tally) allGood() Summary {
	if !t.s.IsWatched {
		return t.restorable()
	}
	detail := t.evidence()
	if t.n == 1 {
		return Summary{Good, t.of[Good][0].Name, "is safe.", detail, ""}
	}
	return Summary{Good, "", allOf(t.n, "database") + " are safe.", detail, ""}
}

// evidence says what that rests on: up to when all is archived, and when each archive was last asked. That
// a store has answered about another one proves nothing.
func (t *tally) evidence() string {
	var upTo, asked time.Time
	for i := range t.s.Databases {
		d := &t.s.Databases[i]
		saved := d.Looked
		switch {
		case !d.Unsaved.Since.IsZero():
			saved = d.Unsaved.Since
		case d.Phase == PhaseRunning && !d.Doing.Since.IsZero() && d.Doing.Since.Before(saved):
			saved = d.Doing.Since // it reads what was there then: nobody looks for newer commits before it ends
		}
		upTo = sooner(upTo, saved)
		asked = sooner(asked, d.Safe)
	}
	text := fmt.Sprintf("Everything committed up to %s, %s, is in the ", t.s.When(upTo), t.s.Ago(upTo))
	if len(t.s.Databases) == 1 {
		return text + "archive, which last said so " + t.s.Ago(asked) + "."
	}
	return text + "archives, each of which said so in the last " + Duration(max(time.Second, t.s.At.Sub(asked).Truncate(time.Second))) + "."
}

// restorable is the sentence of archives alone, which say nothing about databases.
func (t *tally) restorable() Summary {
	const unseen = " Whether its database has newer commits cannot be seen from here."
	headline, looked := "can be restored.", " Every object that is needed for that is there."
	if slices.ContainsFunc(t.of[Good], func(r Row) bool { return r.Verify.LastGood.IsZero() }) {
		headline, looked = "can be restored, by what the records say.", " Whether every object is there was not looked up: `gbak-s3 report --verify` does that."
	}
	oldest := slices.MinFunc(t.of[Good], func(a, b Row) int { return a.Restorable.Compare(b.Restorable) })
	of := fmt.Sprintf("%s, %s", t.s.When(oldest.Restorable), t.s.Ago(oldest.Restorable))
	if t.n == 1 {
		return Summary{Good, oldest.Name, headline, "Its newest state is of " + of + "." + looked + unseen, ""}
	}
	return Summary{Good, "", allOf(t.n, "archive") + " " + headline,
		"The oldest of their newest states is of " + of + "." + looked + " Whether the databases have newer commits cannot be seen from here.", ""}
}

// words returns the states of rows, each once, in order.
func words(rows []Row) []string {
	var all []string
	for _, r := range rows {
		if !slices.Contains(all, r.State.Word) {
			all = append(all, r.State.Word)
		}
	}
	return all
}

// tell says how many rows are in which state.
func tell(rows []Row) string {
	var parts []string
	for _, word := range words(rows) {
		n := 0
		for _, r := range rows {
			if r.State.Word == word {
				n++
			}
		}
		if word == "first backup" {
			word = "without a backup"
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, word))
	}
	return strings.Join(parts, ", ") + "."
}

func join(a, b string) string { return strings.TrimSpace(a + " " + b) }

func allOf(n int, thing string) string {
	if n == 2 {
		return "Both " + thing + "s"
	}
	return fmt.Sprintf("All %d %ss", n, thing)
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// sooner returns the earlier of two times; a zero one is before all.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
