// Package keeping makes keeps: records that say which backups exist still. It reads what a
// decision about that needs, and puts the decision into the journal.
//
// # Vocabulary
//
//   - keep: such a record ([manifest.Keeping]). The newest one counts, alone.
//   - State: the archive, as far as a decision needs it.
//   - horizon: the keep of which the next one says that everything older is dead, unless it
//     is named. It is at least the grace old, so that what left the list stays for so long.
//
// Package retention decides which backups stay, and what the next keep says of them.
package keeping

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/retention"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// State is an archive on which a keep is decided.
type State struct {
	List       *journal.List
	Catalog    *catalog.Catalog   // outlines of all backups that can be read
	Unreadable []manifest.Seq     // the backups that cannot be read, ascending
	Merged     []manifest.StandIn // merged records that no keep has named yet

	journal *journal.Journal
}

// SingleWriterError is the error for an archive in which nobody may say which backups stay:
// its store could not tell two runs that believe in the same number.
type SingleWriterError struct{ Address string }

func (e *SingleWriterError) Error() string {
	return "which backups stay in " + e.Address + " cannot be changed: its store does not support conditional writes, so that two runs could both believe that they committed first"
}

// Read reads the state of an archive whose backups are in l. Everything that says which
// backups exist must be readable, else the error is a [*manifest.ObjectError] or one of
// archive.json. l keeps the outlines, so that package gc need not read them again.
func Read(ctx context.Context, j *journal.Journal, l *journal.List) (*State, error) {
	switch {
	case l.Document != nil:
		return nil, l.Document
	case l.KeepDamage != nil:
		return nil, l.KeepDamage
	case l.Archive.Conditions != nil && l.Archive.Conditions.SingleWriter:
		return nil, &SingleWriterError{j.Address()}
	case len(l.Backups) == 0:
		return nil, &journal.NoBackupError{}
	}
	l.KeepOutlines()
	s := &State{List: l, journal: j}
	if err := s.addMissing(); err != nil {
		return nil, err
	}
	return s, s.readOutlines(ctx)
}

// maxMissing is how many records may be missing for a user to give them up one by one.
const maxMissing = 1000

