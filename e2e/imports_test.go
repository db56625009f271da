package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gbak-s3/gbak-s3"

// within reports whether path is pkg or below it.
func within(path, pkg string) bool { return path == pkg || strings.HasPrefix(path, pkg+"/") }

// forTests reports whether a package is a helper for tests: storagetest, s3test, ...
func forTests(path string) bool { return strings.HasSuffix(path, "test") }

// mayImport says which packages of this module a package that is no test may
// import; paths are relative to the module. ARCHITECTURE.md draws it.
func mayImport(from, to string) bool {
	switch {
	case within(from, "internal/page"):
		return to == "internal/history" || within(to, "internal/page") // a page is made of plain values
	case from == "internal/view":
		return to == "archiver" || to == "internal/page"
	case within(to, "internal/page"), to == "internal/view":
		return from == "internal/watch/server" || within(from, "cmd")
	case to == "internal/errno":
		return from != "storage" // what a system said
	case within(from, "internal/watch"):
		return to == "archiver" || to == "storage" || to == "internal/disk" || to == "internal/history" || within(to, "internal/watch") ||
			to == "internal/spelling" || to == "archiver/grafeo" && from == "internal/watch/trigger" // the names of a database's files
	case from == "internal/history":
		return to == "archiver"
	case to == "internal/history":
		return within(from, "cmd")
	case within(to, "internal/watch"):
		return within(from, "cmd")
	case to == "internal/shared":
		return !isDiskless(from) && !forTests(to) // how a file is opened
	case within(from, "internal"):
		return forTests(from) && within(to, "internal")
	case within(to, "internal"):
		return forTests(from) || !forTests(to) && !isDiskless(from) // help that depends on nothing
	case forTests(from):
		return true // it is imported by tests only, which is checked below
	case within(from, "scripts"):
		return forTests(to) // inputs of benchmarks
	case forTests(to):
		return false
	case within(from, "cmd"):
		return within(to, "cmd") || within(to, "archiver") || within(to, "storage")
	case from == "storage/driver":
		return to == "storage"
	case from == "storage/throttle":
		return to == "storage"
	case within(from, "storage/local"):
		return to == "storage" || to == "storage/driver" || within(to, "storage/local")
	case within(from, "storage/s3"):
		return to == "storage" || to == "storage/driver" || within(to, "storage/s3")
	case within(from, "storage"):
		return false
	}
	for _, leaf := range []string{"archiver/manifest", "archiver/segment", "archiver/grafeo"} {
		if within(from, leaf) {
			return within(to, leaf)
		}
	}
	if room, ok := strings.CutPrefix(from, roomsBelow); ok {
		return within(to, "archiver/manifest") || within(to, "archiver/segment") || within(to, "archiver/grafeo") ||
			slices.Contains(rooms[room], strings.TrimPrefix(to, roomsBelow))
	}
	if within(from, "archiver") {
		return within(to, "archiver") || to == "storage"
	}
	return false
}

const roomsBelow = "archiver/internal/"

// rooms says, for each room below archiver, the rooms that it may import, and whether
// it may know the store: the lower ones first. All may import the formats.
var rooms = map[string][]string{
	"progress":  {},
	"memory":    {},
	"seal":      {},
	"objects":   {"storage", "progress", "memory", "seal"},
	"probe":     {"storage", "objects"},
	"catalog":   {},
	"retention": {"catalog"},
	"ring":      {},
	"journal":   {"storage", "objects", "catalog", "seal"},
	"commit":    {"storage", "objects", "catalog", "journal", "progress", "seal"},
	"keeping":   {"journal", "commit", "catalog", "retention"},
	"gc":        {"storage", "objects", "journal", "commit"},
	"record":    {"journal", "seal"},
	"locate":    {},
	"replay":    {},
	"openlog":   {},
	"capture":   {"replay", "catalog", "openlog"},
	"hold":      {"locate"},
	"pages":     {"storage", "objects", "commit", "capture", "seal"},
	"pack":      {"storage", "memory", "objects", "commit", "capture", "pages", "locate", "progress", "seal", "sent"},
	"resume":    {},
	"sent":      {},
	"fetch":     {"storage", "objects", "resume", "progress", "seal"},
	"compact":   {"storage", "objects", "journal", "commit", "catalog", "capture", "sent", "pack", "fetch", "progress", "seal"},
	"mirroring": {"storage", "objects", "seal", "journal", "commit", "progress"},
	"copying":   {"storage", "objects", "seal", "journal", "commit", "sent", "pages", "fetch", "progress"},
	"access":    {},
	"staging":   {"access", "resume", "hold"},
	"rebuild":   {"staging", "fetch", "catalog", "replay", "resume", "objects", "progress"},
	"native":    {"catalog", "capture"},
	"export":    {"catalog", "staging", "replay"},
	"structure": {"catalog"},
	"verify":    {"journal", "fetch", "catalog", "objects", "capture", "progress", "seal", "ring"},

	"scratch":      {},
	"certificates": {"storage", "objects", "ring"},
	"salvage":      {"journal", "fetch", "catalog", "objects", "progress", "seal", "storage"},

	"journal/journaltest": {"storage", "objects", "journal"}, // for tests only
	"seal/sealtest":       {"seal"},                          // for tests only
	"commit/model":        {},                                // tests only
}

