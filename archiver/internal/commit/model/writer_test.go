package model

// planBackup looks at the archive and plans a backup for the number after its head.
func (a *archive) planBackup(p *process, choose chooser) {
	h := a.head()
	v := a.view(h)
	if h+1 >= limit {
		return
	}
	a.chooseFolder(p, &v, choose)
	own := nameOf(p.generation, p.content)
	r := record{kind: full, number: h + 1, id: p.id(), keep: v.keep, keys: v.keys, names: []object{own}, commits: setOf(p.id())}
	newest := v.visible.max()
	kinds := 3
	if a.setting.rich {
		kinds = 5
	}
	if newest < 0 {
		kinds = 1
	}
	switch p.pick("backup", kinds, choose) {
	case 0: // a full one of its own
	case 1:
		r.kind, r.continues = incremental, newest
	case 2: // a full one that shares what the newest full one names
		if base := a.newestFull(&v); base != nil {
			r.names = insert(base.names, own)
		}
	case 3: // a full one that shares what any backup names
		r.names = insert(a.backup(&v, v.visible.at(p.pick("base", v.visible.len(), choose))).names, own)
	case 4:
		r.kind, r.continues = incremental, v.visible.at(p.pick("continues", v.visible.len(), choose))
	}
	p.record, p.next = r.sealed(), put
	if p.stored {
		p.next = commit
	}
}

func (a *archive) newestFull(v *view) *record {
	for s := v.visible; s != 0; s = s.without(s.max()) {
		if r := a.backup(v, s.max()); r.kind == full {
			return r
		}
	}
	return nil
}

// chooseFolder gives p its generation (R2), and lists the folder if it is a new one.
func (a *archive) chooseFolder(p *process, v *view, choose chooser) {
	switch {
	case !p.begun:
		p.begun = true
		p.generation = v.keep
		if p.role == writer {
			p.content = 0
			if a.setting.rich {
				p.content = p.pick("content", 2, choose)
			}
		}
		if v.keep > 0 { // it may go on in the folder of the generation before
			if before := a.records[v.keep].keep; before >= v.deadBefore && p.pick("older folder", 2, choose) == 1 {
				p.generation = before
			}
		}
	case p.generation < v.deadBefore && !a.is(oldFolderKept):
		p.generation = v.keep
	default:
		return // it knows what is there
	}
	if a.is(noGenerations) {
		p.generation = 0
	}
	p.stored = has(a.objects, nameOf(p.generation, p.content))
}

// planMerge plans a merged record of some incrementals.
func (a *archive) planMerge(p *process, choose chooser) {
	h := a.head()
	v := a.view(h)
	var runs []record
	if v.visible != 0 {
		runs = a.runs(&v)
	}
	if len(runs) == 0 || h+1 >= limit {
		return // later, perhaps
	}
	r := runs[p.pick("run", len(runs), choose)]
	if content := mergedContent(r.from, r.to); content != p.content {
		p.begun, p.content = false, content
	}
	a.chooseFolder(p, &v, choose)
	r.kind, r.number, r.id, r.keep, r.keys = merged, h+1, p.id(), v.keep, v.keys
	r.names = []object{nameOf(p.generation, p.content)}
	p.named = nil
	for _, n := range a.parts(&v, &r) {
		for _, o := range a.backup(&v, n).names {
			p.named = insert(p.named, o)
		}
	}
	p.record, p.next = r.sealed(), read
}

// runs returns what may be merged: incrementals that continue each other, without the
// newest backup.
func (a *archive) runs(v *view) []record {
	var runs []record
	for to := range v.visible.without(v.visible.max()).all() {
		var commits set
		for n := to; ; {
			r := a.backup(v, n)
			if r == nil || r.kind == full {
				break
			}
			commits |= r.commits
			from := n
			if r.kind == merged {
				from = r.from
			}
			run := record{from: from, to: to, continues: r.continues, commits: commits}
			if a.parts(v, &run) != nil {
				runs = append(runs, run)
			}
			n = r.continues
		}
	}
	return runs
}

// readParts gives the merge up if something of its parts is gone: a keep has removed it.
func (a *archive) readParts(p *process) {
	for _, o := range p.named {
		if !has(a.objects, o) {
			p.next = done
			return
		}
	}
	p.next = put
	if p.stored {
		p.next = commit
	}
}
