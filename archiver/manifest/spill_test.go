package manifest

import (
	"strings"
	"testing"
)

func TestSpillNames(t *testing.T) {
	for _, base := range []string{"vectors_Doc%3Aemb.bin", "vectors_Größe%3Ae.bin.1", "...", "kept ", "cache", `a\b`,
		strings.Repeat("x", 255)} {
		for _, kept := range []bool{false, true} {
			name := SpillName(base, kept)
			if got, isKept, ok := SplitSpillName(name); !ok || got != base || isKept != kept || !IsSpillName(name) || IsLogName(name) {
				t.Errorf("%q is %q, kept %t, %t", name, got, isKept, ok)
			}
		}
	}
	// Whatever is restored under a name must not leave its folder.
	for _, name := range []string{
		"spill", "spill/", "spill/kept", "spill/kept/", "spill/.", "spill/..", "spill/kept/.", "spill/kept/..", "spill/a/b", "spill/kept/a/b",
		"spill/../x", "spill//x", "spill/kept//x", "/spill/x", "spill/x/", "Spill/x", "spilt/x", "../spill/x", "spill/a\x00b", "spill/\xff",
		"spill/" + strings.Repeat("x", 256), "spill/kept/kept/x", "image", "wal_00000001.log", "",
	} {
		if base, _, ok := SplitSpillName(name); ok {
			t.Errorf("%q is a file %q", name, base)
		}
	}
}

// The index of a backup has exactly the spilled files that its manifest names.
func TestSpillFits(t *testing.T) {
	named := func(change func(m *Manifest, spilled *File)) error {
		m := sample()
		ix := m.Content
		m.Spill = []Spilled{{Name: "spill/x", Bytes: 0}}
		ix.Files = append(ix.Files, File{Name: "spill/x", Extents: []Extent{}})
		change(m, &ix.Files[len(ix.Files)-1])
		if _, err := DecodeManifest(m.Encode()); err != nil {
			t.Fatal(err)
		}
		return m.Fits(ix)
	}
	if err := named(func(*Manifest, *File) {}); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Manifest, *File){
		"not named":     func(m *Manifest, _ *File) { m.Spill = nil },
		"another size":  func(m *Manifest, _ *File) { m.Spill[0].Bytes = 1 },
		"another name":  func(m *Manifest, _ *File) { m.Spill[0].Name = "spill/kept/x" },
		"one is lacked": func(m *Manifest, _ *File) { m.Spill = append(m.Spill, Spilled{Name: "spill/y"}) },
	} {
		if err := named(change); err == nil || !strings.Contains(err.Error(), "spill/") {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := sampleIncremental()
	m.Spill = []Spilled{{Name: "spill/x"}} // it has not changed since the full one
	if err := m.fitsSpill(&Index{}); err != nil {
		t.Error(err)
	}
	if err := m.fitsSpill(&Index{Files: []File{{Name: "spill/x"}}}); err == nil {
		t.Error("an incremental has a spilled file")
	}
}
