package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
)

// overtakenBytes is the size of the object whose writer is overtaken: large enough that its
// request is on its way before half of the body was read.
const overtakenBytes = maxBody

// errNotBegun is the answer to a put that was never sent.
var errNotBegun = errors.New("the put was not begun")

// overtake lets a second writer create an object while the first is still sending its own.
// A store that looks only before it takes the body lets both win: always, whereas in a race
// it needs luck. The first writer then must be refused, or else the second one.
func (p *Probe) overtake(ctx context.Context) (manifest.Verdict, error) {
	return objects.Retry(ctx, p.store.Patience, func() (manifest.Verdict, error) {
		var (
			key    = p.key("overtaken")
			bodies = [][]byte{randomBytes(overtakenBytes), randomBytes(700)}
			sum    = sha256.Sum256(bodies[0]) // so that the body is not read before it is sent
			errs   = []error{nil, errNotBegun}
			done   sync.WaitGroup
		)
		first := newPausingBody(bodies[0], func() {
			time.Sleep(min(max(3*p.took, 20*time.Millisecond), time.Second)) // until the store has looked
			answered := make(chan struct{})
			done.Go(func() {
				defer close(answered)
				errs[1] = p.create(ctx, key, bodies[1])
			})
			select {
			case <-answered:
			case <-ctx.Done():
			case <-time.After(p.patience()): // the store makes the second writer wait for the first, as it may
			}
		})
		_, errs[0] = p.store.Storage.Put(ctx, key, first, storage.PutOptions{IfAbsent: true, SHA256: &sum})
		// A put that fails early may leave somebody reading its body: no pause begins any more, and
		// one that has begun ends before anything is judged and removed.
		first.once(func() {})
		done.Wait()
		if errs[0] != nil && errors.Is(errs[1], errNotBegun) {
			return "", errs[0]
		}
		return p.judge(ctx, key, bodies, errs)
	})
}

// patience is how long the first writer waits for the answer to the second: much longer
// than a put takes, and not so long that somebody who waits for a backup notices.
func (p *Probe) patience() time.Duration {
	return min(max(20*p.took, 500*time.Millisecond), 3*time.Second)
}

// pausingBody calls pause once, when half of it was read.
type pausingBody struct {
	*bytes.Reader
	pause func()
	turn  chan struct{} // of whoever comes first; closed after that
}

func newPausingBody(b []byte, pause func()) *pausingBody {
	body := &pausingBody{bytes.NewReader(b), pause, make(chan struct{}, 1)}
	body.turn <- struct{}{}
	return body
}

// once calls f unless another function was called here, and waits for that, as [sync.Once] does; but
// fake clocks go on meanwhile.
func (b *pausingBody) once(f func()) {
	if _, isFirst := <-b.turn; isFirst {
		defer close(b.turn)
		f()
	}
}

func (b *pausingBody) Read(buf []byte) (int, error) {
	half := b.Len() - int(b.Size()/2)
	if half <= 0 {
		b.once(b.pause)
		half = b.Len()
	}
	return b.Reader.Read(buf[:min(half, len(buf))])
}

// WriteTo hides that of bytes.Reader, which does not pause.
func (b *pausingBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}
