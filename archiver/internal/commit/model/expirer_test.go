package model

// planKeep looks at the archive, decides what stays, and plans a keep.
func (a *archive) planKeep(p *process, choose chooser) {
	h := a.head()
	v := a.view(h)
	if v.visible == 0 || h+1 >= limit {
		return // later, perhaps
	}
	n := h + 1
	r := record{kind: keep, number: n, id: p.id(), keep: v.keep, keys: v.keys, first: v.first, pins: v.pins}
	if r.first == 0 {
		r.first = n
	}
	now := v
	a.placeMerged(&now)
	if a.setting.rich && p.pick("pin", 8, choose) == 1 {
		r.pins = r.pins.with(now.visible.at(p.pick("pinned", now.visible.len(), choose)))
	}
	stay := a.stay(p, &now, r.pins, choose)
	r.removed = now.visible &^ stay
	for _, s := range now.standIns {
		if stay.has(s.number) {
			r.alive = r.alive.with(s.by)
			r.standIns = append(r.standIns, s)
		} else { // and with it all that it is made of
			r.removed |= v.visible & upTo(s.number) &^ upTo(s.from-1) &^ now.visible
		}
	}
	for n := range stay.all() {
		r.alive = r.alive.with(now.where(n))
	}
	r.deadBefore = a.chooseDeadBefore(p, &v, choose)
	p.record = r.sealed()
	a.planSweep(p, &v)
	switch {
	case a.is(sweptBeforeCommit):
		p.next = sweep
	case v.keep > 0 && !a.is(fenceAfterCommit) && !a.is(noFences):
		p.next = raiseFence
	default:
		p.next = commit
	}
}

// placeMerged lets each merged record since the last keep stand in for its parts, if
// those are all there and nobody needs them one by one.
func (a *archive) placeMerged(v *view) {
	for n := v.keep + 1; n <= v.head; n++ {
		m := a.records[n]
		if m == nil || m.kind != merged || slicesHas(v.standIns, n) {
			continue
		}
		if a.parts(v, m) != nil || a.is(partsUnchecked) {
			a.putInPlace(v, m)
		}
	}
}

// stay returns the backups that the rules keep, with their chains.
func (a *archive) stay(p *process, v *view, pins set, choose chooser) set {
	rules := 2
	if a.setting.rich {
		rules = 4
	}
	stay := pins & v.visible
	if !a.is(newestRemoved) {
		stay = stay.with(v.visible.max())
	}
	switch p.pick("rules", rules, choose) {
	case 0:
		return v.visible
	case 1:
	default:
		for n := range v.visible.all() {
			if p.pick("stays", 3, choose) == 1 {
				stay = stay.with(n)
			}
		}
	}
	if a.is(chainsOpen) {
		return stay
	}
	for n := range stay.all() {
		stay |= a.chain(v, n)
	}
	return stay
}

// chooseDeadBefore returns the number below which generations are dead: that of any keep
// since the last such number, as a grace may be anything, or of the planned keep itself.
func (a *archive) chooseDeadBefore(p *process, v *view, choose chooser) int {
	oldest := max(v.deadBefore, 1)
	if a.is(deadBeforeSinks) {
		oldest = 1
	}
	options := []int{v.deadBefore, v.head + 1}
	for n := v.keep; n >= oldest && a.records[n] != nil; n = a.records[n].keep {
		if n != v.deadBefore {
			options = append(options, n)
		}
	}
	if a.is(graceTooShort) {
		options = append(options, v.head+2)
	}
	return options[p.pick("dead before", len(options), choose)]
}

// planSweep finds what the planned keep lets go (R3): what no backup names that was
// alive at dead before or came later, and the groups of records that were all gone then.
func (a *archive) planSweep(p *process, v *view) {
	r := p.record
	alive := r.alive
	if then := a.past(r.deadBefore); then != nil {
		alive = then.alive
	}
	later := upTo(v.head) &^ upTo(r.deadBefore)
	p.named = nil
	for n := range (alive | r.alive | later).all() {
		m := a.records[n]
		if m == nil || m.kind == merged && a.is(mergedNotCounted) ||
			a.is(namesOfAnotherHead) && n > v.visible.min() {
			continue
		}
		for _, o := range m.names {
			p.named = insert(p.named, o)
		}
	}
	p.doomed = a.doomed(r, alive)
	p.sweeps = 1
	if a.setting.rich {
		p.sweeps = 4
	}
}

// doomed returns the records that r lets go.
func (a *archive) doomed(r *record, alive set) set {
	var doomed set
	first, size := r.first, a.setting.group
	if a.is(numbersReopened) {
		first = 0
	}
	if a.is(deletedSingly) {
		size = 1
	}
	for from := 1; from+size-1 < r.deadBefore; from += size {
		group := upTo(from+size-1) &^ upTo(from-1)
		if group.has(r.keys) && !a.is(keysForgotten) {
			continue
		}
		if from > first && (group&alive == 0 || a.is(groupHalfDead) && !alive.has(from)) {
			doomed |= group
		}
	}
	return doomed
}

// sweep deletes what is dead and there: all of it, or only one of these, and then what a
// crash leaves.
func (a *archive) sweep(p *process, choose chooser) {
	var dead []object
	for _, o := range a.objects {
		if o.generation() < p.record.deadBefore && !has(p.named, o) {
			dead = append(dead, o)
		}
	}
	var doomed []int
	for n := range p.doomed.all() {
		if a.records[n] != nil {
			doomed = append(doomed, n)
		}
	}
	if all := len(dead) + len(doomed); all > 1 {
		if i := p.pick("delete", all+1, choose); i > len(dead) {
			dead, doomed = nil, doomed[i-len(dead)-1:i-len(dead)]
		} else if i > 0 {
			dead, doomed = dead[i-1:i], nil
		}
	}
	for _, o := range dead {
		a.deleteObject(o)
	}
	for _, n := range doomed {
		a.deleteRecord(n)
	}
	if p.sweeps--; p.sweeps > 0 && len(dead)+len(doomed) > 0 {
		return
	}
	p.next = done
	if a.is(sweptBeforeCommit) {
		p.next = commit
	}
}
