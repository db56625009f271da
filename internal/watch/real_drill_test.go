package watch

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// drillScene is a watcher that drills a real archive each hour, with a check of the test's own.
type drillScene struct {
	*realDatabase

	store   *storagetest.Memory
	scratch string
	check   func(ctx context.Context, database string) (archiver.CheckResult, error)
	checked int

	noCommand error // the command is not there
}

func newDrillScene(t *testing.T) *drillScene {
	return &drillScene{realDatabase: newRealDatabase(t), store: storagetest.NewMemory(), scratch: t.TempDir()}
}

// run watches until what follows has returned.
func (s *drillScene) run(do func(w *Watcher)) {
	w := New(Options{Open: func(g Target) (Archive, error) {
		checker := func(command []string, _ time.Duration) (func(context.Context, string) (archiver.CheckResult, error), error) {
			if s.noCommand != nil {
				return nil, s.noCommand
			}
			return func(ctx context.Context, database string) (archiver.CheckResult, error) {
				if strings.Join(command, " ") != "check {}" {
					s.t.Errorf("the command is %q", command)
				}
				s.checked++
				if _, err := os.Stat(database); err != nil {
					s.t.Error(err)
				}
				return s.check(ctx, database)
			}, nil
		}
		return Adapt(archiver.New(s.store, archiver.Options{Name: g.Archive}), g.Database, archiver.SessionOptions{}, checker), nil
	}})
	g := target(s.path)
	g.Drill = DrillRules{Every: time.Hour, Scratch: s.scratch, Exec: "check\n{}"}
	s.w = w
	s.realDatabase.check(w.Set([]Target{g}))
	ctx, cancel := context.WithCancel(s.t.Context())
	end := make(chan error, 1)
	go func() { end <- w.Run(ctx) }()
	do(w)
	cancel()
	s.realDatabase.check(<-end)
	left, err := os.ReadDir(s.scratch)
	s.realDatabase.check(err)
	if len(left) > 0 {
		s.t.Errorf("%s is left", left[0].Name())
	}
}

// certificates returns how many there are.
func (s *drillScene) certificates() (n int) {
	for key := range s.store.Objects() {
		if strings.HasPrefix(key, manifest.CertificatePrefix) {
			n++
		}
	}
	return n
}

// A watcher proves a real archive, and what it and everybody else knows of that is in the archive. The
// digest that the command reports for a state is pinned.
func TestRealDrills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDrillScene(t)
		s.check = func(context.Context, string) (archiver.CheckResult, error) {
			return archiver.CheckResult{OK: true, Digest: "test:1"}, nil
		}
		s.run(func(w *Watcher) {
			time.Sleep(time.Minute)
			s.commit()
			time.Sleep(4 * time.Hour)
			synctest.Wait()
			p := w.State().Targets[0].Proof
			if p.Why != "" || p.Proofs.Proven == nil || !p.Proofs.Proven.Executed || p.Proofs.Proven.PinnedBy != "drill" || !p.Proofs.LastDrill.OK {
				t.Errorf("%+v, %+v", p, p.Proofs.Proven)
			}
		})
		if n := s.certificates(); n != s.checked || n < 4 || n > 5 {
			t.Errorf("%d certificates, %d checks", n, s.checked)
		}
		status, err := archiver.New(s.store, archiver.Options{}).Status(t.Context(), archiver.StatusOptions{})
		s.realDatabase.check(err)
		if err := status.ProvenWithin(2 * time.Hour); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Hour)
		if err := status.ProvenWithin(2 * time.Hour); !errors.Is(err, archiver.ErrUnproven) {
			t.Errorf("%v", err)
		}
	})
}

// Rot is found by the next drill, and shown until one succeeds.
func TestRealDrillFindsRot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDrillScene(t)
		s.check = func(context.Context, string) (archiver.CheckResult, error) {
			return archiver.CheckResult{OK: true}, nil
		}
		s.run(func(w *Watcher) {
			time.Sleep(90 * time.Minute)
			synctest.Wait()
			if p := w.State().Targets[0]; p.Proof.Proofs.Proven == nil || !p.IsProofGood() {
				t.Fatalf("%+v", p.Proof)
			}
			whole := map[string][]byte{}
			for key, content := range s.store.Objects() {
				if strings.HasPrefix(key, manifest.SegmentPrefix) {
					whole[key] = content
				}
			}
			if len(whole) == 0 {
				t.Fatal("there is no segment")
			}
			for key, content := range whole {
				rotten := append([]byte(nil), content...)
				rotten[len(rotten)/2] ^= 1
				s.overwrite(key, rotten)
			}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if p := w.State().Targets[0]; p.Proof.Proofs.LastDrill.OK || p.Proof.Proofs.LastDrill.Why == "" || p.Proof.Proofs.Proven == nil || p.IsProofGood() {
				t.Errorf("%+v", p.Proof)
			}
			for key, content := range whole {
				s.overwrite(key, content)
			}
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if p := w.State().Targets[0]; !p.IsProofGood() {
				t.Errorf("%+v", p.Proof)
			}
		})
	})
}

// A command that is not there shows before anything is restored for it, and calls no archive in question.
func TestRealDrillWithoutItsCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDrillScene(t)
		s.noCommand = errors.New("there is no such command")
		s.run(func(w *Watcher) {
			time.Sleep(30 * time.Second)
			synctest.Wait()
			before := w.State().Targets[0].Counts.Requests
			time.Sleep(90 * time.Minute)
			synctest.Wait()
			p := w.State().Targets[0]
			if p.Proof.Why != s.noCommand.Error() || !p.IsProofGood() {
				t.Errorf("%+v", p.Proof)
			}
			if n := p.Counts.Requests.Get - before.Get; n > 20 {
				t.Errorf("%d GET for nothing", n)
			}
		})
		if s.checked != 0 || s.certificates() != 0 {
			t.Errorf("%d checks, %d certificates", s.checked, s.certificates())
		}
	})
}

func (s *drillScene) overwrite(key string, content []byte) {
	s.t.Helper()
	_, err := s.store.Put(s.t.Context(), key, strings.NewReader(string(content)), storage.PutOptions{})
	s.realDatabase.check(err)
}

// A watcher that stops ends the command of its drill, and leaves neither folder nor certificate.
func TestStopEndsRealDrill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newDrillScene(t)
		s.check = func(ctx context.Context, _ string) (archiver.CheckResult, error) {
			<-ctx.Done()
			return archiver.CheckResult{}, ctx.Err()
		}
		s.run(func(*Watcher) { time.Sleep(90 * time.Minute) })
		if n := s.certificates(); n != 0 || s.checked != 1 {
			t.Errorf("%d certificates, %d checks", n, s.checked)
		}
	})
}
