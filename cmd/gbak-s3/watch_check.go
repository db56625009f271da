package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// month is thirty days, for which prices are.
const month = 30 * 24 * time.Hour

// bound is the most that watching a target may cost: its database never rests.
type bound struct {
	backups  int64 // in a month
	requests storage.RequestCounts
	usd      float64 // 0 if nobody is paid
}

// boundOf returns the bound of a target: at most one backup in each lag, each of which is
// the question whether the archive is as it was, a segment, and the commit.
func boundOf(t watch.Target) bound {
	n := int64(month / t.Lag)
	if t.MaxRequests.N > 0 {
		n = min(n, int64(float64(t.MaxRequests.N)/3*float64(month)/float64(t.MaxRequests.Per)))
	}
	b := bound{backups: n, requests: storage.RequestCounts{Head: n, Put: 2 * n}}
	if isBucket(t.Address) {
		b.usd = s3.RequestsPrice(b.requests)
	}
	return b
}

// String says the bound in a few words.
func (b bound) String() string {
	text := fmt.Sprintf("at most %s backups a month if it never rests", humanize.Comma(b.backups))
	if b.usd > 0 {
		text += fmt.Sprintf(", %s at list prices", dollars(b.usd))
	}
	return text
}

// maxAnnounced bounds the lines with which a watcher of many databases begins.
const maxAnnounced = 20

// announce says in the log what is watched, and what that may cost; then where health and
// metrics are answered, if they are.
func (w *watching) announce(answering string) {
	state := w.watcher.State()
	var all bound
	for i := range state.Targets {
		t := state.Targets[i].Target
		b := boundOf(t)
		all.backups, all.usd = all.backups+b.backups, all.usd+b.usd
		if i < maxAnnounced {
			w.log.Info("watching", "database", t.Name, "path", t.Database, "archive", t.Archive, "lag", t.Lag, "bound", b.String())
		}
	}
	if len(state.Targets) != 1 {
		w.log.Info("watching all of these", "archives", len(state.Targets), "bound", all.String())
	}
	w.log.Info("while nothing is new", "requests", w.whileIdle())
	w.warnOfDrills()
	switch {
	case answering == "":
	case w.config.Page == config.PageOff:
		w.log.Info("answering /livez, /readyz and /metrics", "address", answering)
	default:
		w.log.Info("the status page is there, and /livez, /readyz and /metrics", "address", answering)
	}
}

// targetLine is what would be watched, in JSON.
type targetLine struct {
	Type       string    `json:"type"` // "watch_target"
	Database   string    `json:"database"`
	Path       string    `json:"path"`
	Archive    string    `json:"archive"`
	LagMS      int64     `json:"lag_ms"`
	FullEveryS int64     `json:"full_every_s"`
	VerifyS    int64     `json:"verify_every_s"`
	ExpireS    int64     `json:"expire_every_s"`
	CompactS   int64     `json:"compact_every_s"`
	Sample     float64   `json:"verify_sample"`
	DrillS     int64     `json:"drill_every_s"`
	DrillBytes int64     `json:"drill_bytes,omitempty"`
	DrillCost  *costLine `json:"drill_cost_a_month,omitempty"`
	MaxBackups int64     `json:"max_backups_a_month"`
	MaxCost    *costLine `json:"max_cost_a_month,omitempty"`
	IdleChecks int       `json:"idle_requests_a_day"`
	Problem    string    `json:"problem,omitempty"`
	NoDrill    string    `json:"drill_problem,omitempty"`
}

// check says what would be watched and what it would cost. It asks no store.
func (w *watching) check() error {
	w.folders.look(w.config)
	targets := w.folders.targets(w.config)
	for i, t := range targets {
		if slices.ContainsFunc(targets[:i], func(other watch.Target) bool { return other.Key() == t.Key() }) {
			return usage("two watched databases have the same name and archive: %s", "Give one of them another name.", t.Key())
		}
	}
	for _, t := range targets {
		if err := w.checkTarget(t); err != nil {
			return err
		}
	}
	if w.app.out.json {
		return nil
	}
	if len(targets) == 0 {
		return w.app.out.print("there is no database yet below the folders that are to be watched")
	}
	return w.app.out.print("while nothing is new: %s", w.whileIdle())
}

