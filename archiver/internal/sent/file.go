package sent

import (
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

const (
	// maxFiles is how many files are left of an archive: those of the last runs.
	maxFiles = 4
	// maxBytes is how many bytes of notes are read, and written by one run: what is sent
	// after that is sent again. A line is less than 300 bytes.
	maxBytes = 64 << 20
)

// Folder is the state folder of a user.
type Folder struct {
	Path string // "" for none: notes are only in memory
	Disk disk.Disk
	Log  *slog.Logger
}

// Notes returns the notes of a new run.
func (f *Folder) Notes() *Notes {
	if f.Path == "" {
		return InMemory()
	}
	return &Notes{folder: f}
}

// file is the file with the notes of one run about one folder of an archive.
type file struct {
	in        *Folder
	archiveID string
	folder    string
	key       Key // of the tags

	open    disk.File // nil before there is anything to write
	bytes   int       // that are written
	isEnded bool      // nothing more can be written
}

// tagKey returns the key of the tags, of which hashes tell nothing.
func tagKey(key Key) Key { return highwayhash.Sum([]byte("gbak-s3 sent"), key[:]) }

func (f *file) dir() string { return filepath.Join(f.in.Path, "sent", f.archiveID) }

// read adds what earlier runs have noted about the folder.
func (f *file) read(known map[Hash]Object) {
	left := int64(maxBytes)
	for _, name := range f.siblings() {
		b, err := readFile(name, left)
		if err != nil {
			f.in.Log.Debug("what an earlier run has noted cannot be read", "err", err)
			continue
		}
		left -= int64(len(b))
		for line := range bytes.Lines(b) {
			if h, o, ok := f.parse(string(line)); ok {
				known[h] = o
			}
		}
	}
}

func readFile(name string, limit int64) ([]byte, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer disk.CloseRead(r)
	return io.ReadAll(io.LimitReader(r, limit))
}

// siblings returns the files about the folder.
func (f *file) siblings() (names []string) {
	entries, err := os.ReadDir(f.dir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.in.Log.Debug("what earlier runs have noted cannot be read", "err", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), f.folder+".") {
			names = append(names, filepath.Join(f.dir(), e.Name()))
		}
	}
	return names
}

// line returns the line about an object.
func (f *file) line(h Hash, o Object) string {
	text := fmt.Sprintf("%x %s %d %s", h, o.Key, o.Bytes, o.SHA256)
	return fmt.Sprintf("%s %x\n", text, f.tag(text))
}

func (f *file) tag(text string) [16]byte { return highwayhash.Sum128([]byte(text), f.key[:]) }

// parse is the reverse of line. It is not ok for anything else.
func (f *file) parse(line string) (h Hash, o Object, ok bool) {
	text, isWhole := strings.CutSuffix(line, "\n")
	end := strings.LastIndexByte(text, ' ')
	if !isWhole || end < 0 {
		return h, o, false
	}
	tag, err := hex.DecodeString(text[end+1:])
	if want := f.tag(text[:end]); err != nil || !hmac.Equal(tag, want[:]) {
		return h, o, false
	}
	fields := strings.Split(text[:end], " ")
	if len(fields) != 4 {
		return h, o, false
	}
	o.Key = fields[1]
	_, errHash := hex.Decode(h[:], []byte(fields[0]))
	o.Bytes, err = strconv.ParseInt(fields[2], 10, 64)
	_, errSum := hex.Decode(o.SHA256[:], []byte(fields[3]))
	return h, o, errors.Join(errHash, err, errSum) == nil
}

// add appends a line.
func (f *file) add(h Hash, o Object) {
	if f.isEnded {
		return
	}
	line := f.line(h, o)
	if f.bytes += len(line); f.bytes > maxBytes {
		f.isEnded = true
		return
	}
	err := f.begin()
	if err == nil {
		_, err = f.open.Write([]byte(line))
	}
	if err != nil {
		f.in.Log.Debug("what this run has sent could not be noted", "err", err)
		f.isEnded = true
	}
}

// begin creates the file, and removes those of older runs.
func (f *file) begin() error {
	if f.open != nil {
		return nil
	}
	f.prune()
	made, err := disk.MkdirAll(f.in.Disk, f.dir(), 0o700)
	for _, folder := range slices.Backward(made) {
		f.likeParent(folder)
	}
	if err != nil {
		return err
	}
	path := filepath.Join(f.dir(), f.folder+"."+manifest.NewID()[:8])
	if f.open, err = f.in.Disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		f.open = nil
		return err
	}
	f.likeParent(path)
	return nil
}

// likeParent gives what root creates in a user's home to that user.
func (f *file) likeParent(path string) {
	if info, err := os.Stat(filepath.Dir(path)); err == nil {
		_ = disk.GiveTo(f.in.Disk, path, info) // it can be used all the same
	}
}

// prune removes the oldest files of the archive, so that there is room for one more.
func (f *file) prune() {
	entries, err := os.ReadDir(f.dir())
	if err != nil {
		return
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, old := range files[min(len(files), maxFiles-1):] {
		_ = f.in.Disk.Remove(filepath.Join(f.dir(), old.Name())) // the next run removes it
	}
}

// removeOthers closes the file, and removes what others have noted about the folder.
func (f *file) removeOthers() {
	if f.open == nil {
		return // then nothing was sent, and there is nothing of its own
	}
	own := f.open.Name()
	f.close()
	for _, name := range f.siblings() {
		if name == own {
			continue
		}
		if err := f.in.Disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.in.Log.Debug("notes that are not needed any more could not be removed", "err", err)
		}
	}
}

func (f *file) close() {
	if f.open != nil {
		_ = f.open.Close() // nothing depends on it
		f.open = nil
	}
	f.isEnded = true
}
