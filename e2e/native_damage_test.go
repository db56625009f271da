package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// A flipped byte in any file is found, and the file is named.
func TestNativeDamage(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			h := makeNative(t, version)
			at := newDirectory(t)
			for name, f := range snapshot(t, h.folder) {
				if name == "." {
					continue
				}
				for _, offset := range []int{0, len(f.content) / 3, len(f.content) / 2, len(f.content) - 1} {
					if name == "backup_manifest.json" && offset > 0 {
						offset = strings.Index(f.content, "backup_incr_0002") + 3 // elsewhere it may be a time
					}
					b := []byte(f.content)
					b[offset] ^= 0x41
					path := filepath.Join(h.folder, name)
					if err := os.WriteFile(path, b, 0o600); err != nil {
						t.Fatal(err)
					}
					failure := gbak(t, "import", h.folder, at.address(), "--json").want(t, exitDamage).failure(t)
					if want := strings.TrimSuffix(name, ".json"); !strings.Contains(failure.Message, want) && !strings.Contains(failure.Message, "fackup") && !strings.Contains(failure.Message, "bac*up") {
						t.Errorf("%s is damaged at %d: %s", name, offset, failure.Message)
					}
				}
				if err := os.WriteFile(filepath.Join(h.folder, name), []byte(f.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			must(t, "import", h.folder, at.address())
			must(t, "verify", "--deep", at.address())
		})
	}
}

// The holes that native chains of the real database have (docs/grafeo-format.md, section
// 8): what is complete is imported, the rest is refused, with the epochs that are lost.
func TestNativeHoles(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			old := version == "0.5.42"
			refused := func(folder string, words ...string) {
				t.Helper()
				at := newDirectory(t)
				failure := gbak(t, "import", folder, at.address(), "--json").want(t, exitDamage).failure(t)
				for _, word := range words {
					if !strings.Contains(failure.Message, word) {
						t.Errorf("%s: %q does not say %q", folder, failure.Message, word)
					}
				}
				if keys := at.keys(t); len(keys) > 0 {
					t.Errorf("%s: refused, and stored %v", folder, keys)
				}
			}

			// A crash between the list and the cursor: the next incremental repeats.
			w := newLive(t, version)
			h := &nativeHistory{version: version, folder: filepath.Join(t.TempDir(), "repeated"), digests: map[int64]string{}}
			w.do(t, "commit", "2")
			w.do(t, "full", h.folder)
			cursor := filepath.Join(w.path+".wal", "backup_cursor.meta")
			before, err := os.ReadFile(cursor)
			if err != nil {
				t.Fatal(err)
			}
			w.do(t, "commit", "2")
			w.do(t, "incremental", h.folder)
			if err := os.WriteFile(cursor, before, 0o600); err != nil {
				t.Fatal(err)
			}
			w.do(t, "commit", "2")
			w.do(t, "incremental", h.folder)
			for _, m := range momentsOf(t, w.log)[1:] {
				h.digests[m.Epoch] = m.Digest
			}
			at := newDirectory(t)
			must(t, "import", h.folder, at.address())
			must(t, "verify", "--deep", at.address())
			reach(t, version, at, h.goals())

			// An entry is missing from the list.
			list := filepath.Join(h.folder, "backup_manifest.json")
			b, err := os.ReadFile(list)
			if err != nil {
				t.Fatal(err)
			}
			m, err := grafeo.DecodeNativeManifest(b, list)
			if err != nil {
				t.Fatal(err)
			}
			m.Entries = m.Entries[1:]
			if err := os.WriteFile(list, m.Encode(), 0o600); err != nil {
				t.Fatal(err)
			}
			refused(h.folder, "no full backup", "lost")

			// One cursor for two folders.
			a, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
			w.do(t, "full", a)
			w.do(t, "commit", "3")
			w.do(t, "full", other)
			w.do(t, "commit", "2")
			w.do(t, "incremental", a)
			refused(a, "backup_incr_0001.wal", "gap", "epochs 7 to 11 are lost")

			// Two databases in one folder.
			second := newLive(t, version)
			second.do(t, "commit", "1")
			second.do(t, "full", other)
			refused(other, "backup_full_0001.grafeo", "belongs to database")

			// A crash and a new open: in 0.5 epochs start again.
			h = &nativeHistory{version: version, folder: filepath.Join(t.TempDir(), "reopened"), digests: map[int64]string{}}
			w.do(t, "full", h.folder)
			w.do(t, "commit", "1")
			model := w.save(t)
			w.kill(t)
			w = startLive(t, version, w.path, w.log, "--model", model)
			w.do(t, "commit", "2")
			w.do(t, "incremental", h.folder)
			if old {
				refused(h.folder, "epochs start again", "epochs 1 to 2 are lost")
				return
			}
			all := momentsOf(t, w.log)
			for _, m := range all[len(all)-3:] {
				h.digests[m.Epoch] = m.Digest
			}
			at = newDirectory(t)
			must(t, "import", h.folder, at.address())
			reach(t, version, at, h.goals())
		})
	}
}
