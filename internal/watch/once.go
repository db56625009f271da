package watch

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// Result is what came of one backup.
type Result struct {
	Target Target
	Report archiver.BackupReport // zero with an error
	Err    error
}

// Once backs up each target once and returns what came of it, in the order of their names. It
// is called instead of [Watcher.Run].
func (w *Watcher) Once(ctx context.Context) []Result {
	state := w.State()
	results := make([]Result, len(state.Targets))
	var all errgroup.Group
	all.SetLimit(fullsAtATime) // any may be a full one
	for i := range state.Targets {
		t := state.Targets[i].Target
		w.mu.Lock()
		d := w.databases[t.Key()]
		w.mu.Unlock()
		all.Go(func() error {
			results[i] = Result{Target: t}
			results[i].Report, results[i].Err = d.archive.Backup(ctx, archiver.SessionBackup{})
			if err := d.archive.Close(context.WithoutCancel(ctx)); results[i].Err == nil {
				results[i].Err = err
			}
			return nil
		})
	}
	_ = all.Wait() // each result has its error
	return results
}
