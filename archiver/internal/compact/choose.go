package compact

import (
	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Options say what is worth merging.
type Options struct {
	Min  int // how many parts a series has at least; 2 if it is less
	Tail int // how many of the newest backups stay as they are; 1 if it is less

	// IsFixed reports whether a backup must stay one that can be asked for by its number.
	// It may be the last part of a series, and no other.
	IsFixed func(manifest.Seq) bool
}

// Series is backups that are merged into one: at least two.
type Series []*manifest.Committed

// First returns the first part.
func (s Series) First() *manifest.Committed { return s[0] }

// Last returns the last part.
func (s Series) Last() *manifest.Committed { return s[len(s)-1] }

// From returns the number of the first backup that went into the series: that of its first
// part, or what went into that.
func (s Series) From() manifest.Seq {
	if first := s.First(); first.Replaces != nil {
		return first.Replaces[0]
	}
	return s.First().Seq
}

// RawBytes returns how many bytes of log the parts have.
func (s Series) RawBytes() (n int64) {
	for _, m := range s {
		n += m.RawBytes
	}
	return n
}

// StoredBytes returns how many bytes the parts have stored.
func (s Series) StoredBytes() (n int64) {
	for _, m := range s {
		n += m.StoredBytes
	}
	return n
}

// Choose returns the series of c, which has all living backups, that are worth merging. Of a
// backup it needs no more than its outline.
func Choose(c *catalog.Catalog, o Options) []Series {
	all := c.All()
	continued := map[manifest.Seq]int{}
	for _, m := range all {
		if m.Continues != nil {
			continued[*m.Continues]++
		}
	}
	var found []Series
	var series Series
	var bytes int64
	end := func() {
		if series = series.withoutLargeMerged(); series.isWorthIt(o.Min) {
			found = append(found, series)
		}
		series, bytes = nil, 0
	}
	for _, m := range all[:max(0, len(all)-max(o.Tail, 1))] {
		if !isPart(m) {
			end()
			continue
		}
		if len(series) > 0 && (!isNext(series.Last(), m) || continued[series.Last().Seq] != 1 || bytes+m.RawBytes > MaxRawBytes) {
			end()
		}
		series = append(series, m)
		bytes += m.RawBytes
		if len(m.Labels) > 0 || o.IsFixed(m.Seq) {
			end()
		}
	}
	end()
	return found
}

// isPart reports whether m can be merged: an import looks for the native files that are in
// the archive, so imported ones stay what they are.
func isPart(m *manifest.Committed) bool {
	return m.Kind == manifest.Incremental && m.Imported == nil && m.RawBytes < LargeBytes
}

// isNext reports whether m continues before, and no clock was set back between them: in one
// record nobody would see that.
func isNext(before, m *manifest.Committed) bool {
	isBack := m.CreatedAt.Before(before.CreatedAt) || m.EndTime != nil && before.EndTime != nil && m.EndTime.Before(*before.EndTime)
	return *m.Continues == before.Seq && m.Timeline == before.Timeline && !isBack
}

// withoutLargeMerged returns the series without merged parts at its beginning that are larger
// than all after them together: what was merged lately is merged again only when as much has
// come after it. So each byte is written a few times, and not by every compaction.
func (s Series) withoutLargeMerged() Series {
	rest := s.RawBytes()
	for len(s) > 0 && s[0].Replaces != nil && s[0].RawBytes > rest-s[0].RawBytes {
		rest -= s[0].RawBytes
		s = s[1:]
	}
	return s
}

func (s Series) isWorthIt(least int) bool {
	return len(s) >= max(least, 2) && s.StoredBytes() < int64(len(s))*maxAverage
}
