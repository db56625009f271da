package hold

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/shared"
)

// Entry is the hold of one archive, as it stands in the cursor.
type Entry struct {
	ArchiveID string    `json:"archive_id"`
	Name      string    `json:"name"`       // of the archive, for people
	LSN       uint64    `json:"lsn"`        // everything from this log position on is kept
	Epoch     uint64    `json:"epoch"`      // up to which the archive has everything
	Seq       uint64    `json:"seq"`        // of the archive's newest backup, 0 before the first
	CommitID  string    `json:"commit_id"`  // of that backup
	FileID    string    `json:"file_id"`    // identifies the database's file then; "" if the file system cannot
	UpdatedAt time.Time `json:"updated_at"` // by the clock of the host that backs up
}

// ErrForeignCursor is the error for a cursor that somebody else has written or moved.
var ErrForeignCursor = errors.New(grafeo.CursorName + " is not ours: somebody else wrote or moved the cursor")

// maxCursorBytes is the largest cursor that is read: some thousand entries.
const maxCursorBytes = 1 << 20

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
	Holds  []Entry `json:"holds"`
}

// Read returns the entries in the cursor of the database at path, none if there is no
// cursor. A foreign cursor is [ErrForeignCursor]. It locks nothing.
func Read(path string) ([]Entry, error) {
	f, err := shared.Open(grafeo.CursorPath(path))
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
	c, err := decodeCursor(b)
	if err != nil {
		return nil, err
	}
	return c.Ours.Holds, nil
}

// decodeCursor decodes what [encodeCursor] has encoded. Anything else, and what was changed
// since, is [ErrForeignCursor].
func decodeCursor(b []byte) (*cursor, error) {
	var c cursor
	if json.Unmarshal(b, &c) != nil || c.Ours == nil || c.Ours.Format != 1 || len(c.Ours.Holds) == 0 ||
		lowest(c.Ours.Holds).LSN != c.WALLSN {
		return nil, ErrForeignCursor
	}
	return &c, nil
}

// encodeCursor returns the content of a cursor with these entries, at least one.
func encodeCursor(entries []Entry) ([]byte, error) {
	low := lowest(entries)
	return json.Marshal(cursor{
		BackedUpEpoch: low.Epoch, WALLSN: low.LSN, TimestampMS: time.Now().UnixMilli(), Ours: &ours{Format: 1, Holds: entries},
	})
}

// lowest returns the entry that needs most log: the first one with the lowest position.
func lowest(entries []Entry) Entry { return slices.MinFunc(entries, byLSN) }

// highest returns the entry that needs least.
func highest(entries []Entry) Entry { return slices.MaxFunc(entries, byLSN) }

func byLSN(a, b Entry) int { return cmp.Compare(a.LSN, b.LSN) }
