package native

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
)

// Fault is what is wrong with a native backup, and which epochs are lost by it: those from
// From to To are in no complete chain of the folder. It is an error that wraps Err.
type Fault struct {
	File     string // path
	From, To uint64
	Err      error

	// Gone reports that nothing is wrong except that the file is missing: the retention
	// of Grafeo-server removes files, and leaves the list as it is.
	Gone bool

	entry int // index into the folder's list
}

func (f *Fault) Error() string {
	if f.To < f.From {
		return f.Err.Error() + "; no epoch is lost by it"
	}
	lost := fmt.Sprintf("epochs %d to %d are", f.From, f.To)
	if f.From == f.To {
		lost = fmt.Sprintf("epoch %d is", f.From)
	}
	return fmt.Sprintf("%v; %s lost", f.Err, lost)
}

// Unwrap returns what is wrong.
func (f *Fault) Unwrap() error { return f.Err }

// Faults are all faults of a folder, at least one. They are an error that wraps each.
type Faults []*Fault

func (n Faults) Error() string {
	texts := make([]string, len(n))
	for i, f := range n {
		texts[i] = f.Error()
	}
	return strings.Join(texts, ". ")
}

// Unwrap returns the faults.
func (n Faults) Unwrap() []error {
	list := make([]error, len(n))
	for i, f := range n {
		list[i] = f
	}
	return list
}

// goneError is the error for a file that is missing.
type goneError struct{ *grafeo.DamageError }

func (e goneError) Error() string { return e.Path + ": " + e.What }

func (e goneError) Unwrap() error { return e.DamageError }

// isFault reports whether err is about what a file holds, and not about reading it.
func isFault(err error) bool {
	for _, known := range []error{
		grafeo.ErrDamaged, grafeo.ErrGap, grafeo.ErrWrongDatabase, grafeo.ErrNotDatabase,
		grafeo.ErrUnsupportedVersion, grafeo.ErrEncrypted,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// faultOf returns the fault that err makes of entry i. It loses the epochs of the entry and
// of those after it, up to the next full one.
func (n *Folder) faultOf(i int, err error) *Fault {
	first := n.Backups[i].Entry
	f := &Fault{File: n.Backups[i].path, From: first.StartEpoch, To: first.EndEpoch, Err: err, entry: i}
	_, f.Gone = errors.AsType[goneError](err)
	gap, isGap := errors.AsType[*grafeo.GapError](err)
	switch {
	case first.Full:
		f.From = first.EndEpoch
	case isGap && gap.What == nextEpoch:
		f.From = gap.Want
	case isGap && gap.What == restart:
		f.From = gap.Got
	case i > 0:
		f.From = n.Backups[i-1].Entry.EndEpoch + 1
	}
	for _, b := range n.Backups[i+1:] {
		if b.Entry.Full {
			f.To = min(f.To, max(b.Entry.EndEpoch, 1)-1)
			break
		}
		f.To = max(f.To, b.Entry.EndEpoch)
	}
	return f
}

// CheckImportable returns an error if the folder is not to be imported: if no chain is
// complete, or if more is wrong with it than that files are missing. With strict, these
// are an error as well.
func (n *Folder) CheckImportable(strict bool) error {
	hasSome := slices.ContainsFunc(n.Backups, func(b *Backup) bool { return b.Source != nil })
	bad := func(f *Fault) bool { return !f.Gone || strict || !hasSome }
	if !slices.ContainsFunc(n.faults, bad) {
		return nil
	}
	for _, f := range n.faults {
		if errors.Is(f.Err, grafeo.ErrUnsupportedVersion) || errors.Is(f.Err, grafeo.ErrEncrypted) {
			return f
		}
	}
	return &DamagedFolderError{n.faults}
}

// DamagedFolderError is the error for a folder that is not imported because of its faults.
type DamagedFolderError struct{ Faults Faults }

func (e *DamagedFolderError) Error() string { return e.Faults.Error() }

// Unwrap returns the faults.
func (e *DamagedFolderError) Unwrap() error { return e.Faults }

// Damage returns the [Faults] of the folder, nil if it has none. If a file cannot be
// judged, because it is encrypted or of an unknown version, it returns that fault alone.
func (n *Folder) Damage() error {
	for _, f := range n.faults {
		if errors.Is(f.Err, grafeo.ErrUnsupportedVersion) || errors.Is(f.Err, grafeo.ErrEncrypted) {
			return f.Err
		}
	}
	if len(n.faults) > 0 {
		return n.faults
	}
	return nil
}

// LostIn returns what neither the folder nor an archive with the backups of c has: the
// first fault of each chain, with the epochs that are lost from there on.
func (n *Folder) LostIn(c *catalog.Catalog) []*Fault {
	archived := func(e grafeo.NativeEntry) bool {
		for _, m := range c.All() {
			if m.Imported != nil && m.Imported.File == e.Filename && m.CreatedAt.Equal(e.Created) {
				return true
			}
		}
		return false
	}
	var lost []*Fault
	next := 0 // the first entry after the chain of the previous fault
	for _, fault := range n.faults {
		if fault.entry < next {
			continue
		}
		f := *fault
		first, last := -1, -1
		for next = f.entry; next < len(n.Backups) && (next == f.entry || !n.Backups[next].Entry.Full); next++ {
			if archived(n.Backups[next].Entry) {
				continue
			}
			if last = next; first < 0 {
				first = next
			}
		}
		if first < 0 {
			continue
		}
		if e := n.Backups[first].Entry; first > f.entry {
			f.From = e.StartEpoch
		}
		if f.To = min(f.To, n.Backups[last].Entry.EndEpoch); f.From <= f.To {
			lost = append(lost, &f)
		}
	}
	return lost
}
