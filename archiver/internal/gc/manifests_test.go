package gc

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// numbered returns an archive with these records: f is a full backup, i an incremental, and
// k a keep of the newest backup and of all that are given.
func numbered(t *testing.T, records string, alive ...manifest.Seq) *world {
	t.Helper()
	w := newWorld(t, 1)
	for _, r := range records {
		switch r {
		case 'f':
			w.backup(manifest.Full, w.folder(), content{segments: 1})
		case 'i':
			w.backup(manifest.Incremental, w.folder(), content{inline: true})
		case 'k':
			records, _ := w.living()
			var stay []manifest.Seq
			for _, seq := range records {
				isGiven := false
				for _, given := range alive {
					isGiven = isGiven || seq == given
				}
				if isGiven || seq == records[len(records)-1] {
					stay = append(stay, seq)
				}
			}
			w.keep(stay, nil, 0, false)
		}
	}
	return w
}

func repeat(r string, n int) string {
	s := ""
	for range n {
		s += r
	}
	return s
}

// Manifests go by whole groups of 32, and only between the first keep and the horizon.
func TestGroupsOfManifests(t *testing.T) {
	for name, c := range map[string]struct {
		records string
		alive   []manifest.Seq
		kappa   manifest.Seq // 0: the last keep itself
		want    int
	}{
		"a group in the middle":                     {"fk" + repeat("i", 94) + "ik", nil, 0, 64},
		"the first keep is before a group":          {repeat("f", 31) + "k" + repeat("i", 40) + "k", nil, 0, 32},
		"the first keep is in a group":              {repeat("f", 32) + "k" + repeat("i", 40) + "k", nil, 0, 0},
		"a number of the group is alive":            {"fk" + repeat("i", 94) + "ik", []manifest.Seq{64}, 0, 32},
		"the first of the group is alive":           {"fk" + repeat("i", 94) + "ik", []manifest.Seq{33}, 0, 32},
		"the newest backup is in the group":         {"fk" + repeat("i", 62) + "k", nil, 0, 0},
		"the horizon is in the group":               {"fk" + repeat("i", 30) + repeat("k", 32) + "ik", nil, 64, 0},
		"the horizon is after the group":            {"fk" + repeat("i", 30) + repeat("k", 33) + "ik", nil, 65, 32},
		"alive as of the horizon, and not any more": {"fk" + repeat("i", 62) + "k" + "ik", nil, 65, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := numbered(t, c.records[:len(c.records)-1], c.alive...)
			records, _ := w.living()
			k := w.keep(append(c.alive, records[len(records)-1]), nil, c.kappa, c.kappa == 0)
			before := len(w.memory.Objects())
			w.sweepAndCompare(k)
			n := w.mustRead(k)
			gone := 0
			for seq := range w.kinds {
				if w.memory.Objects()[seq.Key()] == nil {
					gone++
				}
			}
			if gone != c.want || before == 0 || n.Withheld != nil {
				t.Errorf("%d manifests are gone, want %d (withheld: %v)", gone, c.want, n.Withheld)
			}
		})
	}
}
