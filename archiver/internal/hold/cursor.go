package hold

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

const (
	CursorTempName = grafeo.CursorName + ".gbak-tmp"
	logFolderTemp  = ".gbak-tmp" // behind the name of a log folder in the making

	// maxCursorBytes is the largest cursor that is read: some thousand holds.
	maxCursorBytes = 1 << 20
)

// cursor is the content of backup_cursor.meta. The first four fields are
// Grafeo's: it keeps every log segment that ends above WALLSN. It ignores the
// fifth, which is ours.
type cursor struct {
	BackedUpEpoch uint64 `json:"backed_up_epoch"`
	LogSequence   uint64 `json:"log_sequence"`
	WALLSN        uint64 `json:"wal_lsn"`
	TimestampMS   int64  `json:"timestamp_ms"`

	Ours *ours `json:"gbak_s3"`
}

type ours struct {
	Format int     `json:"format"` // 1
	Holds  []Claim `json:"holds"`
}

// lowest is the position that all holds together need.
func lowest(holds []Claim) Claim {
	low := holds[0]
	for _, h := range holds[1:] {
		if h.LSN < low.LSN {
			low = h
		}
	}
	return low
}

// ReadCursor reads the cursor of the database at path; nil if there is none.
// One that we have not written, or not as it stands there now, is
// errForeignCursor.
func ReadCursor(path string) (*cursor, error) {
	f, err := os.Open(grafeo.CursorPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no cursor is the normal state
	}
	if err != nil {
		return nil, err
	}
	defer disk.CloseRead(f)
	b, err := io.ReadAll(io.LimitReader(f, maxCursorBytes))
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, nil // a crash has left its name: it keeps nothing for anybody
	}
	return decodeCursor(b)
}

// decodeCursor reads what [encodeCursor] wrote.
func decodeCursor(b []byte) (*cursor, error) {
	var c cursor
	if json.Unmarshal(b, &c) != nil || c.Ours == nil || c.Ours.Format != 1 || len(c.Ours.Holds) == 0 ||
		lowest(c.Ours.Holds).LSN != c.WALLSN {
		return nil, ErrForeignCursor
	}
	return &c, nil
}

// encodeCursor gives the content of a cursor with these holds.
func encodeCursor(holds []Claim) ([]byte, error) {
	low := lowest(holds)
	return json.Marshal(cursor{
		BackedUpEpoch: low.Epoch, WALLSN: low.LSN, TimestampMS: time.Now().UnixMilli(), Ours: &ours{Format: 1, Holds: holds},
	})
}

// changeCursor replaces the holds in the cursor of the database at path, in one
// step; without any, it removes the cursor. Two runs that do so at the same time
// wait for each other, see [disk.LockFolder]. change must not modify its argument.
//
// When it returns nil, the change is durable. After a crash the cursor is the
// old one or the new one, and what else is left is no obstacle and goes with the
// next change.
func changeCursor(ctx context.Context, d disk.Disk, path string, change func([]Claim) []Claim) error {
	dir := grafeo.LogDir(path)
	lock, err := disk.LockFolder(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		if len(change(nil)) == 0 {
			return disk.RemoveAll(d, dir+logFolderTemp) // of a run that was killed
		}
		if err := makeLogFolder(d, path, dir); err != nil {
			return err
		}
		lock, err = disk.LockFolder(ctx, dir)
	}
	if err != nil {
		return err
	}
	defer disk.CloseRead(lock)
	c, err := ReadCursor(path)
	if err != nil {
		return err
	}
	var before []Claim
	if c != nil {
		before = c.Ours.Holds
	}
	after := change(before)
	switch {
	case len(after) == 0:
		return removeCursor(d, path)
	case slices.Equal(before, after):
		// The run that wrote it may have been killed before it was durable.
		return d.Sync(dir)
	}
	err = writeCursor(d, path, after)
	if err != nil && c == nil {
		// What holds now and is not known to may never be released.
		return errors.Join(err, removeCursor(d, path))
	}
	return err
}

// makeLogFolder makes the folder that a closed database does not have, for the
// database to take up: it must be the database's owner's, so it gets its name
// when it is.
func makeLogFolder(d disk.Disk, path, dir string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp := dir + logFolderTemp
	if err := d.Mkdir(temp, 0o700); err != nil && !errors.Is(err, fs.ErrExist) { // of a run that was killed
		return err
	}
	mode := info.Mode().Perm()
	err = errors.Join(d.Chmod(temp, mode|mode&0o444>>2), disk.GiveTo(d, temp, info)) // who may read the file may look in
	if err != nil && usable(temp, info, 0o700) {
		err = nil
	}
	if err == nil {
		if err = d.RenameNew(temp, dir); errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
			err = d.Rename(temp, dir)
		}
	}
	if err != nil {
		_ = d.Remove(temp)
		if disk.Exists(dir) { // another run, or the database, was faster
			return nil
		}
		return err
	}
	if err := d.Sync(filepath.Dir(dir)); err != nil {
		return errors.Join(err, d.Remove(dir))
	}
	return nil
}

// writeCursor writes the file under another name in the same folder and renames
// it, as the database may read it at any time.
func writeCursor(d disk.Disk, path string, holds []Claim) error {
	b, err := encodeCursor(holds)
	if err != nil {
		return err
	}
	temp := filepath.Join(grafeo.LogDir(path), CursorTempName)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	// The database must be able to read it, whoever it runs as.
	mode := info.Mode().Perm() | 0o444
	f, err := d.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	refused := f.Chmod(mode)
	err = errors.Join(err, disk.Durable(f.Sync()), f.Close())
	if err == nil {
		_ = disk.GiveTo(d, temp, info) // reading is enough
		if refused != nil && !usable(temp, info, 0o400) {
			err = refused
		}
	}
	if err == nil {
		err = d.Rename(temp, grafeo.CursorPath(path))
	}
	if err != nil {
		return errors.Join(err, d.Remove(temp))
	}
	return d.Sync(grafeo.LogDir(path))
}

// usable reports whether the owner of a database, info, can use the file or
// folder at path although its mode could not be set: all have the bits of an owner
// that are wanted, or the owner of the database has made it. Some file systems give
// every file the same mode, and let nobody change it.
func usable(path string, info fs.FileInfo, want fs.FileMode) bool {
	made, err := os.Stat(path)
	if err != nil {
		return false
	}
	mode, all := made.Mode().Perm(), want|want>>3|want>>6
	return mode&all == all || mode&want == want && disk.IsSameOwner(made, info)
}

// removeCursor gives the database its normal behaviour back. A folder that has
// nothing else was made for the cursor.
func removeCursor(d disk.Disk, path string) error {
	dir := grafeo.LogDir(path)
	for _, file := range []string{grafeo.CursorPath(path), filepath.Join(dir, CursorTempName)} {
		if !disk.Exists(file) {
			continue
		}
		if err := d.Remove(file); err != nil {
			return err
		}
	}
	if err := d.Sync(dir); err != nil {
		return err
	}
	_ = d.Remove(dir) // fails if there is a log, as it should
	return nil
}
