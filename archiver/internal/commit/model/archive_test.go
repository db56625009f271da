// Package model checks the protocol of an archive with retention, not its code: which
// records are committed, under which numbers, what is deleted and when. It has tests only.
//
// An [archive] is what a store holds. Each [process] is a writer, an expirer, a compactor or
// somebody who changes keys; its requests are single steps, and it may sleep for ever between any two of
// them. Requests may also reach the store again, at any later time. After every change
// [archive.check] looks at what a reader would see.
//
// # Vocabulary
//
//   - record: what is stored under a number: a backup (full, incremental), a keep, a
//     merged record, or a key list.
//   - object: what a record names. Its name has a generation, the number of the newest
//     keep that its writer knew.
//   - keep: the record that says which numbers before it are alive. The newest one counts.
//   - dead before: the generation below which a keep lets objects go, unless a record
//     names them that was alive at the keep of that number or came later.
//   - merged record: the log of several incrementals. It is seen when a keep says that it
//     stands in for them, under the number of the last one.
//   - key list: the record that says with which keys an encrypted archive is opened. The
//     newest one counts, and readers need it.
//   - fence: what is stored before a keep is followed by the next one.
//   - log: the records as they were first created, one after the other. A record that is
//     created where one was deleted is a stray: it is no part of the log.
//   - mutant: the protocol with one rule left out or weakened.
//
// # How it is explored
//
//	every interleaving of few processes    search_test.go
//	random walks of many                   walk_test.go
//	histories that were thought of         schedule_test.go
//	which of these finds which mutant      mutants_test.go
package model

import (
	"fmt"
	"slices"
)

type kind uint8

const (
	full kind = iota + 1
	incremental
	keep
	merged
	keyList
)

// record is immutable once it is made: archives that are copies of each other share it.
type record struct {
	kind   kind
	number int
	id     int // nobody else makes a record with this one
	keep   int // the newest keep before it, or 0
	keys   int // the newest key list before it, or 0

	// A backup and a merged record:
	names     []object
	continues int
	commits   set // whose commits its own log has: ids of backups
	from, to  int // merged: the numbers that it was made of

	// A keep:
	alive       set // numbers of records
	first       int // the first keep of the archive
	deadBefore  int
	standIns    []standIn
	pins        set
	removed     set // the backups that its rules removed
	fingerprint uint64
}

// standIn says that the merged record by is what the backups from..number were.
type standIn struct{ number, from, by int }

// object is the name of an object: its generation and what it holds.
type object uint32

func nameOf(generation, content int) object { return object(generation<<16 | content) } //nolint:gosec // small
func (o object) generation() int            { return int(o >> 16) }
func (o object) String() string             { return fmt.Sprintf("%d/%x", o.generation(), uint16(o)) }

// mergedContent is what the objects of a merged record hold: it follows from the numbers.
func mergedContent(from, to int) int { return 1<<15 | from<<6 | to }

// archive is the store and what is known of its past.
type archive struct {
	setting *setting

	records [limit]*record
	objects []object
	fences  set

	// Requests that may reach the store again, how many may, and how many may get lost
	// on their way there at first.
	latePuts    []object
	lateRecords []*record
	lateDeletes []object
	lateRemoves set
	puts        int
	deletes     int

	// The past, which only the checks know.
	log     []*record // log[n-1] was the first one with number n
	visible set       // which backups a reader sees
	gone    set       // which it saw, and sees no more

	processes []process
	touched   bool   // since the last check
	wrong     string // the first thing that must not be
}

// setting is what does not change while an archive is explored.
type setting struct {
	mutant     mutant
	group      int  // how many records are deleted together: 32 in real archives
	tries      int  // how often a process plans
	plansAgain bool // so do expirers; otherwise they plan once
	losses     int  // out of how many requests to create a record one gets lost, and one answer
	rich       bool // processes have more to decide
	// harmOnly leaves out what readers do not depend on ([archive.checkForm]).
	harmOnly bool
}

func (a *archive) is(m mutant) bool { return a.setting.mutant == m }

// become makes a a copy of b that can be changed apart from it.
func (a *archive) become(b *archive) {
	processes := append(a.processes[:0], b.processes...)
	*a = *b
	a.processes = processes
}

func (a *archive) fail(format string, args ...any) {
	if a.wrong == "" {
		a.wrong = fmt.Sprintf(format, args...)
	}
}

// head returns the highest number of a record.
func (a *archive) head() int {
	for n := min(len(a.log)+1, limit-1); n > 0; n-- {
		if a.records[n] != nil {
			return n
		}
	}
	return 0
}

// create stores a record if there is none with its number.
func (a *archive) create(r *record) bool {
	a.lateRecords = a.remember(a.lateRecords, r)
	return a.land(r)
}

func (a *archive) land(r *record) bool {
	if a.records[r.number] != nil {
		return false
	}
	a.records[r.number] = r
	a.touched = true
	if r.number == len(a.log)+1 {
		a.log = append(slices.Clip(a.log), r)
	}
	return true
}

func (a *archive) remember(late []*record, r *record) []*record {
	if a.puts == 0 {
		return nil
	}
	if slices.Contains(late, r) {
		return late
	}
	return append(slices.Clip(late), r)
}

func (a *archive) putObject(o object) {
	if a.puts > 0 {
		a.latePuts = insert(a.latePuts, o)
	}
	a.objects = insert(a.objects, o)
}

func (a *archive) deleteObject(o object) {
	if a.deletes > 0 {
		a.lateDeletes = insert(a.lateDeletes, o)
	}
	a.objects = remove(a.objects, o)
	a.touched = true
}

func (a *archive) deleteRecord(n int) {
	if a.deletes > 0 {
		a.lateRemoves = a.lateRemoves.with(n)
	}
	a.records[n] = nil
	a.touched = true
}

// putAgain lets a put reach the store that was sent before, or that got lost then.
func (a *archive) putAgain(choose chooser) bool {
	all := len(a.latePuts) + len(a.lateRecords)
	if a.puts == 0 || all == 0 {
		return false
	}
	i := choose.pick("late put", all)
	if i < len(a.latePuts) {
		a.objects = insert(a.objects, a.latePuts[i])
	} else {
		a.land(a.lateRecords[i-len(a.latePuts)])
	}
	if a.puts--; a.puts == 0 {
		a.latePuts, a.lateRecords = nil, nil
	}
	return true
}

// deleteAgain lets a delete reach the store that was sent before.
func (a *archive) deleteAgain(choose chooser) bool {
	all := len(a.lateDeletes) + a.lateRemoves.len()
	if a.deletes == 0 || all == 0 {
		return false
	}
	if i := choose.pick("late delete", all); i < len(a.lateDeletes) {
		a.deleteObject(a.lateDeletes[i])
	} else {
		a.deleteRecord(a.lateRemoves.at(i - len(a.lateDeletes)))
	}
	if a.deletes--; a.deletes == 0 {
		a.lateDeletes, a.lateRemoves = nil, 0
	}
	return true
}
