package watch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// A backup that the store keeps waiting says why, until it gets on.
func TestBackupThatIsKeptWaiting(t *testing.T) {
	var b board
	b.shown.Phase = PhaseRunning
	for i, step := range []struct {
		event archiver.Event
		why   string
	}{
		{archiver.Progress{Done: 1, Total: 9}, ""},
		{archiver.Retry{Err: errors.New("connection refused")}, "connection refused"},
		{archiver.Phase("commit"), "connection refused"},
		{archiver.Progress{Done: 2, Total: 9}, ""},
	} {
		b.observe(step.event)
		if got := b.state().Why; got != step.why {
			t.Errorf("after step %d: %q", i, got)
		}
	}
	b.observe(archiver.Retry{Err: errors.New("connection refused")})
	b.shown.Phase = PhaseClean
	if got := b.state().Why; got != "" {
		t.Errorf("after its end: %q", got)
	}
}

// A store that does not answer in time is said not to answer, and nobody was interrupted.
func TestTrialTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := withinTime(t.Context(), trialTime, func(ctx context.Context) error {
			<-ctx.Done()
			return &archiver.Error{Code: archiver.CodeInterrupted, Err: ctx.Err()}
		})
		if archiver.CodeOf(err) != archiver.CodeStore || err.Error() != "no answer from the store in 30s" {
			t.Errorf("%v", err)
		}
		if err := withinTime(t.Context(), trialTime, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}
