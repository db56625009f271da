package objects

import (
	"errors"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// CreateAt and CreateOnce put an object under its key or under none, and overwrite nothing. Other bytes are
// an error of the first one, and an answer of the second one.
func TestCreateAt(t *testing.T) {
	t.Parallel()
	const key, content = "certificates/a", "the bytes"
	lost := storagetest.Fault{Err: errors.New("connection reset"), Apply: true}
	for name, c := range map[string]struct {
		before string // what exists, "" for nothing
		fault  storagetest.Fault
		fresh  bool
		ours   bool
		puts   int
	}{
		"nothing exists":           {fresh: true, ours: true, puts: 1},
		"it exists":                {before: content, ours: true, puts: 1},
		"another one exists":       {before: "the bites", puts: 1},
		"a shorter one exists":     {before: "the", puts: 1},
		"the first answer is lost": {fault: lost, fresh: true, ours: true, puts: 2},
	} {
		for _, isAt := range []bool{true, false} {
			inner := storagetest.NewMemory()
			if c.before != "" {
				inner = stored(t, key, c.before)
			}
			faulty := failing(inner, storage.OpPut, 1, c.fault)
			if isAt {
				isFresh, err := storeOf(faulty).CreateAt(t.Context(), key, []byte(content))
				if _, isOther := errors.AsType[*OtherContentError](err); isFresh != c.fresh || isOther == c.ours || isOther != (err != nil) {
					t.Errorf("%s: at: %t, %v", name, isFresh, err)
				}
			} else if isOurs, err := storeOf(faulty).CreateOnce(t.Context(), key, []byte(content)); isOurs != c.ours || err != nil {
				t.Errorf("%s: once: %t, %v", name, isOurs, err)
			}
			if now := string(inner.Objects()[key]); c.before != "" && now != c.before || c.before == "" && now != content || len(inner.Objects()) != 1 {
				t.Errorf("%s: %q is stored", name, inner.Objects())
			}
			if puts := count(faulty.Calls(), storage.OpPut); puts != c.puts {
				t.Errorf("%s: %d puts, want %d", name, puts, c.puts)
			}
		}
	}
}