func (w *watching) checkTarget(t watch.Target) error {
	b, problem := boundOf(t), ""
	if file, err := archiver.Locate(t.Database); err != nil {
		problem = err.Error()
	} else if _, err := grafeo.Identify(file); err != nil {
		problem = err.Error()
	}
	if w.app.out.json {
		line := targetLine{
			Type: "watch_target", Database: t.Name, Path: t.Database, Archive: t.Archive, LagMS: t.Lag.Milliseconds(),
			FullEveryS: int64(t.Full.Every / time.Second), VerifyS: int64(t.Verify / time.Second),
			ExpireS: int64(t.Expire / time.Second), CompactS: int64(t.Compact / time.Second),
			MaxBackups: b.backups, IdleChecks: requestsADay(w.storeCheck()), Problem: problem,
		}
		line.Sample, line.DrillS = t.Sample, int64(t.Drill.Every/time.Second)
		if isBucket(t.Address) {
			line.MaxCost = &costLine{USD: b.usd}
		}
		if t.Drill.Every > 0 {
			drill := drillBoundOf(t)
			line.NoDrill = problemOfDrill(t)
			if line.DrillBytes = drill.bytes; isBucket(t.Address) {
				line.DrillCost = &drill.month
			}
		}
		return w.app.out.printJSON(line)
	}
	text := fmt.Sprintf("%s: %s to %s, at most %s behind; %s", t.Name, t.Database, t.Archive, t.Lag, b)
	if t.Full.Every > 0 {
		text += "; a full backup each " + age(t.Full.Every)
	}
	if err := w.app.out.print("%s", text); err != nil {
		return err
	}
	for _, line := range linesOfProving(t) {
		if err := w.app.out.print("  %s", line); err != nil {
			return err
		}
	}
	if why := problemOfDrill(t); why != "" {
		if err := w.app.out.print("  a drill could not be done: %s", why); err != nil {
			return err
		}
	}
	if problem == "" {
		return nil
	}
	return w.app.out.print("  not yet: %s", problem)
}

// once backs up each target once, and returns the worst of what came of it.
func (w *watching) once(ctx context.Context) error {
	frugal()
	outliveReaders()
	w.folders.look(w.config)
	targets := w.folders.targets(w.config)
	if err := w.watcher.Set(targets); err != nil {
		return err
	}
	worst, unsaved := exitDone, []watch.Key(nil)
	for _, r := range w.watcher.Once(ctx) {
		if r.Err != nil {
			unsaved = append(unsaved, r.Target.Key())
			f := describe(r.Err, "backup")
			f.Message = r.Target.Name + ": " + f.Message
			w.app.printFailure(f)
			worst = worseExit(worst, f.Exit)
			continue
		}
		if w.app.out.json {
			w.events.line(lineOfWatched(w.app.out, r.Target, r.Report))
			continue
		}
		if err := w.app.out.print("%s", headline(r.Target.Name, r.Report)); err != nil {
			w.log.Warn("nobody reads the output", "err", err)
		}
	}
	w.events.print(watch.Event{Kind: watch.EventStopped, At: time.Now(), Unsaved: unsaved})
	if len(w.folders.said) > 0 { // databases that are not watched, or that nobody can see
		worst = worseExit(worst, exitError)
	}
	if worst == exitDone {
		return nil
	}
	return &answeredError{exit: worst}
}

// worseExit returns the exit code that says more of two.
func worseExit(a, b int) int {
	order := []int{exitDamage, exitKeys, exitUnknown, exitUnsafeStore, exitConflict, exitNoArchive, exitError}
	rank := func(code int) int {
		if code == exitDone {
			return len(order) + 1
		}
		if i := slices.Index(order, code); i >= 0 {
			return i
		}
		return len(order) // interrupted, ...
	}
	if rank(b) < rank(a) {
		return b
	}
	return a
}
