package archiver_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// plus returns a number of a document with n added.
func plus(v any, n int64) json.Number {
	number, _ := v.(json.Number)
	i, _ := number.Int64()
	return json.Number(fmt.Sprint(i + n))
}

// positionOf returns what a manifest says of its last commit, nil if there is none.
func positionOf(m document) (position, commit document) {
	position, _ = m["position"].(document)
	commit, _ = position["commit"].(document)
	return position, commit
}

// otherStates are ways in which a manifest can name another state. Each returns false if this one cannot.
var otherStates = map[string]func(m, ix document) bool{
	"epoch": func(m, _ document) bool { m["end_epoch"] = plus(m["end_epoch"], 1); return true },
	"lsn": func(m, _ document) bool {
		position, commit := positionOf(m)
		position["lsn"] = plus(position["lsn"], 1)
		if commit != nil && m["database"].(document)["generation"] == "0.6" {
			commit["lsn"] = plus(commit["lsn"], 1)
		}
		return m["database"].(document)["generation"] == "0.6" // 0.5 has none: refused as a document
	},
	"end": func(m, _ document) bool { // of the log, in 0.5
		_, commit := positionOf(m)
		if commit == nil || m["database"].(document)["generation"] == "0.6" {
			return false
		}
		commit["end"] = plus(commit["end"], 9)
		return true
	},
	"file": func(m, _ document) bool {
		_, commit := positionOf(m)
		if commit == nil {
			return false
		}
		commit["end_file"] = plus(commit["end_file"], 1)
		return true
	},
	"crc": func(m, _ document) bool {
		_, commit := positionOf(m)
		if commit == nil {
			return false
		}
		commit["crc32c"] = plus(commit["crc32c"], -1)
		return true
	},
	"no commit": func(m, ix document) bool {
		position, commit := positionOf(m)
		position["commit"], m["commits"], ix["commits"] = nil, json.Number("0"), nil
		return commit != nil
	},
	"database": func(m, _ document) bool {
		d := m["database"].(document)
		id := d["id"].(string)
		digit := "0"
		if strings.HasSuffix(id, "0") {
			digit = "1"
		}
		d["id"] = id[:len(id)-1] + digit
		return true
	},
	"iteration": func(m, _ document) bool {
		d := m["database"].(document)
		d["iteration"] = plus(d["iteration"], 1)
		return m["kind"] == "full" && d["layout"] == nil
	},
	"image": func(m, _ document) bool {
		d := m["database"].(document)
		d["headers_crc32c"] = plus(d["headers_crc32c"], -1)
		return m["kind"] == "full" && d["layout"] == nil
	},
	"checkpoint": func(m, _ document) bool {
		d := m["database"].(document)
		d["checkpoint_lsn"] = plus(d["checkpoint_lsn"], 1)
		return m["kind"] == "full" && d["generation"] == "0.6"
	},
	"epoch of the image": func(m, _ document) bool {
		d := m["database"].(document)
		d["image_epoch"] = plus(d["image_epoch"], 1)
		return m["kind"] == "full" && d["layout"] == nil
	},
}

// A manifest that names another state than its content is of, in a document that is otherwise right and has
// the right digest, fails the structure of a drill, although every byte is right: in both generations, with
// a log, without one, with one that a restore trims, in a directory, and at the end of a chain.
func TestDrillFindsAnotherState(t *testing.T) {
	t.Parallel()
	archives := map[string]map[string][]byte{}
	for _, vector := range drilledVectors {
		store := storagetest.NewMemory()
		backup(t, store, copyVector(t, vector))
		archives[vector] = store.Objects()
	}
	store05, _ := chain05(t, 2)
	archives["chain 0.5"], archives["chain 0.6"] = store05.Objects(), chain06(t, 2).Objects()
	trimmed := storagetest.NewMemory()
	backup(t, trimmed, liveWithLog(t, frames("edge 7", "edge 0", "commit 2", "epoch 1", "commit 3", "epoch 2", "edge 1", "commit 4", "epoch 3")))
	archives["trimmed"] = trimmed.Objects()

	for name, objects := range archives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records := uint64(0)
			for objects[manifest.Seq(records+1).Key()] != nil {
				records++
			}
			mustProve(t, refill(t, objects), archiver.AtBackup(records))
			for _, what := range slices.Sorted(maps.Keys(otherStates)) {
				can := false
				changed := forged(t, objects, manifest.Seq(records), func(m, ix document) { can = otherStates[what](m, ix) })
				if !can {
					continue
				}
				store := refill(t, changed)
				r, err := newArchive(store).Drill(t.Context(), archiver.DrillOptions{Scratch: t.TempDir(), Target: archiver.AtBackup(records)})
				switch {
				case err != nil:
					t.Errorf("%s: %v", what, err)
				case r.OK(), r.Certificate == "":
					t.Errorf("%s: the drill found nothing: %+v", what, r)
				case r.Bytes.Result == archiver.DrillFailed:
					// That the log does not end there shows from the manifest and its index.
					if what != "lsn" && what != "end" && what != "file" || !strings.Contains(r.Why(), "not where its last commit does") {
						t.Errorf("%s: %s", what, r.Why())
					}
				case r.Structure.Result != archiver.DrillFailed || r.Exec.Result != archiver.DrillNotDone:
					t.Errorf("%s: %+v", what, r)
				}
			}
		})
	}
}
