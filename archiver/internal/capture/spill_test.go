package capture

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

func TestSpilledVectors(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	d.spill(vectorsName, vectors(1, 2, 3, 4))
	s := d.capture(nil)
	if damaged, err := s.ProveSpill(nil); len(damaged) > 0 || err != nil || len(s.Spilled) != 1 {
		t.Fatalf("%v, %v, %+v", damaged, err, s.Spilled)
	}
	if f := s.Files[len(s.Files)-1]; f.Name != manifest.SpillName(vectorsName, false) || f.Proof == nil {
		t.Errorf("the last file is %+v", f)
	}
	if err := s.CheckSpillUnchanged(); err != nil {
		t.Error(err)
	}
	parent := backup(s)
	if s := d.capture(parent); s.Kind != manifest.Incremental || len(s.Spilled) != 1 {
		t.Errorf("the same vectors: %+v", s)
	}
	for how, change := range map[string]func(){
		"has different content": func() { d.spill(vectorsName, vectors(1, 2, 3, 5)) },
		"has a different size":  func() { d.spill(vectorsName, vectors(1, 2)) },
		"is new":                func() { d.spill("vectors_Doc%3Aother.bin", vectors(1, 2)) },
		"is gone":               func() { d.check(os.Remove(filepath.Join(grafeo.SpillDir(d.path), vectorsName))) },
	} {
		d.check(os.RemoveAll(grafeo.SpillDir(d.path)))
		d.spill(vectorsName, vectors(1, 2, 3, 4))
		s := d.capture(nil)
		change()
		if how != "has different content" { // which a file system with coarse times may not show
			if err := s.CheckSpillUnchanged(); !grafeo.IsTorn(err) {
				t.Errorf("%s, while they were read: %v", how, err)
			}
		}
		if s := d.capture(parent); s.Kind != manifest.Full || !strings.Contains(s.Why, how) {
			t.Errorf("%s: a %s source, %s", how, s.Kind, s.Why)
		}
	}
}

// A wrong header may be a writer's doing, unless it is the same twice.
func TestDamagedVectors(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	b := vectors(1, 2, 3, 4)
	b[0] ^= 1
	d.spill(vectorsName, b)
	damaged, err := d.capture(nil).ProveSpill(nil)
	if len(damaged) != 1 || !grafeo.IsTorn(err) {
		t.Fatalf("%q, %v", damaged, err)
	}
	if again, err := d.capture(nil).ProveSpill(damaged); len(again) != 1 || err != nil {
		t.Errorf("again: %q, %v", again, err)
	}
	b[len(b)-1] ^= 1
	d.spill(vectorsName, b)
	if _, err := d.capture(nil).ProveSpill(damaged); !grafeo.IsTorn(err) {
		t.Errorf("with other bytes: %v", err)
	}
	files, err := ListSpill(d.path)
	d.check(err)
	if err := CheckSpill(files); !errors.Is(err, grafeo.ErrDamaged) {
		t.Errorf("checked: %v", err)
	}
	if err := CheckSpill(nil); err != nil {
		t.Error(err)
	}
}

func TestSpillBesideLinks(t *testing.T) {
	d := newDatabase(t, grafeo.Gen06)
	link := filepath.Join(t.TempDir(), "link.grafeo")
	if err := os.Symlink(d.path, link); err != nil {
		t.Fatal(err)
	}
	d.spill(vectorsName, vectors(1, 2))
	if files, err := ListSpill(link); err != nil || len(files) != 1 {
		t.Errorf("beside the file: %+v, %v", files, err)
	}
	beside := &database{t: t, path: link}
	beside.spill(vectorsName, vectors(1, 2))
	_, err := ListSpill(link)
	if e, ok := errors.AsType[*TwoSpillsError](err); !ok || e.Link != link {
		t.Errorf("beside both: %v", err)
	}
}

func TestSpillName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("file systems that refuse such a name")
	}
	d := newDatabase(t, grafeo.Gen06)
	d.spill("vectors_\xff.bin", vectors(1, 2))
	_, err := d.query(nil).Capture(t.Context())
	if _, ok := errors.AsType[*SpillNameError](err); !ok {
		t.Errorf("the error is %v", err)
	}
}