// storeless are the rooms of the database's side, the target's side and the deciding
// side: they do not know that there is a store, not even through others.
var storeless = []string{"progress", "memory", "seal", "catalog", "locate", "replay", "openlog", "capture", "hold", "resume", "sent", "access", "staging", "native", "export", "retention", "ring", "structure", "scratch"}

// diskless are the rooms that touch no file, not even through others.
var diskless = []string{"progress", "memory", "seal", "objects", "probe", "catalog", "retention", "ring", "journal", "commit", "keeping", "gc", "certificates"}

// isDiskless reports whether a package is a room that touches no file.
func isDiskless(pkg string) bool {
	room, ok := strings.CutPrefix(pkg, roomsBelow)
	return ok && slices.Contains(diskless, room)
}

// mayUseAge says which packages may encrypt: what is stored comes from one place.
func mayUseAge(from string) bool { return from == roomsBelow+"seal" }

// mayUseSDK says which packages may import the AWS SDK.
func mayUseSDK(from string) bool { return within(from, "storage/s3") }

// mayUsePrometheus says which packages may import the Prometheus client.
func mayUsePrometheus(from string) bool { return from == "internal/watch/metrics" }

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestImports keeps the dependencies between packages as they were designed:
// backends below the interface, the archiver above it and free of backends and
// of the AWS SDK, formats that know nothing of either.
func TestImports(t *testing.T) {
	t.Parallel()
	packages := goList(t, "./...")
	if len(packages) < 5 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	for _, p := range packages {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, path := range p.Imports {
			to, ours := strings.CutPrefix(path, module+"/")
			if ours && !mayImport(from, to) {
				t.Errorf("%s must not import %s", from, to)
			}
			if strings.HasPrefix(path, "github.com/aws/") && !mayUseSDK(from) {
				t.Errorf("%s must not import the AWS SDK (%s)", from, path)
			}
			if within(path, "filippo.io/age") && !mayUseAge(from) {
				t.Errorf("%s must not import age (%s)", from, path)
			}
			if strings.HasPrefix(path, "github.com/prometheus/") && !mayUsePrometheus(from) {
				t.Errorf("%s must not import the Prometheus client (%s)", from, path)
			}
		}
		room, isRoom := strings.CutPrefix(from, roomsBelow)
		if _, known := rooms[room]; isRoom && !known {
			t.Errorf("%s is no room of the plan", from)
		}
		for _, path := range p.Deps {
			to, _ := strings.CutPrefix(path, module+"/")
			if isRoom && (to == "archiver" || within(to, "cmd") ||
				slices.Contains(storeless, room) && within(to, "storage") || isDiskless(from) && within(to, "internal/disk")) {
				t.Errorf("%s depends on %s", from, to)
			}
			if within(path, "github.com/minio/minio") {
				t.Errorf("%s is linked with MinIO, which is AGPL", from)
			}
			if within(from, "archiver") && strings.HasPrefix(path, "github.com/aws/") {
				t.Errorf("%s depends on %s", from, path)
			}
		}
	}
}

