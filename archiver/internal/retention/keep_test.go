package retention

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// twelve are a full backup and what continues it, up to 6, and the same again.
const twelve = `
1 F 2
2 i 3
3 i 4
4 i 5
5 i 6
6 i 7
7 F 8
8 i 9
9 i 10
10 i 11
11 i 12
12 i 13
`

func (s *scene) decide(t *testing.T, q Request) *Decision {
	t.Helper()
	d, err := Decide(s.catalog(nil), func(seq manifest.Seq) time.Time { return s.stored[seq] }, q)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestKeepSaysWhatStays(t *testing.T) {
	t.Parallel()
	pin := func(seq manifest.Seq) []manifest.Pin { return []manifest.Pin{{Backup: seq}} }
	tests := []struct {
		name     string
		rules    *manifest.Rules // nil: all stay
		old      *manifest.Keeping
		pins     []manifest.Pin
		merged   []manifest.StandIn
		alive    manifest.Ranges
		standIns []manifest.StandIn
	}{
		{name: "everything", alive: manifest.Ranges{{1, 12}}},
		{name: "the newest chain", rules: &manifest.Rules{Last: 1}, alive: manifest.Ranges{{7, 12}}},
		{name: "a pin", rules: &manifest.Rules{Last: 1}, pins: pin(2), alive: manifest.Ranges{{1, 2}, {7, 12}}},
		{
			name: "one that stands in", old: &manifest.Keeping{StandIns: []manifest.StandIn{{For: 4, From: 4, By: 20}}},
			alive: manifest.Ranges{{1, 3}, {5, 12}, {20, 20}}, standIns: []manifest.StandIn{{For: 4, From: 4, By: 20}},
		},
		{
			name: "one that stands in goes", rules: &manifest.Rules{Last: 1},
			old: &manifest.Keeping{StandIns: []manifest.StandIn{{For: 4, From: 4, By: 20}}}, alive: manifest.Ranges{{7, 12}},
		},
		{
			name: "merged now", merged: []manifest.StandIn{{For: 11, From: 9, By: 15}, {For: 5, From: 2, By: 14}},
			alive: manifest.Ranges{{1, 1}, {6, 8}, {12, 12}, {14, 15}}, standIns: []manifest.StandIn{{For: 5, From: 2, By: 14}, {For: 11, From: 9, By: 15}},
		},
		{
			name: "merged again", old: &manifest.Keeping{StandIns: []manifest.StandIn{{For: 4, From: 4, By: 20}}},
			merged: []manifest.StandIn{{For: 5, From: 3, By: 21}},
			alive:  manifest.Ranges{{1, 2}, {6, 12}, {21, 21}}, standIns: []manifest.StandIn{{For: 5, From: 3, By: 21}},
		},
		{name: "the last part is pinned", pins: pin(5), merged: []manifest.StandIn{{For: 5, From: 2, By: 14}},
			alive: manifest.Ranges{{1, 1}, {6, 12}, {14, 14}}, standIns: []manifest.StandIn{{For: 5, From: 2, By: 14}}},
		{name: "another part is pinned", pins: pin(4), merged: []manifest.StandIn{{For: 5, From: 2, By: 14}}, alive: manifest.Ranges{{1, 12}}},
		{name: "a part goes", rules: &manifest.Rules{Last: 1}, pins: pin(3), merged: []manifest.StandIn{{For: 5, From: 2, By: 14}}, alive: manifest.Ranges{{1, 3}, {7, 12}}},
		{name: "a full backup among them", merged: []manifest.StandIn{{For: 8, From: 5, By: 14}}, alive: manifest.Ranges{{1, 12}}},
		{name: "a part that is not there", merged: []manifest.StandIn{{For: 13, From: 9, By: 14}}, alive: manifest.Ranges{{1, 12}}},
		{
			name: "merged twice", merged: []manifest.StandIn{{For: 5, From: 2, By: 14}, {For: 6, From: 4, By: 15}, {For: 5, From: 2, By: 16}},
			alive: manifest.Ranges{{1, 1}, {6, 12}, {14, 14}}, standIns: []manifest.StandIn{{For: 5, From: 2, By: 14}},
		},
	}
	for _, tt := range tests {
		s := newScene(t, twelve)
		k := s.decide(t, Request{Rules: tt.rules, Pins: tt.pins}).Keep(tt.old, tt.pins, tt.merged)
		if diff := cmp.Diff(tt.alive, k.Keeping.Alive); diff != "" {
			t.Errorf("%s: alive -want +got: %s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.standIns, k.Keeping.StandIns); diff != "" {
			t.Errorf("%s: stand-ins -want +got: %s", tt.name, diff)
		}
		if k.LastBackup != 12 || k.LastFull == nil || *k.LastFull != 7 {
			t.Errorf("%s: the newest are %d and %v", tt.name, k.LastBackup, k.LastFull)
		}
	}
}

// An import finds which native files were archived once, and are not to come back.
func TestKeepRemembersImports(t *testing.T) {
	t.Parallel()
	var old []manifest.Digest
	for i := range manifest.MaxImported - 1 {
		old = append(old, manifest.Digest{255, byte(i), byte(i >> 8)})
	}
	d := newScene(t, `
1 F 2 imported
2 i 3 imported
3 F 4 imported
4 F 5
`).decide(t, Request{Rules: &manifest.Rules{Last: 2}})
	want := append(slices.Clone(old[1:]), manifest.Digest{1}, manifest.Digest{2})
	got := d.Keep(&manifest.Keeping{Imported: old}, nil, nil).Keeping.Imported
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got: %s", diff)
	}
	again := d.Keep(&manifest.Keeping{Imported: want}, nil, nil).Keeping.Imported
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("once more: -want +got: %s", diff)
	}
}

