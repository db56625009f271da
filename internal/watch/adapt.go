package watch

import (
	"context"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Adapt returns an archive and the database at path as the watcher needs them.
func Adapt(a *archiver.Archive, path string, o archiver.SessionOptions) Archive {
	return &adapted{Session: a.Session(path, o), archive: a, path: path}
}

// adapted is an [archiver.Session] with the verbs of its archive.
type adapted struct {
	*archiver.Session

	archive *archiver.Archive
	path    string

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

func (a *adapted) Verify(ctx context.Context) (int, error) {
	r, err := a.archive.Verify(ctx, archiver.VerifyOptions{})
	a.count(r.Requests)
	return len(r.Findings), err
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
