package watch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/storage"
)

// fakeDatabase is a database on a disk.
type fakeDatabase struct {
	mu         sync.Mutex
	path       string
	generation grafeo.Generation
	commits    []time.Time
	bytes      int64 // of each commit
	image      int64
	broken     error         // of each look and backup
	gap        int           // commits up to here are no longer in the log
	forks      int           // how often its history has forked
	hang       chan struct{} // while not nil, looks wait for it
	slow       time.Duration // that each unsaved commit adds to a look
	isClosed   bool          // and what it has committed before that is not in the archive
	looks      int
	heldBefore int64 // the log that it keeps since before the watcher began
	watchers   []*Watcher
}

func (d *fakeDatabase) commit() {
	d.mu.Lock()
	d.commits = append(d.commits, time.Now())
	d.mu.Unlock()
	d.changed()
}

func (d *fakeDatabase) changed() {
	for _, w := range d.watchers {
		w.Changed(d.path)
	}
}

func (d *fakeDatabase) set(change func(*fakeDatabase)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// fakeSession is what a watcher has of both.
type fakeSession struct {
	d *fakeDatabase
	a *fakeArchive

	mu       sync.Mutex
	known    bool
	fresh    bool // nothing has failed since it was read
	tip      uint64
	saved    int
	host     string
	newest   archiver.Backup
	fork     int // of the database, when it was last backed up
	givenUp  int
	prepared int
	held     bool // the last backup held the log
	closed   bool
	sent     storage.RequestCounts
	fulls    []time.Time
	prepare  time.Duration // how long it takes
	noPut    bool          // the store answers, and takes nothing
	isBeaten bool          // others are faster each time
	hangs    bool          // a check has no answer
	slow     time.Duration // how long a check waits for one
	isKept   bool          // the hold cannot be given up
	upkeep   fakeUpkeep
}

func newFake(path string) (*fakeDatabase, *fakeArchive, *fakeSession) {
	d := &fakeDatabase{path: path, generation: "0.6", bytes: 100, image: 1 << 20}
	a := &fakeArchive{latency: 20 * time.Millisecond}
	return d, a, &fakeSession{d: d, a: a}
}

func (s *fakeSession) ask(put bool) error {
	err := s.a.ask(put)
	if put && s.noPut {
		err = storeAway
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if put {
		s.sent.Put++
	} else {
		s.sent.Head++
	}
	if err != nil {
		s.fresh = false
	}
	return err
}

// read reads the end of the archive.
func (s *fakeSession) read() error {
	for range 3 {
		if err := s.ask(false); err != nil {
			return err
		}
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	s.known, s.fresh, s.tip, s.saved = true, true, uint64(len(s.a.backups)), s.a.saved
	if s.tip > 0 {
		s.newest = s.a.backups[s.tip-1]
	}
	return nil
}

func (s *fakeSession) Look(ctx context.Context) (archiver.Look, error) {
	order.follow()
	s.d.mu.Lock()
	hang := s.d.hang
	s.d.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return archiver.Look{}, ctx.Err()
		}
	}
	s.d.mu.Lock()
	read := time.Duration(len(s.d.commits)-s.saved) * s.d.slow
	s.d.looks++
	s.d.mu.Unlock()
	time.Sleep(read)
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.d.broken != nil {
		return archiver.Look{}, s.d.broken
	}
	l := archiver.Look{Known: s.known, ImageBytes: s.d.image, FullBytes: s.d.image, HeldLogBytes: s.d.heldBefore}
	if !s.known {
		return l, nil
	}
	l.Newest = s.newest
	s.a.mu.Lock()
	l.FullAt, l.FullSeq, l.SinceFull = s.a.fullAt, s.a.fullSeq, int(s.tip-min(s.tip, s.a.fullSeq))
	s.a.mu.Unlock()
	switch {
	case s.tip == 0:
		l.NeedsFull = "it is the first one"
	case s.saved < s.d.gap || s.fork != s.d.forks:
		l.NeedsFull = "the log does not continue"
	default:
		l.Commits = int64(len(s.d.commits) - s.saved)
		l.UnsavedBytes = l.Commits * s.d.bytes
		l.HeldLogBytes = l.UnsavedBytes
		if l.Commits > 0 && s.d.generation != "0.5" {
			l.OldestUnsaved = s.d.commits[s.saved]
		}
	}
	return l, nil
}

func (s *fakeSession) Backup(ctx context.Context, b archiver.SessionBackup) (archiver.BackupReport, error) {
	order.follow()
	if s.fresh = s.fresh && !s.isBeaten; s.isBeaten {
		return archiver.BackupReport{}, &archiver.Error{Code: archiver.CodeConflict, Err: errors.New("other writers committed first")}
	}
	conflicts, before := 0, s.Requests().Total()
	for {
		r, err := s.try(ctx, b)
		r.Requests.Head = s.Requests().Total() - before
		if !errors.Is(err, archiver.ErrConflict) {
			return r, err
		}
		if conflicts++; b.Observer != nil {
			b.Observer(archiver.Conflict{})
		}
		s.fresh = false
	}
}

func (s *fakeSession) try(ctx context.Context, b archiver.SessionBackup) (archiver.BackupReport, error) {
	if !s.fresh {
		if err := s.read(); err != nil {
			return archiver.BackupReport{}, err
		}
	}
	l, err := s.Look(ctx)
	if err != nil {
		return archiver.BackupReport{}, err
	}
	kind := archiver.KindIncremental
	switch {
	case l.NeedsFull != "" && b.NoFull && s.tip > 0:
		return archiver.BackupReport{}, &archiver.Error{Code: archiver.CodeNeedsFull, Err: errors.New(l.NeedsFull)}
	case l.NeedsFull != "" || b.Full:
		kind = archiver.KindFull
	case l.Commits == 0:
		n := s.newest
		n.Kind = archiver.KindNone
		return archiver.BackupReport{Backup: n, Previous: s.newest}, nil
	}
	s.held = !b.NoHold
	s.d.mu.Lock()
	has := len(s.d.commits)
	forks := s.d.forks
	s.d.mu.Unlock()
	if err := s.ask(false); err != nil { // a look beside PUT
		return archiver.BackupReport{}, err
	}
	if err := s.ask(true); err != nil {
		return archiver.BackupReport{}, err
	}
	if err := s.ask(true); err != nil {
		return archiver.BackupReport{}, err
	}
	return s.commit(kind, has, forks)
}

func (s *fakeSession) commit(kind archiver.Kind, has, forks int) (archiver.BackupReport, error) {
	order.follow()
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	now := time.Now()
	if uint64(len(s.a.backups)) != s.tip {
		return archiver.BackupReport{}, archiver.ErrConflict
	}
	for _, at := range s.d.commits[s.a.saved:has] {
		s.a.ages = append(s.a.ages, now.Sub(at))
		s.a.worst = max(s.a.worst, now.Sub(at))
	}
	s.tip++
	n := archiver.Backup{Seq: s.tip, Kind: kind, Timeline: 1 + forks, Host: s.host, CreatedAt: now, Generation: s.d.generation, EndEpoch: uint64(has)}
	if kind == archiver.KindFull {
		s.a.fullAt, s.a.fullSeq = now, s.tip
		s.fulls = append(s.fulls, now)
	}
	s.a.backups = append(s.a.backups, n)
	s.a.saved = has
	r := archiver.BackupReport{Backup: n, Previous: s.newest}
	s.saved, s.newest, s.fork = has, n, forks
	return r, nil
}

func (s *fakeSession) Prepare(ctx context.Context) error {
	s.mu.Lock()
	s.prepared++
	s.mu.Unlock()
	select {
	case <-time.After(s.prepare):
		return s.ask(true)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *fakeSession) Check(ctx context.Context) error {
	order.follow()
	if s.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	select {
	case <-time.After(s.slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	if !s.fresh {
		return s.read()
	}
	return s.ask(false)
}

func (s *fakeSession) Reread(context.Context) error { return s.read() }

func (s *fakeSession) Keep() bool {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	return s.d.isClosed
}

func (s *fakeSession) GiveUp(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isKept {
		return errors.New("no space left on device")
	}
	s.givenUp++
	return nil
}

func (s *fakeSession) Requests() storage.RequestCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

func (s *fakeSession) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
