package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/storage"
)

// progressBytes is how much of a body, or all that is left of it, must arrive within the
// patience: a body that trickles would never end.
const progressBytes = 4 << 10

// Get is the store's Get, but a body that breaks off or stalls is resumed, however often,
// as long as progressBytes arrive within the patience. So a body that moves never fails,
// however slow it is. One that does not move fails after the patience, plus the time of
// the backend's last Get. Other errors of the body, such as those of a disk, are returned
// at once.
func (s *Store) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	b := &patientBody{store: s.Storage, ctx: ctx, key: key, asked: r, patience: s.Patience, pauses: Pauses()}
	info, err := b.open(r)
	if err != nil {
		return nil, info, err
	}
	offset, length, err := r.Clip(info.Size)
	if err != nil { // the store should have said so
		return nil, info, errors.Join(&storage.Error{Op: storage.OpGet, Key: key, Err: err}, b.Close())
	}
	b.size, b.start, b.at, b.end = info.Size, offset, offset, offset+length
	return b, info, nil
}

// patientBody is a part of an object that is requested again from where it broke off.
type patientBody struct {
	store    storage.Storage
	ctx      context.Context // as long as it is read
	key      string
	asked    storage.Range
	patience time.Duration
	pauses   *backoff.ExponentialBackOff

	size           int64 // of the object
	start, at, end int64 // of the part; at is the next byte

	body   io.ReadCloser // nil after it broke off
	timer  *time.Timer
	cancel context.CancelCauseFunc

	whole  bool          // the store cannot continue: everything is requested again
	fresh  int64         // bytes since the last progress
	breaks int           // since then
	waited time.Duration // since then, in Read
}

// open requests a part, whose body fails when nothing arrives for too long.
func (b *patientBody) open(r storage.Range) (storage.ObjectInfo, error) {
	ctx, cancel := context.WithCancelCause(b.ctx)
	body, info, err := b.store.Get(ctx, b.key, r)
	if err != nil {
		cancel(nil)
		return info, err
	}
	b.body, b.cancel = body, cancel
	b.timer = time.AfterFunc(b.patience, func() {
		cancel(fmt.Errorf("%w: no data from it for %s", storage.ErrUnavailable, b.patience))
	})
	b.timer.Stop() // it runs only while somebody reads
	return info, nil
}

// Read implements [io.Reader].
func (b *patientBody) Read(p []byte) (int, error) {
	for {
		if b.at == b.end {
			return 0, io.EOF
		}
		n, err := b.some(p)
		if n > 0 {
			return n, nil // an error will come up again
		}
		if err == nil {
			continue
		}
		if b.ctx.Err() != nil || !isTemporary(err) {
			return 0, err
		}
		b.breaks++
		b.abandon()
		if b.waited >= b.patience {
			return 0, &brokenOffError{err, b.at - b.start, b.end - b.start, b.breaks, b.waited}
		}
		if err := b.wait(err); err != nil {
			return 0, err
		}
	}
}

// some reads what comes next. If the body broke off, it requests the rest first.
func (b *patientBody) some(p []byte) (int, error) {
	began := time.Now()
	defer func() { b.waited += time.Since(began) }()
	if b.body == nil {
		if err := b.resume(); err != nil {
			return 0, err
		}
	}
	b.timer.Reset(max(b.patience-b.waited, time.Millisecond))
	n, err := b.body.Read(p[:min(int64(len(p)), b.end-b.at)])
	b.timer.Stop()
	if n > 0 {
		b.at += int64(n)
		b.pauses.Reset()
		if b.fresh += int64(n); b.fresh >= progressBytes || b.at == b.end {
			b.fresh, b.breaks, b.waited, began = 0, 0, 0, time.Now()
		}
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = b.fail(io.ErrUnexpectedEOF) // a part of it is missing
	}
	return 0, err
}

// resume requests what is missing of the same object. If the store refuses that, it
// requests the whole part again, and skips what it has.
func (b *patientBody) resume() error {
	rest := storage.Range{Offset: b.at, Length: b.end - b.at}
	if b.whole || b.at == b.start {
		rest = b.asked
	}
	info, err := b.open(rest)
	if err != nil {
		if rest != b.asked && b.ctx.Err() == nil && !IsPermanent(err) && !isTemporary(err) {
			b.whole = true
			return b.resume()
		}
		return err
	}
	if info.Size != b.size {
		b.abandon()
		return b.fail(fmt.Errorf("it had %d bytes when reading began, and has %d now", b.size, info.Size))
	}
	if rest != b.asked || b.at == b.start {
		return nil
	}
	b.timer.Reset(b.patience)
	if _, err := io.CopyN(io.Discard, b.body, b.at-b.start); err != nil {
		b.abandon()
		if errors.Is(err, io.EOF) {
			err = b.fail(io.ErrUnexpectedEOF)
		}
		return err
	}
	return nil
}

// wait pauses, longer each time that nothing has arrived.
func (b *patientBody) wait(failed error) error {
	pause := b.pauses.NextBackOff()
	progress.Tell(b.ctx, progress.Retry{Err: failed, Wait: pause})
	b.waited += pause
	select {
	case <-b.ctx.Done():
		return b.fail(context.Cause(b.ctx))
	case <-time.After(pause):
		return nil
	}
}

// fail returns err as an error of the store.
func (b *patientBody) fail(err error) error {
	return &storage.Error{Op: storage.OpGet, Key: b.key, Err: err}
}

// abandon closes a body that has failed.
func (b *patientBody) abandon() {
	if b.body != nil {
		b.timer.Stop()
		_ = b.body.Close() // it has failed
		b.cancel(nil)
		b.body = nil
	}
}

// Close implements [io.Closer].
func (b *patientBody) Close() error {
	if b.body == nil {
		return nil
	}
	b.timer.Stop()
	err := b.body.Close()
	b.cancel(nil)
	b.body = nil
	return err
}

// brokenOffError is the error of a body that broke off until the patience was over. It
// is permanent.
type brokenOffError struct {
	err        error
	got, bytes int64
	breaks     int
	waited     time.Duration
}

func (e *brokenOffError) Error() string {
	return fmt.Sprintf("%v: the body breaks off after %d of %d bytes, and %s in %s brought no more",
		e.err, e.got, e.bytes, attempts(e.breaks), Round(e.waited))
}

// Unwrap returns what broke the body off last.
func (e *brokenOffError) Unwrap() error { return e.err }
