// Package native reads the folders of backups that Grafeo itself makes.
//
// Such a folder has a list, Grafeo's own manifest, with an entry for each backup: a full
// one is an image, an incremental is a stretch of the log. A chain is a full backup and
// the incrementals that continue it. See docs/grafeo-format.md, section 7.
//
// [Read] checks a folder and makes of each entry the source that an archive can store;
// what is wrong with an entry is a fault, by which epochs are lost. [Folder.KnownIn] finds
// what an archive has of it already. Package export writes such folders.
//
// The package does not know the store.
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
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/ctxio"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// Folder is a folder of native backups, of which every byte was read.
type Folder struct {
	Path     string
	Manifest *grafeo.NativeManifest
	Backups  []*Backup // one for each entry of the manifest

	faults Faults // the first of each chain
}

// Backup is an entry of the manifest and what it becomes in an archive.
type Backup struct {
	Entry grafeo.NativeEntry
	Sum   manifest.Digest // of the file

	// Source is nil if the entry is faulty, or has no commit of its own: then its bytes
	// belong to the source of the next one.
	Source *capture.Source
	Ranges [][]grafeo.Range // what proves each of the source's files

	// Follows reports that a full backup stands at the very place where the entry before
	// it ends. If it does not, Why says what that means.
	Follows bool
	Why     string

	path string
}

// Read reads the folder at path and checks all of it: the checksums in the list, every
// checksum in the images and logs, and that the entries of each chain continue each other.
// What is wrong with an entry is not an error but a fault, see [Folder.CheckImportable];
// what is wrong with the list is an error.
func Read(ctx context.Context, path string) (*Folder, error) {
	at := filepath.Join(path, grafeo.NativeManifestName)
	b, err := disk.ReadUpTo(at, grafeo.MaxNativeManifestBytes+1)
	if err != nil {
		return nil, whyNoList(path, err)
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
	if err := n.suspectList(bad); err != nil {
		return nil, err
	}
	r := chainReader{folder: n}
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
			n.faults = append(n.faults, n.faultOf(i, err))
			r.broken = true
		}
	}
	return n, nil
}

// suspectList turns missing files into damage if the folder has others that look like
// backups and are not in the list: then the list may be wrong, which has no checksum in
// 0.5.
func (n *Folder) suspectList(bad map[int]error) error {
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

// NoFolderError is the error for a path at which there is no folder.
type NoFolderError struct{ Path string }

func (e *NoFolderError) Error() string { return "there is no folder " + e.Path }

// NoListError is the error for a folder that is not one of native backups.
type NoListError struct{ Path string }

func (e *NoListError) Error() string {
	return fmt.Sprintf("%s is not a folder of native backups: it has no %s", e.Path, grafeo.NativeManifestName)
}

// EmptyFolderError is the error for a folder of native backups that has none.
type EmptyFolderError struct{ Path string }

func (e *EmptyFolderError) Error() string { return e.Path + " has no backups" }

// whyNoList explains err, for which there is no list of native backups at path.
func whyNoList(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
		return &NoFolderError{path}
	}
	return &NoListError{path}
}

// check compares the file with what the list says of it.
func (b *Backup) check(ctx context.Context) error {
	f, err := shared.Open(b.path)
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
	content := ctxio.NewReader(ctx, io.LimitReader(f, info.Size()))
	if _, err := io.CopyBuffer(io.MultiWriter(crc, sum), content, buf); err != nil {
		return err
	}
	if crc.Sum32() != b.Entry.Checksum {
		return &grafeo.DamageError{
			Path: b.path,
			What: fmt.Sprintf("its checksum is %08x, but %08x in the list of native backups", crc.Sum32(), b.Entry.Checksum),
		}
	}
	b.Sum = manifest.Digest(sum.Sum(nil))
	return nil
}

// clockSlack is how far the clock may have been set back between what a native backup
// holds and its entry in the list. The time of an entry has no checksum, so this is all
// that can be checked of it.
const clockSlack = 24 * time.Hour

// checkTime refuses an entry whose time is before that of what it holds.
func (n *Folder) checkTime(b *Backup, holds time.Time) error {
	if b.Entry.Created.IsZero() || b.Entry.Created.Before(holds.Add(-clockSlack)) {
		return &grafeo.DamageError{
			Path: filepath.Join(n.Path, grafeo.NativeManifestName),
			What: fmt.Sprintf("%s was created at %s, and holds what was written at %s",
				b.Entry.Filename, b.Entry.Created.Format(time.RFC3339Nano), holds.Format(time.RFC3339Nano)),
		}
	}
	return nil
}
