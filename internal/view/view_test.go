package view

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// All that a page has room for is shown, and hostile words are made harmless.
func TestProof(t *testing.T) {
	state := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		is   archiver.Proofs
		want page.Proof
	}{
		"nothing": {want: page.Proof{IsKnown: true}},
		"all": {
			archiver.Proofs{
				Unread:    errors.New("no\u202E"),
				Proven:    &archiver.Proven{At: now, Timeline: 2, Epoch: 3, Time: &state, Random: true, Executed: true, RawBytes: 5, Restore: time.Minute},
				LastDrill: &archiver.Drilled{At: now, Why: "torn\x1b", Timeline: 4, Epoch: 6, Random: true},
				Coverage:  &archiver.Coverage{Read: 0.5, Since: state, Damaged: 0.25},
			},
			page.Proof{
				IsKnown: true, Unread: "no\uFFFD",
				Proven:    &page.Drill{At: now, IsOK: true, Timeline: 2, Epoch: 3, Time: state, IsRandom: true, Command: true, Bytes: 5, Restore: time.Minute},
				Last:      &page.Drill{At: now, Why: "torn\uFFFD", Timeline: 4, Epoch: 6, IsRandom: true},
				IsSampled: true, Read: 0.5, ReadSince: state, Damaged: 0.25,
			},
		},
	} {
		if diff := cmp.Diff(c.want, Proof(&c.is)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
