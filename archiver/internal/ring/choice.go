package ring

import (
	"math"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

const (
	boxBits = 16 // of a place say in which box it is
	boxes   = 1 << boxBits
)

// Choice finds the arc that a sample reads. It takes 512 KiB, however many segments there are.
type Choice struct {
	from  manifest.Place
	bytes [boxes]int64 // of the segments in each part of the ring, from there on
	total int64
}

// NewChoice returns the choice of an arc that begins at a place.
func NewChoice(from manifest.Place) *Choice { return &Choice{from: from} }

// Add adds a segment. It must be called once for each.
func (c *Choice) Add(p manifest.Place, bytes int64) {
	c.bytes[(p-c.from)>>(64-boxBits)] += bytes
	c.total += bytes
}

// Arc returns where an arc ends that has the share of all bytes, above 0 and at most 1, or
// a little more: it ends in front of a segment. So it has at least one segment, if there is any;
// and after n samples of at least 1/n of the same segments the ring is closed.
func (c *Choice) Arc(share float64) (from, to manifest.Place) {
	wanted := int64(math.Ceil(share * float64(c.total)))
	if share >= 1 {
		wanted = c.total
	}
	read := int64(0)
	for i, n := range c.bytes {
		if n > 0 && read >= wanted {
			return c.from, c.from + manifest.Place(i)<<(64-boxBits)
		}
		read += n
	}
	return c.from, c.from
}
