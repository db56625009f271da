package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// MaxArcs is how many arcs a certificate carries at most.
const MaxArcs = 64

// Arc is a part of the ring of hashes that one verification has read: every segment on it
// that the backups of records up to UpTo named.
type Arc struct {
	From Place `json:"from"` // where it begins
	To   Place `json:"to"`   // the first place after it; equal to From if it is the whole ring

	// BegunAt is when the verification began, by the clock of its host.
	BegunAt time.Time `json:"begun_at"`
	UpTo    Seq       `json:"up_to"`

	// Findings is how many findings there were about the segments of the arc, or about
	// which segments there are. If it is not 0, the arc only says that it was looked at,
	// not that everything was right.
	Findings int `json:"findings,omitempty"`
}

// Place is a place on the ring of hashes: the first eight bytes of the SHA-256 of a
// segment's stored bytes. After the last place comes the first one. In JSON it is a string
// of 16 hex digits, the same ones as in the segment's key.
type Place uint64

// PlaceOf returns the place of the segment with this SHA-256.
func PlaceOf(sum Digest) Place { return Place(binary.BigEndian.Uint64(sum[:8])) }

// Contains reports whether a place is on the arc.
func (a *Arc) Contains(p Place) bool { return a.IsWholeRing() || p-a.From < a.To-a.From }

// IsWholeRing reports whether the arc goes all the way round.
func (a *Arc) IsWholeRing() bool { return a.From == a.To }

// IsIntact reports whether nothing on the arc was wrong.
func (a *Arc) IsIntact() bool { return a.Findings == 0 }

func (p Place) String() string { return fmt.Sprintf("%016x", uint64(p)) }

// MarshalText implements [encoding.TextMarshaler].
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Place) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || Place(n).String() != string(text) {
		return errors.New("not a place of 16 lower-case hex digits")
	}
	*p = Place(n)
	return nil
}

// validateArcs checks the arcs of a document.
func validateArcs(arcs []Arc) error {
	if len(arcs) > MaxArcs {
		return fmt.Errorf("%d arcs", len(arcs))
	}
	for i, a := range arcs {
		if a.BegunAt.IsZero() || a.UpTo == 0 || a.UpTo > MaxSeq || a.Findings < 0 {
			return fmt.Errorf("arc %d: %+v", i, a)
		}
	}
	return nil
}
