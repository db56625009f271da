package catalog

import (
	"fmt"
	"strings"
	"time"
)

// UnreachableError is the error for a state that no backups of the archive give.
type UnreachableError struct {
	Target string  // in words
	Reach  []Reach // what the archive has instead

	// SetBack is set if the target is a time and a clock was set back: of these two
	// backups, one after the other, the first is of after the target and the second of
	// before it.
	SetBack [2]uint64

	// Known is set if the target is a time after all that the archive knows: up to when
	// its newest backup knows the database.
	Known time.Time
}

func (e *UnreachableError) Error() string {
	var ranges []string
	for _, r := range e.Reach {
		s := fmt.Sprintf("timeline %d from epoch %d to %d", r.Timeline, r.FromEpoch, r.ToEpoch)
		if r.FromTime != nil {
			s += fmt.Sprintf(" (%s to %s)", r.FromTime.Format(time.RFC3339Nano), r.AsOf.Format(time.RFC3339Nano))
		} else {
			s += fmt.Sprintf(" (backups up to %s)", r.AsOf.Format(time.RFC3339Nano))
		}
		ranges = append(ranges, s)
	}
	has := strings.Join(ranges, ", ")
	if has == "" {
		has = "nothing that can be restored"
	}
	text := fmt.Sprintf("%s cannot be reached; the archive has %s", e.Target, has)
	if e.SetBack != [2]uint64{} {
		return fmt.Sprintf("a clock was set back: backup %d is of a later time, and backup %d after it of an earlier one: %s",
			e.SetBack[0], e.SetBack[1], text)
	}
	return text
}

func (c *Catalog) unreachable(target string) *UnreachableError {
	return &UnreachableError{Target: target, Reach: c.Reach()}
}
