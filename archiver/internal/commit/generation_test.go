package commit

import (
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// A run that plans again keeps its generation, so that what it has stored is found, unless a
// keep has come meanwhile as of which that is dead.
func TestGenerationAfterConflict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rival func(t *testing.T, j *journal.Journal)
		want  manifest.Seq
	}{
		"another backup":                  {func(t *testing.T, j *journal.Journal) { t.Helper(); commit(t, j, 1) }, 3},
		"a keep that kills nothing":       {func(t *testing.T, j *journal.Journal) { t.Helper(); keepOnly(t, j, false, 2) }, 3},
		"a keep as of which it is dead":   {func(t *testing.T, j *journal.Journal) { t.Helper(); keepOnly(t, j, true, 2) }, 4},
		"one that is not, and a backup":   {func(t *testing.T, j *journal.Journal) { t.Helper(); keepOnly(t, j, false, 2); commit(t, j, 1) }, 3},
		"one by which it is, and a third": {func(t *testing.T, j *journal.Journal) { t.Helper(); keepOnly(t, j, true, 2); keepOnly(t, j, false, 2) }, 5},
	} {
		j := journaltest.Of(storagetest.NewMemory())
		commit(t, j, 2)
		keepOnly(t, j, true, 1, 2) // 3, and dead before 3
		attempts := 0
		err := Update(t.Context(), j, options(), func(h *Head) error {
			if attempts++; attempts == 1 {
				if h.Generation != 3 {
					t.Errorf("%s: it begins with %d", name, h.Generation)
				}
				c.rival(t, j)
			} else if h.Generation != c.want {
				t.Errorf("%s: it goes on with %d, want %d", name, h.Generation, c.want)
			}
			m, ix := journaltest.Next(h.Last)
			return h.Commit(t.Context(), m, ix, time.Minute)
		})
		if err != nil || attempts != 2 {
			t.Errorf("%s: %v after %d attempts", name, err, attempts)
		}
	}
}

// An interrupted run may have stored something in the generation before, which is of use
// unless it is dead.
func TestEarlierGeneration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keeps []bool // each one's dead before is its own number
		want  manifest.Seq
		ok    bool
	}{
		"without a keep":             {nil, 0, false},
		"the first keep":             {[]bool{false}, 0, true},
		"one that kills":             {[]bool{true}, 0, false},
		"the second one":             {[]bool{true, false}, 3, true},
		"a second one that kills":    {[]bool{false, true}, 3, false},
		"a third one, after a death": {[]bool{true, false, false}, 4, true},
	} {
		j := journaltest.Of(storagetest.NewMemory())
		commit(t, j, 2)
		for _, dead := range c.keeps {
			keepOnly(t, j, dead, 1, 2)
		}
		err := Update(t.Context(), j, options(), func(h *Head) error {
			got, ok, err := h.EarlierGeneration(t.Context())
			if ok != c.ok || ok && got != c.want {
				t.Errorf("%s: %d, %t", name, got, ok)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A list that lags may show an attempt an older head than the one before has seen, even one
// from before the first keep. A later generation than that head's keep fits no record on it.
func TestGenerationOfAnOlderHead(t *testing.T) {
	t.Parallel()
	for want, last := range map[manifest.Seq]*manifest.Committed{
		0: nil,
		2: {Manifest: &manifest.Manifest{Seq: 32, Kind: manifest.Full, Keep: 2}},
	} {
		before := manifest.Seq(66)
		w := &writer{generation: &before, keep: before}
		h := &Head{Last: last}
		if err := w.chooseGeneration(t.Context(), h); err != nil || h.Generation != want {
			t.Errorf("after keep %d: generation %d, %v", want, h.Generation, err)
		}
	}
}
