package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// gate is a reader that stands still until it is opened.
type gate struct {
	open chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(p)
}

// A reader that stands still holds up nobody, and learns how much it has missed.
func TestSlowReaderOfEvents(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	p := newEventPrinter(output{stdout: g, json: true})
	for range waitingLines + 100 {
		p.print(watch.Event{Kind: watch.EventSafe, At: time.Now()})
	}
	close(g.open)
	p.end()
	text := g.String()
	safe := strings.Count(text, `"safe"`)
	if safe < waitingLines || strings.Count(text, `"lost"`) != 1 || !strings.Contains(text, `"lines":`) {
		t.Errorf("%d of %d lines are there, and the end is %s", safe, waitingLines+100, text[len(text)-200:])
	}
}
