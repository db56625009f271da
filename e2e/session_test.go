package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// What a session asks of the real MinIO, and of a store whose entity tags are no checksums, so that
// what is committed is read back.
func TestRequestsOfASession(t *testing.T) {
	for name, c := range map[string]struct {
		hook      s3test.Hook
		increment storage.RequestCounts
	}{
		"checksums": {nil, storage.RequestCounts{Get: 1, Put: 1}},
		"tags of KMS": {func(r *s3test.Request) s3test.Fault {
			if r.Op != storage.OpPut {
				return s3test.Fault{}
			}
			return s3test.Fault{Edit: func(a *s3test.Answer) { a.Header.Set("Etag", `"`+strings.Repeat("0", 32)+`"`) }}
		}, storage.RequestCounts{Get: 2, Put: 1}},
	} {
		path := filepath.Join(t.TempDir(), "db.grafeo")
		if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 1}); err != nil {
			t.Fatal(err)
		}
		log, err := grafeotest.NewLog06(path+".wal", [16]byte{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := behindProxy(t, c.hook)
		opts, err := s3.ParseAddress(p.Address)
		if err != nil {
			t.Fatal(err)
		}
		store, err := s3.Open(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		s := archiver.New(store, archiver.Options{}).Session(path, archiver.SessionOptions{})
		for n := range 5 {
			err := log.Append(grafeotest.Group06{Epoch: uint64(2 + n), Transaction: 2, Time: time.Now(), Records: []byte("one commit")})
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.Backup(t.Context(), archiver.SessionBackup{})
			if err != nil || n > 0 && r.Requests != c.increment {
				t.Errorf("%s, backup %d: %+v, %v, want %+v", name, n+1, r.Requests, err, c.increment)
			}
		}
		before := s.Requests()
		if r, err := s.Backup(t.Context(), archiver.SessionBackup{}); err != nil || r.Backup.Kind != archiver.KindNone || s.Requests() != before {
			t.Errorf("%s, nothing new: %+v, %v", name, r, err)
		}
		if err := s.Check(t.Context()); err != nil || s.Requests() != before.Plus(storage.RequestCounts{Get: 1}) {
			t.Errorf("%s, a check: %+v after %+v, %v", name, s.Requests(), before, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
