package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// This file is about the restore that goes before a program's start: a program must never
// start empty because a key has expired or a disk is not mounted. So nothing here takes an
// error for "there is none".

// bootOptions are the two conditions under which a restore has nothing to do.
type bootOptions struct{ ifAbsent, ifArchiveExists bool }

func (o *bootOptions) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.ifAbsent, "if-absent", false, "do nothing if the database is already there; the store is not contacted then")
	flags.BoolVar(&o.ifArchiveExists, "if-archive-exists", false,
		"do nothing if the store answers that it has no archive at this address")
}

// noneLine is the answer of a restore that had nothing to do, in JSON.
type noneLine struct {
	Type       string   `json:"type"` // "restore"
	Kind       string   `json:"kind"` // "none"
	Why        string   `json:"why"`  // "present" or "no_archive"
	Database   string   `json:"database"`
	Neighbours []string `json:"neighbours,omitempty"` // archives beside the address that has none
}

// isThere reports whether a database is at a path, before any store is opened: looking for
// credentials may fail, too.
func isThere(database string) (bool, error) {
	if database != "" && os.IsPathSeparator(database[len(database)-1]) {
		return false, usage("%s is a folder, and the path is needed that the database has in it",
			"Give the path of the database, such as "+database+"people.grafeo.", database)
	}
	return archiver.Present(database)
}

// answerPresent ends a restore to a path at which the database is, unless that is not so
// clear.
func (a *app) answerPresent(database string, err error) error {
	if err != nil {
		return err
	}
	path := absolute(database)
	if a.out.json {
		err = a.out.printJSON(noneLine{Type: "restore", Kind: "none", Why: "present", Database: path})
	} else {
		err = a.out.print("%s is there: nothing was restored", path)
	}
	return a.out.answered("nothing was to be restored", err)
}

// isFirstBoot reports whether err says that the store has answered, and has no archive at
// the address: neither archive.json nor any manifest. A bucket that does not exist is no
// such answer, and neither is one in which an archive was seen before.
func isFirstBoot(err error) bool {
	return archiver.CodeOf(err) == archiver.CodeNoArchive && !errors.Is(err, storage.ErrNoStore)
}

// lookAround makes sure that there is a place in which the archive would be that is not
// there, as none says, and returns the addresses of archives beside it.
func (a *app) lookAround(ctx context.Context, archive *archiver.Archive, none error) (neighbours []string, err error) {
	neighbours, err = archive.Neighbours(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, err
	case errors.Is(err, storage.ErrNoStore): // perhaps a disk that is not mounted
		return nil, fmt.Errorf("%w: %w", none, err)
	case err != nil:
		a.log.Warn("what is beside the archive's address cannot be listed", "err", err)
	}
	return neighbours, nil
}

// startEmpty ends a restore that found no archive, and makes it loud: the address may be
// mistyped.
func (a *app) startEmpty(address, database string, neighbours []string) error {
	path := absolute(database)
	a.log.Warn("there is no archive at this address, and nothing was restored: the database begins empty",
		"archive", named(address), "database", path)
	if len(neighbours) > 0 {
		a.log.Warn("there are archives beside this address: is it the right one?", "neighbours", neighbours)
	}
	if a.out.json {
		err := a.out.printJSON(noneLine{Type: "restore", Kind: "none", Why: "no_archive", Database: path, Neighbours: neighbours})
		return a.out.answered("nothing was to be restored", err)
	}
	err := a.out.print("there is no archive at %s: nothing was restored, and %s begins empty", named(address), path)
	if err == nil && len(neighbours) > 0 {
		err = a.out.print("archives beside it: %s", strings.Join(neighbours, ", "))
	}
	return a.out.answered("nothing was to be restored", err)
}

// restoreAbsent restores a database before the watcher, and perhaps a program, begins with
// it: if it is not there, from the first of its archives that exists. If none does, that is
// loud. An archive of which nothing is known is an error, although another one may be there:
// that one may be older. One that has vanished is an error only if there is no other.
func (a *app) restoreAbsent(ctx context.Context, all *archives, database string, addresses []string, keys *keyFlags) error {
	if there, err := isThere(database); err != nil || there {
		return err
	}
	beside := map[string][]string{} // neighbours of addresses without an archive
	var vanished error
	for _, address := range addresses {
		archive, err := all.openKeyed(ctx, address, a.log, keys)
		if err != nil {
			return err
		}
		r, err := archive.Restore(ctx, database, archiver.RestoreOptions{})
		switch {
		case err == nil:
			a.log.Info("restored", "database", r.Database, "archive", named(address), "backup", r.Plan.Backup.Seq, "epoch", r.Plan.Epoch, "took", r.Elapsed)
			if a.out.json {
				return a.out.printRestore(r, target{})
			}
			return nil
		case archiver.CodeOf(err) == archiver.CodeVanished:
			a.log.Warn("an archive of this database has vanished", "database", absolute(database), "archive", named(address), "err", err)
			vanished = err
		case isFirstBoot(err):
			if beside[address], err = a.lookAround(ctx, archive, err); err != nil {
				return err
			}
		default:
			return err
		}
	}
	if vanished != nil {
		return vanished
	}
	for _, address := range addresses {
		if err := a.startEmpty(address, database, beside[address]); err != nil {
			return err
		}
	}
	return nil
}
