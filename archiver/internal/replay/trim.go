package replay

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// Trim removes from the log in dir what the image has already: see [manifest.Replay]. Each
// file that changes is written anew, and made durable. If no log is left, the folder is
// removed.
func Trim(d disk.Disk, dir string, r *manifest.Replay) (Moved, error) {
	t := trimmer{disk: d, dir: dir, replay: r, moved: Moved{}}
	return t.moved, t.run()
}

// trimmer trims the log in a folder.
type trimmer struct {
	disk   disk.Disk
	dir    string
	replay *manifest.Replay
	last   uint64 // number of the newest file
	moved  Moved
}

// Moved is what trimming a log has moved, by the number of the log file.
type Moved map[uint64][]shift

// shift says how many bytes later the bytes of a trimmed file, from the offset at on, were
// before it was trimmed.
type shift struct {
	at, by int64
}

// Original returns the offset, before the log was trimmed, of what is at offset now.
func (m Moved) Original(file uint64, offset int64) int64 {
	by := int64(0)
	for _, s := range m[file] {
		if s.at <= offset {
			by = s.by
		}
	}
	return offset + by
}

func (t *trimmer) run() error {
	entries, err := os.ReadDir(t.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was cut before its first commit
	}
	if err != nil {
		return err
	}
	left := 0
	for _, e := range entries {
		if number, ok := grafeo.LogNumber05(e.Name()); ok {
			t.last = max(t.last, number)
		}
	}
	for _, e := range entries {
		number, ok := grafeo.LogNumber05(e.Name())
		if !ok {
			left++
			continue
		}
		kept, err := t.file(filepath.Join(t.dir, e.Name()), number)
		if err != nil {
			return err
		}
		if kept {
			left++
		}
	}
	if left == 0 {
		return t.disk.Remove(t.dir)
	}
	return nil
}

// file trims one log file, and reports whether anything of it is left.
func (t *trimmer) file(path string, number uint64) (kept bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	from, without, graph := int64(0), t.without(number), ""
	isFirst := number == t.replay.File
	if isFirst {
		from, graph = t.replay.Offset, t.replay.Graph
	}
	switch {
	case number < t.replay.File,
		isFirst && info.Size() <= from && (graph == "" || number == t.last): // the graph is for what follows
		return false, t.disk.Remove(path)
	case from == 0 && len(without) == 0 && graph == "": // empty ones as well: the numbers have no gap
		return true, nil
	}
	temp := path + ".trimmed"
	out, err := t.disk.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	err = t.copy(out, path, number, from, info.Size(), without)
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return false, err
	}
	return true, t.disk.Rename(temp, path)
}

// without returns the offsets of the frames of a log file that are left out.
func (t *trimmer) without(number uint64) []int64 {
	for _, w := range t.replay.Without {
		if w.File == number {
			return w.Offsets
		}
	}
	return nil
}

// copy writes the log file at path, from the offset from on, to out. It writes the graph
// that is current there first, and leaves out the frames at the offsets without.
func (t *trimmer) copy(out io.Writer, path string, number uint64, from, size int64, without []int64) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer disk.CloseRead(in)
	written := int64(0)
	if number == t.replay.File && t.replay.Graph != "" {
		n, err := out.Write(grafeo.AppendSwitchGraph05(nil, t.replay.Graph))
		if err != nil {
			return err
		}
		written += int64(n)
	}
	for i := 0; ; i++ {
		to, next := size, size
		if i < len(without) && without[i] < size {
			to = without[i]
			if next, err = grafeo.EndOfEdge05(in, to, path); err != nil {
				return err
			}
		}
		t.moved[number] = append(t.moved[number], shift{at: written, by: from - written})
		n, err := io.Copy(out, io.NewSectionReader(in, from, to-from))
		if err != nil {
			return err
		}
		written, from = written+n, next
		if to == size {
			return nil
		}
	}
}
