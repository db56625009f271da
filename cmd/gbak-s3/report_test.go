package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The command that people copy from a report restores what they see, and nothing that is hidden in it.
func TestReportedRestore(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"s3://backups/people?endpoint=https://minio.example": "gbak-s3 restore -i IDENTITY 's3://backups/people?endpoint=https://minio.example' restored.grafeo --backup 3",
		"/nas/a b":                      "gbak-s3 restore -i IDENTITY '/nas/a b' restored.grafeo --backup 3",
		"/nas/a\nrm -r people":          "gbak-s3 restore -i IDENTITY ARCHIVE restored.grafeo --backup 3",
		"/nas/\u202eelpoep":             "gbak-s3 restore -i IDENTITY ARCHIVE restored.grafeo --backup 3",
		"/" + strings.Repeat("a", 2000): "gbak-s3 restore -i IDENTITY ARCHIVE restored.grafeo --backup 3",
	} {
		l := archiveLook{address: address, status: archiver.StatusReport{Encryption: &archiver.Encryption{}}}
		command, remark := l.restore("--backup", "3")
		if command != want || strings.Contains(command, "ARCHIVE") != strings.Contains(remark, "ARCHIVE") || !strings.Contains(remark, "IDENTITY") {
			t.Errorf("%.60q: %s\n%s", address, command, remark)
		}
	}
}

// A store that stops answering while objects are looked up takes nothing from what was seen before: neither
// what the records say, nor what was found to be wrong. Nothing is said to be there that was not looked up.
func TestReportIsCutShort(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harmed string // an object
		code   archiver.Code
		words  string
	}{
		"nothing found": {"", archiver.CodeStore, "verify failed"},
		"damage found":  {"RESTORE.md", archiver.CodeDamagedArchive, "damage found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("../../testdata/frozen/0.1.0/shared-0.6/archive")); err != nil {
				t.Fatal(err)
			}
			if c.harmed != "" {
				if err := os.WriteFile(dir+"/"+c.harmed, []byte("junk"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			store, err := local.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			away := storagetest.NewFaulty(store, func(op storage.Op, key string, _ int) storagetest.Fault {
				if op == storage.OpList && strings.HasPrefix(key, "segments/") {
					return storagetest.Fault{Err: storage.ErrUnavailable}
				}
				return storagetest.Fault{}
			})
			l := archiveLook{address: dir}
			l.err = l.look(t.Context(), archiver.New(away, archiver.Options{StoreTimeout: time.Second}), true)
			if err := l.verdict(); archiver.CodeOf(err) != c.code {
				t.Errorf("the verdict is %v, %s", err, archiver.CodeOf(err))
			}
			d := l.row(&app{})
			s := page.Status{At: time.Now(), Databases: []page.Database{d}}
			if d.Unread != "" || d.Newest.Seq == 0 || d.History == nil || d.Restore == "" || !d.Verify.LastGood.IsZero() {
				t.Errorf("the row is %+v", d)
			}
			if sum := s.Summary(); sum.Level < page.Warn || !strings.Contains(sum.Headline, c.words) {
				t.Errorf("the page says %s", sum)
			}
			if row := s.Rows()[0]; !strings.Contains(row.Troubles[len(row.Troubles)-1].Text, "`verify` could not be done: ") {
				t.Errorf("the row says %+v", row.Troubles)
			}
			if l.cut == nil || !errors.Is(l.cut, archiver.ErrStore) {
				t.Errorf("it was cut short by %v", l.cut)
			}
		})
	}
}
