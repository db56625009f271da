package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// claimLine is a hold in JSON.
type claimLine struct {
	ArchiveID string    `json:"archive_id"`
	Name      string    `json:"name"`
	LSN       uint64    `json:"lsn"`
	Epoch     uint64    `json:"epoch"`
	Seq       uint64    `json:"seq"`
	CommitID  string    `json:"commit_id"`
	FileID    string    `json:"file_id"`
	UpdatedAt time.Time `json:"updated_at"`
}

// holdLine is a hold in JSON, and what it costs.
type holdLine struct {
	claimLine
	Bytes     int64  `json:"log_bytes"`      // that the database keeps for it, and does not need itself
	OnlyBytes int64  `json:"only_log_bytes"` // of these, that no other hold needs
	AgeMS     int64  `json:"age_ms"`         // since it last moved; negative: in the future by this host's clock
	Abandoned bool   `json:"abandoned"`
	Release   string `json:"release"` // the command that ends it
}

func linesOfHeld(holds []archiver.HeldLog, database string) []holdLine {
	lines := []holdLine{}
	for _, h := range holds {
		lines = append(lines, holdLine{claimLine(h.Hold), h.Bytes, h.OnlyBytes, h.Age.Milliseconds(), h.Abandoned, releaseOf(h.Hold, database)})
	}
	return lines
}

// releaseOf returns the command that ends one hold.
func releaseOf(h archiver.Hold, database string) string {
	if abs, err := filepath.Abs(database); err == nil {
		database = abs
	}
	archive := h.Name
	if archive == "" {
		archive = h.ArchiveID
	}
	return fmt.Sprintf("%s release %s %s", self(), quote(database), quote(archive))
}

// linesOfHolds says which archives the log is held for, and how to end the holds of
// archives other than the one that was asked for.
func linesOfHolds(r archiver.StatusReport, database string) []string {
	var lines []string
	for _, h := range r.Log.Holds {
		has := "which has no backup yet"
		if h.Hold.Seq > 0 {
			has = fmt.Sprintf("which has epoch %d", h.Hold.Epoch)
		}
		lines = append(lines, fmt.Sprintf("log held\tfor %s, %s, as of %s, %s: keeps %s of log%s",
			nameOf(h.Hold), has, h.Hold.UpdatedAt.UTC().Format("2006-01-02 15:04:05 UTC"), aged(h.Age), size(h.Bytes), only(h)))
		if h.Hold.ArchiveID != r.ArchiveID && (h.Abandoned || isBehind(h, r.Log.Holds)) {
			lines = append(lines, fmt.Sprintf("\tif that archive is no longer in use: %s", releaseOf(h.Hold, database)))
		}
	}
	if len(r.Log.Holds) > 0 {
		lines = append(lines, fmt.Sprintf("log\t%s in all", size(r.Log.LogBytes)))
	}
	return lines
}

// isBehind reports whether another hold has moved since this one did. The one that
// moved last is in use.
func isBehind(h archiver.HeldLog, holds []archiver.HeldLog) bool {
	return slices.ContainsFunc(holds, func(o archiver.HeldLog) bool { return o.Hold.UpdatedAt.After(h.Hold.UpdatedAt) })
}

// only says how much log no other archive needs.
func only(h archiver.HeldLog) string {
	if h.OnlyBytes == 0 || h.OnlyBytes == h.Bytes {
		return ""
	}
	return fmt.Sprintf(", %s of it for this archive alone", size(h.OnlyBytes))
}

// warnOfHolds says on stderr which holds seem to be abandoned, and which ones a limit
// has ended.
func (o *output) warnOfHolds(database string, r archiver.BackupReport, limit int64) {
	for _, h := range r.Abandoned {
		since := "which was last backed up to " + aged(h.Age)
		if h.Hold.Seq == 0 {
			since = "whose first backup began " + aged(h.Age) + " and did not finish"
		}
		o.warn("the database keeps %s of log that only %s needs, %s; if that archive is no longer in use: %s",
			size(h.OnlyBytes), nameOf(h.Hold), since, releaseOf(h.Hold, database))
	}
	for _, h := range r.Released {
		o.warn("the database kept %s of log for %s, more than %s (--max-hold): "+
			"that hold has ended, and the next backup to that archive is a full one",
			size(h.Bytes), nameOf(h.Hold), size(limit))
	}
}
