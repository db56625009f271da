package journal_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// However much garbage there is at the end of an archive, a reader that recovers sees what
// was there before; any other one stops, as it may be the newest backup that is damaged.
func TestGarbageAtTheEnd(t *testing.T) {
	const backups = 5
	foreign := (&manifest.Manifest{}).Encode()
	for name, garbage := range map[string]map[manifest.Seq]string{
		"none":           nil,
		"one":            {6: "garbage"},
		"a newer format": {6: `{"type":"manifest","format":99}` + "\n"},
		"with a gap":     {9: "garbage", 700: string(foreign), manifest.MaxSeq: ""},
		"more than a batch": func() map[manifest.Seq]string {
			all := map[manifest.Seq]string{}
			for i := range manifest.Seq(100) {
				all[6+i] = fmt.Sprintf("garbage %d", i)
			}
			return all
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			store := storagetest.NewMemory()
			j := journaltest.Of(store)
			add(t, j, backups)
			for seq, content := range garbage {
				journaltest.Put(t, store, seq.Key(), content)
			}
			recovering := j.Recovering()
			l, err := recovering.Open(t.Context(), journal.Memory{})
			if err != nil {
				t.Fatal(err)
			}
			if want := []manifest.Seq{1, 2, 3, 4, 5}; !slices.Equal(l.Records, want) || len(l.Backups) != backups {
				t.Errorf("records %v, backups %v", l.Records, l.Backups)
			}
			if grown, err := recovering.Through(j.Store()).HasGrown(t.Context(), backups); grown || err != nil {
				t.Errorf("it has grown: %t, %v", grown, err)
			}
			l, err = j.Open(t.Context(), journal.Memory{})
			if isStopped := len(garbage) > 1 || err == nil && len(l.Records) > backups || err != nil; isStopped != (len(garbage) > 0) {
				t.Errorf("any other reader: %v, %v", l, err)
			}
		})
	}
}
