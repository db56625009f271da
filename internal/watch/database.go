package watch

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// tick is the longest time between two turns of a loop: the disk is looked at, and the loop
// shows that it lives.
const tick = guardEvery

// database is one target and its loop. The loop alone uses it, except for its board. It turns:
// takes in what has happened, looks at the disk if there is a reason to, starts what is due,
// and shows its state. What it starts goes on in goroutines of its own: at most one run on
// the session, and beside it at most one preparation or upkeep, and one drill.
type database struct {
	w       *Watcher
	key     Key
	path    string
	archive Archive
	store   *store
	ended   chan struct{} // closed when the loop has ended
	results chan outcome
	quit    context.CancelFunc // ends the loop
	started time.Time          // when the watcher was

	board board

	target Target

	// What is known of the database, as of the last look.
	look        archiver.Look
	looked      time.Time // zero before the first one, and when it must look again
	lookTook    time.Duration
	oldest      time.Time // time of the oldest unsaved commit, as the database says it
	asked       time.Time // when the archive last said that it is there
	dirtySince  time.Time // the same by this process's clock; zero if nothing is unsaved
	hasChanged  bool      // an event came since
	isClosed    bool      // as of the last event: the log of a 0.5 database was removed, and is not stored yet
	lookAtOnce  bool      // it was closed since
	lastEvent   time.Time
	firstChange time.Time // the first event since a run began, or since all was saved

	trouble   trouble
	pace      pace
	unplanned unplanned
	guard     guard
	guarded   time.Time // when the guard looked last
	isStuck   bool      // the hold could not be given up, when that was tried last

	run     *work // on the session
	beside  *work
	drill   *work     // or a look at the proofs or at the history
	lastRun time.Time // when the last incremental run began
	queued  string    // the kind of run that waits for a slot
	nudged  bool

	notBefore time.Time // the database changed faster than it could be read
	charged   int64     // requests that the pace knows of

	wasSeen     bool // something was at its path once
	wasLooked   bool // and a look at it has succeeded
	wasTroubled bool // it was said that the database cannot be backed up, and not that it can
	isUnsaved   bool // the loop has ended, and not everything is saved
	isLost      bool // nor will it be: nobody has its log any more

	prepared      bool      // what a full backup needs is stored
	preparedAfter uint64    // the full backup that was the newest one then
	fullDue       time.Time // since when a planned one has been due; zero if none is
	fullAgain     time.Time // not before that, after a full backup or its preparation has failed
	reopened      reopened

	verify, expire, compact upkeep
	proving                 proving
	past                    past
}

// upkeep is one kind of it.
type upkeep struct {
	state UpkeepState
	from  time.Time // when it was last done, or the watcher began
	again time.Time // not before that, after it has failed
	seq   uint64    // the newest backup when it was last done
}

func newDatabase(w *Watcher, t Target, a Archive, s *store) *database {
	now := time.Now()
	d := &database{
		w: w, key: t.Key(), path: t.Database, archive: a, store: s,
		ended: make(chan struct{}), results: make(chan outcome),
		verify: upkeep{from: now}, expire: upkeep{from: now}, compact: upkeep{from: now}, proving: proving{began: now},
	}
	d.board.wake, d.board.wanted = make(chan struct{}, 1), t
	d.board.shown = TargetState{Target: t, Phase: PhaseNew, Since: now, Counts: newCounts()}
	d.setTarget(t)
	return d
}

func newCounts() Counts {
	return Counts{
		Backups: map[archiver.Kind]int64{}, Failures: map[archiver.Code]int64{}, UnplannedFulls: map[string]int64{},
		Durations: map[archiver.Kind]Durations{},
	}
}

func (d *database) setTarget(t Target) {
	d.target = t
	d.pace.setLimit(t.MaxRequests)
}

// loop turns until ctx ends, and then once more: see [database.stop].
func (d *database) loop(ctx context.Context) {
	defer close(d.ended)
	d.show(time.Now()) // so that a first look that hangs shows
	d.store.use(d, true)
	defer d.store.use(d, false)
	defer func() {
		for _, s := range []*slots{d.w.fulls, d.w.runs, d.w.upkeep, d.w.drills} {
			s.leave(d)
		}
	}()
	// What runs outlives ctx: a backup that has begun may end.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			d.stop(work, cancel)
			return
		case <-d.board.wake:
		case <-timer.C:
		case o := <-d.results:
			d.end(work, o)
		}
		next := earliest(d.turn(work, time.Now()), d.nextTick(time.Now()))
		timer.Reset(max(0, time.Until(next)))
	}
}

// nextTick returns when all loops turn next, if nothing is due before: together, so that the
// process wakes once for all of them.
func (d *database) nextTick(now time.Time) time.Time {
	return now.Add(tick - now.Sub(d.started)%tick)
}

// turn does what is due and returns when something is due again; zero if that is not known.
func (d *database) turn(ctx context.Context, now time.Time) time.Time {
	d.takeInbox()
	wasBusy := d.run != nil
	next := d.lookIfNeeded(ctx, now)
	d.guardDisk(ctx, now)
	next = earliest(next, d.start(ctx, now))
	next = earliest(next, d.startProving(ctx, now))
	next = earliest(next, d.startHistory(ctx, now))
	next = earliest(next, d.startBeside(ctx, now))
	// What a run did not see, or a check has come before, is due after it.
	d.nudged = d.nudged && (wasBusy || d.run != nil && !d.run.isBackup())
	d.show(time.Now())
	return next
}

// takeInbox takes in what others have said.
func (d *database) takeInbox() {
	d.board.mu.Lock()
	in := d.board.inbox
	d.board.inbox = inbox{}
	d.board.mu.Unlock()
	if in.target != nil {
		d.setTarget(*in.target)
		d.trouble.again = time.Time{}
	}
	if in.nudged {
		d.nudged = true
		d.trouble.again, d.fullAgain, d.reopened, d.unplanned.count = time.Time{}, time.Time{}, reopened{}, 0
		d.pace.lead()
	}
	if !in.changed.IsZero() {
		was := d.isClosed
		d.isClosed = d.archive.Keep() // a look may be too late for it
		d.lookAtOnce = d.lookAtOnce || d.isClosed && !was
		d.hasChanged, d.lastEvent = true, in.last
		if d.firstChange.IsZero() {
			d.firstChange = in.changed
		}
		d.trouble.hasChanged()
	}
}

// lag is the age at which the oldest commit should be in the archive.
func (d *database) lag() time.Duration { return d.target.lag() }
