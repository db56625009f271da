package s3test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing/iotest"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Fault is what happens to one request. The zero Fault passes it on.
type Fault struct {
	// Instead of the store's answer the client gets one of these. With Apply the store
	// carries out the request before.
	Lose   Loss
	Hang   bool   // nothing, for as long as the client waits
	Status int    // an error with this status and Code
	Code   string // such as SlowDown
	Apply  bool

	FlipUpload bool // the store receives the body with a wrong bit
	CutUpload  bool // the store receives half of the body, then the connection breaks
	FlipBody   bool // the client receives the body with a wrong bit
	CutBody    bool // the client receives half of the body, then the connection breaks

	Condition Condition     // how the store treats If-None-Match
	Window    time.Duration // of Raced

	Delay time.Duration // before anything happens
	Edit  func(*Answer) // changes the store's answer
}

// Loss is a way to lose an answer.
type Loss int

// The ways.
const (
	FIN       Loss = iota + 1 // the connection is closed normally
	RST                       // the connection is reset
	MidHeader                 // it is closed in the middle of the answer's header
)

// Condition is how a store treats a conditional put.
type Condition int

// The kinds of stores.
const (
	Honoured Condition = iota // as it should
	Ignored                   // it overwrites
	Inverted                  // it puts only what exists already
	Raced                     // it looks, waits for Window, and puts
	Lied                      // it answers 412 as it should, and overwrites
)

func (p *Proxy) carryOut(w http.ResponseWriter, hr *http.Request, r *Request, f Fault, entry *Entry) {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-p.closing:
			return
		}
	}
	replaced := f.Lose != 0 || f.Hang || f.Status != 0
	answer := &Answer{}
	if !replaced || f.Apply {
		answer = p.apply(r, f)
		entry.Applied = answer.Status
	}
	switch {
	case f.Hang:
		select {
		case <-hr.Context().Done():
		case <-p.closing:
		}
		panic(http.ErrAbortHandler)
	case f.Lose != 0:
		lose(w, f.Lose)
		return
	case f.Status != 0:
		answer = refusal(f.Status, f.Code)
	case answer.Status == 0:
		lose(w, FIN)
		return
	}
	if f.Edit != nil {
		f.Edit(answer)
	}
	if f.FlipBody {
		flip(answer.Body)
	}
	entry.Status = answer.Status
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if r.method != http.MethodHead {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	w.WriteHeader(answer.Status)
	if f.CutBody {
		_, _ = w.Write(answer.Body[:len(answer.Body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(answer.Body) // the client may be gone
}

// apply lets the store carry out r, with the faults of f on the way there.
func (p *Proxy) apply(r *Request, f Fault) *Answer {
	switch {
	case f.FlipUpload:
		changed := *r
		changed.Body = append([]byte(nil), r.Body...)
		flip(changed.Body)
		return p.send(&changed, false)
	case f.CutUpload:
		half := io.MultiReader(io.LimitReader(bytes.NewReader(r.Body), int64(len(r.Body)/2)), iotest.ErrReader(errors.New("cut")))
		return p.sendBody(r, half, p.signsAll())
	case !r.Conditional || f.Condition == Honoured:
		return p.Forward(r)
	}
	plain := *r
	plain.Header = r.Header.Clone()
	plain.Header.Del("If-None-Match")
	if f.Condition == Ignored {
		return p.send(&plain, true)
	}
	look := plain
	look.method, look.Body = http.MethodHead, nil
	there := p.send(&look, true).Status == http.StatusOK
	if f.Condition == Raced {
		time.Sleep(f.Window)
	}
	write := there == (f.Condition == Inverted) || f.Condition == Lied
	refuse := there != (f.Condition == Inverted)
	answer := refusal(http.StatusPreconditionFailed, "PreconditionFailed")
	if write {
		written := p.send(&plain, true)
		if !refuse {
			answer = written
		}
	}
	return answer
}

// lose ends the connection of w without an answer.
func lose(w http.ResponseWriter, how Loss) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	switch how {
	case RST:
		if slow, ok := conn.(*slowConn); ok {
			_ = slow.SetLinger(0)
		}
	case MidHeader:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le")
	}
	_ = conn.Close()
}

func flip(body []byte) {
	if len(body) > 0 {
		body[len(body)/2] ^= 0x10
	}
}

// resign signs req again, with the credentials of the proxy.
func (p *Proxy) resign(req *http.Request, body []byte) error {
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		req.Header.Del(name)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	return v4.NewSigner().SignHTTP(context.Background(), p.credentials, req, hash, "s3", p.region, time.Now(),
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}
