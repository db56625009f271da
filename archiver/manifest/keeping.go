package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"
)

// Keeping is what a record of kind [Keep] says: which records before it are still
// backups, and what of the archive is dead. It is cumulative: only that of an archive's
// newest keep counts.
type Keeping struct {
	// First is the archive's first keep. No writer that has seen no keep aims at a later
	// number, so manifests up to it are never deleted.
	First Seq `json:"first"`

	// Alive are the numbers below that of the keep whose records count: backups, and
	// merged ones that stand in for others. All others below it are gone for good.
	Alive Ranges `json:"alive"`

	// DeadBefore is the number of a keep, this one's or an earlier one's, or 0. An object
	// of an older generation is dead unless a backup names it that was alive as of that
	// keep or has a higher number. It never goes down.
	DeadBefore Seq `json:"dead_before"`

	// StandIns are the merged records that count, in ascending order of For.
	StandIns []StandIn `json:"stand_ins,omitempty"`

	// Pins are the backups that no rule removes, in ascending order.
	Pins []Pin `json:"pins,omitempty"`

	// Policy is the stored rules; null if there are none.
	Policy *Rules `json:"policy"`

	// Imported are digests of native files whose backups are gone, the newest last:
	// so that the next import of the same folder does not bring them back.
	Imported []Digest `json:"imported,omitempty"`
}

// StandIn says that the merged record By takes the place of the backups From to For. It
// is shown as backup For.
type StandIn struct {
	For  Seq `json:"for"`
	From Seq `json:"from"`
	By   Seq `json:"by"`
}

// Pin keeps a backup, whatever the rules say.
type Pin struct {
	Backup Seq       `json:"backup"`
	Label  string    `json:"label,omitempty"`
	Host   string    `json:"host"`
	At     time.Time `json:"at"`
}

// Limits of a [Keeping].
const (
	// MaxRanges is how many ranges of living numbers a keep has at most.
	MaxRanges = 65_536
	// MaxAlive is how many records are alive at most: as many as an archive can have.
	MaxAlive = 1 << 20
	// MaxPins is how many backups can be pinned.
	MaxPins = 4_096
	// MaxPinLabel is how many bytes the label of a pin may have.
	MaxPinLabel = 256
	// MaxStandIns is how many merged records count at a time.
	MaxStandIns = 65_536
	// MaxImported is how many digests of native files a keep has at most.
	MaxImported = 10_000
)

// Range is the numbers from its first to its second element, both included.
type Range [2]Seq

// Ranges are ascending ranges with at least one number between them. They are decoded
// only up to one more than [MaxRanges], which is enough to refuse them.
type Ranges []Range

// RangesOf returns the ranges of ascending numbers.
func RangesOf(seqs []Seq) Ranges {
	r := Ranges{}
	for _, seq := range seqs {
		if n := len(r); n > 0 && r[n-1][1]+1 >= seq {
			r[n-1][1] = seq
		} else {
			r = append(r, Range{seq, seq})
		}
	}
	return r
}

// Contains reports whether seq is in one of the ranges.
func (r Ranges) Contains(seq Seq) bool { return r.Overlaps(seq, seq) }

// Overlaps reports whether any number from one to another is in one of the ranges.
func (r Ranges) Overlaps(from, to Seq) bool {
	i := sort.Search(len(r), func(i int) bool { return r[i][1] >= from })
	return i < len(r) && r[i][0] <= to
}

// All yields the numbers in ascending order.
func (r Ranges) All() iter.Seq[Seq] {
	return func(yield func(Seq) bool) {
		for _, x := range r {
			for seq := x[0]; seq <= x[1]; seq++ {
				if !yield(seq) {
					return
				}
			}
		}
	}
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *Ranges) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return errors.New("ranges that are not an array")
	}
	for *r = (Ranges{}); len(*r) <= MaxRanges && d.More(); {
		var pair []Seq // a longer or shorter array is not a range
		if err := d.Decode(&pair); err != nil {
			return err
		}
		if len(pair) != 2 {
			return fmt.Errorf("a range of %d numbers", len(pair))
		}
		*r = append(*r, Range(pair))
	}
	return nil
}

// validate checks that the ranges are ascending, apart, and below seq.
func (r Ranges) validate(seq Seq) error {
	if len(r) > MaxRanges {
		return fmt.Errorf("more than %d ranges", MaxRanges)
	}
	alive := Seq(0)
	before := Seq(0) // ranges may not begin right after it, so that each set has one form
	for i, x := range r {
		if x[0] == 0 || x[1] < x[0] || x[1] >= seq || i > 0 && x[0] <= before+1 {
			return fmt.Errorf("the range %d to %d of %d", x[0], x[1], seq)
		}
		before = x[1]
		if alive += x[1] - x[0] + 1; alive > MaxAlive {
			return fmt.Errorf("more than %d records are alive", MaxAlive)
		}
	}
	return nil
}

