package main

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

const mib = 1 << 20

// A line fits into its columns, whatever they are, and says first what matters most.
func TestGaugeFits(t *testing.T) {
	t.Parallel()
	now := time.Now()
	running := func() *gauge {
		g := &gauge{what: "backing up", since: now}
		g.tell(archiver.PhaseStore, now)
		g.tell(archiver.Progress{Done: 0, Total: 3000 * mib}, now)
		g.look(now)
		g.tell(archiver.Progress{Done: 1000 * mib, Total: 3000 * mib}, now.Add(10*time.Second))
		g.look(now.Add(10 * time.Second))
		return g
	}
	retrying := running()
	retrying.tell(archiver.Retry{Err: errors.New("busy"), Wait: 4 * time.Second}, now.Add(10*time.Second))
	unknown := &gauge{what: "restoring", since: now}
	unknown.tell(archiver.PhaseJournal, now)
	for _, g := range []*gauge{running(), retrying, unknown, {what: "mirroring", since: now}} {
		for columns := range 250 {
			if text := g.text(now.Add(10*time.Second), columns); len(text) > columns || strings.ContainsAny(text, "\r\n\x1b") {
				t.Errorf("%d columns: %q", columns, text)
			}
		}
	}
	for _, c := range []struct {
		g       *gauge
		columns int
		want    string
	}{
		{running(), 39, "backing up: storing  33 %  20 s left"},
		{running(), 79, "backing up: storing  33 %  20 s left  100 MiB/s  1000 MiB of 2.9 GiB"},
		{running(), 120, "backing up: storing  33 %  20 s left  100 MiB/s  1000 MiB of 2.9 GiB  [#############---------------------------]"},
		{retrying, 79, "backing up: storing  33 %  no answer from the store, again in 4 s  [###-------]"},
		{unknown, 39, "restoring: reading records  10 s"},
	} {
		if got := c.g.text(now.Add(10*time.Second), c.columns); got != c.want {
			t.Errorf("%d columns: %q, want %q", c.columns, got, c.want)
		}
	}
}

// What was done in the first moment says nothing about the speed, and nothing is left when
// nothing moves; that is said instead.
func TestGaugeOfSpeed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := &gauge{what: "restoring", since: now}
	g.tell(archiver.PhaseFetch, now)
	g.tell(archiver.Progress{Done: 1 << 30, Total: 10 << 30}, now)
	g.look(now)
	g.tell(archiver.Progress{Done: 3 << 30, Total: 10 << 30}, now.Add(time.Second))
	g.look(now.Add(time.Second))
	if text := g.text(now.Add(time.Second), 200); strings.Contains(text, "/s") || strings.Contains(text, "left") {
		t.Errorf("%q", text)
	}
	for i := range 60 {
		g.look(now.Add(time.Duration(i+1) * time.Second))
	}
	if text := g.text(now.Add(time.Minute), 200); !strings.Contains(text, "nothing has moved for 59 s") || strings.Contains(text, "left") {
		t.Errorf("%q", text)
	}
	g.tell(archiver.Progress{Done: 10 << 30, Total: 10 << 30}, now.Add(time.Minute))
	if text := g.text(now.Add(2*time.Minute), 200); !strings.Contains(text, "100 %") || strings.Contains(text, "moved") {
		t.Errorf("%q", text)
	}
}

// The share never goes back, and is 100 only when all is done; where the work begins again,
// that is another part, and named.
func TestGaugeGoesForward(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := &gauge{what: "exporting", since: now}
	g.tell(archiver.PhaseFetch, now)
	percent, part := -1, 0
	for _, total := range []int64{1, 7, 1 << 40} {
		for i := range int64(1001) {
			done := int64(float64(total) * float64(i) / 1000)
			g.tell(archiver.Progress{Done: done, Total: total}, now)
			text := g.text(now, 200)
			share, err := strconv.Atoi(regexp.MustCompile(`(\d+) %`).FindStringSubmatch(text)[1])
			if err != nil {
				t.Fatal(err)
			}
			if g.part != part {
				part, percent = g.part, -1
				if part > 1 != strings.Contains(text, "part "+strconv.Itoa(part)) {
					t.Errorf("part %d: %q", part, text)
				}
			}
			if share < percent || share > 100 || share == 100 && done < total {
				t.Fatalf("%d of %d: %q after %d %%", done, total, text, percent)
			}
			percent = share
		}
	}
	if part != 3 {
		t.Errorf("%d parts", part)
	}
}

// A terminal gets each line at once, over the one before; lines that stay take its place, and
// in the end none is left. While somebody is asked, nothing is shown.
func TestScreen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		width := 40
		s := &screen{out: &out, columns: func() int { return width }}
		o := output{stderr: s.above(&out), stdout: s.above(&out), screen: s}
		next := func() string {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			text := out.String()
			out.Reset()
			return text
		}
		b := o.progress("restoring")
		time.Sleep(soonest - time.Millisecond)
		if text := next(); text != "" {
			t.Errorf("too soon: %q", text)
		}
		time.Sleep(lookEvery)
		if text := next(); text != "\r\x1b[?7lrestoring  1 s\x1b[K\x1b[?7h\r" {
			t.Errorf("%q", text)
		}
		time.Sleep(lookEvery)
		if text := next(); text != "" { // it would be the same
			t.Errorf("%q", text)
		}
		s.mu.Lock()
		width = 30
		s.mu.Unlock()
		time.Sleep(lookEvery)
		if text := next(); text != "\r\x1b[J\x1b[?7lrestoring  1 s\x1b[K\x1b[?7h\r" {
			t.Errorf("narrower: %q", text)
		}
		o.warn("something")
		if text := next(); text != "\r\x1b[Jgbak-s3: something\n" {
			t.Errorf("%q", text)
		}
		time.Sleep(lookEvery)
		if text := next(); text != "\r\x1b[?7lrestoring  1 s\x1b[K\x1b[?7h\r" {
			t.Errorf("%q", text)
		}
		_, _ = o.stderr.Write([]byte("passphrase: "))
		next()
		time.Sleep(time.Minute)
		if text := next(); text != "" {
			t.Errorf("over a question: %q", text)
		}
		_, _ = o.stderr.Write([]byte("\n"))
		next()
		time.Sleep(lookEvery)
		if text := next(); !strings.HasPrefix(text, "\r\x1b[?7lrestoring  1 min 2 s") {
			t.Errorf("%q", text)
		}
		b.done()
		b.done()
		if text := next(); text != "\r\x1b[J" {
			t.Errorf("at the end: %q", text)
		}
	})
}

// Without a terminal there is a line in the log every minute, and nothing else.
func TestProgressWithoutTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stdout, stderr bytes.Buffer
		s := newScreen(&stderr)
		a := &app{out: output{stderr: s.above(&stderr), stdout: s.above(&stdout), screen: s}, logLevel: "info", logFormat: logText}
		if err := a.listen(); err != nil {
			t.Fatal(err)
		}
		b := a.out.progress("verifying")
		b.observe(archiver.PhaseVerify)
		b.observe(archiver.Progress{Done: 1, Total: 3})
		time.Sleep(150 * time.Second)
		b.done()
		if n := strings.Count(stderr.String(), "\n"); n != 2 || !strings.Contains(stderr.String(), "done_bytes=1 total_bytes=3") || strings.Contains(stderr.String(), "\r") {
			t.Errorf("%d lines: %q", n, stderr.String())
		}
		if stdout.Len() > 0 {
			t.Errorf("%q", stdout.String())
		}
	})
}
