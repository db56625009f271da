// Package record keeps what this host last saw of an archive: a file for each archive's
// address, in a folder of the user. It is how a run without the database's hold notices
// that an archive has vanished, and how any run notices that an encrypted one was replaced
// by one that is not. It asks no store, and whatever fails here costs a run no more than a
// debug message; only that an archive begins encrypted must be on the disk before anything
// is stored ([Folder.Pin]).
package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/errno"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// record is the content of a file: what was last seen of the archive at an address.
type record struct {
	Format    int       `json:"format"` // 1
	Address   string    `json:"address"`
	ArchiveID string    `json:"archive_id"`
	Encrypted bool      `json:"encrypted"`
	Seq       uint64    `json:"seq"`       // of the newest backup; 0 if none was committed yet, see [Folder.Pin]
	CommitID  string    `json:"commit_id"` // of it
	SHA256    string    `json:"sha256"`    // of its manifest
	Epoch     uint64    `json:"epoch"`     // that it ends with
	At        time.Time `json:"at"`        // when it was taken
}

// isWhole reports whether a record says what each must say.
func (r *record) isWhole() bool {
	if r.Seq == 0 {
		return r.Encrypted && r.ArchiveID != ""
	}
	return r.ArchiveID != "" && r.CommitID != ""
}

const (
	format   = 1
	maxBytes = 64 << 10
)

// Folder is the folder of a user in which the records are. Its methods may be called
// concurrently, also in several processes.
type Folder struct {
	Path string // "" for none: nothing is known, and nothing is noted
	Disk disk.Disk
	Log  *slog.Logger
}

// path returns the file for the archive at an address, "" if there is none.
func (f *Folder) path(address string) string {
	if f.Path == "" || address == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(f.Path, "archives", hex.EncodeToString(sum[:16])+".json")
}

// Read returns which backup was seen last in the archive at an address; nil if there is no
// record, or none that can be used, or no backup was seen.
func (f *Folder) Read(address string) *journal.Sighting {
	path, found := f.find(address)
	if found == nil || found.Seq == 0 {
		return nil
	}
	return &journal.Sighting{
		ArchiveID: found.ArchiveID, Encrypted: found.Encrypted, Seq: found.Seq, CommitID: found.CommitID, Epoch: found.Epoch, At: found.At, Source: path,
	}
}

// Pin is what is known of an archive before any of its backups is.
type Pin struct {
	ArchiveID string
	Encrypted bool
	IsSeen    bool   // a backup of it was, which [Folder.Read] returns
	IsBegun   bool   // this host has begun it, and not seen that it was stored: it may never have been
	Source    string // the file that says so
}

// Pinned returns which archive this host saw last at an address, or began there; nil if none
// is known.
func (f *Folder) Pinned(address string) *Pin {
	path, found := f.find(address)
	if found == nil {
		return nil
	}
	isSeen := found.Seq > 0
	return &Pin{found.ArchiveID, found.Encrypted, isSeen, !isSeen && disk.Exists(f.begunPath(found.ArchiveID)), path}
}

// find returns the record for an address, and its file; nil if there is none that can be used.
func (f *Folder) find(address string) (path string, found *record) {
	path = f.path(address)
	if path == "" {
		return "", nil
	}
	found, err := readRecord(path, address)
	if err != nil && !isAbsent(err) {
		f.Log.Debug("what an earlier run noted about the archive is not used", "err", err)
	}
	return path, found
}

// isAbsent reports whether a file could not be read because there is none, or because the folder
// is no folder, such as /dev/null, with which a user does without it.
func isAbsent(err error) bool {
	return errno.Is(err, fs.ErrNotExist, syscall.ENOTDIR)
}

func readRecord(path, address string) (*record, error) {
	f, err := shared.Open(path)
	if err != nil {
		return nil, err
	}
	defer disk.CloseRead(f)
	b, err := io.ReadAll(io.LimitReader(f, maxBytes))
	if err != nil {
		return nil, err
	}
	var r record
	switch err := json.Unmarshal(b, &r); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case r.Format != format || r.Address != address || !r.isWhole():
		return nil, fmt.Errorf("%s: it is not a record of the archive at this address", path)
	}
	return &r, nil
}

// Note records that head is the newest backup of the archive at an address, and whether that
// is encrypted, unless another run has seen a newer one meanwhile. With anew, what was seen
// before no longer counts. A nil head is not recorded.
func (f *Folder) Note(ctx context.Context, address string, head *manifest.Committed, encrypted, anew bool) {
	path := f.path(address)
	if path == "" || head == nil {
		return
	}
	now := record{
		format, address, head.ArchiveID, encrypted, uint64(head.Seq), head.CommitID, hex.EncodeToString(head.Digest[:]), head.EndEpoch, head.CreatedAt,
	}
	if before, err := readRecord(path, address); err == nil && *before == now {
		return
	}
	ctx, cancel := disk.Settling(ctx)
	defer cancel()
	if err := writeRecord(ctx, f.Disk, path, now, anew); err != nil {
		f.Log.Debug("what this run saw of the archive could not be noted", "err", err)
	} else if encrypted {
		f.forgetBegun(head.ArchiveID)
	}
}

// Pin records, before anything is stored, that the archive with this id which begins at an
// address is encrypted. What was seen there before no longer counts. When it returns nil, a
// loss of power does not undo it.
func (f *Folder) Pin(ctx context.Context, address, archiveID string) error {
	path := f.path(address)
	if path == "" {
		return nil
	}
	err := writeRecord(ctx, f.Disk, path, record{Format: format, Address: address, ArchiveID: archiveID, Encrypted: true}, true)
	if err == nil {
		err = f.settle(path)
	}
	if err != nil {
		return fmt.Errorf("noting that the archive is encrypted: %w", err)
	}
	return nil
}

// writeRecord replaces a record in one step.
func writeRecord(ctx context.Context, d disk.Disk, path string, now record, anew bool) error {
	folder := filepath.Dir(path)
	if err := makeFolders(d, folder); err != nil {
		return err
	}
	lock, err := disk.LockFolder(ctx, folder)
	if err != nil {
		return err
	}
	defer disk.CloseRead(lock)
	before, err := readRecord(path, now.Address)
	if err == nil && before.ArchiveID == now.ArchiveID && before.Seq > now.Seq && !anew {
		return nil
	}
	b, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return replace(d, path, append(b, '\n')) // after a power failure it may be the earlier record, which is as true
}