// StandInFor returns the stand-in that is shown as backup seq, nil if there is none.
func (k *Keeping) StandInFor(seq Seq) *StandIn {
	i, ok := slices.BinarySearchFunc(k.StandIns, seq, func(s StandIn, seq Seq) int { return int(int64(s.For) - int64(seq)) })
	if !ok {
		return nil
	}
	return &k.StandIns[i]
}

// Backups yields the backups below the keep's own number, in ascending order, and the
// number of the record that describes each: its own, or that of the one that stands in.
func (k *Keeping) Backups() iter.Seq2[Seq, Seq] {
	return func(yield func(shown, record Seq) bool) {
		standIns := k.StandIns
		isMerged := make(map[Seq]bool, len(standIns))
		for _, s := range standIns {
			isMerged[s.By] = true
		}
		for seq := range k.Alive.All() {
			for ; len(standIns) > 0 && standIns[0].For < seq; standIns = standIns[1:] {
				if !yield(standIns[0].For, standIns[0].By) {
					return
				}
			}
			if !isMerged[seq] && !yield(seq, seq) {
				return
			}
		}
	}
}

// IsBackup reports whether there is a backup seq, below the keep's own number.
func (k *Keeping) IsBackup(seq Seq) bool {
	if k.Alive.Contains(seq) {
		return !slices.ContainsFunc(k.StandIns, func(s StandIn) bool { return s.By == seq })
	}
	return k.StandInFor(seq) != nil
}

// Pin returns the pin of backup seq, nil if it is not pinned.
func (k *Keeping) Pin(seq Seq) *Pin {
	for i := range k.Pins {
		if k.Pins[i].Backup == seq {
			return &k.Pins[i]
		}
	}
	return nil
}

// validate checks what the keep seq, which follows the keep previous, says.
func (k *Keeping) validate(seq, previous Seq) error {
	switch {
	case k.First == 0 || k.First > seq || (k.First == seq) != (previous == 0) || previous != 0 && k.First > previous:
		return fmt.Errorf("the first keep %d, and %d before %d", k.First, previous, seq)
	case k.DeadBefore > seq:
		return fmt.Errorf("what is older than %d is dead as of %d", k.DeadBefore, seq)
	case len(k.Alive) == 0:
		return errors.New("a keep that keeps nothing")
	case len(k.Pins) > MaxPins || len(k.Imported) > MaxImported || len(k.StandIns) > MaxStandIns:
		return errors.New("more than a keep may have")
	}
	if err := k.Alive.validate(seq); err != nil {
		return err
	}
	if err := k.validateStandIns(seq); err != nil {
		return err
	}
	for i, p := range k.Pins {
		if i > 0 && p.Backup <= k.Pins[i-1].Backup || !k.IsBackup(p.Backup) || ValidatePinLabel(p.Label) != nil {
			return fmt.Errorf("the pin of backup %d", p.Backup)
		}
	}
	if k.Policy != nil {
		return k.Policy.Validate()
	}
	return nil
}

func (k *Keeping) validateStandIns(seq Seq) error {
	before := Seq(0)
	by := map[Seq]bool{}
	for _, s := range k.StandIns {
		if s.From <= before || s.For < s.From || s.By <= s.For || s.By >= seq || by[s.By] || !k.Alive.Contains(s.By) {
			return fmt.Errorf("%d as what backups %d to %d were", s.By, s.From, s.For)
		}
		before, by[s.By] = s.For, true
	}
	for _, s := range k.StandIns {
		if alive, ok := k.aliveIn(s.From, s.For, by); ok {
			return fmt.Errorf("%d as what backups %d to %d were, and %d is one still", s.By, s.From, s.For, alive)
		}
	}
	return nil
}

// aliveIn returns a number in a range that is alive and not that of one of the merged
// records, which may lie between the backups that others replace.
func (k *Keeping) aliveIn(from, to Seq, merged map[Seq]bool) (Seq, bool) {
	i := sort.Search(len(k.Alive), func(i int) bool { return k.Alive[i][1] >= from })
	for ; i < len(k.Alive) && k.Alive[i][0] <= to; i++ {
		for seq := max(from, k.Alive[i][0]); seq <= min(to, k.Alive[i][1]); seq++ {
			if !merged[seq] {
				return seq, true
			}
		}
	}
	return 0, false
}
