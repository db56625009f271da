package locate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// moved moves a database, with its log if it has one, to another path.
func moved(t *testing.T, from, to string) string {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(to), 0o700))
	check(t, os.Rename(from, to))
	if err := os.Rename(grafeo.LogDir(from), grafeo.LogDir(to)); !errors.Is(err, fs.ErrNotExist) {
		check(t, err)
	}
	return to
}

func TestFind(t *testing.T) {
	t.Run("a file", func(t *testing.T) {
		path := copyVector(t, "v0.6.0/live")
		if f, err := Find(t.Context(), path, false); err != nil || f != (Found{Path: path}) {
			t.Errorf("found %+v, %v", f, err)
		}
	})
	t.Run("the data folder of a server", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "people")
		path := moved(t, copyVector(t, "v0.5.42/live"), grafeo.ServerFiles(folder)[0])
		if f, err := Find(t.Context(), folder, false); err != nil || f != (Found{Path: path, Name: "people"}) {
			t.Errorf("found %+v, %v", f, err)
		}
		moved(t, copyVector(t, "v0.5.42/live"), grafeo.ServerFiles(folder)[1])
		_, err := Find(t.Context(), folder, false)
		mustBe[*SeveralDatabasesError](t, err, grafeo.ServerFiles(folder)[0], grafeo.ServerFiles(folder)[1])
	})
	t.Run("a directory", func(t *testing.T) {
		path := copyVector(t, "v0.5.42/live")
		folder := filepath.Join(t.TempDir(), "people")
		check(t, os.MkdirAll(folder, 0o700))
		check(t, os.Rename(grafeo.LogDir(path), filepath.Join(folder, "wal")))
		if f, err := Find(t.Context(), folder, false); err != nil || f.Path != folder {
			t.Errorf("found %+v, %v", f, err)
		}
		moved(t, path, grafeo.ServerFiles(folder)[0])
		_, err := Find(t.Context(), folder, false)
		mustBe[*SeveralDatabasesError](t, err, folder)
	})
	t.Run("a folder of databases", func(t *testing.T) {
		folder := t.TempDir()
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			moved(t, copyVector(t, "v0.6.0/closed"), filepath.Join(folder, name+".grafeo"))
		}
		_, err := Find(t.Context(), folder, false)
		mustBe[*FolderOfDatabasesError](t, err, filepath.Join(folder, "a.grafeo"), "and 1 more")
		mustBe[*grafeo.NotDatabaseError](t, err)
	})
	t.Run("a folder of nothing", func(t *testing.T) {
		_, err := Find(t.Context(), t.TempDir(), false)
		mustBe[*grafeo.NotDatabaseError](t, err)
	})
	t.Run("something else", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "text")
		check(t, os.WriteFile(path, []byte("text"), 0o600))
		_, err := Find(t.Context(), path, false)
		mustBe[*grafeo.NotDatabaseError](t, err)
	})
	t.Run("nothing", func(t *testing.T) {
		_, err := Find(t.Context(), filepath.Join(t.TempDir(), "none.grafeo"), false)
		mustBe[*MissingError](t, err, "none.grafeo")
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the error is %v", err)
		}
	})
}

// A link means the file if the log is beside that.
func TestFindByLink(t *testing.T) {
	path := copyVector(t, "v0.6.0/live")
	path, err := filepath.EvalSymlinks(path)
	check(t, err)
	link := filepath.Join(filepath.Dir(path), "link.grafeo")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if f, err := Find(t.Context(), link, false); err != nil || f.Path != path {
		t.Errorf("with the log beside the file: %+v, %v", f, err)
	}
	_, err = Find(t.Context(), path, false)
	check(t, err)
	check(t, os.Mkdir(grafeo.LogDir(link), 0o700))
	_, err = Find(t.Context(), link, false)
	mustBe[*TwoLogsError](t, err, path, link)
	check(t, os.Remove(grafeo.LogDir(link)))
	check(t, os.Rename(grafeo.LogDir(path), grafeo.LogDir(link)))
	if f, err := Find(t.Context(), link, false); err != nil || f.Path != link {
		t.Errorf("with the log beside the link: %+v, %v", f, err)
	}
	_, err = Find(t.Context(), path, false)
	mustBe[*UnseenLogError](t, err, "its log is beside the other name", link)
	check(t, os.CopyFS(grafeo.LogDir(path), os.DirFS(grafeo.LogDir(link))))
	err = CheckLog(t.Context(), path, false)
	mustBe[*UnseenLogError](t, err, "there are two logs", link)
}

// What stands in the place of the log folder, and is none, hides the log.
func TestNoLogFolder(t *testing.T) {
	path := copyVector(t, "v0.6.0/closed")
	check(t, os.WriteFile(grafeo.LogDir(path), nil, 0o600))
	mustBe[*UnseenLogError](t, CheckLog(t.Context(), path, false), "is a file")
	check(t, os.Remove(grafeo.LogDir(path)))
	if err := os.Symlink("nowhere", grafeo.LogDir(path)); err != nil {
		t.Fatal(err)
	}
	mustBe[*UnseenLogError](t, CheckLog(t.Context(), path, true), "is a link to nowhere")
}

// An interrupted upgrade to 0.6 leaves no database under its name.
func TestInterruptedUpgrade(t *testing.T) {
	path := copyVector(t, "v0.5.42/live")
	check(t, os.Rename(path, grafeo.PreUpgrade(path)))
	err := Identify(path)
	mustBe[*UnfinishedUpgradeError](t, err, grafeo.PreUpgrade(path), "is gone")
	check(t, os.WriteFile(grafeo.Migrating(path), nil, 0o600))
	err = Identify(path)
	mustBe[*UnfinishedUpgradeError](t, err, "was interrupted", "its log is still in "+grafeo.LogDir(path))
	if e, _ := errors.AsType[*UnfinishedUpgradeError](err); !e.New {
		t.Error("Grafeo can finish it")
	}
	mustBe[*UnseenLogError](t, CheckLog(t.Context(), grafeo.PreUpgrade(path), false), "the old database of an upgrade")
	check(t, os.Rename(grafeo.LogDir(path), grafeo.LogDir(grafeo.PreUpgrade(path))))
	check(t, CheckLog(t.Context(), grafeo.PreUpgrade(path), false))
	if err := ExplainMissing(path, fs.ErrPermission); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another error: %v", err)
	}
	check(t, Identify(grafeo.PreUpgrade(path)))
}
