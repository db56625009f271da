package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// TestLinesOfProof: what a status says about how the archive was proved.
func TestLinesOfProof(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	const day = 24 * time.Hour
	proven := archiver.Proven{At: ago(3 * day), Backup: 7, Timeline: 1, Epoch: 40, Restore: 41 * time.Second}
	executed, byDrill, byApp := proven, proven, proven
	executed.Executed = true
	byDrill.Executed, byDrill.Digest, byDrill.PinnedBy = true, "v1:aa", "drill"
	byApp.Executed, byApp.Digest, byApp.PinnedBy = true, "v1:aa", "app"
	good := &archiver.Drilled{At: proven.At, OK: true, Timeline: 1, Epoch: 40}
	for name, c := range map[string]struct {
		report archiver.StatusReport
		want   []string
	}{
		"never": {
			archiver.StatusReport{Proofs: &archiver.Proofs{}, Newest: &archiver.Backup{}},
			[]string{"proven\tnever: run `gbak-s3 drill ARCHIVE`"},
		},
		"nothing to prove": {archiver.StatusReport{Proofs: &archiver.Proofs{}}, nil},
		"not known":        {archiver.StatusReport{ProofsUnknown: errors.New("permission denied")}, []string{"proven\tnot known: permission denied"}},
		"a newer certificate cannot be read": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Proven: &proven, LastDrill: good, Unread: errors.New("damaged document")}},
			[]string{"last drill\tnot known: damaged document", "proven\trestorable: epoch 40 of timeline 1, 3 days ago, in 41s; no command has opened it"},
		},
		"without a command": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Proven: &proven, LastDrill: good}},
			[]string{"proven\trestorable: epoch 40 of timeline 1, 3 days ago, in 41s; no command has opened it"},
		},
		"with a command": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Proven: &executed, LastDrill: good}},
			[]string{"proven\trestorable: epoch 40 of timeline 1, 3 days ago, in 41s; a command checked it"},
		},
		"with a digest of a drill": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Proven: &byDrill, LastDrill: good}},
			[]string{"proven\trestorable: epoch 40 of timeline 1, 3 days ago, in 41s; a command checked it, and its digest is pinned by a drill"},
		},
		"with a digest of the app": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Proven: &byApp, LastDrill: good}},
			[]string{"proven\trestorable: epoch 40 of timeline 1, 3 days ago, in 41s; a command checked it, and its digest is pinned by the app"},
		},
		"the last one failed": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Proven: &proven, LastDrill: &archiver.Drilled{At: ago(2 * time.Hour), Why: "bytes: segments/a is damaged", Timeline: 2, Epoch: 41}}},
			[]string{
				"failed drill\t2 hours ago, on epoch 41 of timeline 2: bytes: segments/a is damaged",
				"proven\trestorable: epoch 40 of timeline 1, 3 days ago, in 41s; no command has opened it",
			},
		},
		"the last one failed before it knew of what": {
			archiver.StatusReport{Proofs: &archiver.Proofs{LastDrill: &archiver.Drilled{At: ago(2 * time.Hour), Why: "the disk is full"}}, Newest: &archiver.Backup{}},
			[]string{"failed drill\t2 hours ago: the disk is full", "proven\tnever: run `gbak-s3 drill ARCHIVE`"},
		},
		"all is read": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Coverage: &archiver.Coverage{Read: 1, UpTo: 9, Since: ago(20*day - time.Hour)}}},
			[]string{"read\t100 % of the data up to record 9, within 20 days"},
		},
		"nearly all is read": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Coverage: &archiver.Coverage{Read: 0.9999, UpTo: 9, Since: ago(3*day - time.Minute)}}},
			[]string{"read\t99 % of the data up to record 9, within 3 days"},
		},
		"some is damaged": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Coverage: &archiver.Coverage{Read: 0.5, Damaged: 0.0001, UpTo: 9, Since: ago(3*day - time.Minute)}}},
			[]string{"read\t50 % of the data up to record 9, within 3 days; less than 1 % was read and is DAMAGED: `gbak-s3 verify --deep ARCHIVE` names it"},
		},
		"all that was read is damaged": {
			archiver.StatusReport{Proofs: &archiver.Proofs{Coverage: &archiver.Coverage{Damaged: 0.05}}},
			[]string{"read\tnothing that was intact; 5 % was read and is DAMAGED: `gbak-s3 verify --deep ARCHIVE` names it"},
		},
	} {
		if got := linesOfProof(c.report); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
	}
}
