package salvage

import (
	"cmp"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// part is a record with content: a way to the end of a backup, from that of the one that it
// continues, or for a full one from nothing.
type part struct {
	m     *manifest.Committed // as the backup to whose end it leads
	index *manifest.Index

	// isGone says that this is no backup as far as the newest keep says: it was removed, or
	// merged, or it is a merged record that stands in for nothing.
	isGone bool

	image, log []string // the segments that its image, spilled vectors included, and its log need
	isRest     bool     // see [Survey.rest]
	sure       bool     // of a rest: it ends with all of its last epoch
}

// makeParts makes a part of each record with content that can be read.
func (s *Survey) makeParts() {
	s.dropReplaced()
	counted := map[manifest.Seq]bool{} // records
	for _, e := range s.list.Backups {
		m := s.read[e.Record]
		if m == nil {
			continue
		}
		shown, err := e.Backup(m)
		if err != nil {
			_ = s.pass(e.Record.Key(), err) // it is about that object
			continue
		}
		if shown != nil {
			counted[e.Record] = true
			s.addPart(shown, false)
		}
	}
	for seq, m := range s.read {
		if !m.Kind.HasContent() || counted[seq] || s.mayBeStray(seq) {
			continue
		}
		shown := m
		if m.Kind == manifest.Merged {
			as := *m.Manifest
			as.Seq, as.Kind = m.Replaces[1], manifest.Incremental
			shown = &manifest.Committed{Manifest: &as, Digest: m.Digest, Record: seq}
		}
		s.addPart(shown, true)
	}
	slices.SortFunc(s.parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.m.Seq, b.m.Seq), compareBools(a.isGone, b.isGone), cmp.Compare(a.m.RecordSeq(), b.m.RecordSeq()))
	})
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// dropReplaced makes a hole of a record that is not the one on which the next was committed:
// somebody has put another one in its place.
func (s *Survey) dropReplaced() {
	for seq, m := range s.read {
		before := s.read[seq-1]
		if before != nil && s.counts(seq-1) && s.counts(seq) && m.Previous != nil && *m.Previous != before.Digest {
			s.Damage((seq - 1).Key(), "it is not the manifest that the next one was committed on")
		}
	}
	for seq := range s.read {
		if s.holes[seq.Key()] != "" {
			delete(s.read, seq)
			delete(s.known, seq)
			s.lost = append(s.lost, seq)
		}
	}
	slices.Sort(s.lost)
}

// mayBeStray reports whether a record that does not count may have been created under the
// number of one that was deleted, by a writer that had slept: then it continues nothing that
// is here. It is none if the records after it, up to one that counts, were committed on it.
func (s *Survey) mayBeStray(seq manifest.Seq) bool {
	if !s.fences[seq.GroupEnd()] {
		return false
	}
	for m := s.read[seq]; ; m = s.read[seq] {
		if s.counts(seq) {
			return false
		}
		next := s.read[seq+1]
		if next == nil || next.Previous == nil || *next.Previous != m.Digest {
			return true
		}
		seq++
	}
}

// addPart adds a part. Without an index, nothing of it can be had.
func (s *Survey) addPart(m *manifest.Committed, isGone bool) {
	ix := s.indexes[m.RecordSeq()]
	if ix == nil {
		return
	}
	p := &part{m: m, index: ix, isGone: isGone}
	for i := range ix.Files {
		f := &ix.Files[i]
		to := &p.image
		if manifest.IsLogName(f.Name) {
			to = &p.log
		}
		for _, e := range f.Extents {
			if g := &ix.Segments[ix.Frames[e.Frame].Segment]; !g.IsInline() && !slices.Contains(*to, g.Key) {
				*to = append(*to, g.Key)
			}
		}
	}
	s.parts = append(s.parts, p)
}

// wasRemoved reports whether a backup is none any more, as far as the newest keep says, and was not
// merged into one.
func (s *Survey) wasRemoved(seq manifest.Seq) bool {
	return !slices.ContainsFunc(s.list.Backups, func(e journal.Entry) bool {
		return e.Seq == seq || e.From != 0 && e.From <= seq && seq < e.Seq
	})
}

// isWhole reports whether none of these objects is a hole.
func (s *Survey) isWhole(keys []string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return s.holes[key] != "" })
}

// hasLog and hasImage report whether the log, and the image with the spilled vectors, can be had.
func (s *Survey) hasLog(p *part) bool   { return s.holes[p.m.Key()] == "" && s.isWhole(p.log) }
func (s *Survey) hasImage(p *part) bool { return s.holes[p.m.Key()] == "" && s.isWhole(p.image) }

// logFiles returns the log files of a part, in the order of the log.
func (p *part) logFiles() []*manifest.File {
	var files []*manifest.File
	for i := range p.index.Files {
		if manifest.IsLogName(p.index.Files[i].Name) {
			files = append(files, &p.index.Files[i])
		}
	}
	slices.SortFunc(files, func(a, b *manifest.File) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return files
}

func (p *part) generation() grafeo.Generation { return grafeo.Generation(p.m.Database.Generation) }

// follows reports whether the log of p goes on where before ends: because it continues before, or
// because it is that of a full backup which has the place where before ends, or begins there.
func (p *part) follows(before *part) bool {
	switch {
	case p.m.Timeline != before.m.Timeline || p.m.Database.Generation != before.m.Database.Generation || !p.m.Database.Is(&before.m.Database):
		return false
	case p.m.Continues != nil && *p.m.Continues == before.m.Seq:
		return true
	case p.m.Kind != manifest.Full || p.m.Seq <= before.m.Seq || before.isRest:
		return false
	}
	return p.has(before)
}

// has reports whether the log of the full backup p has the last commit of before, or in 0.6
// begins where before ends.
func (p *part) has(before *part) bool {
	files, c := p.logFiles(), before.m.Position.Commit
	if len(files) == 0 {
		return false
	}
	if p.generation() == grafeo.Gen06 && files[0].Name == grafeo.LogName(grafeo.Gen06, before.m.Position.LSN) {
		return true
	}
	if c == nil {
		return false
	}
	name := grafeo.LogName(p.generation(), c.EndFile)
	i := slices.IndexFunc(files, func(f *manifest.File) bool { return f.Name == name })
	return i >= 0 && files[i].From == 0 && files[i].Bytes >= c.End
}
