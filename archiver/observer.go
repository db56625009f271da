package archiver

import (
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
)

// Progress is how far a run has come, in raw bytes of the database's files.
type Progress struct {
	Done  int64
	Total int64
}

// Observer hears how a run goes on. Calls come one after the other, from
// several goroutines; they should return quickly. Done is between 0 and Total. If the database changes
// while it is read, Done starts again.
type Observer func(Progress)

// progress is o as the rooms below call it.
func (o Observer) progress() progress.Func {
	if o == nil {
		return nil
	}
	return func(done, total int64) { o(Progress{done, total}) }
}
