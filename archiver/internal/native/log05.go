package native

import (
	"errors"
	"io"
	"os"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// What a [grafeo.GapError] of a native chain of 0.5 is about.
const (
	nextEpoch = "the epoch of the next commit"
	restart   = "its epochs start again, as after a crash and a new open, or are those of another history: " + nextEpoch
)

// errEnough ends a scan.
var errEnough = errors.New("enough")

// log05 reads the frames of a native incremental. All that shows their place are the epochs
// of commits, which have no gaps within a run.
func (r *chainReader) log05(f *os.File, b *Backup, n *found) error {
	size := int64(b.Entry.Size) - grafeo.NativeHeaderLength
	body := func(skip int64) *io.SectionReader {
		return io.NewSectionReader(f, grafeo.NativeHeaderLength+skip, size-skip)
	}
	in := func(skip int64, err error) error {
		return grafeo.NativePart{Offset: grafeo.NativeHeaderLength + skip}.In(err)
	}
	var skip int64
	err := new(grafeo.Pieces05).Scan(body(0), b.path, func(c grafeo.Commit) (err error) {
		if c.Epoch <= r.epoch {
			if skip, err = r.repeated05(f, b, c.Epoch, size); err != nil {
				return err
			}
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return in(0, err)
	}
	index := len(r.files)
	if skip == size {
		return r.reaches05(b)
	}
	r.files = append(r.files, chainFile{
		name: grafeo.LogName(grafeo.Gen05, uint64(index)), path: b.path,
		start: grafeo.NativeHeaderLength + skip, size: size - skip,
	})
	err = r.pieces.Scan(body(skip), b.path, func(c grafeo.Commit) error {
		if c.Epoch != r.epoch+1 {
			return r.gap05(b, c.Epoch)
		}
		if r.files[index].epoch == 0 {
			r.files[index].epoch = c.Epoch
		}
		r.epoch = c.Epoch
		n.add(c)
		return nil
	})
	if err != nil {
		return in(skip, err)
	}
	return r.reaches05(b)
}

// reaches05 checks that the chain reaches the epoch that the entry says: empty transactions
// are commits, too, so if it does not, one is lost.
func (r *chainReader) reaches05(b *Backup) error {
	if r.epoch >= b.Entry.EndEpoch {
		return nil
	}
	return &grafeo.GapError{Path: b.path, What: nextEpoch, Want: r.epoch + 1, Got: b.Entry.EndEpoch + 1}
}

func (r *chainReader) gap05(b *Backup, epoch uint64) error {
	if epoch > r.epoch {
		return &grafeo.GapError{Path: b.path, What: nextEpoch, Want: r.epoch + 1, Got: epoch}
	}
	return &grafeo.GapError{Path: b.path, What: restart, Want: r.epoch + 1, Got: epoch}
}

// repeated05 counts the bytes at the beginning of an incremental that earlier entries
// already have, as happens when the database crashes between two steps of a backup.
func (r *chainReader) repeated05(f *os.File, b *Backup, epoch uint64, size int64) (int64, error) {
	for i := range r.files {
		if r.files[i].epoch != epoch {
			continue
		}
		at := int64(0)
		var err error
		for _, old := range r.files[i:] {
			if size-at < old.size {
				err = errDiffer // a later backup has all that an earlier one has
				break
			}
			if err = sameBytes(f, grafeo.NativeHeaderLength+at, old.path, old.start, old.size); err != nil {
				break
			}
			at += old.size
		}
		if err == nil {
			return at, nil
		}
		if !errors.Is(err, errDiffer) {
			return 0, err
		}
	}
	return 0, r.gap05(b, epoch)
}
