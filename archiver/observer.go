package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
)

// Observer is told what a run does while it works. It is called from several goroutines,
// but never by two at the same time, and should return quickly. It should ignore events
// that it does not know: later versions may have more.
type Observer func(Event)

// Event is a [Progress], a [Phase], a [Retry], a [Conflict] or a [Committed].
type Event interface{ isEvent() }

// Progress says how far a run has come, in raw bytes of the database's files. Done is
// between 0 and Total. If the database changes while it is read, Done starts again; an
// export and an import start again for each backup.
type Progress struct {
	Done  int64
	Total int64
}

// Phase says that a part of the work begins. A run may come back to an earlier one.
type Phase string

// The phases: of backup and import, of restore and export, and of verification.
const (
	PhaseJournal Phase = "journal" // reading the archive's manifests
	PhaseCapture Phase = "capture" // finding out what of the database is new
	PhaseStore   Phase = "store"   // reading, compressing and storing it
	PhaseCommit  Phase = "commit"  // creating the manifest

	PhaseFetch   Phase = "fetch"   // fetching segments and writing files
	PhasePublish Phase = "publish" // giving the result its name

	PhaseVerify Phase = "verify" // reading segments and checking them
	PhaseCount  Phase = "count"  // listing objects, to find those that no backup needs
	PhaseDelete Phase = "delete" // deleting objects
)

// Retry says that a request to the store has failed and is made again after Wait. A
// backend's own retries are not reported.
type Retry struct {
	Err  error
	Wait time.Duration
}

// Conflict says that another writer committed first: the run continues on top of its
// backup.
type Conflict struct{}

// Committed says that a backup is committed.
type Committed struct{ Backup Backup }

func (Progress) isEvent()  {}
func (Phase) isEvent()     {}
func (Retry) isEvent()     {}
func (Conflict) isEvent()  {}
func (Committed) isEvent() {}

// observed returns a context whose events go to o.
func (o Observer) observed(ctx context.Context) context.Context {
	if o == nil {
		return ctx
	}
	return progress.With(ctx, func(e progress.Event) {
		switch e := e.(type) {
		case progress.Bytes:
			o(Progress(e))
		case progress.Phase:
			o(Phase(e))
		case progress.Retry:
			o(Retry(e))
		case progress.Conflict:
			o(Conflict(e))
		case Event:
			o(e)
		}
	})
}