// A keep that would have too many ranges keeps more: all that is alive was so before, with
// its chain, and the ranges are as few as they must be.
func TestTooManyRanges(t *testing.T) {
	t.Parallel()
	forRandom(t, 20_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{})
		q := s.randomRequest(r)
		c := s.catalog()
		before, err := Decide(c, s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		whole := (&Decision{Verdicts: stayAll(before)}).Keep(nil, nil, nil).Keeping.Alive
		alive := before.Keep(nil, nil, nil).Keeping.Alive
		limit := len(whole) + r.IntN(3)
		a := newArchive(c, s.storedAt)
		copy(a.verdicts, before.Verdicts)
		if err := a.limitRanges(limit, nil); err != nil {
			return err.Error()
		}
		d := &Decision{Verdicts: a.verdicts}
		k := d.Keep(nil, nil, nil)
		if len(k.Keeping.Alive) > limit {
			return fmt.Sprintf("%d ranges of %d: %v", len(k.Keeping.Alive), limit, k.Keeping.Alive)
		}
		if len(alive) <= limit && !slices.Equal(alive, k.Keeping.Alive) {
			return fmt.Sprintf("%v becomes %v", alive, k.Keeping.Alive)
		}
		for i := range a.verdicts {
			if before.Verdicts[i].Stays && !a.verdicts[i].Stays {
				return fmt.Sprintf("%d goes", a.verdicts[i].Backup.Seq)
			}
		}
		return restoresAsBefore(c, d)
	})
}

func stayAll(d *Decision) []Verdict {
	all := slices.Clone(d.Verdicts)
	for i := range all {
		all[i].Stays = true
	}
	return all
}

// What was removed before, or is given up, does not come back to make ranges fewer.
func TestRangesAreNotJoinedOverWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newScene(t, "1 F 2\n2 F 3\n4 F 5\n5 F 6\n6 F 7\n7 F 8\n8 F 9\n")
	a := newArchive(s.catalog(nil), func(seq manifest.Seq) time.Time { return s.stored[seq] })
	for _, i := range []int{0, 2, 4, 6} { // 1, 4, 6 and 8
		a.keep(Label, i, "")
	}
	a.verdicts[3].GivenUp = true
	if err := a.limitRanges(3, nil); err != nil {
		t.Fatal(err)
	}
	d := &Decision{Verdicts: a.verdicts}
	if got, want := d.Keep(nil, nil, nil).Keeping.Alive, (manifest.Ranges{{1, 1}, {4, 4}, {6, 8}}); !slices.Equal(got, want) {
		t.Errorf("alive are %v, want %v", got, want)
	}
	if err := a.limitRanges(2, nil); err == nil {
		t.Error("ranges were joined over what is gone")
	}
}

// What a keep says is what manifest can write and read.
func TestKeepIsValid(t *testing.T) {
	t.Parallel()
	forRandom(t, 20_000, func(r *rand.Rand) string {
		s := newRandomArchive(r, options{imports: true, long: true})
		q := s.randomRequest(r)
		d, err := Decide(s.catalog(), s.storedAt, q)
		if err != nil {
			return err.Error()
		}
		var merged []manifest.StandIn
		head := s.backups[len(s.backups)-1].Seq
		for range r.IntN(4) {
			i, j := r.IntN(len(s.backups)), r.IntN(len(s.backups))
			head++
			merged = append(merged, manifest.StandIn{For: s.backups[max(i, j)].Seq, From: s.backups[min(i, j)].Seq, By: head})
		}
		k := d.Keep(nil, q.Pins, merged)
		k.Keeping.First = head + 1
		keep := &manifest.Manifest{
			Seq: head + 1, Kind: manifest.Keep, CommitID: id, ArchiveID: id, Previous: &manifest.Digest{1}, Keeping: &k.Keeping,
			Database: manifest.Database{Generation: "0.6", ID: "people"}, Timelines: 20, LastBackup: &k.LastBackup, LastFull: k.LastFull,
		}
		if _, err := manifest.DecodeManifest(keep.Encode()); err != nil {
			return fmt.Sprintf("%v: %+v", err, k)
		}
		replaced := map[manifest.Seq]bool{}
		for _, sub := range k.Keeping.StandIns {
			for seq := sub.From; seq < sub.For; seq++ {
				replaced[seq] = true
			}
		}
		shown := map[manifest.Seq]bool{}
		for seq := range k.Keeping.Backups() {
			shown[seq] = true
		}
		for i := range d.Verdicts {
			v := &d.Verdicts[i]
			if want := v.Stays && !replaced[v.Backup.Seq]; shown[v.Backup.Seq] != want {
				return fmt.Sprintf("backup %d is shown: %v", v.Backup.Seq, !want)
			}
		}
		return ""
	})
}

const id = "0123456789abcdef0123456789abcdef"

func TestNothingIsDecidedOnNothing(t *testing.T) {
	t.Parallel()
	d, err := Decide(catalog.New(nil), func(manifest.Seq) time.Time { return time.Time{} }, Request{Rules: &manifest.Rules{Last: 1}})
	if err != nil || len(d.Verdicts) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}
