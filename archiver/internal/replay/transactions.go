package replay

// transactions is a set of numbers of transactions, the first of which is 2.
type transactions struct {
	bits []uint64
	over bool // there were numbers that are too large for it
}

// maxTransactions bounds the memory of a set to 8 MiB.
const maxTransactions = 1 << 26

func (t *transactions) add(id uint64) {
	if id >= maxTransactions {
		t.over = true
		return
	}
	word := int(id / 64)
	if word >= len(t.bits) {
		t.bits = append(t.bits, make([]uint64, word+1-len(t.bits))...)
	}
	t.bits[word] |= 1 << (id % 64)
}

// all reports whether all transactions up to id are in the set.
func (t *transactions) all(id uint64) bool {
	if t.over || id >= maxTransactions {
		return false
	}
	for n := uint64(2); n <= id; n++ {
		if word := int(n / 64); word >= len(t.bits) || t.bits[word]&(1<<(n%64)) == 0 {
			return false
		}
	}
	return true
}
