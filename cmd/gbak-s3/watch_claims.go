package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/internal/watch/trigger"
)

// This file is about which archive a database below a folder has. Its name says so, and names change with
// what is beside a database; its archive must not. So what is watched keeps its archive, and after a restart,
// a database that holds its log for an archive has that one. Whoever comes later has to get another one.

// tenant is a database below a folder of a configuration.
type tenant struct {
	found

	dir      config.Dir
	path     string
	archives []string
}

// below returns the databases below the folders, as of the last look, without those that have an entry of
// their own.
func (f *folders) below(c *config.Config, own map[string]bool) (all []tenant) {
	for _, d := range c.Dirs {
		for _, path := range slices.Sorted(maps.Keys(f.known[d.Path])) {
			if !own[fileOf(path)] {
				all = append(all, tenant{found: f.known[d.Path][path], dir: d, path: path})
			}
		}
	}
	return all
}

// archiveOf begins what was said of the archive of a database.
const archiveOf = "archive of "

// share gives databases their archives, and warns of those that cannot have them.
func (f *folders) share(all []tenant, claims *claims) []tenant {
	isWrong := map[string]bool{}
	warn := func(path, address, text string, args ...any) {
		of := archiveOf + path + " " + address
		isWrong[of] = true
		f.once(of, text, append([]any{"database", path, "archive", shown(address)}, args...)...)
	}
	for _, is := range all {
		for _, address := range is.archivesOf(is.dir) {
			if err := claims.add(is.path, address); err != nil {
				warn(is.path, address, "a database cannot have this archive", "err", err)
			}
		}
	}
	for i, is := range all {
		won, lost := claims.won(is.path)
		all[i].archives = won
		for _, claim := range lost {
			warn(is.path, claim.address, "two databases would have one archive: this one is not watched",
				"other", claims.owner[claim.place], "hint", "Give it an entry under databases, with an archive of its own.")
		}
	}
	maps.DeleteFunc(f.said, func(of, _ string) bool { return strings.HasPrefix(of, archiveOf) && !isWrong[of] })
	return all
}

// claims are the archives that databases are to have.
type claims struct {
	before map[string]string // the owners at the last time, by where the archives are
	owner  map[string]string // of an entry of its own, or once somebody asks
	of     map[string][]claim
	places map[string][]claim
}

// claim is an archive that a database is to have.
type claim struct{ path, address, place string }

func newClaims(before map[string]string) *claims {
	return &claims{before: before, owner: map[string]string{}, of: map[string][]claim{}, places: map[string][]claim{}}
}

// own gives an archive to a database with an entry of its own.
func (c *claims) own(place, path string) { c.owner[place] = path }

// add claims an archive for a database. The error says why that cannot be.
func (c *claims) add(path, address string) error {
	place, err := placeOf(path, address)
	if err != nil {
		return err
	}
	one := claim{path, address, place}
	c.of[path], c.places[place] = append(c.of[path], one), append(c.places[place], one)
	return nil
}

// won returns the archives that a database has of those that it claims, and the claims that others have
// won.
func (c *claims) won(path string) (archives []string, lost []claim) {
	for _, one := range c.of[path] {
		if c.owner[one.place] == "" {
			c.owner[one.place] = c.best(c.places[one.place]).path
		}
		if c.owner[one.place] == path {
			archives = append(archives, one.address)
		} else {
			lost = append(lost, one)
		}
	}
	return archives, lost
}

// best returns who has an archive that several claim: whoever had it, else the only one that holds its log
// for it, else the first one.
func (c *claims) best(all []claim) claim {
	if len(all) == 1 {
		return all[0]
	}
	before := c.before[all[0].place]
	if i := slices.IndexFunc(all, func(one claim) bool { return one.path == before }); i >= 0 {
		return all[i]
	}
	var holding []claim
	for _, one := range all {
		if holdsFor(one.path, []string{one.address}) {
			holding = append(holding, one)
		}
	}
	if len(holding) == 1 {
		return holding[0]
	}
	return all[0]
}

// asKnown returns a database that has two names by the one that it is known by, or was when it was backed
// up.
func (f *folders) asKnown(d config.Dir, at trigger.Found) trigger.Found {
	isKnown := func(path string) bool {
		_, now := f.known[d.Path][path]
		_, before := f.before[d.Path][path]
		return now || before
	}
	switch {
	case isKnown(at.Path):
		return at
	case isKnown(at.Or.Path):
		return *at.Or
	}
	id8, _ := trigger.ID8(at.Path) // without it, what is held is for no archive that is named by it
	holds := func(is *trigger.Found) bool { return holdsFor(is.Path, found{is.Name, id8}.archivesOf(d)) }
	if holds(at.Or) && !holds(&at) {
		return *at.Or
	}
	return at
}

// holdsFor reports whether a database holds its log for one of these archives.
func holdsFor(path string, archives []string) bool {
	r, err := archiver.Holds(context.Background(), path)
	return err == nil && slices.ContainsFunc(r.Holds, func(h archiver.HeldLog) bool {
		return slices.ContainsFunc(archives, func(address string) bool { return named(address) == h.Hold.Name })
	})
}
