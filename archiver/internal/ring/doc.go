// Package ring decides what a sampled verification reads next, and says what all samples
// together have read. It is pure: it knows neither store, nor clock, nor certificate.
//
// # Vocabulary
//
//   - ring: all hashes that a segment can have, the first after the last.
//   - place: where a segment is on the ring: the beginning of its SHA-256, which is in its
//     key ([manifest.Place]). Places are spread evenly, whatever the segments contain.
//   - arc: a part of the ring, of which one sample has read all ([manifest.Arc]).
//   - intact: an arc on which nothing was wrong. One that is not does not hold up the
//     others: it is read again in the next round.
//   - round: samples one after the other, each of which begins where the one before ended,
//     until the ring is closed.
//   - claim: what arcs say together ([Claim]).
//
// # Why a claim is true
//
// The segments of an archive come and go between samples. But each arc says of itself: all
// segments with a place here that backups up to record N named were read since Y. Which
// segment is meant depends on its hash alone, and not on how many others there are. What a
// record names never changes, and a backup that is gone does not come back. So arcs that close
// the ring say it of all segments, with the lowest N and the earliest Y of theirs. What came
// later is above N, and counts from the next round. If an arc is lost, of two samples at once
// or with a certificate, less is claimed.
//
// N does not depend on a clock. Y is by the clocks of the hosts that took the samples: an arc
// that begins later than now is not believed.
package ring
