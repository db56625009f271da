package archiver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// LogSummary is what a log contains, up to the first damage in it.
type LogSummary struct {
	Files int   // that there are
	Bytes int64 // of these

	Commits int64 // with an epoch; of a database, those after its image

	// Runs are the epochs of each open of the database that the log shows, in order
	// (0.5): epochs start again at each. If there are more than 100, it is the last
	// 100. In 0.6 there is one.
	Runs []Epochs

	Torn        *grafeo.TornTail // nil if the log ends cleanly
	Uncommitted int64            // bytes in whole frames after the last commit (0.5)
}

// maxRuns bounds [LogSummary.Runs], as each commit of a log that was made to keep
// us busy can be a run of its own.
const maxRuns = 100

// summarizeFolder scans the log in dir; nil if there is no such folder.
func summarizeFolder(ctx context.Context, dir string, gen grafeo.Generation, opts grafeo.ScanOptions) (*LogSummary, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a closed database has none
	}
	if err != nil {
		return nil, err
	}
	s := &LogSummary{}
	for _, e := range entries {
		if of := grafeo.LogGeneration(e.Name()); of == "" || of != gen || !e.Type().IsRegular() {
			continue
		}
		if err := s.addFile(filepath.Join(dir, e.Name())); err != nil {
			return s, err
		}
	}
	if s.Files == 0 {
		return s, nil // perhaps without a generation, too
	}
	opts.Visit = s.visit(ctx)
	log, err := grafeo.ScanLog(dir, gen, opts)
	s.end(log)
	return s, err
}

// summarizeFile scans a single log file.
func summarizeFile(ctx context.Context, path string, gen grafeo.Generation) (*LogSummary, error) {
	s := &LogSummary{}
	if err := s.addFile(path); err != nil {
		return s, err
	}
	log, err := grafeo.ScanLogFile(path, gen, s.visit(ctx))
	s.end(log)
	return s, err
}

func (s *LogSummary) addFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	s.Files++
	s.Bytes += info.Size()
	return nil
}

// visit counts commits while the log is scanned, so that those before damage are
// known.
func (s *LogSummary) visit(ctx context.Context) func(grafeo.Commit) error {
	run := -1
	return func(c grafeo.Commit) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !c.HasEpoch {
			return nil
		}
		s.Commits++
		if c.Run != run {
			run = c.Run
			if len(s.Runs) == maxRuns {
				s.Runs = append(s.Runs[:0], s.Runs[1:]...)
			}
			s.Runs = append(s.Runs, Epochs{From: c.Epoch, FromTime: c.Time})
		}
		last := &s.Runs[len(s.Runs)-1]
		last.To, last.ToTime = c.Epoch, c.Time
		return nil
	}
}

// end takes what a scan knows at its end; log is nil if it did not get there.
func (s *LogSummary) end(log *grafeo.Log) {
	if log != nil {
		s.Torn, s.Uncommitted = log.Torn, log.Uncommitted
	}
}
