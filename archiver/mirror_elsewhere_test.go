package archiver_test

import (
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// After a database has gone on in a detached mirror, a backup into the other archive with its id says
// at which address it did. What an archive has lost at its own address is not blamed on another one.
func TestMirrorSaysWhereTheDatabaseWentOn(t *testing.T) {
	from, to := storagetest.NewMemory(), storagetest.NewMemory()
	m := increments(t, from, 3)
	mirrorInto(t, from, to)
	if _, err := newArchive(to).Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	into := func(store storage.Storage, name string) error {
		m.commit(10)
		_, err := newWith(store, archiver.Options{Host: "test", Tool: "test", Name: name, State: t.TempDir()}).WithoutRaces().Backup(t.Context(), m.path, archiver.BackupOptions{})
		return err
	}
	before := to.Objects()
	if err := into(to, "s3://second/people"); err != nil {
		t.Fatal(err)
	}
	code := archiver.CodeVanished
	if isEncrypted {
		code = archiver.CodeDamagedArchive // it may have been set back by somebody
	}
	mustFail(t, into(from, "s3://first/people"), code, "it was made at s3://second/people, another address")
	err := into(refill(t, before), "s3://second/people")
	mustFail(t, err, code, "there was backup")
	if strings.Contains(err.Error(), "another address") {
		t.Errorf("it blames another archive: %v", err)
	}
}
