package journal_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/journal/journaltest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// counting is a store that counts what it lists.
type counting struct {
	*storagetest.Memory
	listed int
}

func (c *counting) List(ctx context.Context, prefix, after string) iter.Seq2[storage.ObjectInfo, error] {
	return func(yield func(storage.ObjectInfo, error) bool) {
		for info, err := range c.Memory.List(ctx, prefix, after) {
			if c.listed++; !yield(info, err) {
				return
			}
		}
	}
}

// Whatever others keep beside the manifests, under names that begin with the same letter, of each group
// of them one object is listed.
func TestOthersBesideTheJournal(t *testing.T) {
	t.Parallel()
	store := &counting{Memory: storagetest.NewMemory()}
	j := journaltest.Of(store)
	newest := add(t, j, 5)
	for _, folder := range []string{"main", "manifests-old", "manifests.bak", "media", "mirror-of-it", "my-app"} {
		for i := range 1500 { // more than a page
			journaltest.Put(t, store, fmt.Sprintf("%s/manifests/%010d.json", folder, i), "{}\n")
		}
	}
	journaltest.Put(t, store, manifest.MirrorKey, "{}\n")
	for name, find := range map[string]func() (*journal.List, error){
		"all":    func() (*journal.List, error) { return j.List(t.Context()) },
		"newest": func() (*journal.List, error) { return j.FindNewest(t.Context(), journal.Memory{}) },
		"known": func() (*journal.List, error) {
			return j.FindNewest(t.Context(), journal.Memory{Record: seenIn(newest)})
		},
	} {
		store.listed = 0
		l, err := find()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if l.Last() != 5 || !l.IsMirror() || store.listed > 10 {
			t.Errorf("%s: the newest is %d, a mirror: %t; %d objects were listed", name, l.Last(), l.IsMirror(), store.listed)
		}
	}
}