// TestImportRules checks the rules themselves: each forbids something.
func TestImportRules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to string
		want     bool
	}{
		{"cmd/gbak-s3", "archiver", true},
		{"cmd/gbak-s3", "storage/s3", true},
		{"cmd/gbak-s3", "archiver/segment", true}, // the library's options name its types
		{"cmd/gbak-s3", "storage/storagetest", false},
		{"archiver", "storage", true},
		{"archiver", "archiver/grafeo", true},
		{"archiver", "storage/local", false},
		{"archiver", "cmd/gbak-s3", false},
		{"archiver", "archiver/internal/pack", true},
		{"archiver/internal/pack", "archiver", false},
		{"archiver/internal/pack", "archiver/internal/commit", true},
		{"archiver/internal/commit", "archiver/internal/pack", false},
		{"archiver/internal/commit", "archiver/internal/journal", true},
		{"archiver/internal/journal", "archiver/internal/commit", false},
		{"archiver/internal/commit", "archiver/internal/journal/journaltest", false},
		{"archiver/internal/capture", "storage", false},
		{"archiver/internal/capture", "archiver/internal/objects", false},
		{"archiver/internal/staging", "archiver/internal/fetch", false},
		{"archiver/internal/retention", "archiver/internal/catalog", true},
		{"archiver/internal/retention", "archiver/internal/journal", false},
		{"archiver/internal/gc", "archiver/internal/journal", true},
		{"archiver/internal/gc", "archiver/internal/retention", false},
		{"archiver/internal/journal", "archiver/internal/gc", false},
		{"archiver/internal/objects", "internal/disk", false},
		{"archiver/internal/staging", "internal/disk", true},
		{"archiver/manifest", "archiver/internal/catalog", false},
		{"archiver/manifest", "archiver/segment", false},
		{"archiver/grafeo", "storage", false},
		{"archiver/grafeo", "archiver", false},
		{"archiver/grafeo", "internal/crc32combine", true},
		{"internal/watch/config", "internal/spelling", true},
		{"internal/crc32combine", "storage", false},
		{"internal/disk", "internal/disk/disktest", false},
		{"cmd/gbak-s3", "internal/watch", true},
		{"internal/watch", "archiver", true},
		{"internal/watch", "storage/s3", false},
		{"internal/watch", "internal/history", true},
		{"internal/watch", "internal/page", false},
		{"internal/watch/server", "internal/page", true},
		{"internal/page", "internal/watch", false},
		{"internal/page/picture", "archiver", false},
		{"internal/page/picture", "internal/history", true},
		{"internal/view", "archiver", true},
		{"internal/view", "internal/watch", false},
		{"internal/page", "internal/view", false},
		{"internal/watch", "internal/view", false},
		{"internal/history", "archiver", true},
		{"internal/history", "storage", false},
		{"archiver", "internal/history", false},
		{"internal/watch", "archiver/internal/journal", false},
		{"internal/watch", "archiver/grafeo", false},
		{"internal/watch/trigger", "archiver/grafeo", true},
		{"archiver", "internal/watch", false},
		{"storage/local", "internal/watch", false},
		{"internal/disk/disktest", "internal/disk", true},
		{"archiver", "internal/disk", true},
		{"archiver/grafeo", "internal/shared", true},
		{"archiver/internal/commit", "internal/shared", false},
		{"archiver/internal/objects", "internal/errno", true},
		{"internal/watch/server", "internal/errno", true},
		{"storage", "internal/errno", false},
		{"archiver", "internal/disk/disktest", false},
		{"storage/local", "internal/disk", true},
		{"storage/local", "internal/disk/disktest", false},
		{"storage", "storage/local", false},
		{"storage", "storage/driver", false},
		{"storage/throttle", "storage", true},
		{"storage/throttle", "storage/driver", false},
		{"archiver", "storage/throttle", false},
		{"storage/driver", "storage", true},
		{"storage/driver", "storage/local", false},
		{"storage/local", "storage/driver", true},
		{"archiver", "storage/driver", false},
		{"storage/local", "storage", true},
		{"storage/local", "storage/s3", false},
		{"storage/s3", "archiver", false},
		{"storage/s3/s3test", "storage/storagetest", true},
	}
	for _, tt := range tests {
		if got := mayImport(tt.from, tt.to); got != tt.want {
			t.Errorf("mayImport(%s, %s) = %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}
