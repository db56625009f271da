package catalog

import (
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Borders returns the places in a 0.5 log at which these backups end. There, a commit may
// have ended without an EpochAdvance ([grafeo.Closing]), and whoever scans the log has to
// end one there again.
func Borders(backups ...*manifest.Committed) []grafeo.Position {
	var borders []grafeo.Position
	for _, m := range backups {
		if c := m.Position.Commit; c != nil && m.Database.Generation == string(grafeo.Gen05) {
			borders = append(borders, grafeo.Position{File: c.EndFile, Offset: c.End})
		}
	}
	return borders
}
