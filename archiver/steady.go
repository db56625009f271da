package archiver

import (
	"context"
	"fmt"
	"time"
)

// maxCaptures is how often a database may change while it is read before a run
// gives up.
const maxCaptures = 40

// steady calls read until what it says of the database at path does not come
// from reading while somebody wrote, and gives its last error. It is
// [CodeBusyDatabase] if the database never held still.
//
// Damage must be seen twice, with nothing changed and a pause between: the times
// of files tick in milliseconds, so that one look may miss a writer.
func steady(ctx context.Context, path string, read func() error) error {
	pause := pauses()
	pause.MaxInterval = time.Second // a lull may be short
	print, seen := fingerprint(path), false
	for n := 1; ; n++ {
		err := read()
		if err == nil || !torn(err) {
			return err
		}
		now := fingerprint(path)
		switch {
		case now == print && seen:
			return err
		case n == maxCaptures:
			return &Error{
				Code: CodeBusyDatabase,
				Err:  fmt.Errorf("%s changed while it was read, %d times in a row: %w", path, n, err),
				Hint: "Checkpoints follow each other faster than the database can be read. Try again when it is quieter, or make checkpoints rarer.",
			}
		}
		print, seen = now, now == print
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause.NextBackOff()):
		}
	}
}
