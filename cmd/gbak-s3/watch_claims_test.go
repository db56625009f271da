package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// TestArchivesStay: what appears or goes beside a database changes nothing about the archive that it has, not
// even at a reload, and after a restart not if it holds its log for that. Who would have the archive of
// another one is not watched, and that is said, until it is so no more.
func TestArchivesStay(t *testing.T) {
	type scene struct {
		has, comes, others []string // databases; others are those that would have an archive by themselves
		watched            string
	}
	for name, c := range map[string]scene{
		"a file beside the folder of a server":    {[]string{"people/data.grafeo"}, []string{"people.grafeo"}, nil, "people"},
		"the file beside the folder goes":         {[]string{"people/data.grafeo", "people.grafeo"}, nil, nil, "people people/data"},
		"a name without .grafeo":                  {[]string{"people.grafeo"}, []string{"people"}, nil, "people"},
		"a name that others do not come close to": {[]string{"people/data.grafeo"}, []string{"orders.grafeo"}, []string{"orders"}, "people"},
	} {
		for _, holds := range []bool{true, false} { // as those of 0.5, and those that have no backup yet, do not
			t.Run(name, func(t *testing.T) {
				dir, id := t.TempDir(), byte(0)
				put := func(names []string) {
					for _, name := range names {
						id++
						path := filepath.Join(dir, filepath.FromSlash(name))
						if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), grafeotest.Image06(path, grafeotest.Image06Options{ID: [16]byte{id}})); err != nil {
							t.Fatal(err)
						}
					}
				}
				config := &config.Config{Dirs: []config.Dir{{Path: dir, Archives: []string{"/nas/x/{path}"}, Settings: config.DefaultSettings()}}}
				shows := func(f *folders) map[string]string { // the archives, by the files
					t.Helper()
					f.look(config)
					f.look(config)
					all := map[string]string{}
					for _, target := range f.targets(config) {
						if all[fileOf(target.Database)] != "" {
							t.Errorf("%s is watched twice", target.Database)
						}
						all[fileOf(target.Database)] = target.Archive
					}
					return all
				}
				put(c.has)
				f := newFolders(slog.New(slog.DiscardHandler))
				before := shows(f)
				var names []string
				for _, archive := range before {
					names = append(names, strings.TrimPrefix(archive, "/nas/x/"))
				}
				if slices.Sort(names); strings.Join(names, " ") != c.watched {
					t.Fatalf("at first there are %v", before)
				}
				for file, archive := range before {
					if holds {
						hold(t, file, archive)
					}
				}
				put(c.comes)
				if len(c.comes) == 0 {
					file := real(filepath.Join(dir, "people.grafeo"))
					if err := errors.Join(os.Remove(file), os.RemoveAll(file+".wal")); err != nil {
						t.Fatal(err)
					}
				}
				check := func(when string, f *folders) {
					t.Helper()
					got := shows(f)
					for file, archive := range before {
						if got[file] != archive && (len(c.comes) > 0 || got[file] != "") {
							t.Errorf("%s, %s has %q, and had %s", when, file, got[file], archive)
						}
					}
					for file, archive := range got {
						if is := before[file]; is == "" && !slices.Contains(c.others, strings.TrimPrefix(archive, "/nas/x/")) {
							t.Errorf("%s, %s has %s", when, file, archive)
						}
					}
					if isWrong := len(c.comes) > len(c.others); f.isPartial.Load() != isWrong {
						t.Errorf("%s, something is wrong: %v, %v", when, !isWrong, f.said)
					}
				}
				check("at the next look", f)
				f.forget()
				check("after a reload", f)
				if holds {
					check("after a restart", newFolders(slog.New(slog.DiscardHandler)))
				}
				for _, name := range c.comes {
					if err := os.Remove(filepath.Join(dir, name)); err != nil {
						t.Fatal(err)
					}
				}
				f.forget()
				if shows(f); f.isPartial.Load() {
					t.Errorf("what was wrong is no more, and it is said: %v", f.said)
				}
			})
		}
	}
}

// hold makes a database hold its log for an archive.
func hold(t *testing.T, file, archive string) {
	t.Helper()
	a := archiver.New(storagetest.NewMemory(), archiver.Options{Name: archive, Tool: "test", Host: "test"})
	if _, err := a.Backup(t.Context(), file, archiver.BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	if !holdsFor(file, []string{archive}) {
		t.Fatalf("%s holds nothing", file)
	}
}
