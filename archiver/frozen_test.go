package archiver_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/local"
)

// frozenFolder has archives of all versions that made some (testdata/frozen/README.md).
const frozenFolder = "../testdata/frozen"

// frozen is what expected.json says of the archive beside it.
type frozen struct {
	Opens  []string `json:"opens"`
	States []struct {
		Args  []string          `json:"args"`
		Files map[string]string `json:"files"`
	} `json:"states"`
}

// frozenPaths returns the folders of all frozen archives.
func frozenPaths(t testing.TB) (paths []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(frozenFolder, "*", "*", "expected.json"))
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no frozen archive: %v", err)
	}
	for _, path := range found {
		paths = append(paths, filepath.Dir(path))
	}
	return paths
}

// targetOf returns the target that arguments of the command restore name.
func targetOf(t testing.TB, args []string) (target archiver.Target) {
	t.Helper()
	values := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		values[args[i]] = args[i+1]
	}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(values[name], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch {
	case values["--backup"] != "":
		target = archiver.AtBackup(number("--backup"))
	case values["--epoch"] != "":
		target = archiver.AtEpoch(number("--epoch"))
	case values["--time"] != "":
		at, err := time.Parse(time.RFC3339Nano, values["--time"])
		if err != nil {
			t.Fatal(err)
		}
		target = archiver.AtTime(at)
	}
	if values["--timeline"] != "" {
		target = target.OnTimeline(int(number("--timeline")))
	}
	return target
}

// keysOf returns keys with each of the identities and passphrases beside a frozen archive.
func keysOf(t testing.TB, path string, f frozen) (keys []archiver.Keys) {
	t.Helper()
	for _, name := range f.Opens {
		text, err := os.ReadFile(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "passphrase") {
			continue // each state would take a second; the command is tried with it
		}
		ids, err := archiver.ParseIdentities(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, archiver.Keys{Identities: func(context.Context) ([]archiver.Identity, error) { return ids, nil }})
	}
	if len(f.Opens) == 0 {
		keys = []archiver.Keys{{}}
	}
	return keys
}

// Every state of every frozen archive restores, byte for byte, for ever.
func TestFrozen(t *testing.T) {
	t.Parallel()
	for _, path := range frozenPaths(t) {
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			var f frozen
			b, err := os.ReadFile(filepath.Join(path, "expected.json"))
			if err == nil {
				err = json.Unmarshal(b, &f)
			}
			if err != nil || len(f.States) == 0 {
				t.Fatalf("%d states, %v", len(f.States), err)
			}
			store, err := local.Open(filepath.Join(path, "archive"))
			if err != nil {
				t.Fatal(err)
			}
			for _, keys := range keysOf(t, path, f) {
				a := with(store, keys)
				if v, err := a.Verify(t.Context(), archiver.VerifyOptions{Deep: true}); err != nil || !v.OK() || v.Unopened {
					t.Errorf("verify: %+v, %v", v, err)
				}
				for i, state := range f.States {
					if isLeftOut(i) {
						continue
					}
					target := filepath.Join(t.TempDir(), "restored")
					if _, err := a.Restore(t.Context(), target, archiver.RestoreOptions{Target: targetOf(t, state.Args)}); err != nil {
						t.Errorf("%v: %v", state.Args, err)
						continue
					}
					got := map[string]string{}
					for name, content := range contents(t, filepath.Dir(target)) {
						sum := sha256.Sum256([]byte(content))
						got[strings.TrimPrefix(filepath.ToSlash(name), "restored")] = hex.EncodeToString(sum[:])
					}
					if diff := cmp.Diff(state.Files, got); diff != "" {
						t.Errorf("%v (-want +got): %s", state.Args, diff)
					}
				}
			}
		})
	}
}
