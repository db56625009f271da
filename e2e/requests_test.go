package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// What a backup asks of the real MinIO, whose entity tags are checksums, and of a
// store whose tags are something else, as with keys of KMS: what the command says it
// is what arrives.
func TestRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	log, err := grafeotest.NewLog06(path+".wal", [16]byte{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	epoch := uint64(1)
	commit := func() {
		epoch++
		if err := log.Append(grafeotest.Group06{Epoch: epoch, Transaction: 2, Time: time.Now(), Records: []byte("one commit")}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		hook        s3test.Hook
		incremental map[string]int64
	}{
		"checksums": {nil, map[string]int64{"put": 1, "get": 2, "head": 0, "list": 1, "delete": 0}},
		"tags of KMS": {func(r *s3test.Request) s3test.Fault {
			if r.Op != storage.OpPut {
				return s3test.Fault{}
			}
			return s3test.Fault{Edit: func(a *s3test.Answer) { a.Header.Set("Etag", `"`+strings.Repeat("0", 32)+`"`) }}
		}, map[string]int64{"put": 1, "get": 3, "head": 0, "list": 1, "delete": 0}},
	} {
		p, at := behindProxy(t, c.hook)
		commit()
		must(t, "backup", path, p.Address)
		for _, want := range []struct {
			kind     string
			requests map[string]int64
		}{
			{"none", map[string]int64{"put": 0, "get": 2, "head": 0, "list": 1, "delete": 0}},
			{"incremental", c.incremental},
			{"none", map[string]int64{"put": 0, "get": 2, "head": 0, "list": 1, "delete": 0}},
		} {
			if want.kind == "incremental" {
				commit()
			}
			before := len(p.Log())
			b := must(t, "backup", path, p.Address, "--json").one(t, "backup")
			if diff := cmp.Diff(want.requests, b.Requests); b.Kind != want.kind || diff != "" {
				t.Errorf("%s: %s, want %s; requests -want +got: %s", name, b.Kind, want.kind, diff)
			}
			sum := int64(0)
			for _, n := range b.Requests {
				sum += n
			}
			if arrived := int64(len(p.Log()) - before); arrived != sum {
				t.Errorf("%s, %s: %d requests arrived, and it says %d", name, want.kind, arrived, sum)
			}
		}
		must(t, "verify", "--deep", at.address())
	}
}
