package probe

import (
	"bytes"
	"context"
	"errors"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Trial is what came of trying something that no backup does.
type Trial struct {
	Outcome storage.TamperOutcome // "" if it was not tried, or if it is not known
	Err     error                 // why it is not known
}

// IsDone reports whether it was possible.
func (t Trial) IsDone() bool { return t.Outcome == storage.TamperDone }

// Trials are what a thief of these credentials would try.
type Trials struct {
	Overwrite, Delete Trial

	// Versions reports whether the bucket keeps versions, as far as that was seen; nil if it
	// is not known. If not, what follows was not tried.
	Versions *bool

	ReplaceVersion, BackdateVersion, DeleteVersion Trial
	LockBriefly, ShortenLock                       Trial // only tried with locks
}

// Tamper tries to do harm to an object of its own. With locks, it also tries to set locks and
// to shorten them. An error means that it could not be tried.
func (p *Probe) Tamper(ctx context.Context, locks bool) (t Trials, err error) {
	key, err := p.put(ctx, "tamper", randomBytes(1<<10))
	if err != nil {
		return t, err
	}
	_, err = p.store.Storage.Put(ctx, key, bytes.NewReader(randomBytes(1<<10)), storage.PutOptions{})
	if t.Overwrite = trialOf(err); t.Overwrite.Err != nil {
		return t, err
	}
	if t.BackdateVersion = p.tamper(ctx, key, storage.BackdateVersion); errors.Is(t.BackdateVersion.Err, storage.ErrNoVersions) {
		t.BackdateVersion, t.Versions = Trial{}, new(false)
	} else {
		if t.BackdateVersion.Err == nil {
			t.Versions, p.keepsVersions = new(true), true
		}
		t.ReplaceVersion = p.tamper(ctx, key, storage.ReplaceVersion)
		if locks {
			t.ShortenLock = p.tamper(ctx, key, storage.ShortenLock)
		}
		t.DeleteVersion = p.tamper(ctx, key, storage.DeleteVersion)
		p.deletesVersions = t.DeleteVersion.IsDone()
		if locks { // last, since a lock of its own is one that it may end
			t.LockBriefly = p.tamper(ctx, key, storage.LockBriefly)
		}
	}
	if t.Delete = trialOf(p.store.Storage.Delete(ctx, key)); t.Delete.IsDone() && !p.deletesVersions {
		p.forget(key)
	}
	return t, nil
}

func (p *Probe) tamper(ctx context.Context, key string, how storage.Tampering) Trial {
	outcome, err := storage.Tamper(ctx, p.store.Storage, key, how)
	return Trial{outcome, err}
}

// trialOf is the outcome of an operation of any store.
func trialOf(err error) Trial {
	switch {
	case err == nil:
		return Trial{Outcome: storage.TamperDone}
	case errors.Is(err, storage.ErrPermission):
		return Trial{Outcome: storage.TamperDenied}
	case errors.Is(err, storage.ErrRefused):
		return Trial{Outcome: storage.TamperRefused}
	}
	if e, ok := errors.AsType[*storage.Error](err); ok && e.Answer != nil && e.Answer.Status >= 400 && e.Answer.Status < 500 {
		return Trial{Outcome: storage.TamperRefused}
	}
	return Trial{Err: err}
}

// put creates an object with a new key. It is tried again as long as the store is busy, each
// time with another key: the puts of a probe have a condition, since policies may demand it.
func (p *Probe) put(ctx context.Context, name string, body []byte) (key string, err error) {
	return objects.Retry(ctx, p.store.Patience, func() (string, error) {
		key := p.key(name)
		return key, p.create(ctx, key, body)
	})
}

// maxVersions is how many versions of an object a probe makes at most, with delete markers.
const maxVersions = 8

// deleteVersions deletes all versions of an object, and reports whether none is left.
func (p *Probe) deleteVersions(ctx context.Context, key string) bool {
	for range maxVersions {
		if trial := p.tamper(ctx, key, storage.DeleteVersion); !trial.IsDone() {
			return errors.Is(trial.Err, storage.ErrNotExist)
		}
	}
	return false
}
