package archiver

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/ring"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Claim is what all verifications together have read of an archive's segments, as certificates
// say. Segments are spread evenly over a ring, by their hashes; each sample reads a part of
// the ring, and a deep verification all of it. Of the covered part it is claimed:
//
// Every segment that the records up to UpTo name, as far as they are backups still, was read
// since Since, and its hash was right.
//
// That is no estimate. UpTo does not depend on any clock; Since is by the clocks of the hosts
// that have read. What later records have stored counts from the next time round.
type Claim struct {
	Covered float64 // share of the ring: 1 if the claim is about all segments, and not before
	UpTo    uint64  // 0 if nothing is covered
	Since   time.Time
	Damaged float64 // share of the ring that was read, and on which something was wrong
}

// IsComplete reports whether the claim is about all segments.
func (c Claim) IsComplete() bool { return c.Covered == 1 }

// claimOf returns what the arcs of a certificate say now.
func claimOf(arcs []manifest.Arc, now time.Time) Claim { return claim(ring.Of(arcs, now)) }

func claim(r ring.Ring) Claim {
	c := r.Claim()
	return Claim{Covered: c.Covered, UpTo: uint64(c.UpTo), Since: c.Since, Damaged: c.Damaged}
}
