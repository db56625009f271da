package watch

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Checker makes the check of a restored database that a command does, within a time; 0 is for the
// default. The error says that there is no such command, before anything is restored for it.
type Checker func(command []string, timeout time.Duration) (func(ctx context.Context, database string) (archiver.CheckResult, error), error)

// Adapt returns an archive and the database at path as the watcher needs them. The checker is for
// drills with a command.
func Adapt(a *archiver.Archive, path string, o archiver.SessionOptions, c Checker) Archive {
	return &adapted{Session: a.Session(path, o), archive: a, path: path, checker: c}
}

// adapted is an [archiver.Session] with the verbs of its archive.
type adapted struct {
	*archiver.Session

	archive *archiver.Archive
	path    string
	checker Checker

	mu       sync.Mutex
	requests storage.RequestCounts // of what the session does not count
}

// Requests returns those of the session and of all else.
func (a *adapted) Requests() storage.RequestCounts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests.Plus(a.Session.Requests())
}

func (a *adapted) count(r storage.RequestCounts) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = a.requests.Plus(r)
}

func (a *adapted) GiveUp(ctx context.Context) error {
	if a.DropRemoved() { // as of a database of 0.5, which has no hold
		return nil
	}
	_, err := a.archive.Release(ctx, a.path)
	return err
}

func (a *adapted) Verify(ctx context.Context, share float64) (int, error) {
	r, err := a.archive.Verify(ctx, archiver.VerifyOptions{Sample: share, Certify: share > 0})
	a.count(r.Requests)
	return len(r.Findings), err
}

func (a *adapted) Proofs(ctx context.Context) (archiver.Proofs, error) {
	p, requests, err := a.archive.Proofs(ctx)
	a.count(requests)
	return p, err
}

// History reads the backups and the certificates. That these cannot be read is part of it.
func (a *adapted) History(ctx context.Context) (*history.History, error) {
	l, err := a.archive.List(ctx)
	if err != nil {
		return nil, err
	}
	a.count(l.Requests)
	h := history.Of(l.Backups, l.Restorable)
	drills, err := a.archive.Drills(ctx)
	a.count(drills.Requests)
	if code := archiver.CodeOf(err); err != nil && (ctx.Err() != nil || code == archiver.CodeStore) {
		return nil, err
	} else if err != nil {
		return h.WithoutDrills(err.Error()), nil
	}
	return h.WithDrills(drills), nil
}

func (a *adapted) Drill(ctx context.Context, o DrillOrder) (archiver.DrillReport, error) {
	opts := archiver.DrillOptions{Random: o.Random, Scratch: o.Scratch}
	if o.Exec != "" {
		opts.Command = strings.Split(o.Exec, "\n")
		check, err := a.checker(opts.Command, o.Timeout)
		if err != nil {
			return archiver.DrillReport{}, err
		}
		opts.Check = check
	}
	r, err := a.archive.Drill(ctx, opts)
	a.count(r.Requests)
	return r, err
}

func (a *adapted) Expire(ctx context.Context) error {
	r, err := a.archive.Expire(ctx, archiver.ExpireOptions{Apply: true})
	a.count(r.Requests)
	return err
}

func (a *adapted) Compact(ctx context.Context) error {
	r, err := a.archive.Compact(ctx, archiver.CompactOptions{Apply: true})
	a.count(r.Requests)
	return err
}
