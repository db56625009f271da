package main

import (
	"fmt"

	"github.com/gbak-s3/gbak-s3/archiver"
)

// replayLine is what Grafeo replays after a restore of the newest backup, in JSON.
type replayLine struct {
	Full    uint64 `json:"full"`
	Backups int    `json:"backups"`
	Epochs  uint64 `json:"epochs"`
	Bytes   int64  `json:"bytes"`
}

// mergeableLine is what a compaction would merge, in JSON.
type mergeableLine struct {
	Backups       int   `json:"backups"`
	ObjectsBefore int64 `json:"objects_before"`
	ObjectsAfter  int64 `json:"objects_after"`
	BytesBefore   int64 `json:"bytes_before"`
	BytesAfter    int64 `json:"bytes_after"`
}

func lineOfMergeable(m *archiver.Mergeable) *mergeableLine {
	if m == nil {
		return nil
	}
	return &mergeableLine{m.Backups, m.Before.Objects, m.After.Objects, m.Before.Bytes, m.After.Bytes}
}

// A replay of so much takes a while, so that a full backup is worth it.
const (
	longReplayEpochs = 10_000
	longReplayBytes  = 64 << 20
)

// linesOfReplay says what makes restores slower than they could be, and what to do about it.
func linesOfReplay(r archiver.StatusReport) (lines []string) {
	if p := r.Replay; p != nil && p.Backups > 0 && (p.Epochs >= longReplayEpochs || p.Bytes >= longReplayBytes) {
		lines = append(lines, fmt.Sprintf("replay\t%s, %s of log lie behind the image of backup %d: checkpoint the database and run `backup --full`, and Grafeo opens a restored database faster",
			plural(int(min(p.Epochs, 1<<31-1)), "epoch"), size(p.Bytes), p.Full))
	}
	if m := r.Mergeable; m != nil {
		lines = append(lines, fmt.Sprintf("small\t%s take %s and could take %d: `compact` merges them",
			plural(m.Backups, "backup"), plural(int(m.Before.Objects), "object"), m.After.Objects))
	}
	return lines
}
