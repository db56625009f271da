package main

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/internal/watch/heartbeat"
	"github.com/gbak-s3/gbak-s3/internal/watch/trigger"
)

// folders are the databases that were found below the folders of a configuration. One that
// is there no longer stays: its archive does, and somebody should know that it has gone.
type folders struct {
	log    *slog.Logger
	finder *trigger.Finder
	known  map[string]map[string]found // by folder, then by path
	said   map[string]string           // what is wrong, by what it is about: each is said once

	beats map[watch.Key]heartbeat.Beat // the heartbeats of the targets that were returned last
}

type found struct{ name, id8 string }

func newFolders(log *slog.Logger) *folders {
	return &folders{log: log, finder: trigger.NewFinder(), known: map[string]map[string]found{}, said: map[string]string{}}
}

// look looks through all folders of a configuration, and reports whether anything is new.
func (f *folders) look(c *config.Config) (isNew bool) {
	for _, d := range c.Dirs {
		isNew = f.walk(d) || isNew
	}
	return isNew
}

// targets returns all targets of a configuration, as of the last look.
func (f *folders) targets(c *config.Config) []watch.Target {
	var all []watch.Target
	paths, places := map[string]bool{}, map[string]string{}
	f.beats = map[watch.Key]heartbeat.Beat{}
	for _, d := range c.Databases {
		paths[real(d.Path)] = true
		for _, t := range targetsOf(d.Path, d.Name, d.Archives, d.Settings) {
			if place, err := placeOf("", t.Address); err == nil {
				places[place] = d.Path
			}
			all = append(all, t)
			f.beats[t.Key()] = heartbeat.Beat(d.Heartbeat)
		}
	}
	for _, d := range c.Dirs {
		here := f.known[d.Path]
		for _, path := range slices.Sorted(maps.Keys(here)) {
			if paths[real(path)] {
				continue // it has an entry of its own
			}
			var archives []string
			for _, template := range d.Archives {
				address := config.Expand(template, here[path].name, here[path].id8)
				place, err := placeOf(path, address)
				if err != nil {
					f.once(path, "a database cannot have this archive", "database", path, "archive", shown(address), "err", err)
					continue
				}
				if other, taken := places[place]; taken {
					f.once(path, "two databases would have one archive: the second one is not watched", "database", path, "other", other, "archive", shown(address))
					continue
				}
				places[place] = path
				archives = append(archives, address)
			}
			for _, t := range targetsOf(path, here[path].name, archives, d.Settings) {
				all = append(all, t)
				f.beats[t.Key()] = heartbeat.Beat(d.Heartbeat)
			}
		}
	}
	return all
}

// walk looks for the databases below a folder, and reports whether there is another one.
// What cannot be read now is not gone.
func (f *folders) walk(d config.Dir) (isNew bool) {
	if f.known[d.Path] == nil {
		f.known[d.Path] = map[string]found{}
	}
	here := f.known[d.Path]
	all, err := f.finder.Find(d.Path, d.Pattern)
	if err != nil {
		f.once(d.Path, "not all databases below a folder can be seen", "folder", d.Path, "err", err)
	} else {
		delete(f.said, d.Path)
	}
	needsID := slices.ContainsFunc(d.Archives, config.NeedsID)
	for _, at := range all {
		is := found{name: at.Name}
		if needsID {
			if is.id8, err = trigger.ID8(at.Path); err != nil {
				f.once("id of "+at.Path, "the id of a database cannot be read", "database", at.Path, "err", err)
				continue
			}
			delete(f.said, "id of "+at.Path)
		}
		if before, there := here[at.Path]; !there || before != is {
			here[at.Path], isNew = is, true
		}
	}
	return isNew
}

// forget forgets the databases that are not there any more, at the next look.
func (f *folders) forget() { clear(f.known) }

// once warns of something, unless that was the last thing that was said of it.
func (f *folders) once(of, text string, args ...any) {
	if f.said[of] == text {
		return
	}
	f.said[of] = text
	f.log.Warn(text, args...)
}
