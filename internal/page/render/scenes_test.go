package render_test

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/internal/page"
)

// at is the moment of all scenes.
var at = time.Date(2026, time.November, 26, 14, 30, 7, 0, time.UTC)

func ago(d time.Duration) time.Time { return at.Add(-d) }

const day = 24 * time.Hour

// safe is a database of which all is well.
func safe(name string) page.Database {
	d := page.Database{
		Name: name, Path: "/srv/app/" + name + ".grafeo", Archive: "s3://backups/" + name, Store: "s3://backups",
		Phase: page.PhaseClean, Since: ago(4 * time.Minute), Looked: ago(8 * time.Second), Safe: ago(4 * time.Minute),
		Target: 10 * time.Second, Lag: 10 * time.Second, Bytes: 1 << 30, Held: 3 << 20,
		Disk:   page.Disk{Free: 84 << 30, Total: 100 << 30, MinFree: 5 << 30},
		Newest: page.Backup{Seq: 4711, Kind: "incremental", At: ago(4 * time.Minute), Epoch: 90210, Timeline: 1}, Restorable: ago(4*time.Minute + 3*time.Second),
		LastBackup: ago(4 * time.Minute), LastFull: ago(11 * time.Hour), NextFull: at.Add(13 * time.Hour), FullEvery: day, Increments: 312,
		Encryption: "none",
		Proof: page.Proof{
			IsKnown: true, Every: 7 * day, Due: at.Add(4 * day),
			Proven: &page.Drill{At: ago(3 * day), IsOK: true, Timeline: 1, Epoch: 80000, Restore: 41 * time.Second, Bytes: 1 << 30, Command: true},
			Last:   &page.Drill{At: ago(3 * day), IsOK: true},
		},
		Restore: "gbak-s3 restore s3://backups/" + name + " " + name + "-restored.grafeo",
		Known:   ago(30 * time.Hour),
		Hours: []page.Hour{
			{From: at.Truncate(time.Hour), Incremental: 41, Read: 3 << 20, Stored: 1 << 20, Longest: 800 * time.Millisecond},
			{From: at.Truncate(time.Hour).Add(-11 * time.Hour), Full: 1, Incremental: 7, Read: 1 << 30, Stored: 300 << 20, Longest: 31 * time.Second},
		},
		Last: []page.Backup{
			{Seq: 4711, Kind: "incremental", At: ago(4 * time.Minute), Epoch: 90210, Timeline: 1, Stored: 20 << 10, Took: 210 * time.Millisecond},
			{Seq: 4399, Kind: "full", At: ago(11 * time.Hour), Epoch: 90100, Timeline: 1, Stored: 300 << 20, Took: 31 * time.Second, Why: "the last one is 24 h old"},
		},
		Counts: page.Counts{
			Full: 3, Incremental: 4102, Read: 3 << 30, Stored: 900 << 20, Reused: 2 << 30,
			Requests: page.Requests{Put: 8210, Get: 12, Head: 4102, List: 3}, Cost: &page.Cost{Requests: 0.0427, PerMonth: 1.02},
		},
		History: reach(),
	}
	return d
}

func reach() *history.History {
	return &history.History{
		Backups: 4711,
		Timelines: []history.Timeline{{
			Number: 1,
			Spans: []history.Span{
				{From: ago(30 * day), To: ago(12 * day), FromEpoch: 1, ToEpoch: 60000, FirstBackup: 1, LastBackup: 3000, Backups: 3000},
				{From: ago(11 * day), To: ago(4 * time.Minute), FromEpoch: 61000, ToEpoch: 90210, FirstBackup: 3001, LastBackup: 4711, Backups: 1711},
			},
			Fulls: []history.Full{{At: ago(30 * day), Backup: 1}, {At: ago(11 * day), Backup: 3001}, {At: ago(11 * time.Hour), Backup: 4710}},
		}},
		Drills:      []history.Drill{{At: ago(3 * day), OK: true, Timeline: 1, Epoch: 80000, Restore: 41 * time.Second}},
		DrillsSince: ago(30 * day),
	}
}

// watched is the status of a watcher of these.
func watched(all ...page.Database) *page.Status {
	return &page.Status{
		At: at, Started: ago(30 * time.Hour), Version: "0.1.0", IsWatched: true, Databases: all,
		Stores: []page.Store{{Name: "s3://backups", IsUp: true, Since: ago(30 * time.Hour), LastAnswer: ago(2 * time.Minute)}},
	}
}

// with returns a safe database after a change.
func with(name string, change func(*page.Database)) page.Database {
	d := safe(name)
	change(&d)
	return d
}

// The troubles of the scenes.
func behind(d *page.Database) {
	d.Phase, d.Unsaved = page.PhaseDirty, page.Unsaved{Since: ago(4 * time.Minute), Commits: 1204, Bytes: 9 << 20}
	d.Why = "a full backup is needed: the log does not continue the archive"
}

