package verify

import (
	"context"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// dropGone drops the findings about backups that were removed, or merged, while the
// verification ran: what they need may be deleted. It looks only if something was found.
func (v *verification) dropGone(ctx context.Context, r *records, indexes []*manifest.Index) error {
	if len(v.report.Findings) == 0 {
		return nil
	}
	l, err := v.journal.Open(ctx, journal.Memory{})
	if isAboutObject(err) {
		return nil // then all findings stay
	}
	if err != nil {
		return err
	}
	if l.Keep == nil || r.list.Keep != nil && l.Keep.Seq <= r.list.Keep.Seq {
		return nil
	}
	now := &records{list: l, bySeq: map[manifest.Seq]*manifest.Committed{l.Keep.Seq: l.Keep}, keeps: r.keeps}
	needed := map[string]bool{} // by a backup that is alive still
	for i, m := range r.living {
		if now.counts(m.RecordSeq()) {
			for _, key := range names(m, indexes[i]) {
				needed[key] = true
			}
		}
	}
	left := v.report.Findings[:0]
	for _, f := range v.report.Findings {
		if isGone(f.Key, r, now, needed) {
			v.report.Gone++
			continue
		}
		left = append(left, f)
	}
	v.report.Findings = left
	return nil
}

// isGone reports whether nothing needs an object any more that something needed before.
func isGone(key string, before, now *records, needed map[string]bool) bool {
	if seq, ok := manifest.ParseKey(key); ok {
		return before.counts(seq) && !now.counts(seq)
	}
	return isOfBackups(key) && !needed[key]
}

// mayBeGone reports whether a finding may be about a backup that was removed meanwhile: a verification that
// ends before it has looked cannot tell.
func mayBeGone(f Finding) bool {
	_, isRecord := manifest.ParseKey(f.Key)
	return isRecord || isOfBackups(f.Key)
}

// isOfBackups reports whether an object is there for backups, and is deleted once none needs it.
func isOfBackups(key string) bool {
	return slices.ContainsFunc([]string{manifest.SegmentPrefix, manifest.IndexPrefix, manifest.PagesPrefix}, func(prefix string) bool {
		return strings.HasPrefix(key, prefix)
	})
}

// names returns the keys of the objects that a backup names; ix is nil if its index could
// not be read.
func names(m *manifest.Committed, ix *manifest.Index) (keys []string) {
	if m.Index != nil {
		keys = append(keys, m.Index.Key)
	}
	if ix == nil {
		return keys
	}
	for _, s := range ix.Segments {
		keys = append(keys, s.Key)
	}
	if image := ix.Image(); image != nil {
		for _, p := range image.Pages {
			keys = append(keys, p.Key)
		}
	}
	return keys
}
