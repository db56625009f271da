package model

// planKeys plans a key list for the number after the head.
func (a *archive) planKeys(p *process) {
	h := a.head()
	if h == 0 || h+1 >= limit {
		return // later, perhaps
	}
	v := a.view(h)
	r := record{kind: keyList, number: h + 1, id: p.id(), keep: v.keep, keys: v.keys}
	p.record, p.next = r.sealed(), commit
}

// newestKeys returns the number of the newest key list at head h, 0 if there is none.
func (a *archive) newestKeys(h int) int {
	r := a.records[h]
	switch {
	case r == nil:
		return 0
	case r.kind == keyList:
		return h
	}
	return r.keys
}

// checkKeys: the newest record names the newest key list, and that is there: without it,
// nobody opens what came after it.
func (a *archive) checkKeys(v *view) {
	newest := 0
	for _, r := range a.log {
		if r.kind == keyList {
			newest = r.number
		}
	}
	if v.keys != newest {
		a.fail("the newest key list is %d, and record %d names %d", newest, v.head, v.keys)
	}
	if newest > 0 {
		a.checkThere(setOf(newest))
	}
}
