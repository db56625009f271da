// Package retention decides which backups of an archive stay. It is pure: the same
// backups, times and rules always give the same decision. It knows no store, and no clock.
//
// Its terms, from the rules to what a keep says:
//
//   - A point is the state at the end of a backup. Rules choose points.
//   - A point's chain is what a restore of it needs: the backups from it back to the
//     newest full one on the way. A point that stays keeps its chain.
//   - The time of a backup is when it was taken by the clock of its host, as far as that
//     can be believed ([Times]).
//   - Now is the time of the newest backup. An archive whose backups have stopped loses
//     nothing.
//   - A [Decision] has a [Verdict] on each backup: whether it stays, and why.
//   - A [Keep] is what the next keep says about the backups that stay.
//
// What cannot be seen is not absent: if a backup cannot be read, nothing is decided, unless
// it is one that the user gives up.
package retention

import (
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Request is what is asked of an archive.
type Request struct {
	Rules *manifest.Rules // nil: all stay but for those that are given up
	Pins  []manifest.Pin

	// GiveUp are backups that go, with all that needs them, before the rules count.
	GiveUp []manifest.Seq

	// StandIns are those that the archive's newest keep has.
	StandIns []manifest.StandIn

	// Unreadable are the backups that exist, and are not in the catalog.
	Unreadable []manifest.Seq
}

// Decision says which backups stay.
type Decision struct {
	Times    *Times
	Verdicts []Verdict // one for each backup of the catalog, ascending

	// Unreadable are the backups that are given up and could not be read.
	Unreadable []manifest.Seq
}

// Verdict says whether a backup stays, and why.
type Verdict struct {
	Backup *manifest.Committed
	Stays  bool

	// Because are the rules that keep the backup itself, in the order of [Rule].
	Because []Reason

	// NeededBy is the first backup after this one that some rule keeps and whose chain has
	// this one; 0 if there is none.
	NeededBy manifest.Seq

	// GivenUp reports that the user has given up the backup, or one that it needs.
	GivenUp bool
}

// Decide returns which backups stay. stored returns the time at which the store has
// received the record of a backup. Errors are a [*NoBackupError], a [*NeededError], a
// [*manifest.RulesError], and a [*manifest.ObjectError] if a backup that may have to stay
// is missing or damaged.
func Decide(c *catalog.Catalog, stored func(manifest.Seq) time.Time, q Request) (*Decision, error) {
	if q.Rules != nil {
		if err := q.Rules.Validate(); err != nil {
			return nil, err
		}
	}
	a := newArchive(c, stored)
	if err := a.giveUp(q); err != nil {
		return nil, err
	}
	if err := a.checkWhole(q); err != nil {
		return nil, err
	}
	a.keepNewest()
	for _, p := range q.Pins {
		i, ok := a.index[p.Backup]
		if !ok {
			return nil, &NoBackupError{p.Backup}
		}
		a.keep(Pin, i, p.Label)
	}
	if q.Rules != nil {
		a.apply(q.Rules)
	} else {
		a.keepAll()
	}
	a.closeChains()
	if err := a.limitRanges(manifest.MaxRanges, q.StandIns); err != nil {
		return nil, err
	}
	return &Decision{Times: a.times, Verdicts: a.verdicts, Unreadable: slices.Sorted(slices.Values(a.lost))}, nil
}

// archive is the backups that are decided on. A backup is named by its place in verdicts.
type archive struct {
	verdicts []Verdict
	index    map[manifest.Seq]int
	parent   []int // -1: it continues none
	times    *Times
	taken    []time.Time
	lost     []manifest.Seq // those given up that could not be read
}

func newArchive(c *catalog.Catalog, stored func(manifest.Seq) time.Time) *archive {
	backups := c.All()
	a := &archive{index: make(map[manifest.Seq]int, len(backups)), times: TimesOf(c, stored)}
	for i, m := range backups {
		parent := -1
		if m.Continues != nil {
			if p, ok := a.index[*m.Continues]; ok {
				parent = p
			}
		}
		a.index[m.Seq] = i
		a.parent = append(a.parent, parent)
		a.taken = append(a.taken, a.times.Taken(m.Seq))
		a.verdicts = append(a.verdicts, Verdict{Backup: m})
	}
	return a
}

// giveUp marks the backups that go by the user's word, with all that needs them. The newest
// backup and pinned ones cannot be given up.
func (a *archive) giveUp(q Request) error {
	if len(q.GiveUp) == 0 {
		return nil
	}
	goes := map[manifest.Seq]manifest.Seq{} // the backup, and the one for which it goes
	for _, seq := range q.GiveUp {
		if _, ok := a.index[seq]; !ok {
			if !slices.Contains(q.Unreadable, seq) {
				return &NoBackupError{seq}
			}
			a.lost = append(a.lost, seq)
		}
		goes[seq] = seq
	}
	for i := range a.verdicts {
		v := &a.verdicts[i]
		if v.Backup.Kind != manifest.Full { // a full one needs no other
			if _, ok := goes[v.Backup.Seq]; !ok && goes[*v.Backup.Continues] != 0 {
				goes[v.Backup.Seq] = goes[*v.Backup.Continues]
			}
		}
		v.GivenUp = goes[v.Backup.Seq] != 0
	}
	for _, p := range q.Pins {
		if asked := goes[p.Backup]; asked != 0 {
			return &NeededError{GiveUp: asked, Backup: p.Backup, IsPinned: true}
		}
	}
	last := manifest.Seq(0)
	if n := len(a.verdicts); n > 0 {
		last = a.verdicts[n-1].Backup.Seq
	}
	for _, seq := range q.Unreadable {
		last = max(last, seq)
	}
	if asked := goes[last]; asked != 0 {
		return &NeededError{GiveUp: asked, Backup: last}
	}
	return nil
}

// checkWhole checks that every backup that is not given up can be read, and has its chain.
func (a *archive) checkWhole(q Request) error {
	for _, seq := range q.Unreadable {
		if !slices.Contains(q.GiveUp, seq) {
			return &manifest.ObjectError{Key: seq.Key(), Problem: "it is missing or damaged"}
		}
	}
	for i := range a.verdicts {
		v := &a.verdicts[i]
		if v.GivenUp || v.Backup.Kind == manifest.Full {
			continue
		}
		if p := a.parent[i]; p < 0 || a.verdicts[p].Backup.Timeline != v.Backup.Timeline {
			return &manifest.ObjectError{
				Key: v.Backup.Continues.Key(), Problem: fmt.Sprintf("it is missing, damaged, or of another timeline, and backup %d continues it", v.Backup.Seq),
			}
		}
	}
	return nil
}

// keep makes a backup stay.
func (a *archive) keep(rule Rule, i int, of string) {
	if v := &a.verdicts[i]; !v.GivenUp {
		v.Stays = true
		v.add(Reason{rule, of})
	}
}

// keepNewest keeps the newest backup, and the newest that was not imported: an import of old
// native backups does not make the database's own last state an old one.
func (a *archive) keepNewest() {
	last := len(a.verdicts) - 1
	for i := last; i >= 0; i-- {
		isOwn := a.verdicts[i].Backup.Imported == nil
		if i == last || isOwn && !a.verdicts[i].GivenUp {
			a.keep(Newest, i, "")
		}
		if isOwn && !a.verdicts[i].GivenUp {
			return
		}
	}
}

// keepAll makes all stay that are not given up, for no rule.
func (a *archive) keepAll() {
	for i := range a.verdicts {
		a.verdicts[i].Stays = !a.verdicts[i].GivenUp
	}
}

// closeChains makes all stay that some backup that stays needs. It looks at each backup
// once, the newest first: what needs a backup comes after it.
func (a *archive) closeChains() {
	for i := len(a.verdicts) - 1; i >= 0; i-- {
		v := &a.verdicts[i]
		if !v.Stays || v.Backup.Kind == manifest.Full {
			continue
		}
		p := &a.verdicts[a.parent[i]]
		p.Stays = true
		switch {
		case len(v.Because) > 0:
			p.NeededBy = v.Backup.Seq
		case v.NeededBy != 0:
			p.NeededBy = v.NeededBy
		}
	}
}
