package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// LogFiles returns the files of the log, in its order, each put together from the parts
// that the backups have of it.
func (p *Plan) LogFiles() []*manifest.File {
	var files []*manifest.File
	byName := map[string]*manifest.File{}
	for _, part := range p.Index.Files {
		if !manifest.IsLogName(part.Name) {
			continue
		}
		f := byName[part.Name]
		if f == nil {
			f = &manifest.File{Name: part.Name}
			byName[part.Name] = f
			files = append(files, f)
		}
		if part.From == 0 {
			f.Extents = nil // all of it again
		}
		f.Bytes = part.Bytes
		f.Extents = append(f.Extents, part.Extents...)
	}
	slices.SortFunc(files, func(a, b *manifest.File) int { return compareLogs(a.Name, b.Name) })
	return files
}

// logs returns the log files in Files, in the order of the log.
func (p *Plan) logs() []File {
	logs := slices.DeleteFunc(slices.Clone(p.Files), func(f File) bool { return !manifest.IsLogName(f.Name) })
	slices.SortFunc(logs, func(a, b File) int { return compareLogs(a.Name, b.Name) })
	return logs
}

// compareLogs compares the names of two log files by their places in the log.
func compareLogs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// checkEnd checks that the log of the backups so far ends where m, the last one of them,
// says.
func (p *Plan) checkEnd(m *manifest.Committed) error {
	logs, c := p.logs(), m.Position.Commit
	if len(logs) == 0 || c == nil {
		return nil
	}
	last := logs[len(logs)-1]
	end := grafeo.Position{LSN: m.Position.LSN, File: c.EndFile, Offset: c.End}
	if !end.IsEndOf(grafeo.Generation(m.Database.Generation), last.Name, last.Bytes) {
		return fmt.Errorf("the log ends at %d of %s, and not where its last commit does", last.Bytes, last.Name)
	}
	return nil
}

// checkUnbroken checks that the log files of all backups together are one log, without a
// hole between two of them.
func (p *Plan) checkUnbroken() error {
	logs := p.logs()
	generation := grafeo.Generation(p.Route.Last().Database.Generation)
	for i := 1; i < len(logs); i++ {
		if f := logs[i-1]; !grafeo.Follows(generation, f.Name, f.Bytes, logs[i].Name) {
			return fmt.Errorf("there is a hole in the log: %s does not continue %s of %d bytes", logs[i].Name, f.Name, f.Bytes)
		}
	}
	return nil
}

// checkReplay checks that the replay begins in the log files so far, which are those of
// its backup. The frames that it leaves out may be in the log of later backups, and are
// checked when they are left out.
func (p *Plan) checkReplay() error {
	r := p.Replay
	if r == nil {
		return nil
	}
	for _, f := range p.Files {
		if number, ok := grafeo.LogNumber05(f.Name); ok && number == r.File && r.Offset <= f.Bytes {
			return nil
		}
	}
	return fmt.Errorf("its replay begins at a place of log file %d that is not there", r.File)
}
