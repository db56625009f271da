package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// bar is the progress bar of one run: on stderr if that is a terminal, otherwise
// nothing at all.
type bar struct {
	what  string
	show  bool
	out   io.Writer
	began time.Time // when something was done for the first time
	bar   *progressbar.ProgressBar
}

// soonest is how long a run takes before there is a bar: less is not enough to show a
// speed.
const soonest = 500 * time.Millisecond

func (o *output) progress(what string) *bar {
	f, ok := o.stderr.(*os.File)
	return &bar{what: what, show: ok && term.IsTerminal(int(f.Fd())), out: o.stderr}
}

func (b *bar) observe(e archiver.Event) {
	p, ok := e.(archiver.Progress)
	if !ok {
		return
	}
	if !b.show || p.Total <= 0 { // of nothing, no part can be shown
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(p.Total, progressbar.OptionSetDescription(b.what),
			progressbar.OptionSetWriter(b.out), progressbar.OptionShowBytes(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionFullWidth(), progressbar.OptionUseIECUnits(true))
		b.bar.StartWithoutRender()
		b.began = time.Now()
	}
	if time.Since(b.began) < soonest {
		return
	}
	b.bar.ChangeMax64(p.Total)
	_ = b.bar.Set64(p.Done) // a bar that cannot be drawn is no reason to stop
}

// done removes the bar, so that what is printed next stands alone.
func (b *bar) done() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
