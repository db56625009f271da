package retention

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// Keep is what the next keep says about the backups that stay.
type Keep struct {
	// Keeping has what follows from the decision: Alive, StandIns, Pins and Imported.
	Keeping manifest.Keeping

	LastBackup manifest.Seq
	LastFull   *manifest.Seq // nil if no full backup stays
}

// Keep returns what the keep that puts the decision into effect says. old is what the
// archive's newest keep says, nil if there is none; pins are those that remain. merged are
// merged records that no keep has named: each takes the place of its parts if all of these
// stay, and none but the last is pinned. They are left out if the keep would have too many
// ranges with them.
func (d *Decision) Keep(old *manifest.Keeping, pins []manifest.Pin, merged []manifest.StandIn) *Keep {
	if old == nil {
		old = &manifest.Keeping{}
	}
	k := &Keep{Keeping: manifest.Keeping{Pins: pins, Imported: d.imported(old.Imported)}}
	standIns := map[manifest.Seq]manifest.StandIn{}
	for _, m := range d.Rest().All() {
		if s := old.StandInFor(m.Seq); s != nil {
			standIns[m.Seq] = *s
		}
		k.LastBackup = m.Seq
		if m.Kind == manifest.Full {
			k.LastFull = &m.Seq
		}
	}
	if d.name(k, d.replaced(standIns, pins, merged)); len(k.Keeping.Alive) > manifest.MaxRanges {
		d.name(k, standIns)
	}
	return k
}

// name sets which records the keep names as alive, and which of them stand in for others.
func (d *Decision) name(k *Keep, standIns map[manifest.Seq]manifest.StandIn) {
	k.Keeping.StandIns = nil
	from := manifest.Seq(0) // the backups from there on to the next stand-in are merged
	var records []manifest.Seq
	for i := len(d.Verdicts) - 1; i >= 0; i-- {
		seq := d.Verdicts[i].Backup.Seq
		if !d.Verdicts[i].Stays || from != 0 && seq >= from {
			continue
		}
		from = 0
		if s, ok := standIns[seq]; ok {
			k.Keeping.StandIns = append(k.Keeping.StandIns, s)
			from, seq = s.From, s.By
		}
		records = append(records, seq)
	}
	slices.Reverse(k.Keeping.StandIns)
	slices.Sort(records)
	k.Keeping.Alive = manifest.RangesOf(records)
}

// replaced returns the stand-ins with those merged records that can take the place of their
// parts.
func (d *Decision) replaced(standIns map[manifest.Seq]manifest.StandIn, pins []manifest.Pin, merged []manifest.StandIn) map[manifest.Seq]manifest.StandIn {
	standIns = maps.Clone(standIns)
	isNew := map[manifest.Seq]bool{}
	for _, s := range merged {
		isFree := d.areParts(s) && !slices.ContainsFunc(pins, func(p manifest.Pin) bool { return s.From <= p.Backup && p.Backup < s.For })
		for _, o := range standIns {
			overlaps := o.From <= s.For && s.From <= o.For
			isPart := !isNew[o.For] && s.From <= o.From && o.For <= s.For // it is merged again
			isFree = isFree && (!overlaps || isPart)
		}
		if !isFree || len(standIns) == manifest.MaxStandIns {
			continue
		}
		maps.DeleteFunc(standIns, func(seq manifest.Seq, _ manifest.StandIn) bool { return s.From <= seq && seq <= s.For })
		standIns[s.For], isNew[s.For] = s, true
	}
	return standIns
}

// areParts reports whether all backups that a merged record replaces stay, and each
// continues the one before.
func (d *Decision) areParts(s manifest.StandIn) bool {
	i, _ := slices.BinarySearchFunc(d.Verdicts, s.From, func(v Verdict, seq manifest.Seq) int { return cmp.Compare(v.Backup.Seq, seq) })
	before := manifest.Seq(0)
	for ; i < len(d.Verdicts) && d.Verdicts[i].Backup.Seq <= s.For; i++ {
		v := &d.Verdicts[i]
		isNext := before == 0 || v.Backup.Continues != nil && *v.Backup.Continues == before
		if !v.Stays || v.Backup.Kind == manifest.Full || !isNext {
			return false
		}
		before = v.Backup.Seq
	}
	return before == s.For
}

// imported returns the digests of native files whose backups are gone: those of earlier
// and of those that go now.
func (d *Decision) imported(gone []manifest.Digest) []manifest.Digest {
	gone = slices.Clone(gone)
	known := map[manifest.Digest]bool{}
	for _, digest := range gone {
		known[digest] = true
	}
	for i := range d.Verdicts {
		v := &d.Verdicts[i]
		if v.Stays || v.Backup.Imported == nil || known[v.Backup.Imported.SHA256] {
			continue
		}
		known[v.Backup.Imported.SHA256] = true
		gone = append(gone, v.Backup.Imported.SHA256)
	}
	return gone[max(0, len(gone)-manifest.MaxImported):]
}
