package native

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/ctxio"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Folder is a folder of native backups, every byte of which was read
// (docs/grafeo-format.md, section 7).
type Folder struct {
	Path     string
	Manifest *grafeo.NativeManifest
	Backups  []*Backup // one for each entry of the manifest
	faults   Faults    // what is wrong, the first of each chain
}

// Backup is an entry of the manifest and what it becomes in an archive.
type Backup struct {
	Entry grafeo.NativeEntry
	path  string
	Sum   manifest.Digest

	// source is nil if the entry has no commit of its own: then its bytes belong
	// to the next one's.
	Source *capture.Source
	Ranges [][]grafeo.Range // what proves each of the source's files

	// follows tells of a full one that it stands at the very place where the entry
	// before it ends. If it does not, why says what that means.
	Follows bool
	Why     string
}

// Fault is what is wrong with a native backup. The epochs from From to To are lost by it:
// no whole chain of the folder has them.
type Fault struct {
	File     string // path
	From, To uint64
	Err      error

	// Gone reports that all that is wrong is that the file is not there: the retention of
	// Grafeo-server removes files, and leaves the list as it is.
	Gone bool

	entry int // of the folder's list
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

func (f *Fault) Unwrap() error { return f.Err }

// Fault returns the error for a folder that must not be imported: nothing in it is whole,
// or something else is wrong than that files are gone. With strict, files must not be gone
// either.
func (n *Folder) Fault(strict bool) error {
	some := slices.ContainsFunc(n.Backups, func(b *Backup) bool { return b.Source != nil })
	bad := func(f *Fault) bool { return !f.Gone || strict || !some }
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

// DamagedFolderError is the error for a folder of native backups that is not imported, as
// something in it is damaged.
type DamagedFolderError struct{ Faults Faults }

func (e *DamagedFolderError) Error() string { return e.Faults.Error() }

// Unwrap returns the faults.
func (e *DamagedFolderError) Unwrap() error { return e.Faults }

// LostIn returns what neither the folder nor the archive with the backups of c has: the
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
	next := 0 // the first entry behind the chain of the fault before
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

// goneError is the error for a file that the list has and the folder does not.
type goneError struct{ *grafeo.DamageError }

func (e goneError) Error() string { return e.Path + ": " + e.What }

func (e goneError) Unwrap() error { return e.DamageError }

// Faults is everything that is wrong with a folder.
type Faults []*Fault

func (n Faults) Error() string {
	texts := make([]string, len(n))
	for i, f := range n {
		texts[i] = f.Error()
	}
	return strings.Join(texts, ". ")
}

func (n Faults) Unwrap() []error {
	list := make([]error, len(n))
	for i, f := range n {
		list[i] = f
	}
	return list
}

// Read reads the folder at path and checks all of it: the manifest's checksums, every
// checksum in the images and logs, and that the entries of each chain continue each other.
// What is wrong with an entry becomes one of the folder's faults; what is wrong with the
// manifest is an error.
func Read(ctx context.Context, path string) (*Folder, error) {
	at := filepath.Join(path, grafeo.NativeManifestName)
	b, err := disk.ReadUpTo(at, grafeo.MaxNativeManifestBytes+1)
	if err != nil {
		return nil, noNativeFolder(path, err)
	}
	n := &Folder{Path: path}
	if n.Manifest, err = grafeo.DecodeNativeManifest(b, at); err != nil {
		return nil, err
	}
	bad := map[int]error{}
	for i, e := range n.Manifest.Entries {
		backup := &Backup{Entry: e, path: filepath.Join(path, e.Filename)}
		if err := backup.check(ctx); err != nil {
			if !isFault(err) {
				return nil, err
			}
			bad[i] = err
		}
		n.Backups = append(n.Backups, backup)
	}
	if err := n.unlisted(bad); err != nil {
		return nil, err
	}
	r := nativeReader{folder: n}
	for i, backup := range n.Backups {
		err := bad[i]
		if err == nil && (backup.Entry.Full || !r.broken) {
			err = r.read(ctx, i, backup)
		}
		switch {
		case err == nil:
		case !isFault(err):
			return nil, err
		default:
			n.faults = append(n.faults, n.lost(i, err))
			r.broken = true
		}
	}
	return n, nil
}

// unlisted turns files that are gone into damage if the folder has others that look like
// backups and are not in the list: then the list may be wrong, which has no checksum in
// 0.5.
func (n *Folder) unlisted(bad map[int]error) error {
	entries, err := os.ReadDir(n.Path)
	if err != nil {
		return err
	}
	listed := func(name string) bool {
		return slices.ContainsFunc(n.Backups, func(b *Backup) bool { return b.Entry.Filename == name })
	}
	for _, e := range entries {
		if !grafeo.IsNativeName(e.Name()) || listed(e.Name()) {
			continue
		}
		for i, err := range bad {
			if gone, ok := errors.AsType[goneError](err); ok {
				bad[i] = fmt.Errorf("%w, but %s is, which is not in the list", gone.DamageError, e.Name())
			}
		}
		break
	}
	return nil
}

// NoNativeFolderError is the error for a path at which there is no folder.
type NoNativeFolderError struct{ Path string }

func (e *NoNativeFolderError) Error() string { return "there is no folder " + e.Path }

// NotNativeFolderError is the error for a folder that is not one of native backups.
type NotNativeFolderError struct{ Path string }

func (e *NotNativeFolderError) Error() string {
	return fmt.Sprintf("%s is not a folder of native backups: it has no %s", e.Path, grafeo.NativeManifestName)
}

// EmptyNativeFolderError is the error for a folder of native backups that has none.
type EmptyNativeFolderError struct{ Path string }

func (e *EmptyNativeFolderError) Error() string { return e.Path + " has no backups" }

// noNativeFolder explains err, by which there is no list of native backups at path.
func noNativeFolder(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
		return &NoNativeFolderError{path}
	}
	return &NotNativeFolderError{path}
}

// isFault reports whether err is about the content of a file.
func isFault(err error) bool {
	for _, known := range []error{
		grafeo.ErrDamaged, grafeo.ErrGap, grafeo.ErrWrongDatabase, grafeo.ErrNotDatabase, grafeo.ErrUnsupportedVersion, grafeo.ErrEncrypted,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// lost returns which epochs are lost because of err in entry i: those of this entry and of
// later ones, up to the next full one.
func (n *Folder) lost(i int, err error) *Fault {
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

// check compares the file with what the manifest says of it.
func (b *Backup) check(ctx context.Context) error {
	f, err := os.Open(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return goneError{&grafeo.DamageError{Path: b.path, What: "the list of native backups names it, but it is not there"}}
	}
	if err != nil {
		return err
	}
	defer disk.CloseRead(f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &grafeo.DamageError{Path: b.path, What: "it is not a file"}
	}
	if uint64(info.Size()) != b.Entry.Size {
		return &grafeo.DamageError{
			Path: b.path, Offset: min(info.Size(), int64(min(b.Entry.Size, uint64(info.Size())))),
			What: fmt.Sprintf("it has %d bytes, but %d in the list of native backups", info.Size(), b.Entry.Size),
		}
	}
	crc, sum := crc32.NewIEEE(), sha256.New()
	buf := make([]byte, min(max(info.Size(), 1), 1<<20))
	if _, err := io.CopyBuffer(io.MultiWriter(crc, sum), ctxio.NewReader(ctx, io.LimitReader(f, info.Size())), buf); err != nil {
		return err
	}
	if crc.Sum32() != b.Entry.Checksum {
		return &grafeo.DamageError{Path: b.path, What: fmt.Sprintf("its checksum is %08x, but %08x in the list of native backups", crc.Sum32(), b.Entry.Checksum)}
	}
	b.Sum = manifest.Digest(sum.Sum(nil))
	return nil
}

// clockSlack is how far the clock may have been set back between the newest commit in a
// native backup and its entry in the manifest. The time of an entry has no checksum, so
// nothing else of it can be checked.
const clockSlack = 24 * time.Hour

// plausible refuses an entry whose time is before that of its content.
func (n *Folder) plausible(b *Backup, holds time.Time) error {
	if b.Entry.Created.IsZero() || b.Entry.Created.Before(holds.Add(-clockSlack)) {
		return &grafeo.DamageError{
			Path: filepath.Join(n.Path, grafeo.NativeManifestName),
			What: fmt.Sprintf("%s was created at %s, and holds what was written at %s", b.Entry.Filename, b.Entry.Created.Format(time.RFC3339Nano), holds.Format(time.RFC3339Nano)),
		}
	}
	return nil
}

// Damage returns what is wrong with a folder, for a report. Errors that say nothing about
// the folder are returned as they are.
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
