package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/internal/watch"
)

// TestProblemOfDrill: what would fail at night shows when the file is checked.
func TestProblemOfDrill(t *testing.T) {
	dir := t.TempDir()
	here, file := filepath.Join(dir, "here"), filepath.Join(dir, "file")
	small, huge := filepath.Join(dir, "small.grafeo"), filepath.Join(dir, "huge.grafeo")
	for _, path := range []string{file, small, huge} {
		if err := os.WriteFile(path, []byte("GRAF\x03\x00\x00\x00"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(here, 0o700); err != nil {
		t.Fatal(err)
	}
	space, ok := disk.SpaceAt(here)
	if ok = ok && runtime.GOOS != "windows"; ok { // where a file without content would fill the disk
		if err := os.Truncate(huge, space.Free); err != nil { // all holes, and with a tenth more it does not fit
			t.Logf("no file can be so large: %v", err)
			ok = false
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	good := watch.Target{Database: small, Drill: watch.DrillRules{Every: time.Hour, Scratch: here, Exec: program + "\n{}"}}
	for name, c := range map[string]struct {
		change func(*watch.Target)
		want   string
	}{
		"all is there":          {func(*watch.Target) {}, ""},
		"no command is wanted":  {func(g *watch.Target) { g.Drill.Exec = "" }, ""},
		"no drill is wanted":    {func(g *watch.Target) { g.Drill = watch.DrillRules{Exec: "/nowhere/node"} }, ""},
		"no such command":       {func(g *watch.Target) { g.Drill.Exec = "/nowhere/node\n{}" }, "/nowhere/node"},
		"a file that runs not":  {func(g *watch.Target) { g.Drill.Exec = file + "\n{}" }, file},
		"no such folder":        {func(g *watch.Target) { g.Drill.Scratch = filepath.Join(dir, "nowhere") }, "nowhere"},
		"a file for a folder":   {func(g *watch.Target) { g.Drill.Scratch = file }, file},
		"too little room there": {func(g *watch.Target) { g.Database = huge }, "are free there"},
	} {
		if strings.Contains(name, "room") && !ok {
			continue
		}
		g := good
		c.change(&g)
		if got := problemOfDrill(g); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if left, err := os.ReadDir(here); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
