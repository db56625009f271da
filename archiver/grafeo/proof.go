package grafeo

import (
	"cmp"
	"hash/crc32"
	"slices"
	"sort"
	"sync"

	"github.com/gbak-s3/gbak-s3/internal/crc32combine"
)

// Proof checks a copy of an image while it is made. Several goroutines pass the bytes that
// they send to Add, in any order; at the end, Check reports whether these were a whole
// image. So nothing is read twice, and what is proved is what was stored, not what the
// file held a moment later.
//
// It needs memory for each range, and for each gap between the parts of a range that came
// so far: little, if they come roughly in order.
type Proof struct {
	path   string
	ranges []Range // in the order of the offsets
	reach  []int64 // reach[i] is the highest end of ranges[:i+1]

	mu    sync.Mutex
	state []rangeState
	parts map[int][]part // of the ranges that are partly known
}

type rangeState uint8

const (
	rangeMissing rangeState = iota // not all bytes were added
	rangeGood
	rangeBad
)

// part is a stretch [start, end) of the file that was added, and its checksum.
type part struct {
	start, end int64
	crc        uint32
}

// NewProof returns a Proof of the ranges, in any order; they may overlap. Its
// errors name path.
func NewProof(path string, ranges []Range) *Proof {
	p := &Proof{
		path:   path,
		ranges: slices.Clone(ranges),
		reach:  make([]int64, len(ranges)),
		state:  make([]rangeState, len(ranges)),
		parts:  make(map[int][]part),
	}
	sortRanges(p.ranges)
	highest := int64(0)
	for i, r := range p.ranges {
		highest = max(highest, r.Offset+r.Length)
		p.reach[i] = highest
		if r.Length == 0 {
			p.finish(i, 0)
		}
	}
	return p
}

// NewProof returns a Proof of the image. Its errors name the image's Path.
func (im *Image) NewProof() *Proof { return NewProof(im.Path, im.Proof) }

// Add adds the bytes b, which are at offset in the copy. Each byte must be added once;
// bytes outside of all ranges may be left out. Add may be called concurrently and does not
// keep b.
func (p *Proof) Add(offset int64, b []byte) {
	p.add(offset, int64(len(b)), func(r *Range, lo, hi int64) uint32 {
		return crc32.Checksum(b[lo-offset:hi-offset], r.table())
	})
}

// AddZeros is Add of n zero bytes, in a time that depends only on the number of ranges.
func (p *Proof) AddZeros(offset, n int64) {
	p.add(offset, n, func(r *Range, lo, hi int64) uint32 {
		if r.Castagnoli {
			return crc32combine.ZerosC(0, hi-lo)
		}
		return crc32combine.Zeros(0, hi-lo)
	})
}

func (p *Proof) add(offset, n int64, sum func(r *Range, lo, hi int64) uint32) {
	end := offset + n
	// The ranges before the first one that reaches offset end before it, so all that
	// matter follow.
	i := sort.Search(len(p.reach), func(i int) bool { return p.reach[i] > offset })
	for ; i < len(p.ranges) && p.ranges[i].Offset < end; i++ {
		r := &p.ranges[i]
		lo, hi := max(r.Offset, offset), min(r.Offset+r.Length, end)
		if lo < hi {
			p.record(i, part{lo, hi, sum(r, lo, hi)})
		}
	}
}

// record adds the checksum of a part of range i.
func (p *Proof) record(i int, n part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state[i] != rangeMissing {
		p.state[i] = rangeBad // bytes were added twice: this is no copy
		return
	}
	parts := p.parts[i]
	at, _ := slices.BinarySearchFunc(parts, n.start, func(e part, start int64) int { return cmp.Compare(e.start, start) })
	if at < len(parts) && parts[at].start < n.end || at > 0 && parts[at-1].end > n.start {
		p.state[i] = rangeBad
		delete(p.parts, i)
		return
	}
	combine := crc32combine.Combine
	if p.ranges[i].Castagnoli {
		combine = crc32combine.CombineC
	}
	if at < len(parts) && parts[at].start == n.end {
		n.crc = combine(n.crc, parts[at].crc, parts[at].end-parts[at].start)
		n.end = parts[at].end
		parts = slices.Delete(parts, at, at+1)
	}
	if at > 0 && parts[at-1].end == n.start {
		n.crc = combine(parts[at-1].crc, n.crc, n.end-n.start)
		n.start = parts[at-1].start
		parts = slices.Delete(parts, at-1, at)
		at--
	}
	if n.end-n.start == p.ranges[i].Length {
		p.finish(i, n.crc)
		return
	}
	p.parts[i] = slices.Insert(parts, at, n)
}

// finish compares the checksum of the whole range i.
func (p *Proof) finish(i int, crc uint32) {
	delete(p.parts, i)
	p.state[i] = rangeBad
	if crc == p.ranges[i].CRC32 {
		p.state[i] = rangeGood
	}
}

// Check returns nil if every range was added and has its checksum, else a [DamageError]
// for the first range of which that is not true. All calls of Add must have returned.
func (p *Proof) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, state := range p.state {
		switch r := p.ranges[i]; state {
		case rangeMissing:
			return &DamageError{Path: p.path, Offset: r.Offset, What: r.What + ": bytes are missing"}
		case rangeBad:
			return &DamageError{Path: p.path, Offset: r.Offset, What: r.What + ": wrong checksum"}
		}
	}
	return nil
}
