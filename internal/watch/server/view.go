package server

import (
	"cmp"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/view"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Page says what pages show beside the state of the watcher.
type Page struct {
	// IsFull says that whoever reaches the listener may see paths, addresses and messages, also
	// where that is not on this host alone.
	IsFull bool

	Version string
	Recent  *Recent

	// Problems are those of the watcher itself, such as a configuration that could not be read. It
	// waits for no I/O.
	Problems func() []page.Problem

	// Restore is the command that restores a target, and what has to be added to it, "" for nothing.
	Restore func(t watch.Target, isEncrypted bool) (command, remark string)

	// Price is what requests to a target's store cost, in US dollars. It is false where nobody is paid.
	Price func(t watch.Target, r storage.RequestCounts) (usd float64, isPaid bool)
}

// view returns what a state looks like.
func (p *Page) view(s *watch.State) *page.Status {
	v := &page.Status{
		At: s.At, Started: s.Started, Version: p.Version, IsWatched: true, Problems: p.Problems(),
		Databases: make([]page.Database, len(s.Targets)),
	}
	for _, store := range s.Stores {
		v.Stores = append(v.Stores, page.Store{
			Name: store.Store, IsUp: store.Up, Since: store.Since, LastAnswer: store.LastAnswer, NextTry: store.NextTry, Why: page.Text(store.Why),
		})
	}
	stuck := map[watch.Key]bool{}
	for _, key := range s.Stuck(s.At) {
		stuck[key] = true
	}
	for i := range s.Targets {
		t := &s.Targets[i]
		d := &v.Databases[i]
		p.database(d, t)
		d.IsStuck = stuck[t.Target.Key()]
		d.Counts = p.counts(t, s.At.Sub(s.Started))
		d.Known = s.Started
	}
	p.Recent.fill(s, v.Databases)
	for i := range v.Databases {
		if d := &v.Databases[i]; len(d.Errors) > 0 && d.Why != "" && d.Errors[0].Code == d.Code {
			d.Hint = d.Errors[0].Hint
		}
	}
	return v
}

// database shows one target.
func (p *Page) database(d *page.Database, t *watch.TargetState) {
	*d = page.Database{
		Name: t.Target.Name, Path: t.Target.Database, Archive: t.Target.Archive, Store: t.Target.Store,
		Phase: page.Phase(t.Phase), Since: t.Since, Why: page.Text(t.Why), Code: string(t.Code), Looked: t.LastLook, Safe: t.LastSafe, Asked: t.LastAsked,
		Unsaved: page.Unsaved{Since: t.UnsavedSince, Commits: t.UnsavedCommits, Bytes: t.UnsavedBytes},
		Target:  cmp.Or(t.Target.Lag, watch.DefaultLag), Lag: t.Lag, NextRun: t.NextRun,
		Doing: page.Work{
			What: t.Doing.Run, IsQueued: t.Doing.Queued, Since: t.Doing.Since, Done: t.Doing.Done, Total: t.Doing.Total,
			Beside: t.Doing.Beside, Drill: t.Doing.Drill,
		},
		Bytes: t.DatabaseBytes, Held: t.HeldLogBytes,
		Disk: page.Disk{
			Free: t.Disk.FreeBytes, Total: t.Disk.TotalBytes, MinFree: t.Disk.MinFreeBytes, FullAt: t.Disk.FullAt, IsGivenUp: t.Disk.GivenUp,
		},
		Newest: view.Backup(&t.Newest), Restorable: t.NewestRestorable, LastBackup: t.Newest.CreatedAt, LastFull: t.LastFull,
		NextFull: t.NextFull, FullEvery: t.Target.Full.Every, Increments: t.Increments,
		Verify: shownUpkeep(&t.Verify), Expire: shownUpkeep(&t.Expire), Compact: shownUpkeep(&t.Compact),
		Proof: shownProof(t), History: t.History,
	}
	if t.Newest.Seq == 0 {
		return
	}
	d.Encryption = view.Encryption(t.Encrypted)
	d.Restore, d.Remark = p.Restore(t.Target, t.Encrypted)
}

func shownUpkeep(u *watch.UpkeepState) page.Upkeep {
	return page.Upkeep{Due: u.Due, Last: u.Last, LastGood: u.LastGood, Findings: u.Findings, Why: page.Text(u.Why)}
}

func shownProof(t *watch.TargetState) page.Proof {
	s := &t.Proof
	p := view.Proof(&s.Proofs)
	p.IsKnown, p.Why, p.Every, p.Due = !s.At.IsZero(), page.Text(s.Why), t.Target.Drill.Every, s.Due
	return p
}

// settled is how long a watcher has to have run before what it costs says what a month will cost.
const settled = time.Hour

func (p *Page) counts(t *watch.TargetState, ran time.Duration) page.Counts {
	c := &t.Counts
	counts := page.Counts{
		Full: c.Backups[archiver.KindFull], Incremental: c.Backups[archiver.KindIncremental], Merged: c.Backups[archiver.KindMerged],
		Conflicts: c.Conflicts, GivenUp: c.GivenUp, Read: c.ReadBytes, Stored: c.StoredBytes, Reused: c.ReusedBytes,
		Requests: page.Requests(c.Requests),
	}
	for _, n := range c.Failures {
		counts.Failures += n
	}
	for _, n := range c.UnplannedFulls {
		counts.UnplannedFulls += n
	}
	if usd, isPaid := p.Price(t.Target, c.Requests); isPaid {
		counts.Cost = &page.Cost{Requests: usd}
		if ran > settled {
			counts.Cost.PerMonth = usd * float64(30*24*time.Hour) / float64(ran)
		}
	}
	return counts
}
