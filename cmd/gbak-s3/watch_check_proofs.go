package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// drillBound is the most that the drills on a target may take, as its database is now.
type drillBound struct {
	bytes int64    // that one drill fetches, and needs in its folder
	month costLine // in 30 days
}

// segmentBytes is how much of a database is in one segment.
const segmentBytes = 48 << 20

// drillBoundOf returns the bound of a target's drills: what is stored is no larger than what is on
// the disk.
func drillBoundOf(t watch.Target) drillBound {
	b := drillBound{bytes: bytesOf(t.Database)}
	times := float64(month) / float64(t.Drill.Every)
	one := storage.RequestCounts{Get: b.bytes/segmentBytes + 16, List: 6, Put: 2}
	b.month = costLine{USD: times * s3.RequestsPrice(one), TransferUSD: times * s3.TransferPrice(b.bytes)}
	return b
}

// bytesOf returns the size of a database with its log, 0 if there is none. Files that come and go
// meanwhile count or not.
func bytesOf(path string) (bytes int64) {
	file, err := archiver.Locate(path)
	if err != nil {
		return 0
	}
	for _, root := range []string{file, file + ".wal"} {
		_ = filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // what is not there has no size
			}
			if info, err := e.Info(); err == nil && e.Type().IsRegular() {
				bytes += info.Size()
			}
			return nil
		})
	}
	return bytes
}

// linesOfProving say what is proved of a target, and what that takes.
func linesOfProving(t watch.Target) (lines []string) {
	if t.Verify > 0 && t.Sample > 0 {
		lines = append(lines, fmt.Sprintf("each %s, %s of the archive is read, and all of it in %s",
			age(t.Verify), page.Percent(t.Sample), age(time.Duration(math.Ceil(1/t.Sample))*t.Verify)))
	}
	if t.Drill.Every <= 0 {
		return lines
	}
	scratch := scratchOf(t)
	b := drillBoundOf(t)
	line := fmt.Sprintf("a drill each %s: fetches at most %s, and needs a tenth more in %s", age(t.Drill.Every), size(b.bytes), scratch)
	if isBucket(t.Address) {
		line += fmt.Sprintf("; at most %s a month for requests, and %s if what is fetched leaves AWS, at list prices", dollars(b.month.USD), dollars(b.month.TransferUSD))
	}
	return append(lines, line)
}

// scratchOf returns the folder in which a target's drills restore.
func scratchOf(t watch.Target) string { return cmp.Or(t.Drill.Scratch, os.TempDir()) }

// problemOfDrill says why a drill on a target could not be done as things are, "" if nothing shows that. It is
// found out now and not at night: by whoever has just written the file.
func problemOfDrill(t watch.Target) string {
	if t.Drill.Every <= 0 {
		return ""
	}
	if t.Drill.Exec != "" {
		if err := mustBeThere(strings.Split(t.Drill.Exec, "\n")); err != nil {
			return err.Error()
		}
	}
	scratch := scratchOf(t)
	dir, err := os.MkdirTemp(scratch, ".gbak-check-")
	if err != nil {
		return err.Error()
	}
	if err := os.Remove(dir); err != nil {
		return err.Error()
	}
	needs := bytesOf(t.Database)
	needs += needs / 10
	if space, ok := disk.SpaceAt(scratch); ok && space.Free < needs {
		return fmt.Sprintf("it may need %s in %s, and %s are free there", size(needs), scratch, size(space.Free))
	}
	return ""
}

// warnOfDrills warns of drills that could not be done as things are.
func (w *watching) warnOfDrills() {
	said := map[string]bool{}
	state := w.watcher.State()
	for i := range state.Targets {
		t := state.Targets[i].Target
		if why := problemOfDrill(t); why != "" && !said[why] {
			said[why] = true
			w.log.Warn("a drill could not be done", "database", t.Name, "archive", t.Archive, "why", why)
		}
	}
}
