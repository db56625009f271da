// Package heartbeat tells a monitor on another host that all is well, by asking for a URL: as
// long as that goes on, nobody is alarmed.
//
// A ping means that the archive has all that the database has, and that the store has just
// said so. It follows from a proof: a backup that was committed, or a look that found nothing
// new together with a request to the store. No ping comes from a timer, none after an error,
// and none twice from one proof. A URL may stand for several databases; then all of them must
// be safe.
//
// A URL is a secret: whoever knows it can say that all is well. Logs show its host.
package heartbeat

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// Healthchecks is the style of a monitor that can also be told that something is wrong, by
// the same URL with /fail at the end.
const Healthchecks = "healthchecks"

// Beat is one URL to ask for.
type Beat struct {
	URL   string
	Every time.Duration // how often, if all is well
	Style string        // "" or [Healthchecks]
}

// Options are what a [Sender] needs. Transport may be nil.
type Options struct {
	State     func() watch.State
	Log       *slog.Logger
	Transport http.RoundTripper
}

// Sender sends heartbeats while [Sender.Run] does.
type Sender struct {
	opts   Options
	client *http.Client
	wake   chan struct{} // holds one
	slots  chan struct{} // bounds how many are sent at a time

	mu      sync.Mutex
	beats   map[Beat]*beat
	results map[string]int64
}

// beat is what is known of one URL.
type beat struct {
	Beat
	host    string
	covers  []watch.Key
	proof   time.Time // of the oldest proof behind the last ping
	sending bool
	bad     bool // it was told that something is wrong, and not yet that all is well
}

// breath is the least time between two looks at the state, of which many databases make a large
// one, and many events.
const breath = time.Second

// manyAtOnce bounds how many pings are under way: a monitor that hangs holds up no other one.
const manyAtOnce = 32

// The results that are counted.
const (
	resultOK     = "ok"
	resultFailed = "failed"
)

// New returns a sender that sends nothing yet.
func New(opts Options) *Sender {
	return &Sender{
		opts: opts, client: newClient(opts.Transport), wake: make(chan struct{}, 1), slots: make(chan struct{}, manyAtOnce),
		beats: map[Beat]*beat{}, results: map[string]int64{resultOK: 0, resultFailed: 0},
	}
}

// Set says which target has which heartbeat. Targets with equal ones share it: it is sent when
// all of them are safe. For each of these, [watch.Target.Prove] is to be the beat's Every.
func (s *Sender) Set(of map[watch.Key]Beat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	beats := map[Beat]*beat{}
	for key, b := range of {
		if b.URL == "" {
			continue
		}
		if beats[b] == nil {
			beats[b] = &beat{Beat: b, host: hostOf(b.URL)}
			if known := s.beats[b]; known != nil {
				known.covers = nil
				beats[b] = known
			}
		}
		beats[b].covers = append(beats[b].covers, key)
	}
	s.beats = beats
}

// Event takes in what a watcher tells. It returns at once.
func (s *Sender) Event(watch.Event) {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Results returns how many heartbeats were sent and how many could not be, by result.
func (s *Sender) Results() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.results)
}

// Run sends heartbeats until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	var sending sync.WaitGroup
	defer s.client.CloseIdleConnections()
	defer sending.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		state := s.opts.State()
		for _, b := range s.due(&state) {
			sending.Go(func() { s.send(ctx, b) })
		}
		if !sleep(ctx, breath) {
			return
		}
	}
}

// due returns the beats about which there is something to say, and marks them as being sent.
func (s *Sender) due(state *watch.State) []*beat {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []*beat
	for _, b := range s.beats {
		if !b.sending && (b.pingDue(state) || b.failDue(state)) {
			b.sending = true
			due = append(due, b)
		}
	}
	return due
}

// pingDue reports whether there is a proof for each target that is new enough for another ping.
func (b *beat) pingDue(state *watch.State) bool {
	proof, ok := proofOf(state, b.covers, b.Every)
	return ok && (b.bad || proof.Sub(b.proof) >= b.Every*9/10)
}

func (b *beat) failDue(state *watch.State) bool {
	return b.Style == Healthchecks && !b.bad && isBad(state, b.covers)
}
