package verify

import (
	"fmt"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/capture"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// This file compares what manifests say with the image and with the log, because restores
// rely on it.

// describes checks what the manifest of a full backup says about its image.
func describes(m *manifest.Committed, ix *manifest.Index, image *grafeo.Image) error {
	if got := capture.DatabaseOf(image, m.Database.Name); got != m.Database {
		return fmt.Errorf("it describes the image as %+v, but that is %+v", m.Database, got)
	}
	from := image.Time
	if t := capture.KnownFrom(ix.Commits, image); t != nil {
		from = *t
	}
	if m.Commits > 0 && ix.Commits == nil && m.StartTime != nil && m.StartTime.Before(from) {
		from = *m.StartTime // nothing says otherwise
	}
	if image.Generation == grafeo.Gen06 && (m.StartEpoch != image.Epoch || !sameTime(m.StartTime, from)) {
		return fmt.Errorf("it begins at epoch %d, but its image has epoch %d", m.StartEpoch, image.Epoch)
	}
	return nil
}

// claims compares what the manifests of a chain say about its log with the log.
type claims struct {
	chain   []*manifest.Committed
	indexes []*manifest.Index

	at    int   // whose commits are being read
	seen  int64 // commits with an epoch, of that backup
	wrong error // the first thing that was wrong
}

func newClaims(chain []*manifest.Committed, indexes []*manifest.Index) *claims {
	return &claims{chain: chain, indexes: indexes}
}

// visit is called with each commit of the log, in order.
func (c *claims) visit(commit *grafeo.Commit) {
	if c.wrong != nil {
		return
	}
	for _, m := range c.chain {
		end := m.Position.Commit // it may be a sync mark
		if end != nil && commit.EndLSN != 0 && m.Position.LSN == commit.EndLSN &&
			(end.CRC32C != commit.CRC32C || end.LSN != commit.LSN || end.End != commit.End) {
			c.fail(m, "the commit that it says it ends with is not the one in the log")
		}
	}
	if !commit.HasEpoch {
		return
	}
	for c.seen == c.chain[c.at].Commits && c.at < len(c.chain)-1 {
		c.at, c.seen = c.at+1, 0
	}
	m := c.chain[c.at]
	if c.seen++; c.seen > m.Commits {
		c.fail(m, fmt.Sprintf("its log has more than %d commits", m.Commits))
		return
	}
	if list := c.indexes[c.at].Commits; list != nil && list[c.seen-1] != capture.CommitTime(commit) {
		c.fail(m, fmt.Sprintf("it lists epoch %d as commit %d, but that is %d", list[c.seen-1][0], c.seen, commit.Epoch))
	}
	if c.seen == 1 && m.Kind == manifest.Incremental && (m.StartEpoch != commit.Epoch || !sameTime(m.StartTime, commit.Time)) {
		c.fail(m, fmt.Sprintf("it begins at epoch %d, but its log at %d", m.StartEpoch, commit.Epoch))
	}
	if c.seen == m.Commits {
		c.ends(m, commit)
	}
}

// ends checks the end of m, whose last commit with an epoch this is.
func (c *claims) ends(m *manifest.Committed, commit *grafeo.Commit) {
	if commit.EndLSN == 0 && m.Position.Commit.CRC32C != commit.CRC32C {
		c.fail(m, "the commit that it says it ends with is not the one in the log")
	}
	epoch, at := commit.Epoch, commit.Time
	inImage := commit.EndLSN != 0 && commit.EndLSN <= m.Database.CheckpointLSN || commit.Epoch < m.StartEpoch
	if m.Kind == manifest.Full && m.Database.Generation == string(grafeo.Gen06) && inImage {
		epoch, at = m.StartEpoch, time.Time{}
		if m.StartTime != nil {
			at = *m.StartTime
		}
	}
	if m.EndEpoch != epoch || !sameTime(m.EndTime, at) {
		c.fail(m, fmt.Sprintf("it ends at epoch %d, but its log at %d", m.EndEpoch, epoch))
	}
}

// sameTime compares a time of a manifest with one of the database.
func sameTime(t *time.Time, of time.Time) bool {
	return t == nil && of.IsZero() || t != nil && t.Equal(of)
}

// fail notes a problem of m. Only the first one counts.
func (c *claims) fail(m *manifest.Committed, problem string) {
	if c.wrong == nil {
		c.wrong = &manifest.ObjectError{Key: m.Key(), Problem: problem}
	}
}

// check returns the first thing that was wrong, after all commits were visited: a
// [*manifest.ObjectError], or nil.
func (c *claims) check() error {
	for _, m := range c.chain[c.at:] {
		if c.seen != m.Commits {
			c.fail(m, fmt.Sprintf("its log has %d commits instead of %d", c.seen, m.Commits))
		}
		c.seen = 0
	}
	return c.wrong
}
