package grafeo

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// CheckpointMeta is what walCheckpoint() of 0.5 writes into the log folder before it
// writes the image. (docs/grafeo-format.md, section 5.5)
type CheckpointMeta struct {
	Epoch         uint64
	LogSequence   uint64 // number of the log file that was current
	Time          time.Time
	TransactionID uint64 // the newest one
}

// maxCheckpointMeta is more than the four numbers take.
const maxCheckpointMeta = 64

// ReadCheckpointMeta reads the file checkpoint.meta of the log of 0.5 in dir. It returns
// nil if there is none, or if its content makes no sense.
func ReadCheckpointMeta(dir string) (*CheckpointMeta, error) {
	f, err := shared.Open(filepath.Join(dir, checkpointMetaName05))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // only an explicit checkpoint makes one
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxCheckpointMeta+1))
	if err != nil {
		return nil, err
	}
	var m CheckpointMeta
	var millis uint64
	n, err := readVarints(b[:min(len(b), maxCheckpointMeta)], &m.Epoch, &m.LogSequence, &millis, &m.TransactionID)
	if err != nil || n != len(b) {
		return nil, nil //nolint:nilerr // nothing depends on it
	}
	m.Time = fromMillis(millis)
	return &m, nil
}

// LogNumber05 returns the number in the name of a log file of 0.5.
func LogNumber05(name string) (uint64, bool) { return parseLogName(name, Gen05) }
