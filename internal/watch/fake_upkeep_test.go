package watch

import (
	"context"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
)

// fakeUpkeep is how upkeep of an archive goes, and what was done.
type fakeUpkeep struct {
	verified   []time.Time
	verifyAsks int // requests of a verification
	shares     []float64

	drilled   []DrillOrder
	drilledAt []time.Time
	drillTime time.Duration
	drillErr  error         // of each drill
	drillWhy  string        // why each drill fails
	drilling  *fakeDrilling // of all sessions of a test
	proofErr  error         // of each look at the proofs
	proofs    int           // how often they were looked at

	histories   int // how often the history was read
	historyTime time.Duration
	mute        bool // the archive takes no certificates from this host
}

// fakeDrilling is what goes on in the scratch folder of a host.
type fakeDrilling struct {
	mu        sync.Mutex
	now, most int
}

// add adds drills that go on.
func (d *fakeDrilling) add(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now += n
	d.most = max(d.most, d.now)
}

// numbers returns how many drills go on, and how many went on at a time.
func (d *fakeDrilling) numbers() (now, most int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now, d.most
}

func (s *fakeSession) Verify(_ context.Context, share float64) (int, error) {
	s.mu.Lock()
	s.upkeep.verified, s.upkeep.shares = append(s.upkeep.verified, time.Now()), append(s.upkeep.shares, share)
	s.mu.Unlock()
	for range s.upkeep.verifyAsks {
		if err := s.ask(false); err != nil {
			return 0, err
		}
	}
	if err := s.ask(false); err != nil {
		return 0, err
	}
	if share > 0 {
		s.certify(func(p *archiver.Proofs) { p.Coverage = &archiver.Coverage{LastAt: time.Now()} })
	}
	return 0, nil
}

func (s *fakeSession) Expire(context.Context) error  { return s.ask(false) }
func (s *fakeSession) Compact(context.Context) error { return s.ask(false) }

func (s *fakeSession) certify(change func(*archiver.Proofs)) {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	if !s.upkeep.mute {
		change(&s.a.proofs)
	}
}

func (s *fakeSession) Proofs(context.Context) (archiver.Proofs, error) {
	order.follow()
	s.mu.Lock()
	s.upkeep.proofs++
	s.mu.Unlock()
	if s.upkeep.proofErr != nil {
		return archiver.Proofs{}, s.upkeep.proofErr
	}
	for range 2 {
		if err := s.ask(false); err != nil {
			return archiver.Proofs{}, err
		}
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	return s.a.proofs, nil
}

func (s *fakeSession) History(context.Context) (*history.History, error) {
	order.follow()
	s.mu.Lock()
	s.upkeep.histories++
	s.mu.Unlock()
	time.Sleep(s.upkeep.historyTime)
	for range 3 {
		if err := s.ask(false); err != nil {
			return nil, err
		}
	}
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	h := &history.History{}
	for i := range s.a.backups {
		h = h.With(&s.a.backups[i])
	}
	return h, nil
}

func (s *fakeSession) Drill(ctx context.Context, o DrillOrder) (archiver.DrillReport, error) {
	order.follow()
	s.mu.Lock()
	u := &s.upkeep
	u.drilled, u.drilledAt = append(u.drilled, o), append(u.drilledAt, time.Now())
	scratch := u.drilling
	s.mu.Unlock()
	if scratch != nil {
		scratch.add(1)
		defer scratch.add(-1)
	}
	select {
	case <-time.After(u.drillTime):
	case <-ctx.Done():
		return archiver.DrillReport{}, ctx.Err()
	}
	if err := s.ask(false); err != nil {
		return archiver.DrillReport{}, err
	}
	if u.drillErr != nil {
		return archiver.DrillReport{}, u.drillErr
	}
	r := archiver.DrillReport{Random: o.Random, Bytes: archiver.DrillCheck{Result: archiver.DrillOK}}
	if u.drillWhy != "" {
		r.Bytes = archiver.DrillCheck{Result: archiver.DrillFailed, Why: u.drillWhy}
	}
	s.certify(func(p *archiver.Proofs) {
		p.LastDrill = &archiver.Drilled{At: time.Now(), OK: r.OK(), Why: r.Why(), Random: o.Random, Timeline: 1, Epoch: s.tip}
		if r.OK() {
			p.Proven = &archiver.Proven{At: time.Now(), Random: r.Random}
		}
	})
	return r, nil
}
