//go:build freeze

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
)

// edge05, end05 and switch05 are records of a 0.5 log: one that creates an edge, those that end a commit,
// and one that goes to another graph.
func edge05(id byte) [][]byte           { return [][]byte{{0x02, id, 0, 1, 1, 'E'}} }
func end05(number, epoch byte) [][]byte { return [][]byte{{0x23, number}, {0x26, epoch}} }
func switch05(graph string) [][]byte {
	return [][]byte{append([]byte{0x1d, 1, byte(len(graph))}, graph...)}
}
func join05(records ...[][]byte) [][]byte { return slices.Concat(records...) }

// log05 gives a database of 0.5 a log of files with these records.
func (f *freezer) log05(path string, files ...[][]byte) {
	f.Helper()
	if err := os.MkdirAll(path+".wal", 0o700); err != nil {
		f.Fatal(err)
	}
	for i, records := range files {
		var log []byte
		for _, r := range records {
			log = grafeotest.AppendFrame05(log, r)
		}
		if err := os.WriteFile(filepath.Join(path+".wal", grafeotest.LogName05(uint64(i))), log, 0o600); err != nil {
			f.Fatal(err)
		}
	}
}

// crafted05 is a small database of the real 0.5 whose image has the edges 0 to 7, with another log.
func (f *freezer) crafted05(files ...[][]byte) string {
	f.Helper()
	folder := filepath.Join(f.TempDir(), "db")
	copyTree(f, "../archiver/grafeo/testdata/v0.5.42/live", folder)
	path := filepath.Join(folder, "tiny.grafeo")
	f.log05(path, files...)
	return path
}

// nativeOf makes a folder of Grafeo's own backups.
func nativeOf(f *freezer, version string) string {
	f.Helper()
	w, folder := newLive(f, version), filepath.Join(f.TempDir(), "native")
	w.do(f, "commit", "2")
	w.do(f, "full", folder)
	for range 2 {
		w.do(f, "commit", "2")
		w.do(f, "incremental", folder)
	}
	w.do(f, "commit", "1")
	w.do(f, "full", folder)
	w.kill(f)
	return folder
}

// elsewhere takes a full backup on another host, with a program of another name.
func (f *freezer) elsewhere(path string) {
	f.Helper()
	a := archiver.New(storeAt(f, f.at), archiver.Options{Host: "db2", Tool: "another program"})
	if _, err := a.Backup(f.Context(), path, archiver.BackupOptions{Full: true, NoHold: true}); err != nil {
		f.Fatal(err)
	}
}

// digestCommand is a command of a drill that reports a digest.
func digestCommand(digest string) string { return "sh -c 'echo digest: " + digest + "' {}" }

// drills has drills of all results, and the last one succeeds.
func (f *freezer) drills() {
	f.Helper()
	drill := func(code int, args ...string) {
		if r := f.h.gbak(f, append([]string{"drill", f.at.root}, args...)...); r.code != code {
			f.Fatalf("drill %v: %d, want %d\n%s%s", args, r.code, code, r.stdout, r.stderr)
		}
	}
	drill(exitOK)
	drill(exitOK, "--exec", digestCommand("v1:1"))
	drill(exitOK, "--exec", digestCommand("v1:1"))
	drill(exitDamage, "--exec", digestCommand("v1:2"))
	drill(exitOK, "--exec", "true {}")
	drill(exitOK, "--backup", "1", "--exec", digestCommand("app:1"))
	for random := 0; random < 3; random++ {
		drill(exitDamage, "--random", "--exec", "false {}")
	}
	drill(exitOK, "--random", "--exec", "true {}")
}

// samples verifies parts of the archive, once with a segment that is damaged, and put back then.
func (f *freezer) samples() {
	f.Helper()
	f.must("verify", "--sample", "50%", f.at.root)
	for _, key := range f.at.keys(f) {
		if !strings.HasPrefix(key, "segments/") {
			continue
		}
		b := f.at.read(f, key)
		rotten := slices.Clone(b)
		rotten[len(rotten)/2] ^= 1
		f.at.write(f, key, rotten)
		if r := f.h.gbak(f, "verify", "--deep", f.at.root); r.code != exitDamage {
			f.Fatalf("%s%s", r.stdout, r.stderr)
		}
		f.at.write(f, key, b)
		break
	}
	f.must("verify", "--deep", f.at.root)
}

// mirror makes the archive as a mirror of another one, and returns the path of the database.
func (f *freezer) mirror() string {
	f.Helper()
	original := directory{filepath.Join(f.TempDir(), "original")}
	db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2")
	f.must("backup", db.path, original.root, "--no-hold")
	db.write(f, "--kill", "--nodes", "2", "--commits", "2")
	f.must("backup", db.path, original.root, "--no-hold")
	f.must("mirror", original.root, f.at.root)
	return db.path
}

