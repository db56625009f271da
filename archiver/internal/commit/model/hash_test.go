package model

// digest is a hash of 64 bits over numbers.
type digest uint64

func (d *digest) add(numbers ...uint64) {
	h := uint64(*d)
	for _, n := range numbers {
		h = (h ^ n) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		h *= 0xbf58476d1ce4e5b9
		h ^= h >> 32
	}
	*d = digest(h)
}

func (d *digest) addInts(numbers ...int) {
	for _, n := range numbers {
		d.add(uint64(n)) //nolint:gosec // small
	}
}

func (d *digest) addObjects(list []object) {
	d.add(uint64(len(list)))
	for _, o := range list {
		d.add(uint64(o))
	}
}

func asInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sealed returns r with its fingerprint, as something that does not change any more.
func (r record) sealed() *record {
	var d digest
	d.addInts(int(r.kind), r.number, r.id, r.keep, r.keys, r.continues, r.from, r.to, r.first, r.deadBefore)
	d.add(uint64(r.commits), uint64(r.alive), uint64(r.pins), uint64(r.removed))
	for _, s := range r.standIns {
		d.addInts(s.number, s.from, s.by)
	}
	d.addObjects(r.names)
	r.fingerprint = uint64(d)
	return &r
}

// hash returns the same number for archives in which the same can still happen, and a
// different one for others (but for a chance of 1 in 2^64 a pair).
func (a *archive) hash() uint64 {
	var d digest
	for n, r := range a.log {
		d.add(r.fingerprint)
		if now := a.records[n+1]; now == nil {
			d.add(0)
		} else {
			d.add(now.fingerprint)
		}
	}
	d.addObjects(a.objects)
	d.add(uint64(a.fences), uint64(a.gone), uint64(a.lateRemoves))
	d.addObjects(a.latePuts)
	d.addObjects(a.lateDeletes)
	var late uint64 // their order does not matter
	for _, r := range a.lateRecords {
		late += r.fingerprint | 1
	}
	d.add(late)
	d.addInts(a.puts, a.deletes)
	for i := range a.processes {
		p := &a.processes[i]
		d.addInts(int(p.role), int(p.next), p.tries, p.made, asInt(p.awake), asInt(p.stored))
		if p.next == done || !p.awake {
			continue
		}
		if p.record != nil {
			d.add(p.record.fingerprint, uint64(p.doomed))
		}
		d.addInts(p.generation, p.content, p.sweeps)
		d.addObjects(p.named)
	}
	return uint64(d)
}
