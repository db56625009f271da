package main

import (
	"bytes"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// What was done in the first moment says nothing about the speed: no bar claims GiB/s
// of it.
func TestNoSpeedOfTheFirstMoment(t *testing.T) {
	var out bytes.Buffer
	b := &bar{what: "restoring", show: true, out: &out}
	for done := range int64(3) {
		b.observe(archiver.Progress{Done: (done + 1) << 30, Total: 10 << 30})
	}
	b.done()
	if bytes.Contains(out.Bytes(), []byte("/s")) {
		t.Errorf("%q", out.String())
	}
}
