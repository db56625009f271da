package archiver

import "context"

// settling is the context for what a run has to put in order at its end, also if
// it was interrupted: it waits for a lock, but not for long.
func settling(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), interruptedGrace)
}
