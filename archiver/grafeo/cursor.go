package grafeo

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"
)

// MaxCursorBytes is more than any backup cursor needs: a reader may refuse larger ones.
const MaxCursorBytes = 1 << 20

// Cursor is the content of backup_cursor.meta, in which a database records how far it is
// backed up. (docs/grafeo-format.md, sections 6.5 and 7.4)
type Cursor struct {
	Generation    Generation
	BackedUpEpoch uint64
	LogSequence   uint64    // number of the last log file in a backup (0.5)
	Time          time.Time // when it was written; zero if it has no time

	// WALLSN is the log position from which the database keeps its log (0.6); nil if
	// the cursor has none, and so keeps nothing.
	WALLSN *uint64
}

// DecodeCursor decodes a cursor of either generation. Of 0.6 it accepts what the database
// accepts, and so ignores unknown fields. The path is for messages; the error is a
// [DamageError].
//
// A cursor of 0.5 may begin with the byte of "{", but three numbers that fill all of the
// bytes are never JSON with the fields of 0.6.
func DecodeCursor(b []byte, path string) (*Cursor, error) {
	if len(b) <= MaxCursorBytes {
		if c := decodeCursor06(b); c != nil {
			return c, nil
		}
		if c := decodeCursor05(b); c != nil {
			return c, nil
		}
	}
	return nil, &DamageError{Path: path, What: "backup cursor: neither three numbers (0.5) nor JSON with the fields of a cursor (0.6)"}
}

// Encode returns the cursor as its generation writes it.
func (c *Cursor) Encode() []byte {
	if c.Generation == Gen05 {
		return appendVarints(nil, c.BackedUpEpoch, c.LogSequence, millis(c.Time))
	}
	b, err := json.MarshalIndent(struct {
		BackedUpEpoch uint64  `json:"backed_up_epoch"`
		LogSequence   uint64  `json:"log_sequence"`
		WALLSN        *uint64 `json:"wal_lsn,omitempty"`
		TimestampMS   uint64  `json:"timestamp_ms"`
	}{c.BackedUpEpoch, c.LogSequence, c.WALLSN, millis(c.Time)}, "", "  ")
	if err != nil { // numbers always encode
		panic(err)
	}
	return b
}

// millis is the inverse of fromMillis.
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func decodeCursor05(b []byte) *Cursor {
	c := &Cursor{Generation: Gen05}
	var ms uint64
	n, err := readVarints(b, &c.BackedUpEpoch, &c.LogSequence, &ms)
	if err != nil || n != len(b) {
		return nil
	}
	c.Time = fromMillis(ms)
	return c
}

// decodeCursor06 looks the fields up by name, as encoding/json would also accept other
// spellings of them.
func decodeCursor06(b []byte) *Cursor {
	var fields map[string]json.RawMessage
	if !utf8.Valid(b) || json.Unmarshal(b, &fields) != nil {
		return nil
	}
	number := func(name string) (*uint64, error) {
		var v *uint64
		raw, ok := fields[name]
		if !ok {
			return nil, nil
		}
		err := json.Unmarshal(raw, &v)
		return v, err
	}
	epoch, err1 := number("backed_up_epoch")
	sequence, err2 := number("log_sequence")
	ms, err3 := number("timestamp_ms")
	lsn, err4 := number("wal_lsn")
	if errors.Join(err1, err2, err3, err4) != nil || epoch == nil || sequence == nil || ms == nil {
		return nil
	}
	return &Cursor{Generation: Gen06, BackedUpEpoch: *epoch, LogSequence: *sequence, Time: fromMillis(*ms), WALLSN: lsn}
}
