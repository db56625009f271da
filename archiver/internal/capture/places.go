package capture

import (
	"slices"
	"sync"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Places remembers from one query of a database to the next where the commit before a sync mark
// begins, so that nobody has to read the log file from its beginning to come upon it. What is there
// is read again and compared each time: a place that is wrong costs time, and nothing else. A nil
// one remembers nothing. It may be used concurrently.
type Places struct {
	mu    sync.Mutex
	known []place // the newest first
}

type place struct {
	mark   manifest.Commit
	before uint64 // the log position of the commit before it
}

// maxPlaces is how many are remembered: the end of the newest backup, and the ends of what looks have seen since.
const maxPlaces = 4

// before returns where the commit before a mark begins, nil if that is not known.
func (p *Places) before(mark *manifest.Commit) *uint64 {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.known {
		if k.mark == *mark {
			return &k.before
		}
	}
	return nil
}

// note remembers where the commit before a mark begins.
func (p *Places) note(mark *manifest.Commit, before uint64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = slices.DeleteFunc(p.known, func(k place) bool { return k.mark == *mark })
	p.known = slices.Insert(p.known, 0, place{*mark, before})
	p.known = p.known[:min(len(p.known), maxPlaces)]
}

// noteEnds remembers what a scan has seen: before its mark, and before its end.
func (p *Places) noteEnds(s *continuityScan) {
	if s.last != nil && s.last.Kind == grafeo.SyncMark && s.lastWithEpoch != nil {
		p.note(s.position(0).Commit, s.lastWithEpoch.LSN)
	}
	if s.at != nil && s.at.Kind == grafeo.SyncMark && s.up != nil {
		p.note(s.mark, s.up.LSN)
	}
}
