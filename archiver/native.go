package archiver

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
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// nativeFolder is a folder with backups that Grafeo has made itself, of which
// every byte was read (docs/grafeo-format.md, section 7).
type nativeFolder struct {
	path     string
	manifest *grafeo.NativeManifest
	backups  []*nativeBackup // one for each entry of the manifest
	faults   nativeFaults    // what is wrong, the first of each chain
}

// nativeBackup is an entry of the manifest and what it becomes in an archive.
type nativeBackup struct {
	entry grafeo.NativeEntry
	path  string
	sum   manifest.Digest

	// source is nil if the entry has no commit of its own: then its bytes belong
	// to the next one's.
	source *source
	ranges [][]grafeo.Range // what proves each of the source's files

	// follows tells of a full one that it stands at the very place where the entry
	// before it ends. If it does not, why says what that means.
	follows bool
	why     string
}

// NativeFault is what is wrong with a native backup, and which epochs are lost
// by it: those from From to To are in no whole chain of the folder.
type NativeFault struct {
	File     string // path
	From, To uint64
	Err      error
}

func (f *NativeFault) Error() string {
	if f.To < f.From {
		return f.Err.Error() + "; no epoch is lost by it"
	}
	lost := fmt.Sprintf("epochs %d to %d are", f.From, f.To)
	if f.From == f.To {
		lost = fmt.Sprintf("epoch %d is", f.From)
	}
	return fmt.Sprintf("%v; %s lost", f.Err, lost)
}

func (f *NativeFault) Unwrap() error { return f.Err }

// fault is the error for a folder that is not whole, nil if it is.
func (n *nativeFolder) fault() error {
	if len(n.faults) == 0 {
		return nil
	}
	for _, f := range n.faults {
		if CodeOf(explain(f.Err)) == CodeUnsupported {
			return f
		}
	}
	return &Error{
		Code: CodeDamagedDatabase,
		Err:  n.faults,
		Hint: "Nothing of the folder was archived. What is lost in it may still be in the database itself: `gbak-s3 backup` archives that.",
	}
}

// nativeFaults is all that is wrong with a folder.
type nativeFaults []*NativeFault

func (n nativeFaults) Error() string {
	texts := make([]string, len(n))
	for i, f := range n {
		texts[i] = f.Error()
	}
	return strings.Join(texts, ". ")
}

func (n nativeFaults) Unwrap() []error {
	list := make([]error, len(n))
	for i, f := range n {
		list[i] = f
	}
	return list
}

// readNative reads the folder at path and checks all of it: the manifest's
// checksums, every checksum in the images and logs, and that the entries of each
// chain continue each other. What is wrong with an entry is not an error but one
// of the folder's faults; what is wrong with the manifest is an error.
func readNative(ctx context.Context, path string) (*nativeFolder, error) {
	at := filepath.Join(path, grafeo.NativeManifestName)
	b, err := readUpTo(at, grafeo.MaxNativeManifestBytes+1)
	if err != nil {
		return nil, noNativeFolder(path, err)
	}
	n := &nativeFolder{path: path}
	if n.manifest, err = grafeo.DecodeNativeManifest(b, at); err != nil {
		return nil, err
	}
	bad := map[int]error{}
	for i, e := range n.manifest.Entries {
		backup := &nativeBackup{entry: e, path: filepath.Join(path, e.Filename)}
		if err := backup.check(ctx); err != nil {
			if !isNativeFault(err) {
				return nil, err
			}
			bad[i] = err
		}
		n.backups = append(n.backups, backup)
	}
	r := nativeReader{folder: n}
	for i, backup := range n.backups {
		err := bad[i]
		if err == nil && (backup.entry.Full || !r.broken) {
			err = r.read(ctx, i, backup)
		}
		switch {
		case err == nil:
		case !isNativeFault(err):
			return nil, err
		default:
			n.faults = append(n.faults, n.lost(i, err))
			r.broken = true
		}
	}
	return n, nil
}

