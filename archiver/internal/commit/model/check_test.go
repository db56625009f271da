package model

import "slices"

// check looks at what must always hold. It is called after each change of the records or
// objects.
func (a *archive) check() {
	if !a.touched || a.wrong != "" || len(a.log) == 0 {
		return
	}
	a.touched = false
	h := a.head()
	if h != len(a.log) {
		a.fail("the head was %d, and is %d", len(a.log), h)
		return
	}
	v := a.view(h)
	if a.wrong != "" {
		return
	}
	a.checkObjects(&v)
	a.checkBackups(&v)
	a.checkNumbers(&v)
	a.checkKeys(&v)
	if !a.setting.harmOnly {
		a.checkForm(&v)
	}
}

// truth returns whose commits the backup n had when it was committed.
func (a *archive) truth(n int) set {
	var s set
	for {
		r := a.log[n-1]
		s |= r.commits
		if r.kind == full {
			return s
		}
		n = r.continues
	}
}

// checkBackups: a backup leaves only if a keep of the log removed it or something stands
// in for it, it never comes back, and as long as it is there it has its commits.
func (a *archive) checkBackups(v *view) {
	left := a.visible &^ v.visible
	for n := range left.all() {
		if !a.isAccountedFor(v, n) {
			a.fail("backup %d is not seen any more, and no keep removed it", n)
		}
	}
	a.visible = v.visible
	a.gone |= left
	if back := a.gone & v.visible; back != 0 {
		a.fail("the backups %v are back", back)
	}
	if !v.pins.within(v.visible) {
		a.fail("%v are pinned, and of these only %v are there", v.pins, v.pins&v.visible)
	}
	if v.visible == 0 {
		a.fail("no backup is left")
	}
	for n := range v.visible.all() {
		if got, want := a.commits(v, n), a.truth(n); got != want {
			a.fail("backup %d had the commits of %v, and has those of %v", n, want, got)
		}
	}
}

// isAccountedFor reports whether the newest record is a keep that removed n, or something
// stands in for n.
func (a *archive) isAccountedFor(v *view, n int) bool {
	if last := a.log[len(a.log)-1]; last.kind == keep && last.removed.has(n) {
		return true
	}
	return slices.ContainsFunc(v.standIns, func(s standIn) bool {
		return s.from <= n && n < s.number && v.visible.has(s.number) && a.truth(n).within(a.commits(v, s.number))
	})
}

// checkNumbers: what is alive is the log's, and its group has no hole.
func (a *archive) checkNumbers(v *view) {
	var groups set
	for n := range v.alive.all() {
		groups |= a.setting.groupOf(n)
	}
	a.checkThere(groups & upTo(v.head))
}

// groupOf returns the numbers that are deleted together with n.
func (s *setting) groupOf(n int) set {
	from := (n-1)/s.group*s.group + 1
	return upTo(from+s.group-1) &^ upTo(from-1)
}

func (a *archive) checkThere(numbers set) {
	for n := range numbers.all() {
		switch r := a.records[n]; {
		case r == nil:
			a.fail("record %d is not there", n)
		case r.id != a.log[n-1].id:
			a.fail("number %d is another record than before", n)
		}
	}
}

// checkForm looks at what readers do not depend on, but the proof of the protocol does.
func (a *archive) checkForm(v *view) {
	a.checkThere(upTo(v.first) | upTo(v.head)&^upTo(max(v.deadBefore-1, 0)))
	k := a.past(v.keep)
	if k == nil {
		return
	}
	if k.deadBefore > k.number {
		a.fail("keep %d says that what comes after it is dead", k.number)
	}
	before, alive := a.past(k.keep), set(0)
	if before != nil {
		alive = before.alive
		if before.deadBefore > k.deadBefore {
			a.fail("what was dead by keep %d is alive by keep %d", before.number, k.number)
		}
	}
	if !k.alive.within(alive | upTo(k.number-1)&^upTo(k.keep)) {
		a.fail("what keep %d had let go is alive by keep %d", k.keep, k.number)
	}
}

// checkObjects: what is alive, was alive at dead before, or came later has its objects.
func (a *archive) checkObjects(v *view) {
	alive := v.alive | upTo(v.head)&^upTo(v.deadBefore)
	if then := a.past(v.deadBefore); then != nil {
		alive |= then.alive
	}
	for n := range alive.all() {
		r := a.records[n]
		if r == nil {
			a.fail("record %d is not there, and its bytes should be", n)
			return
		}
		for _, o := range r.names {
			if !has(a.objects, o) {
				a.fail("record %d needs object %v, which is gone", n, o)
			}
		}
	}
}
