package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// What one ping may take: a few tries, as networks fail, but no more, as the next proof brings
// the next ping.
const (
	tries      = 3
	tryTimeout = 10 * time.Second
	pause      = 2 * time.Second // after the first try, and twice as long after each other one

	maxRedirects = 3
	maxAnswer    = 16 << 10 // of which nothing is used
)

// newClient returns a client that follows redirects on the same host only: what another host
// answers, such as the login page of a network, is no answer of the monitor.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // it is one
		own.DisableKeepAlives = true                           // minutes pass between pings
		transport = own
	}
	return &http.Client{
		Transport: transport, Timeout: tryTimeout,
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			first := before[0].URL
			if next.URL.Hostname() != first.Hostname() || first.Scheme == "https" && next.URL.Scheme != "https" || len(before) > maxRedirects {
				return errors.New("it redirects elsewhere")
			}
			return nil
		},
	}
}

// send tells a monitor how its targets are: that all is well, as long as that is so at each
// try, or else that something is wrong.
func (s *Sender) send(ctx context.Context, b *beat) {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	var err error
	for try := range tries {
		if try > 0 && !sleep(ctx, pause<<(try-1)) {
			break
		}
		told := false
		if told, err = s.try(ctx, b); told || err == nil || isFinal(err) {
			break
		}
	}
	s.mu.Lock()
	b.sending = false
	if err != nil && ctx.Err() == nil {
		s.results[resultFailed]++
	}
	s.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		s.opts.Log.Warn("a heartbeat could not be sent", "event", "heartbeat", "host", b.host, "err", err)
	}
}

// try tells the monitor once what is to be told now, and reports whether it was told.
func (s *Sender) try(ctx context.Context, b *beat) (told bool, err error) {
	state := s.opts.State()
	s.mu.Lock()
	proof, safe := proofOf(&state, b.covers, b.Every)
	ping, fail := safe && b.pingDue(&state), b.failDue(&state)
	s.mu.Unlock()
	switch {
	case ping:
		err = s.ask(ctx, b.URL)
	case fail:
		err = s.ask(ctx, failURL(b.URL))
	default:
		return false, nil // what was to be told is not so any more
	}
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.bad = fail
	if ping {
		b.proof = proof
		s.results[resultOK]++
	}
	return true, nil
}

// statusError is the error for an answer that is none of success.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("the answer was %d", int(e)) }

// isFinal reports whether trying again is of no use: the monitor does not know the URL.
func isFinal(err error) bool {
	status, ok := errors.AsType[statusError](err)
	return ok && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout
}

// ask asks for a URL. The error does not tell it.
func (s *Sender) ask(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("its URL cannot be used")
	}
	request.Header.Set("User-Agent", "gbak-s3")
	answer, err := s.client.Do(request)
	if err != nil {
		return without(request.URL, err)
	}
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	_ = answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return statusError(answer.StatusCode)
	}
	return nil
}

// without returns an error that does not tell the URL.
func without(secret *url.URL, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	for _, part := range []string{secret.Path, secret.EscapedPath(), secret.RawQuery} {
		if len(part) > 1 && strings.Contains(err.Error(), part) { // as part of what the monitor said
			return errors.New("the answer cannot be used")
		}
	}
	return err
}

// failURL returns the URL that tells the monitor that something is wrong.
func failURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // which no request accepts either
	}
	return u.JoinPath("fail").String()
}

// hostOf returns what of a URL may be shown.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return strings.ToLower(u.Host)
	}
	return ""
}

// sleep waits, and reports whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
