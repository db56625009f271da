package archiver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// watched is the store of a history, which looks at every manifest that is created, and at
// everything that is deleted. One call that changes something comes after the other.
type watched struct {
	memory *storagetest.Memory
	*history
}

func (w *watched) Get(ctx context.Context, key string, r storage.Range) (io.ReadCloser, storage.ObjectInfo, error) {
	return w.memory.Get(ctx, key, r)
}

func (w *watched) Head(ctx context.Context, key string) (storage.ObjectInfo, error) {
	return w.memory.Head(ctx, key)
}

// List lags now and then: it lacks all, or some, of what has come lately.
func (w *watched) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	w.mu.Lock()
	w.lists++
	random := rand.New(rand.NewPCG(w.seed, uint64(w.lists)+1000))
	w.mu.Unlock()
	lag, isWhole := time.Duration(random.Int64N(int64(3*time.Minute))), random.IntN(2) == 0
	if random.IntN(3) > 0 {
		lag = 0
	}
	return func(yield func(storage.ObjectInfo, error) bool) {
		now := time.Now()
		for info, err := range w.memory.List(ctx, prefix, after) {
			age := now.Sub(info.ModTime) // negative for those of the base
			if err == nil && 0 <= age && age < lag && (isWhole || random.IntN(2) == 0) {
				continue
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (w *watched) Now(ctx context.Context) (time.Time, error) { return w.memory.Now(ctx) }

func (w *watched) Put(ctx context.Context, key string, body io.ReadSeeker, o storage.PutOptions) (storage.PutResult, error) {
	if !strings.HasPrefix(key, manifest.ManifestPrefix) {
		return w.memory.Put(ctx, key, body, o)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	object, err := io.ReadAll(body)
	if err != nil {
		return storage.PutResult{}, err
	}
	r, err := w.memory.Put(ctx, key, bytes.NewReader(object), o)
	if err == nil {
		w.note(object)
	}
	return r, err
}

func (w *watched) Delete(ctx context.Context, key string) error {
	_, err := w.DeleteAll(ctx, []string{key})
	return err
}

func (w *watched) DeleteAll(ctx context.Context, keys []string) (map[string]error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	needed := w.neededNow()
	all := w.memory.Objects()
	for _, key := range keys {
		if needed[key] {
			w.harm = append(w.harm, fmt.Sprintf("%s was deleted while a backup needed it", key))
		}
		if all[key] != nil && strings.HasPrefix(key, manifest.ManifestPrefix) {
			w.deleted++
		}
	}
	return w.memory.DeleteAll(ctx, keys)
}

// neededNow returns the keys that are needed by what counts now.
func (w *watched) neededNow() map[string]bool {
	return lookWith(w.model.t, w.memory.Objects(), w.known).needed
}

// check demands all of what [TestHistoriesOfRemovals] says.
func (h *history) check(t *testing.T) {
	t.Helper()
	for _, harm := range h.harm {
		t.Error(harm)
	}
	log := h.log()
	for seq := manifest.Seq(1); int(seq) <= len(log); seq++ {
		if log[seq] == nil {
			t.Fatalf("record %d is missing in the log of %d records", seq, len(log))
		}
	}
	h.checkTold(t, log)
	checkShrinks(t, log)
	h.checkRestores(t)
	mustBeWhole(t, h.store)
	before := h.store.Objects()
	mustHeal(t, "after the history", h.store, archiver.Rules{Last: 2, Full: 1}).mustHaveAll(t, "after two more expiries", before)
}

// checkTold demands that everybody was told the truth.
func (h *history) checkTold(t *testing.T, log map[manifest.Seq]*manifest.Manifest) {
	t.Helper()
	c := look(t, h.store.Objects())
	by, sure := map[string][]uint64{}, map[string][]uint64{}
	for _, m := range log {
		by[m.Host] = append(by[m.Host], uint64(m.Seq))
		// Who was followed at once by a keep that knows better, plans again on that.
		if uint64(m.Seq) == c.keepSeq() || m.Kind != manifest.Merged && slices.Contains(c.backups(), uint64(m.Seq)) {
			sure[m.Host] = append(sure[m.Host], uint64(m.Seq))
		}
	}
	for _, e := range h.told {
		isUnknown := archiver.CodeOf(e.err) == archiver.CodeUnknownOutcome
		switch records := by[e.host]; {
		case e.record != 0 && !slices.Contains(records, e.record):
			t.Errorf("%s was told that it committed %d; in the log it has %v", e.host, e.record, records)
		case e.record == 0 && len(sure[e.host]) > 0 && !isUnknown:
			t.Errorf("%s was told %v, and is in the log as %v", e.host, e.err, sure[e.host])
		}
		switch archiver.CodeOf(e.err) {
		case "", archiver.CodeUnknownOutcome, archiver.CodeStore, archiver.CodeConflict, archiver.CodeNoBackup,
			archiver.CodeVanished: // by a late list that shows nothing after numbers that were deleted
		default:
			t.Errorf("%s was told %s: %v", e.host, archiver.CodeOf(e.err), e.err)
		}
	}
}

// checkShrinks demands that no keep brings back what was gone, or moves its horizon back.
func checkShrinks(t *testing.T, log map[manifest.Seq]*manifest.Manifest) {
	t.Helper()
	var before *manifest.Manifest
	for _, seq := range slices.Sorted(maps.Keys(log)) {
		k := log[seq]
		if k.Kind != manifest.Keep {
			continue
		}
		for n := range k.Keeping.Alive.All() {
			if before != nil && n <= before.Seq && !before.Keeping.Alive.Contains(n) {
				t.Errorf("keep %d brings back %d, which was gone as of %d", k.Seq, n, before.Seq)
			}
			if log[n].Kind == manifest.Keep {
				t.Errorf("keep %d takes keep %d for a backup", k.Seq, n)
			}
		}
		if before != nil && k.Keeping.DeadBefore < before.Keeping.DeadBefore {
			t.Errorf("keep %d has a horizon of %d, and keep %d of %d", k.Seq, k.Keeping.DeadBefore, before.Seq, before.Keeping.DeadBefore)
		}
		before = k
	}
}

// checkRestores demands that every backup restores to the history of the database.
func (h *history) checkRestores(t *testing.T) {
	t.Helper()
	c := look(t, h.store.Objects())
	c.mustHaveAll(t, "at the end", nil)
	c.mustBeListed(t, "at the end", h.store)
	l, err := newArchive(h.store).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range l.Backups {
		h.model.restoresTo(h.store, archiver.AtBackup(b.Seq), b.RestoreTo)
	}
}
