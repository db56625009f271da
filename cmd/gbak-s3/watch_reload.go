package main

import (
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
)

// reload reads the file again. If anything in it is wrong, all stays as it is.
func (w *watching) reload() {
	w.manager.reloading()
	defer w.manager.reloaded()
	c, err := readConfig(w.flags.config)
	if err == nil {
		before, watched := w.config, w.watcher.State().Targets
		w.warnOfRestart(before, c)
		w.config = c
		remember := w.folders.forget()
		w.folders.look(c)
		if err = w.set(); err != nil {
			w.config = before
			remember()
		} else {
			w.sayWhatIsHeld(watched)
		}
	}
	w.mu.Lock()
	w.refused = err != nil
	if err == nil {
		w.reloaded = time.Now()
	}
	w.mu.Unlock()
	w.events.reload(err)
	if err != nil {
		w.log.Error("the file was read again and is not used: all stays as it was", "event", watch.EventReload, "file", w.flags.config, "err", err)
		return
	}
	w.log.Info("the file was read again", "event", watch.EventReload, "file", w.flags.config)
	w.follow()
	w.warnOfDrills()
	w.watcher.Nudge()
}

// sayWhatIsHeld says how to end the holds of archives that are watched no longer.
func (w *watching) sayWhatIsHeld(before []watch.TargetState) {
	for _, t := range stillHeld(before, w.watcher.State().Targets) {
		w.log.Warn("this archive is not watched any more, and its database keeps its log for it until that is released",
			"database", t.Name, "archive", t.Archive, "release", "gbak-s3 release "+quote(t.Database)+" "+quote(named(t.Address)))
	}
}

// stillHeld returns what was watched before and is not now, and for which databases keep their logs for ever.
// What is watched by another spelling of its path or address is still watched: nobody may release that.
func stillHeld(before, now []watch.TargetState) (held []watch.Target) {
	type place struct{ database, archive string }
	where := func(t watch.Target) place {
		archive, err := placeOf("", t.Address)
		if err != nil {
			archive = named(t.Address)
		}
		return place{fileOf(t.Database), archive}
	}
	watched := map[place]bool{}
	for i := range now {
		watched[where(now[i].Target)] = true
	}
	for i := range before {
		b, t := &before[i], before[i].Target
		isHeld := b.Newest.Seq != 0 && b.Newest.Generation != grafeo.Gen05 && b.Phase != watch.PhaseGone && !b.Disk.GivenUp
		if isHeld && !watched[where(t)] {
			held = append(held, t)
		}
	}
	return held
}

// warnOfRestart says what a new configuration has that counts only after a restart.
func (w *watching) warnOfRestart(before, now *config.Config) {
	is := func(key string, changed bool) {
		if changed {
			w.log.Warn("this setting counts after a restart", "key", key)
		}
	}
	is("listen", before.Listen != now.Listen)
	is("hosts", !slices.Equal(before.Hosts, now.Hosts))
	is("page", before.Page != now.Page)
	is("log", before.Log != now.Log)
	is("flush", before.Flush != now.Flush)
	is("store-check", (before.StoreCheck == nil) != (now.StoreCheck == nil) || now.StoreCheck != nil && *before.StoreCheck != *now.StoreCheck)
}
