//go:build freeze

package e2e

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// scene makes one archive, with certain features of the format.
type scene struct {
	about string
	make  func(*freezer)
}

var scenes = map[string]scene{
	"increments-0.6": {"a full backup, increments in manifests and in an object of their own, labels, a second host and another build", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "3")
		f.backup(db.path, "--label", "env=test")
		for i := range 3 {
			db.write(f, "--kill", "--nodes", "2", "--commits", "2")
			f.backup(db.path, "--label", fmt.Sprintf("step=%d", i))
		}
		f.elsewhere(db.path)
		f.backup(db.path, "--full")
		db.write(f, "--kill", "--nodes", "2", "--commits", "1")
		f.backup(db.path)
	}},
	"index-0.6": {"an index that is an object of its own, because of its many commits", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "1", "--commits", "1")
		f.backup(db.path)
		db.write(f, "--kill", "--nodes", "1", "--pad", "1", "--commits", "850")
		f.backup(db.path)
		db.write(f, "--kill", "--nodes", "1", "--commits", "2")
		f.backup(db.path)
	}},
	"shared-0.6": {"full backups that refer to segments of earlier ones by digests of pages, several segments and frames, and many zeros", func(f *freezer) {
		path := f.share(3, "--segment-size", "1MiB")
		f.image06(path, 4, 5<<20, nil)
		f.backup(path, "--full")
	}},
	"timelines-0.6": {"histories that fork: a timeline from a restored epoch, and a database of another id", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "3")
		f.backup(db.path)
		db.write(f, "--kill", "--nodes", "2", "--commits", "3")
		f.backup(db.path)
		twin := filepath.Join(f.TempDir(), "twin.grafeo")
		f.must("restore", f.at.root, twin, "--epoch", "4")
		other := db.at(twin)
		other.model = filepath.Join(f.TempDir(), "model")
		other.write(f, "--kill", "--nodes", "3", "--commits", "2")
		f.backup(twin)
		other.write(f, "--kill", "--nodes", "3", "--commits", "2")
		f.backup(twin)
		f.backup(create(f, gen06, "--kill", "--nodes", "1", "--commits", "2").path, "--new-database")
	}},
	"upgraded": {"a database of 0.5 that becomes one of 0.6", func(f *freezer) {
		w := newLive(f, gen05)
		w.do(f, "commit", "4")
		f.backup(w.path)
		w.do(f, "commit", "2")
		f.backup(w.path)
		model := w.save(f)
		w.quit(f)
		u := startLive(f, gen06, w.path, filepath.Join(f.TempDir(), "log"), "--model", model)
		u.do(f, "commit", "2")
		f.backup(w.path)
		u.do(f, "commit", "2")
		f.backup(w.path)
		u.kill(f)
	}},
	"runs-0.5": {"several runs of a database of 0.5, a checkpoint, and edges that its log has as well as its image", func(f *freezer) {
		w := newLive(f, gen05)
		w.do(f, "commit", "5")
		f.backup(w.path)
		w.do(f, "commit", "2")
		f.backup(w.path)
		w.do(f, "checkpoint")
		w.do(f, "commit", "3")
		f.backup(w.path)
		model := w.save(f)
		w.kill(f)
		w = startLive(f, gen05, w.path, w.log, "--model", model)
		w.do(f, "commit", "4")
		f.backup(w.path)
		w.do(f, "commit", "2")
		f.backup(w.path)
		w.kill(f)
	}},
	"replay-0.5": {"a log whose edges the image has already, in a named graph and in three files", func(f *freezer) {
		f.backup(f.crafted05(join05(switch05("g"), edge05(0), end05(2, 1), edge05(1)), join05(end05(3, 2), edge05(2), end05(4, 3), [][]byte{{0x25, 4}}),
			join05(edge05(7), [][]byte{[]byte("\x00node")}, edge05(8), end05(5, 4), edge05(9), end05(6, 5))))
	}},
	"without-0.5": {"a log some of whose edges the image has already, continued", func(f *freezer) {
		log := join05(edge05(0), end05(2, 1), edge05(9), end05(3, 2), edge05(1), edge05(8), end05(7, 3))
		path := f.crafted05(log)
		f.backup(path)
		f.log05(path, append(log, join05(edge05(2), end05(8, 4))...))
		f.backup(path)
	}},
	"unsure-0.5": {"an image of which it cannot be found out which edges it has", func(f *freezer) {
		path := filepath.Join(f.TempDir(), "db.grafeo")
		if err := grafeotest.Image05(path, grafeotest.Image05Options{Iteration: 1, Epoch: 1, Sections: []int64{10, 500}}); err != nil {
			f.Fatal(err)
		}
		f.log05(path, join05(edge05(0), end05(2, 1)))
		f.backup(path)
	}},
	"empty-log-0.5": {"log files of 0 bytes, merged as well", func(f *freezer) {
		w, native := newLive(f, gen05), filepath.Join(f.TempDir(), "native")
		w.do(f, "commit", "2")
		f.backup(w.path)
		for range 2 {
			w.do(f, "full", native)
		}
		w.do(f, "commit", "2")
		f.backup(w.path)
		w.do(f, "full", native)
		w.do(f, "commit", "1")
		f.backup(w.path)
		for range 3 {
			w.do(f, "commit", "1")
			f.backup(w.path)
		}
		if emptyFiles(f, w.path+".wal") == 0 {
			f.Fatal("Grafeo has left no empty log file")
		}
		f.must("compact", f.at.root, "--apply", "--min", "2", "--tail", "1")
		w.kill(f)
	}},
	"directory-0.5": {"a database that is a directory, empty at first", func(f *freezer) {
		w := newLiveDirectory(f)
		f.backup(w.path)
		for _, n := range []string{"3", "2"} {
			w.do(f, "commit", n)
			f.backup(w.path)
		}
		model := w.save(f)
		w.kill(f)
		w = startLive(f, gen05, w.path, w.log, "--model", model)
		w.do(f, "commit", "3")
		f.backup(w.path)
		w.kill(f)
	}},
	"spill-0.5": {"vectors that are only in the spill folder", func(f *freezer) {
		path := spilledDatabase(f, gen05)
		f.backup(path)
		spilled(f, path, "vectors_No%3Aindex.bin")
		time.Sleep(5 * time.Second) // a state by which a change is noticed takes files that have rested
		f.backup(path)
	}},
	"spill-0.6": {"vectors that were set aside, below kept/", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2")
		spilled(f, db.path, "vectors_No%3Aindex.bin", "kept/vectors_Old%3Aone.bin")
		f.backup(db.path)
		db.write(f, "--kill", "--nodes", "2", "--commits", "2") // which removes the folder
		spilled(f, db.path, "vectors_No%3Aindex.bin", "kept/vectors_Old%3Aone.bin")
		f.backup(db.path)
	}},
	"removed-0.6": {"merged backups, pins, rules, gaps, fences, and groups of manifests that are deleted", removals},
	"imported-0.6": {"Grafeo's own backups, imported; some were removed since", func(f *freezer) {
		h := nativeOf(f, gen06)
		f.must("import", h, f.at.root)
		f.must("expire", f.at.root, "--remove", "1", "--grace", "0", "--apply")
	}},
	"imported-0.5": {"Grafeo's own backups of 0.5, imported", func(f *freezer) {
		f.must("import", nativeOf(f, gen05), f.at.root)
	}},
	"copied-0.6": {"a copy of an archive, with merged backups, pins and rules, and a backup since", func(f *freezer) {
		original := directory{filepath.Join(f.TempDir(), "original")}
		w := newLive(f, gen06)
		for range 6 {
			w.do(f, "commit", "1")
			f.must("backup", w.path, original.root, "--no-hold")
		}
		f.must("compact", original.root, "--apply", "--min", "2", "--tail", "1")
		f.must("pin", original.root, "1", "--label", "the first")
		f.must("policy", original.root, "--keep-last", "3")
		f.must("copy", original.root, f.at.root)
		w.do(f, "commit", "2")
		f.backup(w.path)
		w.kill(f)
	}},
	"single-writer-0.6": {"made for a single writer, in a store that ignores conditions", func(f *freezer) {
		p, at := behindProxy(f, carelessStores["ignores"].hook)
		path := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2").path
		f.must("backup", path, p.Address, "--no-hold", "--single-writer")
		f.must("backup", path, p.Address, "--no-hold", "--full")
		f.take(at)
	}},
	"locked-0.6": {"in a bucket with object lock, with plans for its locks", func(f *freezer) {
		at := inBucket(f, s3test.NewLockedBucket(f))
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "1")
		f.must("backup", db.path, at.address(), "--no-hold", "--lock-keep", "6h")
		db.write(f, "--kill", "--nodes", "2", "--commits", "1")
		f.must("backup", db.path, at.address(), "--no-hold", "--lock-keep", "6h")
		f.take(at)
	}},
	"encrypted-x25519": {"encrypted for two recipients; increments, an index that is an object, pins and a fence", func(f *freezer) {
		first := f.identity("identity.txt")
		second := f.identity("identity-2.txt")
		path := f.crafted05()
		f.commits05(path, 3)
		f.backup(path, "-r", first, "-r", second)
		f.commits05(path, 6)
		f.backup(path)
		f.commits05(path, 2150)
		f.backup(path)
		f.must("pin", f.at.root, "1")
		f.must("pin", f.at.root, "2")
	}},
	"encrypted-shared": {"encrypted full backups that refer to segments of earlier ones", func(f *freezer) {
		f.share(2, "-r", f.identity("identity.txt"))
	}},
	"encrypted-hybrid": {"encrypted for a hybrid recipient", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2")
		f.backup(db.path, "-r", f.identity("identity.txt", "--pq"))
		db.write(f, "--kill", "--nodes", "2", "--commits", "2")
		f.backup(db.path)
	}},
	"encrypted-passphrase": {"encrypted for a passphrase", func(f *freezer) {
		db := create(f, gen05, "--kill", "--nodes", "2", "--commits", "1")
		f.backup(db.path, append([]string{"--passphrase"}, f.passphrase()...)...)
		db.write(f, "--kill", "--nodes", "2", "--commits", "1")
		f.backup(db.path)
	}},
	"drilled-0.6": {"certificates of drills and verifications that succeeded and that failed, pinned digests", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2")
		f.backup(db.path)
		db.write(f, "--kill", "--nodes", "2", "--commits", "2")
		f.backup(db.path)
		f.must("attest", f.at.root, "--backup", "1", "--digest", "app:1")
		f.drills()
		f.samples()
		f.must("drill", f.at.root, "--random", "--exec", digestCommand("v1:1"))
	}},
	"drilled-0.5": {"certificates and pinned digests of a database of 0.5", func(f *freezer) {
		w := newLive(f, gen05)
		w.do(f, "commit", "2")
		w.do(f, "full", filepath.Join(f.TempDir(), "native")) // another log file begins
		w.do(f, "commit", "2")
		f.backup(w.path)
		w.kill(f)
		f.must("drill", f.at.root, "--exec", digestCommand("v1:1"))
		f.must("attest", f.at.root, "--backup", "1", "--digest", "app:1")
	}},
	"mirrored-0.6": {"a mirror, not detached", func(f *freezer) {
		f.mirror()
	}},
	"detached-0.6": {"a mirror that was detached, and a backup since", func(f *freezer) {
		path := f.mirror()
		f.must("mirror", "--detach", f.at.root)
		f.backup(path, "--full")
	}},
	"encrypted-drilled": {"certificates and a pinned digest of an encrypted archive", func(f *freezer) {
		db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2")
		f.backup(db.path, "-r", f.identity("identity.txt"))
		f.must(append([]string{"drill", f.at.root, "--exec", digestCommand("v1:1")}, f.key()...)...)
		f.must(append([]string{"verify", "--sample", "50%", f.at.root}, f.key()...)...)
	}},
	"encrypted-keys": {"keys that were changed: a recipient added and one removed, hosts revoked", changedKeys},
}
