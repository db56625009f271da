package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/gbak-s3/gbak-s3/archiver"
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
	before map[string]map[string]found // what was known until forget was called, for the next look
	owners map[string]string           // the databases of archives, by where these are, as of the last targets
	said   map[string]string           // what is wrong, by what it is about: each is said once

	beats map[watch.Key]heartbeat.Beat // the heartbeats of the targets that were returned last

	isPartial atomic.Bool // there are databases, as of the last look, that cannot be seen or watched
}

type found struct{ name, id8 string }

// archivesOf returns the addresses of the archives that it is to have.
func (is found) archivesOf(d config.Dir) (addresses []string) {
	for _, template := range d.Archives {
		addresses = append(addresses, config.Expand(template, is.name, is.id8))
	}
	return addresses
}

func newFolders(log *slog.Logger) *folders {
	return &folders{log: log, finder: trigger.NewFinder(), known: map[string]map[string]found{}, said: map[string]string{}}
}

// look looks through all folders of a configuration, and reports whether anything is new.
func (f *folders) look(c *config.Config) (isNew bool) {
	for _, d := range c.Dirs {
		isNew = f.walk(d) || isNew
	}
	f.before = nil
	f.isPartial.Store(len(f.said) > 0)
	return isNew
}

// targets returns all targets of a configuration, as of the last look.
func (f *folders) targets(c *config.Config) []watch.Target {
	var l listing
	own, claims := map[string]bool{}, newClaims(f.owners)
	for _, d := range c.Databases {
		own[fileOf(d.Path)] = true
		for _, address := range d.Archives {
			if place, err := placeOf("", address); err == nil {
				claims.own(place, d.Path)
			}
		}
		l.add(targetsOf(d.Path, d.Name, d.Archives, d.Settings), d.Settings)
	}
	for _, is := range f.share(f.below(c, own), claims) {
		l.add(targetsOf(is.path, is.name, is.archives, is.dir.Settings), is.dir.Settings)
	}
	f.owners = claims.owner
	tellApart(l.targets)
	f.isPartial.Store(len(f.said) > 0)
	f.beats = map[watch.Key]heartbeat.Beat{}
	for i, t := range l.targets {
		f.beats[t.Key()] = heartbeat.Beat(l.settings[i].Heartbeat)
	}
	return l.targets
}

// fileOf returns where the database is that a path means: it may be the folder that a server has for it.
func fileOf(path string) string {
	if file, err := archiver.Locate(path); err == nil {
		path = file
	}
	return real(path)
}

// listing is what targets makes.
type listing struct {
	targets  []watch.Target
	settings []config.Settings // of each
}

func (l *listing) add(targets []watch.Target, s config.Settings) {
	for _, t := range targets {
		l.targets, l.settings = append(l.targets, t), append(l.settings, s)
	}
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
		f.keepUnseen(d.Path, err)
	} else {
		delete(f.said, d.Path)
	}
	needsID := slices.ContainsFunc(d.Archives, config.NeedsID)
	for _, at := range all {
		if at.Or != nil {
			at = f.asKnown(d, at)
		}
		is := found{name: at.Name}
		if needsID {
			if is.id8, err = trigger.ID8(at.Path); err != nil {
				f.once("id of "+at.Path, "the id of a database cannot be read", "database", at.Path, "err", err)
				f.keepUnseen(d.Path, &trigger.UnseenError{Paths: []string{at.Path}})
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

// keepUnseen keeps the databases below a folder that were known and could not be seen now.
func (f *folders) keepUnseen(folder string, err error) {
	unseen, ok := errors.AsType[*trigger.UnseenError](err)
	if !ok {
		return
	}
	for path, is := range f.before[folder] {
		if _, there := f.known[folder][path]; !there && unseen.Hides(path) {
			f.known[folder][path] = is
		}
	}
}

// forget forgets the databases that are not there any more, at the next look, unless remember
// is called. Those that cannot be seen then are not forgotten.
func (f *folders) forget() (remember func()) {
	f.before, f.known = f.known, map[string]map[string]found{}
	before, owners := f.before, f.owners
	return func() { f.known, f.owners = before, owners }
}

// once warns of something, unless that was the last thing that was said of it.
func (f *folders) once(of, text string, args ...any) {
	all := text + fmt.Sprint(args...)
	if f.said[of] == all {
		return
	}
	f.said[of] = all
	f.log.Warn(text, args...) //nolint:sloglint // it is a constant of the caller
}
