package watch

import "time"

// phase returns what the database is in.
func (d *database) phase() Phase {
	switch {
	case d.run != nil && d.run.isBackup():
		return PhaseRunning
	case !d.trouble.isNone():
		return d.trouble.phase
	case d.store.isAway() && (!d.dirtySince.IsZero() || !d.look.Known):
		return PhaseWaiting
	case !d.look.Known && d.dirtySince.IsZero(), d.look.Known && d.look.Newest.Seq == 0:
		return PhaseNew
	case !d.dirtySince.IsZero():
		return PhaseDirty
	}
	return PhaseClean
}

// show publishes the state.
func (d *database) show(now time.Time) {
	phase := d.phase()
	d.board.mu.Lock()
	s := &d.board.shown
	isNew := s.Phase != phase
	if isNew {
		s.Phase, s.Since = phase, now
	}
	s.Target, s.Turned, s.LastAsked = d.target, now, d.asked
	s.Why, s.Code = d.trouble.why, d.trouble.code
	if s.Why == "" && d.store.isAway() {
		s.Why = "the store does not answer"
	} else if s.Why == "" && d.look.NeedsFull != "" {
		s.Why = "a full backup is needed: " + d.look.NeedsFull
	}
	s.UnsavedSince, s.UnsavedBytes, s.UnsavedCommits = d.dirtySince, d.look.UnsavedBytes, d.look.Commits
	d.showRuns(now)
	if d.look.Known && d.look.Newest.Seq != 0 {
		d.showArchive()
	}
	s.NextFull = fullDueAt(now, d.look, d.target.Full, d.key)
	s.DatabaseBytes, s.HeldLogBytes, s.Disk = d.look.ImageBytes+d.look.LogBytes, d.look.HeldLogBytes, d.guard.state
	s.Verify, s.Expire, s.Compact = d.verify.state, d.expire.state, d.compact.state
	s.Proof = d.proving.state
	s.History = d.past.known
	s.Counts.Requests = d.archive.Requests()
	d.board.mu.Unlock()
	if isNew {
		d.news(EventState, now).phase(phase, d.trouble, d.wasTroubled)
		d.wasTroubled = isTroubled(phase) || phase == PhaseRunning && d.wasTroubled
	}
}

// showRuns shows what goes on, and when the next run is due. The caller holds the lock.
func (d *database) showRuns(now time.Time) {
	s := &d.board.shown
	s.Doing = Doing{}
	switch w := d.run; {
	case w != nil:
		s.Doing.Run, s.Doing.Since = w.kind, w.began
	case d.queued != "":
		s.Doing.Run, s.Doing.Queued = d.queued, true
	}
	if d.beside != nil {
		s.Doing.Beside = d.beside.kind
	}
	if d.drill != nil && d.drill.kind == doDrill {
		s.Doing.Drill = d.drill.began
	}
	s.Lag, s.NextRun = d.lag(), time.Time{}
	if d.run != nil || d.dirtySince.IsZero() {
		return
	}
	switch l := &d.look; {
	case l.Known && l.NeedsFull != "":
		_, s.NextRun = d.neededFull(now)
	case l.Known && l.Commits > 0:
		s.NextRun = d.pace.runAt(times{now, d.dirtySince, d.lastEvent, d.lastRun, l.UnsavedBytes}, d.lag())
		s.Lag = max(s.Lag, s.NextRun.Sub(d.dirtySince).Round(time.Millisecond))
	}
}

// showArchive shows what the archive has. The caller holds the lock.
func (d *database) showArchive() {
	s, l := &d.board.shown, &d.look
	s.Newest, s.Encrypted, s.LastFull, s.Increments = l.Newest, l.Encrypted, l.FullAt, l.SinceFull
	s.NewestRestorable = l.Newest.RestorableTo()
}
