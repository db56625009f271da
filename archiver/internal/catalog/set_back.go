package catalog

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// ambiguous is the error for a time that a timeline has twice: a clock was set back,
// so that a backup that was read, or ends, after t is followed by one that was read, or
// ends, before it. What the state was at t depends on which clock was right.
func (c *Catalog) ambiguous(t time.Time, timeline int) error {
	var read, ends *manifest.Committed // the first ones after t
	for _, m := range c.of(timeline) {
		readAfter, endsAfter := asOf(m).After(t), m.EndTime != nil && m.EndTime.After(t)
		first := read
		if readAfter {
			first = nil
		}
		if first == nil && ends != nil && m.EndTime != nil && !endsAfter {
			first = ends
		}
		if first != nil {
			err := c.unreachable("the time " + t.Format(time.RFC3339Nano))
			err.SetBack = [2]uint64{uint64(first.Seq), uint64(m.Seq)}
			return err
		}
		if read == nil && readAfter {
			read = m
		}
		if ends == nil && endsAfter {
			ends = m
		}
	}
	return nil
}
