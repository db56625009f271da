package model

import (
	"iter"
	"math/bits"
	"slices"
)

// limit is above every number and every id.
const limit = 64

// set holds numbers, or ids, below limit.
type set uint64

func setOf(numbers ...int) set {
	var s set
	for _, n := range numbers {
		s = s.with(n)
	}
	return s
}

// upTo returns the numbers from 1 to n.
func upTo(n int) set { return 1<<(n+1) - 2 }

func (s set) has(n int) bool    { return s>>n&1 != 0 }
func (s set) with(n int) set    { return s | 1<<n }
func (s set) without(n int) set { return s &^ (1 << n) }
func (s set) within(o set) bool { return s&^o == 0 }
func (s set) len() int          { return bits.OnesCount64(uint64(s)) }
func (s set) min() int          { return bits.TrailingZeros64(uint64(s)) }
func (s set) max() int          { return 63 - bits.LeadingZeros64(uint64(s)) } // -1 if it is empty
func (s set) String() string    { return sprint(s) }
func sprint(s set) string       { return string(appendNumbers(nil, s)) }
func (s set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(s.min()) {
				return
			}
		}
	}
}

// at returns the i-th number of s, from 0.
func (s set) at(i int) int {
	for range i {
		s &= s - 1
	}
	return s.min()
}

func appendNumbers(b []byte, s set) []byte {
	b = append(b, '{')
	for n := range s.all() {
		if len(b) > 1 {
			b = append(b, ' ')
		}
		if n > 9 {
			b = append(b, byte('0'+n/10))
		}
		b = append(b, byte('0'+n%10))
	}
	return append(b, '}')
}

// Lists of objects are in order, and are copied when they change.

func has(list []object, o object) bool {
	for _, x := range list {
		if x >= o {
			return x == o
		}
	}
	return false
}

func insert(list []object, o object) []object {
	i, found := slices.BinarySearch(list, o)
	if found {
		return list
	}
	changed := make([]object, 0, len(list)+1)
	changed = append(append(changed, list[:i]...), o)
	return append(changed, list[i:]...)
}

func remove(list []object, o object) []object {
	i, found := slices.BinarySearch(list, o)
	if !found {
		return list
	}
	changed := make([]object, 0, len(list)-1)
	return append(append(changed, list[:i]...), list[i+1:]...)
}

// chooser takes the decisions that the protocol leaves open.
type chooser interface {
	// pick returns one of 0..n-1.
	pick(what string, n int) int
}
