package archiver

import (
	"context"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/progress"
	"github.com/gbak-s3/gbak-s3/archiver/internal/salvage"
	"github.com/gbak-s3/gbak-s3/storage"
)

// SalvageOptions modify one look at what can still be had of an archive.
type SalvageOptions struct {
	// Quick says that segments are only looked for by name and size, and not read: what has
	// rotted in them is not noticed.
	Quick bool

	// Observer is told what the run does; it may be nil.
	Observer Observer
}

// SalvageReport is what can still be had of an archive that may have holes.
type SalvageReport struct {
	Quick     bool
	Records   int                // that can be read
	Timelines []SalvagedTimeline // the newest first
	Holes     []Finding          // the objects that are missing or damaged, by key
	Doubts    []string           // what nobody can know any more, in sentences
	Unnamed   int                // segments that no record that can be read names
	Bytes     int64              // of segments that were read
	Requests  storage.RequestCounts
	Elapsed   time.Duration
}

// SalvagedTimeline is what can be restored of a timeline.
type SalvagedTimeline struct {
	Timeline             int
	Database, DatabaseID string
	Generation           grafeo.Generation
	Epochs               []SalvagedEpochs // as far as they are known, ascending
	Backups              []SalvagedBackup // the oldest first
}

// SalvageState says whether a state can be had.
type SalvageState string

// The values of [SalvageState].
const (
	SalvageRestorable = SalvageState(salvage.Restorable) // exactly as from a whole archive
	SalvageUnsure     = SalvageState(salvage.Unsure)     // but it may lack commits of that same epoch, of a record that is lost
	SalvageLost       = SalvageState(salvage.Lost)       // no
)

// SalvagedEpochs are consecutive epochs in the same state.
type SalvagedEpochs struct {
	From, To    uint64
	State       SalvageState
	OnlyRemoved bool      // they need records that are no longer backups but still exist
	Why         []Finding // of epochs that are not restorable: what they would need
}

// SalvagedBackup is a backup of the archive, and whether the state at its end can be
// restored.
type SalvagedBackup struct {
	Seq      uint64
	Kind     Kind
	EndEpoch uint64
	State    SalvageState
	Why      []Finding // unless it is restorable: which objects are missing for that
}

// OK reports whether nothing is missing, damaged or in doubt.
func (r *SalvageReport) OK() bool { return len(r.Holes) == 0 && len(r.Doubts) == 0 }

// Salvage finds out what can still be restored from an archive with missing or damaged objects.
// It changes nothing. [RestoreOptions.Salvage] restores what it finds. A missing object is not an
// error; being unable to look is.
func (a *Archive) Salvage(ctx context.Context, opts SalvageOptions) (SalvageReport, error) {
	r := SalvageReport{Quick: opts.Quick}
	requests, elapsed, err := run(ctx, opts.Observer, func(ctx context.Context) error {
		s, err := a.survey(ctx, opts.Quick)
		if err != nil {
			return err
		}
		timelines, err := s.Timelines(ctx)
		if err != nil {
			return err
		}
		for i := range timelines {
			r.Timelines = append(r.Timelines, salvagedTimeline(&timelines[i]))
		}
		r.Records, r.Holes, r.Doubts = s.Records, findingsOf(s.Holes()), s.Doubts
		r.Unnamed, r.Bytes = s.Unnamed, s.Read
		return nil
	})
	if err != nil {
		return SalvageReport{}, err
	}
	r.Requests, r.Elapsed = requests, elapsed
	return r, nil
}

// survey looks at what there is of the archive, again if an expiry has removed some of it
// meanwhile.
func (a *Archive) survey(ctx context.Context, isQuick bool) (*salvage.Survey, error) {
	for n := 0; ; n++ {
		progress.Tell(ctx, PhaseJournal)
		known := remember(a, "")
		l, err := a.existingRecords(ctx, a.journal.OpenRecords)
		if err != nil {
			return nil, err
		}
		if len(l.Records) == 0 {
			return nil, &journal.NoBackupError{}
		}
		progress.Tell(ctx, PhaseVerify)
		o := salvage.Options{Store: a.objects, Journal: a.journal, Workers: a.workers, Quick: isQuick}
		s, err := salvage.Look(ctx, o, l)
		if err != nil {
			return nil, err
		}
		if lost := known.Lost(l); lost != nil {
			s.Doubts = append(s.Doubts, lost.Error())
		}
		if grown, err := a.journal.HasGrown(ctx, l.Last()); err != nil || !grown || len(s.Holes()) == 0 || n == maxReplans {
			return s, err
		}
	}
}

func salvagedTimeline(t *salvage.Timeline) SalvagedTimeline {
	to := SalvagedTimeline{Timeline: t.Number, Database: t.Database, DatabaseID: t.DatabaseID, Generation: grafeo.Generation(t.Generation)}
	for _, r := range t.Ranges {
		to.Epochs = append(to.Epochs, SalvagedEpochs{r.From, r.To, SalvageState(r.State), r.OnlyRemoved, findingsOf(r.Why)})
	}
	for _, b := range t.Backups {
		to.Backups = append(to.Backups, SalvagedBackup{uint64(b.Seq), Kind(b.Kind), b.EndEpoch, SalvageState(b.State), findingsOf(b.Why)})
	}
	return to
}

func findingsOf(holes []salvage.Hole) []Finding {
	var list []Finding
	for _, h := range holes {
		list = append(list, Finding(h))
	}
	return list
}