func refused(d *page.Database) {
	d.Phase, d.Since, d.Code = page.PhaseRefused, ago(11*time.Minute), "wrong_database"
	d.Why = "this is the database 7b1f, and the archive is of the database 90aa"
	d.Hint = "Give it an archive of its own: begin one with `gbak-s3 backup DATABASE OTHER_ARCHIVE`, and watch it with that."
	d.Errors = []page.Problem{{At: ago(time.Minute), What: "backup", Code: d.Code, Text: d.Why, Hint: d.Hint}}
}

func gone(d *page.Database) { d.Phase, d.Since = page.PhaseGone, ago(20*time.Minute) }

func damaged(d *page.Database) {
	d.Verify = page.Upkeep{Due: at.Add(day), Last: ago(time.Hour), LastGood: ago(time.Hour), Findings: 2}
}

func unlooked(d *page.Database) {
	*d = page.Database{
		Name: d.Name, Path: d.Path, Archive: d.Archive, Store: d.Store, Phase: page.PhaseNew, Since: ago(2 * time.Second),
		Target: d.Target, Lag: d.Lag,
	}
}

func firstRuns(d *page.Database) {
	unlooked(d)
	d.Phase, d.Looked, d.Bytes = page.PhaseRunning, ago(time.Second), 12<<30
	d.Doing = page.Work{What: "full", Since: ago(time.Minute), Done: 5 << 30, Total: 12 << 30}
}

func unsaved(since time.Duration) func(*page.Database) {
	return func(d *page.Database) {
		d.Phase, d.Since = page.PhaseWaiting, ago(since)
		d.Unsaved = page.Unsaved{Since: ago(since), Commits: 3100, Bytes: 55 << 20}
		d.Held = 55 << 20
	}
}

func away(s *page.Status) *page.Status {
	s.Stores[0] = page.Store{
		Name: "s3://backups", Since: ago(25 * time.Minute), LastAnswer: ago(26 * time.Minute), NextTry: at.Add(2 * time.Minute),
		Why: "dial tcp 192.0.2.7:9000: connection refused",
	}
	return s
}

// scenes are the states that the page must tell right at a glance.
func scenes() map[string]*page.Status {
	many := make([]page.Database, 0, 400)
	for i := range 400 {
		many = append(many, safe(fmt.Sprintf("tenants/%03d", i)))
	}
	many[17] = with("tenants/017", behind)
	filling := away(watched(with("people", unsaved(25*time.Minute)), with("shop", unsaved(20*time.Minute))))
	filling.Databases[0].Disk = page.Disk{Free: 6 << 30, Total: 100 << 30, MinFree: 5 << 30, FullAt: at.Add(150 * time.Minute)}
	givenUp := away(watched(with("people", unsaved(25*time.Minute)), safe("shop")))
	givenUp.Databases[0].Disk = page.Disk{Free: 4 << 30, Total: 100 << 30, MinFree: 5 << 30, IsGivenUp: true}
	return map[string]*page.Status{
		"safe": watched(safe("people"), safe("shop"), safe("tenants/acme")),
		"one":  watched(with("people", func(d *page.Database) { d.Proof = page.Proof{IsKnown: true} })),
		"saving": watched(safe("people"), with("shop", func(d *page.Database) {
			d.Phase, d.Unsaved = page.PhaseDirty, page.Unsaved{Since: ago(4 * time.Second), Commits: 3, Bytes: 900}
		})),
		"behind":   watched(safe("people"), with("shop", behind), safe("tenants/acme")),
		"away":     away(watched(with("people", unsaved(25*time.Minute)), safe("shop"))),
		"refused":  watched(safe("people"), with("shop", refused)),
		"gone":     watched(safe("people"), with("shop", gone)),
		"damaged":  watched(with("people", damaged), safe("shop")),
		"filling":  filling,
		"given-up": givenUp,
		"drill-failed": watched(safe("people"), with("shop", func(d *page.Database) {
			d.Proof.Last = &page.Drill{At: ago(5 * time.Hour), Why: "the command ended with 1: 3 of 9 queries differ"}
		})),
		"drill-old": watched(safe("people"), with("shop", func(d *page.Database) {
			d.Proof.Proven.At, d.Proof.Last, d.Proof.Due = ago(19*day), nil, ago(12*day)
		})),
		"first": watched(with("people", firstRuns), with("shop", func(d *page.Database) {
			firstRuns(d)
			d.Doing = page.Work{What: "full", IsQueued: true}
		}), safe("tenants/acme")),
		"two-writers": watched(safe("people"), with("shop", func(d *page.Database) {
			d.Writer = page.Writer{Forks: ago(20 * time.Minute), Other: ago(15 * time.Minute), Who: "host db-2, gbak-s3 0.1.0, backup 4709"}
		})),
		"nothing":  {At: at, Started: ago(time.Minute), Version: "0.1.0", IsWatched: true},
		"unlooked": watched(with("people", unlooked), with("shop", unlooked)),
		"many":     watched(many...),
		"encrypted": watched(with("people", func(d *page.Database) {
			d.Encryption = "age, for 2 recipients"
			d.Restore = "gbak-s3 restore -i IDENTITY s3://backups/people people-restored.grafeo"
			d.Remark = "IDENTITY is the file with a key that opens the archive."
		})),
		"hostile": hostile(),
		"report":  report(),
	}
}
