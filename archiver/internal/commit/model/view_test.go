package model

import "slices"

// view is what somebody sees who finds the head h.
type view struct {
	head, keep int
	keys       int // the newest key list
	alive      set // records whose objects must stay
	visible    set // backups, under their own numbers or those that they stand in for
	standIns   []standIn
	first      int
	deadBefore int
	pins       set
}

// newestKeep returns the number of the newest keep at head h.
func (a *archive) newestKeep(h int) int {
	if r := a.records[h]; r == nil || r.kind == keep {
		return h
	}
	return a.records[h].keep
}

func (a *archive) view(h int) view {
	v := view{head: h}
	if h == 0 {
		return v
	}
	v.keep, v.keys = a.newestKeep(h), a.newestKeys(h)
	if v.keep > 0 {
		k := a.records[v.keep]
		if k == nil || k.kind != keep {
			a.fail("keep %d is not there, and %d is the head", v.keep, h)
			return v
		}
		v.first, v.deadBefore, v.pins = k.first, k.deadBefore, k.pins
		v.alive, v.visible, v.standIns = k.alive, k.alive, k.standIns
		for _, s := range v.standIns {
			v.visible = v.visible.without(s.by).with(s.number)
		}
	}
	for n := v.keep + 1; n <= h; n++ {
		switch r := a.records[n]; {
		case r == nil:
			a.fail("record %d is not there, and the newest keep is %d", n, v.keep)
		case r.kind == merged:
			v.alive = v.alive.with(n)
			if a.is(mergedSeenEarly) {
				a.putInPlace(&v, r)
			}
		case r.kind != keep && r.kind != keyList:
			v.alive, v.visible = v.alive.with(n), v.visible.with(n)
		}
	}
	return v
}

// where returns the number of the record that is the backup n.
func (v *view) where(n int) int {
	for _, s := range v.standIns {
		if s.number == n {
			return s.by
		}
	}
	return n
}

// backup returns the record of a visible backup.
func (a *archive) backup(v *view, n int) *record {
	if n <= 0 || n >= limit || !v.visible.has(n) {
		return nil
	}
	return a.records[v.where(n)]
}

// chain returns n and the backups before it that a restore of n reads, or 0 if they do
// not lead to a full one.
func (a *archive) chain(v *view, n int) set {
	var s set
	for {
		r := a.backup(v, n)
		if r == nil {
			return 0
		}
		s = s.with(n)
		if r.kind == full {
			return s
		}
		n = r.continues
	}
}

// commits returns whose commits a restore of n brings back.
func (a *archive) commits(v *view, n int) set {
	var s set
	for m := range a.chain(v, n).all() {
		s |= a.backup(v, m).commits
	}
	return s
}

// parts returns the backups that m was made of, the last one first, if all are visible
// still and nothing else needs the ones in between.
func (a *archive) parts(v *view, m *record) []int {
	var parts []int
	for n := m.to; ; {
		r := a.backup(v, n)
		if r == nil || r.kind == full {
			return nil
		}
		if n != m.to && v.pins.has(n) && !a.is(pinsMerged) {
			return nil
		}
		parts = append(parts, n)
		first := n
		if r.kind == merged {
			first = r.from
		}
		if first < m.from {
			return nil
		}
		if first == m.from {
			break
		}
		n = r.continues
	}
	if len(parts) < 2 || !v.visible.has(a.backup(v, parts[len(parts)-1]).continues) {
		return nil
	}
	if a.is(forksMerged) {
		return parts
	}
	for n := range v.visible.all() {
		if r := a.backup(v, n); r.kind != full && slices.Contains(parts[1:], r.continues) && !slices.Contains(parts, n) {
			return nil
		}
	}
	return parts
}

// putInPlace lets m stand in for what it was made of, without a look at that.
func (a *archive) putInPlace(v *view, m *record) {
	for n := range (v.visible & upTo(m.to) &^ upTo(m.from-1)).all() {
		if a.isPart(v, m, n) {
			v.alive, v.visible = v.alive.without(v.where(n)), v.visible.without(n)
		}
	}
	v.standIns = slices.DeleteFunc(slices.Clone(v.standIns), func(s standIn) bool { return !v.alive.has(s.by) })
	v.standIns = append(v.standIns, standIn{number: m.to, from: m.from, by: m.number})
	v.alive, v.visible = v.alive.with(m.number), v.visible.with(m.to)
}

// isPart reports whether the commits of the backup n are in m.
func (a *archive) isPart(v *view, m *record, n int) bool {
	r := a.backup(v, n)
	return r != nil && r.commits.within(m.commits)
}