// share takes full backups that refer to segments of earlier ones.
func (f *freezer) share(times int, flags ...string) (path string) {
	f.Helper()
	path = filepath.Join(f.TempDir(), "db.grafeo")
	seeds := []func(int) uint64{
		nil, func(chunk int) uint64 { return uint64(chunk) + uint64(chunk/2)*100 }, func(chunk int) uint64 { return uint64(chunk) + uint64(chunk/3)*1000 },
	}
	for i, seed := range seeds[:times] {
		f.image06(path, uint64(i+1), 5<<19, seed)
		f.backup(path, append([]string{"--full"}, flags...)...)
	}
	return path
}

// image06 makes an image of a database of 0.6, most of which is zeros.
func (f *freezer) image06(path string, iteration uint64, size int64, seed func(int) uint64) {
	f.Helper()
	err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: iteration, Epoch: 7, Size: size, Compressible: 0.9999, Seed: seed})
	if err != nil {
		f.Fatal(err)
	}
}

// commits05 gives a database of 0.5 a log of n commits.
func (f *freezer) commits05(path string, n uint64) {
	f.Helper()
	var log []byte
	for epoch := uint64(1); epoch <= n; epoch++ {
		log = grafeotest.AppendCommit05(log, epoch+1, epoch)
	}
	if err := os.WriteFile(filepath.Join(path+".wal", grafeotest.LogName05(0)), log, 0o600); err != nil {
		f.Fatal(err)
	}
}

// take copies the archive from where it was made.
func (f *freezer) take(at place) {
	f.Helper()
	for _, key := range at.keys(f) {
		f.at.write(f, key, at.read(f, key))
	}
}

// removals makes an archive whose backups were merged and removed, in all ways.
func removals(f *freezer) {
	w := newLive(f, gen06)
	backups := func(n int) (last int64) {
		for range n {
			w.do(f, "commit", "1")
			last = f.backup(w.path).Seq
		}
		return last
	}
	expire := func(args ...string) {
		f.must(append([]string{"expire", f.at.root, "--grace", "0", "--apply"}, args...)...)
		time.Sleep(time.Second) // what is dead has to be older than the grace by the store's clock
	}
	backups(1)
	f.must("pin", f.at.root, "1", "--label", "before the upgrade") // the first keep: later groups may be deleted
	f.backup(w.path, "--full")
	backups(5)
	for i := 9; i <= 32; i++ { // the rest of the first group, which stays: keeps take less room than backups
		f.must("policy", f.at.root, "--keep-last", strconv.Itoa(100+i))
	}
	backups(32) // the second group
	w.do(f, "checkpoint")
	f.backup(w.path, "--full", "--label", "release=1")
	backups(3)
	expire("--keep-last", "3", "--keep-label", "release")
	f.backup(w.path, "--full")
	expire("--keep-last", "1", "--keep-label", "release")
	last := backups(7)
	f.must("compact", f.at.root, "--apply", "--min", "3", "--tail", "3")
	f.must("pin", f.at.root, strconv.FormatInt(last, 10))
	f.must("policy", f.at.root, "--keep-last", "30", "--keep-full", "2", "--keep-within", "36500d", "--window", "1d", "--keep-hourly", "1",
		"--keep-daily", "2", "--keep-weekly", "3", "--keep-monthly", "4", "--keep-yearly", "5", "--keep-label", "release", "--keep-label", "env=test")
	backups(1)
	w.kill(f)
	if n := len(names(f, f.at.path("manifests"))); n > int(last) {
		f.Fatalf("no manifest was deleted: %d are left", n)
	}
	if strings.Contains(strings.Join(names(f, f.at.path("manifests")), " "), "0000000040.json") {
		f.Fatal("the second group is there still")
	}
}

// changedKeys makes an archive with several generations of keys.
func changedKeys(f *freezer) {
	first := f.identity("identity.txt")
	db := create(f, gen06, "--kill", "--nodes", "2", "--commits", "2")
	next := func(args ...string) {
		db.write(f, "--kill", "--nodes", "2", "--commits", "2")
		f.backup(db.path, args...)
	}
	f.backup(db.path, "-r", first)
	gone := f.identity("gone.txt")
	f.opens = f.opens[:1] // it opens the beginning only
	f.must(append([]string{"keys", "add", f.at.root, "-r", gone}, f.key()...)...)
	next()
	f.must(append([]string{"keys", "remove", f.at.root, "-r", gone}, f.key()...)...)
	next()
	f.must(append([]string{"keys", "rotate", f.at.root}, f.key()...)...)
	next()
	f.backup(db.path, "--full")
	f.must(append([]string{"keys", "rotate", f.at.root, "--revoke-hosts"}, f.key()...)...)
	f.must(append([]string{"keys", "writer", f.at.root}, f.key()...)...)
	next()
	f.must("pin", f.at.root, "1")
	f.must("pin", f.at.root, "3")
	last := f.identity("identity-2.txt")
	f.must(append([]string{"keys", "add", f.at.root, "-r", last}, f.key()...)...)
	next()
}
