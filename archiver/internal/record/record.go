// Package record keeps what this host last saw of an archive: a file for each archive's
// address, in a folder of the user. It is how a run without the database's hold notices
// that an archive has vanished. It asks no store, and nothing depends on it: whatever
// fails here costs a run no more than a debug message.
package record

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// record is the content of a file: what was last seen of the archive at an address.
type record struct {
	Format    int       `json:"format"` // 1
	Address   string    `json:"address"`
	ArchiveID string    `json:"archive_id"`
	Seq       uint64    `json:"seq"`       // of the newest backup
	CommitID  string    `json:"commit_id"` // of it
	SHA256    string    `json:"sha256"`    // of its manifest
	Epoch     uint64    `json:"epoch"`     // that it ends with
	At        time.Time `json:"at"`        // when it was taken
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

// Read returns what was seen of the archive at an address; nil if there is no record, or
// none that can be used.
func (f *Folder) Read(address string) *journal.Sighting {
	path := f.path(address)
	if path == "" {
		return nil
	}
	found, err := readRecord(path, address)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.Log.Debug("what an earlier run noted about the archive is not used", "err", err)
		}
		return nil
	}
	return &journal.Sighting{ArchiveID: found.ArchiveID, Seq: found.Seq, CommitID: found.CommitID, Epoch: found.Epoch, At: found.At, Source: path}
}

func readRecord(path, address string) (*record, error) {
	f, err := os.Open(path)
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
	case r.Format != format || r.Address != address || r.ArchiveID == "" || r.Seq == 0 || r.CommitID == "":
		return nil, fmt.Errorf("%s: it is not a record of the archive at this address", path)
	}
	return &r, nil
}

// Note records that head is the newest backup of the archive at an address, unless another
// run has seen a newer one meanwhile. With anew, what was seen before no longer counts. A
// nil head is not recorded.
func (f *Folder) Note(ctx context.Context, address string, head *manifest.Committed, anew bool) {
	path := f.path(address)
	if path == "" || head == nil {
		return
	}
	now := record{
		format, address, head.ArchiveID, uint64(head.Seq), head.CommitID, hex.EncodeToString(head.Digest[:]), head.EndEpoch, head.CreatedAt,
	}
	if before, err := readRecord(path, address); err == nil && *before == now {
		return
	}
	ctx, cancel := disk.Settling(ctx)
	defer cancel()
	if err := writeRecord(ctx, f.Disk, path, now, anew); err != nil {
		f.Log.Debug("what this run saw of the archive could not be noted", "err", err)
	}
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
	temp := path + ".tmp"
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, disk.Durable(f.Sync()), f.Close()); err == nil {
		likeParent(d, temp)
		err = d.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, d.Remove(temp))
	}
	return nil // after a power failure it may be the earlier record, which is as true
}

// makeFolders creates a folder, and those above it that are missing.
func makeFolders(d disk.Disk, folder string) error {
	err := d.Mkdir(folder, 0o700)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(folder) != folder {
		if err := makeFolders(d, filepath.Dir(folder)); err != nil {
			return err
		}
		err = d.Mkdir(folder, 0o700)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err == nil:
		likeParent(d, folder)
	}
	return err
}

// likeParent gives what root creates in a user's home to that user, whose other programs
// could not write beside it otherwise.
func likeParent(d disk.Disk, path string) {
	if info, err := os.Stat(filepath.Dir(path)); err == nil {
		_ = disk.GiveTo(d, path, info) // it can be used all the same
	}
}