// addMissing adds the records that are missing from the list after the newest keep: what
// cannot be seen is not absent, so each counts as a backup that may prove to be unreadable.
// A list that lags can only lack the newest records, and then the commit meets them.
func (s *State) addMissing() error {
	missing := 0
	for seq := s.KeepSeq() + 1; seq <= s.List.Last(); seq++ {
		if s.isListed(seq) {
			continue
		}
		if missing++; missing > maxMissing {
			return &manifest.ObjectError{Key: seq.Key(), Problem: fmt.Sprintf("it is missing, and so are %d others before it", maxMissing)}
		}
		s.List.Backups = append(s.List.Backups, journal.Entry{Seq: seq, Record: seq})
	}
	slices.SortFunc(s.List.Backups, func(a, b journal.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return nil
}

func (s *State) isListed(seq manifest.Seq) bool {
	_, ok := slices.BinarySearch(s.List.Records, seq)
	return ok
}

// readOutlines reads the outlines of all backups, and finds merged records that no keep
// has named.
func (s *State) readOutlines(ctx context.Context) error {
	all := make([]*manifest.Committed, len(s.List.Backups))
	isRead := make([]bool, len(all))
	records := make([]manifest.Seq, len(all))
	for i, e := range s.List.Backups {
		records[i] = e.Record
	}
	var merged []manifest.Seq
	err := s.journal.LoadRecordOutlines(ctx, s.List, records, func(i int, m *manifest.Committed, err error) error {
		e := s.List.Backups[i]
		if err == nil && e.Record == e.Seq && m.Kind == manifest.Merged {
			merged = append(merged, e.Record)
		}
		if err == nil {
			all[i], err = e.Backup(m)
		}
		if _, damaged := errors.AsType[*manifest.ObjectError](err); damaged {
			return nil
		}
		isRead[i] = true
		return err
	})
	if err != nil {
		return err
	}
	for i, e := range s.List.Backups {
		if !isRead[i] {
			s.Unreadable = append(s.Unreadable, e.Seq)
		}
	}
	s.Catalog = catalog.New(all)
	return s.readMerged(ctx, merged)
}

// readMerged reads what merged records replace, which outlines do not say. One that is
// damaged stands in for nothing: its parts are there still.
func (s *State) readMerged(ctx context.Context, merged []manifest.Seq) error {
	slices.Sort(merged)
	return s.journal.LoadRecords(ctx, s.List.Archive.ArchiveID, merged, func(_ int, m *manifest.Committed, err error) error {
		if err == nil && m.Replaces != nil {
			s.Merged = append(s.Merged, manifest.StandIn{From: m.Replaces[0], For: m.Replaces[1], By: m.Seq})
			slices.SortFunc(s.Merged, func(a, b manifest.StandIn) int { return cmp.Compare(a.By, b.By) })
		}
		if _, damaged := errors.AsType[*manifest.ObjectError](err); damaged {
			return nil
		}
		return err
	})
}

// Keep returns what the newest keep says, nil if there is none.
func (s *State) Keep() *manifest.Keeping {
	if s.List.Keep == nil {
		return nil
	}
	return s.List.Keep.Keeping
}

// KeepSeq returns the number of the newest keep, 0 if there is none.
func (s *State) KeepSeq() manifest.Seq {
	if s.List.Keep == nil {
		return 0
	}
	return s.List.Keep.Seq
}

// Pins returns the pins, in the order of their backups.
func (s *State) Pins() []manifest.Pin {
	if k := s.Keep(); k != nil {
		return k.Pins
	}
	return nil
}

// Policy returns the stored rules, nil if there are none.
func (s *State) Policy() *manifest.Rules {
	if k := s.Keep(); k != nil {
		return k.Policy
	}
	return nil
}

// Decide decides which backups stay, by rules, or, without any, all but those that are
// given up.
func (s *State) Decide(rules *manifest.Rules, pins []manifest.Pin, giveUp []manifest.Seq) (*retention.Decision, error) {
	q := retention.Request{Rules: rules, Pins: pins, GiveUp: giveUp, Unreadable: s.Unreadable}
	if k := s.Keep(); k != nil {
		q.StandIns = k.StandIns
	}
	return retention.Decide(s.Catalog, s.Stored, q)
}

// Stored returns when the store received the record of a backup, by its own clock.
func (s *State) Stored(seq manifest.Seq) time.Time {
	e, _ := s.List.Find(seq)
	return s.List.Written[e.Record]
}

// HasTimes reports whether the store has said of each backup when it received its record.
// If it has not, no rule that looks at times can be followed: what is not known is not old.
func (s *State) HasTimes() bool {
	return !slices.ContainsFunc(s.Catalog.All(), func(m *manifest.Committed) bool { return s.Stored(m.Seq).IsZero() })
}

// Horizon returns the horizon of the next keep: the newest keep that is at least the grace
// old at a time by the store's clock, but not one before that of the newest keep. Keeps
// whose manifests have been deleted are older.
func (s *State) Horizon(ctx context.Context, now time.Time, grace time.Duration) (manifest.Seq, error) {
	if s.List.Keep == nil {
		return 0, nil
	}
	before := s.Keep().DeadBefore
	for k := s.List.Keep; k.Seq > before; {
		written, ok := s.List.Written[k.Seq]
		if !ok || written.IsZero() { // nobody knows
			break
		}
		if now.Sub(written) >= grace {
			return k.Seq, nil
		}
		next := k.Manifest.Keep
		if next <= before || !s.isListed(next) {
			break
		}
		var err error
		if k, err = s.journal.Load(ctx, s.List.Archive.ArchiveID, next); err != nil {
			return 0, err
		}
		if k.Keeping == nil {
			return 0, &manifest.ObjectError{Key: next.Key(), Problem: fmt.Sprintf("it is no keep, but one of those after it says that it is (%s)", k.Kind)}
		}
	}
	return before, nil
}
