package manifest

import (
	"strings"
	"testing"
)

// directorySample is a full backup of a database without an image.
func directorySample() *Manifest {
	m := sample()
	m.Database = Database{Generation: "0.5", ID: "log-0011223344556677", Name: "mydb", Layout: Directory}
	m.Position.LSN, m.Position.Commit.LSN = 0, 0
	m.Content.Files = m.Content.Files[1:]
	m.RawBytes = m.Content.Files[0].Bytes
	return m
}

// A directory has a log and no image, and everything else an image.
func TestLayout(t *testing.T) {
	t.Parallel()
	good := directorySample()
	got, err := DecodeManifest(good.Encode())
	if err != nil || !got.Database.IsDirectory() || got.Fits(got.Content) != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, change := range map[string]func(*Manifest){
		"another layout":  func(m *Manifest) { m.Database.Layout = "heap" },
		"of 0.6":          func(m *Manifest) { m.Database.Generation = "0.6" },
		"an image epoch":  func(m *Manifest) { m.Database.ImageEpoch = 1 },
		"headers":         func(m *Manifest) { m.Database.HeadersCRC32C = 1 },
		"an iteration":    func(m *Manifest) { m.Database.Iteration = 1 },
		"a log position":  func(m *Manifest) { m.Database.CheckpointLSN = 1 },
		"an image's name": func(m *Manifest) { m.Database.Layout = ImageName },
	} {
		m := directorySample()
		change(m)
		if _, err := DecodeManifest(m.Encode()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, change := range map[string]func(*Manifest){
		"with an image":           func(m *Manifest) { m.Content = sampleIndex() },
		"without a log":           func(m *Manifest) { m.Content.Files = nil },
		"a file without an image": func(m *Manifest) { m.Database.Layout = "" },
	} {
		m := directorySample()
		change(m)
		if err := m.Fits(m.Content); err == nil || !strings.Contains(err.Error(), "image") && !strings.Contains(err.Error(), "log") {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown, other := Database{ID: UnknownID, Layout: Directory}, Database{ID: UnknownID}
	if !unknown.Is(&good.Database) || !good.Database.Is(&unknown) || other.Is(&good.Database) {
		t.Error("which database is which")
	}
}