// noNativeFolder gives what is no such folder its code.
func noNativeFolder(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
		return &Error{Code: CodeNotFound, Err: fmt.Errorf("there is no folder %s", path), Hint: "Give the folder that Grafeo's own backups are in."}
	}
	return &Error{
		Code: CodeNotDatabase, Err: fmt.Errorf("%s is no folder of native backups: it has no %s", path, grafeo.NativeManifestName),
		Hint: "Give the folder that Grafeo's own backups are in. A database itself is archived by `gbak-s3 backup`.",
	}
}

// isNativeFault tells that err is about what a file holds.
func isNativeFault(err error) bool {
	for _, known := range []error{
		grafeo.ErrDamaged, grafeo.ErrGap, grafeo.ErrWrongDatabase, grafeo.ErrNotDatabase, grafeo.ErrUnsupportedVersion, grafeo.ErrEncrypted,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// lost says which epochs cannot be had from the folder because of err in entry i:
// those that it has, and that those behind it have, up to the next full one.
func (n *nativeFolder) lost(i int, err error) *NativeFault {
	first := n.backups[i].entry
	f := &NativeFault{File: n.backups[i].path, From: first.StartEpoch, To: first.EndEpoch, Err: err}
	gap, isGap := errors.AsType[*grafeo.GapError](err)
	switch {
	case first.Full:
		f.From = first.EndEpoch
	case isGap && gap.What == nextEpoch:
		f.From = gap.Want
	case isGap && gap.What == restart:
		f.From = gap.Got
	case i > 0:
		f.From = n.backups[i-1].entry.EndEpoch + 1
	}
	for _, b := range n.backups[i+1:] {
		if b.entry.Full {
			f.To = min(f.To, max(b.entry.EndEpoch, 1)-1)
			break
		}
		f.To = max(f.To, b.entry.EndEpoch)
	}
	return f
}

// check compares the file with what the manifest says of it.
func (b *nativeBackup) check(ctx context.Context) error {
	f, err := os.Open(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return &grafeo.DamageError{Path: b.path, What: "the list of native backups names it, and it is not there"}
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &grafeo.DamageError{Path: b.path, What: "it is not a file"}
	}
	if uint64(info.Size()) != b.entry.Size { //nolint:gosec // sizes are not negative
		return &grafeo.DamageError{
			Path: b.path, Offset: min(info.Size(), int64(min(b.entry.Size, uint64(info.Size())))), //nolint:gosec // not more than its size
			What: fmt.Sprintf("it has %d bytes, and %d in the list of native backups", info.Size(), b.entry.Size),
		}
	}
	crc, sum := crc32.NewIEEE(), sha256.New()
	buf := make([]byte, min(max(info.Size(), 1), 1<<20))
	if _, err := io.CopyBuffer(io.MultiWriter(crc, sum), &interruptible{ctx, io.LimitReader(f, info.Size())}, buf); err != nil {
		return err
	}
	if crc.Sum32() != b.entry.Checksum {
		return &grafeo.DamageError{Path: b.path, What: fmt.Sprintf("its checksum is %08x, and %08x in the list of native backups", crc.Sum32(), b.entry.Checksum)}
	}
	b.sum = manifest.Digest(sum.Sum(nil))
	return nil
}

// interruptible is a reader that ends with the context.
type interruptible struct {
	ctx context.Context //nolint:containedctx // io.Reader has no place for it
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}

// clockSlack is how far the clock may have been set back between what a native
// backup holds and its entry in the manifest. The time of an entry has no checksum,
// so this is all that can be checked of it.
const clockSlack = 24 * time.Hour

// plausible refuses an entry whose time is before that of what it holds.
func (n *nativeFolder) plausible(b *nativeBackup, holds time.Time) error {
	if b.entry.Created.IsZero() || b.entry.Created.Before(holds.Add(-clockSlack)) {
		return &grafeo.DamageError{
			Path: filepath.Join(n.path, grafeo.NativeManifestName),
			What: fmt.Sprintf("%s was created at %s, and holds what was written at %s", b.entry.Filename, b.entry.Created.Format(time.RFC3339Nano), holds.Format(time.RFC3339Nano)),
		}
	}
	return nil
}
