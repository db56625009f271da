package metrics

import (
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Run is one run of a command, and what it has learned for Prometheus.
type Run struct {
	command, database, archive string

	began time.Time
	known samples
}

// NewRun begins a run of a command such as "backup", on the database of this name, ""
// if that is not known, and the archive at an address.
func NewRun(command, database, address string) *Run {
	return &Run{command: command, database: database, archive: Archive(address), began: time.Now()}
}

// tell adds a sample with the labels of this run, and with more.
func (r *Run) tell(m metric, value float64, more ...string) {
	r.known.add(m, value, append([]string{r.database, r.archive}, more...)...)
}

// Backup takes over what a backup has done.
func (r *Run) Backup(report archiver.BackupReport) {
	b := report.Backup
	r.newest(b)
	r.tell(unsavedSince, 0)
	r.tell(unsavedBytes, 0)
	if b.Kind != archiver.KindNone {
		r.tell(backups, 1, string(b.Kind))
		r.tell(readBytes, float64(b.RawBytes))
		r.tell(storedBytes, float64(b.StoredBytes))
		r.tell(reusedBytes, float64(b.ReusedBytes))
	}
	r.requests(report.Requests)
}

// newest tells of the newest backup of the archive.
func (r *Run) newest(b archiver.Backup) {
	r.tell(lastCommit, seconds(b.CreatedAt))
	r.tell(newestEpoch, float64(b.EndEpoch))
	r.tell(timeline, float64(b.Timeline))
	if b.Kind == archiver.KindFull {
		r.tell(lastFull, seconds(b.CreatedAt))
	}
	r.tell(restorable, seconds(b.RestorableTo()))
}

func (r *Run) requests(c storage.RequestCounts) {
	for op, n := range byOp(c) {
		r.tell(requests, float64(n), op)
	}
}

func byOp(c storage.RequestCounts) map[string]int64 {
	return map[string]int64{"put": c.Put, "get": c.Get, "head": c.Head, "list": c.List, "delete": c.Delete}
}

// Verify takes over what a verification has found. A sample has looked for all names, too, and a deep
// one is the largest sample.
func (r *Run) Verify(report archiver.VerifyReport) {
	level := levelNames
	if report.Deep {
		level = levelDeep
	}
	r.tell(verified, seconds(time.Now()), level)
	r.tell(verifyFindings, float64(len(report.Findings)), level)
	if report.Read != nil {
		tellCoverage(r.tell, &report.Read.Coverage)
	}
	r.requests(report.Requests)
}

// Drill takes over what a drill has proved, and the error if it could not be done. That it failed takes
// no earlier success away. An error of which there is no certificate says nothing of the archive.
func (r *Run) Drill(report archiver.DrillReport, err error) {
	r.requests(report.Requests)
	switch {
	case err == nil && report.OK():
		r.tell(drillSuccess, seconds(time.Now().Add(-report.Elapsed)))
		r.tell(drillRestore, report.RestoreTime.Seconds())
		r.tell(drillOK, 1)
	case err == nil, report.Certificate != "":
		r.tell(drillOK, 0)
	}
}

// Status takes over the status of an archive, and of its database if that was asked for.
func (r *Run) Status(report archiver.StatusReport) {
	if report.Newest != nil {
		if r.database == "" {
			r.database = Database(report.Newest.Database)
		}
		r.newest(*report.Newest)
	}
	if report.Replay != nil {
		r.tell(sinceFull, float64(report.Replay.Backups))
	}
	if b := report.Behind; b != nil {
		since := time.Time{}
		if b.Lag != 0 {
			since = time.Now().Add(-b.Lag)
		}
		r.tell(unsavedSince, seconds(since))
		r.tell(unsavedBytes, float64(b.Bytes))
	}
	if report.Proofs != nil {
		tellProof(r.tell, report.Proofs)
	}
	for _, held := range report.Log.Holds {
		if held.Hold.ArchiveID == report.ArchiveID {
			r.tell(heldBytes, float64(held.Bytes))
		}
	}
	r.requests(report.Requests)
}

// end adds how the run ended: with an exit code and, if it failed, with the code of an
// error.
func (r *Run) end(exit int, code string) {
	now := time.Now()
	r.tell(runAt, seconds(now), r.command)
	r.tell(runExit, float64(exit), r.command)
	r.tell(runDuration, now.Sub(r.began).Seconds(), r.command)
	if exit == 0 {
		r.tell(runOK, seconds(now), r.command)
	}
	if code != "" && r.command == "backup" {
		r.tell(failures, 1, code)
	}
}
