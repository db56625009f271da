package model

import "fmt"

type role uint8

const (
	writer role = iota
	expirer
	compactor
	keyChanger
)

// step is what a process does next. Each is one request, or a few that change nothing.
type step uint8

const (
	plan       step = iota
	read            // compactor: the parts
	put             // writer, compactor: the object
	raiseFence      // expirer: before the keep
	commit          // all, and all that a key changer does
	askFence        // all: R4
	look            // all: if the fence is there
	raiseLate       // a mutant's fence
	sweep           // expirer: one delete
	done
)

// process is somebody who works on the archive. It knows what it has seen, and no more.
type process struct {
	role  role
	index int
	next  step
	awake bool // it has done a step
	tries int
	made  int     // records that may have been created
	wants choices // what is decided already

	record *record // what it has planned

	// Writer, compactor:
	generation int // its folder, once it has one
	content    int
	begun      bool // it has a folder
	stored     bool // its object is there, as far as it knows

	named []object // compactor: what the parts are in; expirer: what must stay

	// Expirer:
	doomed set // records to delete
	sweeps int // how many deletes it still sends
}

func (s step) String() string {
	return [...]string{"plan", "read", "put", "raise the fence", "commit", "ask for the fence", "look", "raise the fence", "sweep", "done"}[s]
}

func (p *process) String() string {
	return fmt.Sprintf("%s %d", [...]string{"writer", "expirer", "compactor", "key changer"}[p.role], p.index)
}

// id returns the id of what p plans now.
func (p *process) id() int { return p.index*maxTries + p.made }

// maxTries is how often a process plans, and maxProcesses times that is below limit.
const (
	maxTries     = 4
	maxProcesses = limit / maxTries
)

// pick returns what p wants, or lets others decide.
func (p *process) pick(what string, n int, choose chooser) int {
	if wanted, decided := p.wants[what]; decided {
		return min(wanted, n-1)
	}
	return choose.pick(what, n)
}

// triesOf returns how often p plans. An expirer that plans again is as one that begins.
func (a *archive) triesOf(p *process) int {
	if p.role == expirer && !a.setting.plansAgain {
		return 1
	}
	return a.setting.tries
}

// again makes p plan once more, unless it has had enough.
func (a *archive) again(p *process) {
	if p.tries++; p.tries == a.triesOf(p) {
		p.next = done
	} else {
		p.next = plan
	}
}

// act lets the process i do its next step.
func (a *archive) act(i int, choose chooser) {
	p := &a.processes[i]
	p.awake = true
	switch p.next {
	case plan:
		switch p.role {
		case writer:
			a.planBackup(p, choose)
		case compactor:
			a.planMerge(p, choose)
		case expirer:
			a.planKeep(p, choose)
		case keyChanger:
			a.planKeys(p)
		}
	case read:
		a.readParts(p)
	case put:
		a.putObject(nameOf(p.generation, p.content))
		p.stored, p.next = true, commit
	case raiseFence:
		a.fences = a.fences.with(p.record.keep)
		p.next = commit
	case commit:
		a.commit(p, choose)
	case askFence:
		if a.fences.has(p.record.keep) {
			p.next = look
		} else {
			a.believe(p)
		}
	case look:
		if a.counts(p.record) {
			a.believe(p)
		} else {
			a.again(p)
		}
	case raiseLate:
		a.fences = a.fences.with(p.record.keep)
		p.next = sweep
	case sweep:
		a.sweep(p, choose)
	case done:
	}
}

// commit sends the record (R1). The answer may get lost: then the process asks again. Or
// the request does: then the process gives up at last, and it may arrive at any time.
func (a *archive) commit(p *process, choose chooser) {
	loss := 0
	if a.puts > 0 {
		loss = p.pick("loss", a.setting.losses, choose)
	}
	if loss == requestLost {
		a.lateRecords = a.remember(a.lateRecords, p.record)
		p.next = done
		return
	}
	if !a.create(p.record) && a.records[p.record.number].id != p.record.id {
		a.lose(p)
		return
	}
	if p.record.id == p.id() {
		p.made++
	}
	if loss == answerLost {
		return
	}
	p.next = askFence
	if p.record.keep == 0 || a.is(noBackupCheck) && p.role == writer || a.is(noKeepCheck) && p.role == expirer ||
		a.is(noKeysCheck) && p.role == keyChanger {
		a.believe(p)
	}
}

// What may get lost, of the choices of a loss. All others mean that nothing does.
const (
	requestLost = 1
	answerLost  = 2
)

// lose is what p does when the number of its record is taken.
func (a *archive) lose(p *process) {
	renumber := p.role == writer && a.is(numberMoved) ||
		p.role == compactor && (a.view(a.head()).deadBefore <= p.generation || a.is(mergedMoved))
	if !renumber || p.tries+1 == a.setting.tries || a.head()+1 >= limit {
		a.again(p)
		return
	}
	// What a merged record says does not depend on the head.
	p.tries++
	r := *p.record
	r.number, r.id, r.keep, r.keys = a.head()+1, p.id(), a.newestKeep(a.head()), a.newestKeys(a.head())
	p.record = r.sealed()
}

// counts reports whether a record is part of the log (R4), for somebody who reads the
// head after the record was created.
func (a *archive) counts(r *record) bool {
	v := a.view(a.head())
	switch r.kind {
	case keep:
		return v.keep == r.number && a.records[v.keep].id == r.id
	case keyList:
		return r.number > v.keep || v.keys == r.number
	}
	return r.number > v.keep || v.alive.has(r.number) || slicesHas(v.standIns, r.number)
}

func slicesHas(list []standIn, by int) bool {
	for _, s := range list {
		if s.by == by {
			return true
		}
	}
	return false
}

// believe is what p does once it takes its record for committed.
func (a *archive) believe(p *process) {
	isHarm := p.role != expirer // until its sweep
	if first := a.past(p.record.number); (isHarm || !a.setting.harmOnly) && (first == nil || first.id != p.record.id) {
		a.fail("%s was told that %d is committed, and it is not in the log", p, p.record.number)
	}
	switch p.role {
	case writer, keyChanger:
		p.next = done
	case compactor: // the keep that lets it stand in
		p.role, p.tries, p.next = expirer, 0, plan
	case expirer:
		switch {
		case a.is(sweptBeforeCommit):
			p.next = done
		case a.is(fenceAfterCommit) && p.record.keep > 0:
			p.next = raiseLate
		default:
			p.next = sweep
		}
	}
}

// past returns the record of the log with this number.
func (a *archive) past(n int) *record {
	if n < 1 || n > len(a.log) {
		return nil
	}
	return a.log[n-1]
}
