package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// BenchmarkManyBackups runs the command on an archive of a full backup and 9,999 small
// increments in MinIO (docs/scale.md, "10,000 backups"; docs/speed.md, "A compaction"): what
// looks at all of them, a compaction with the restores before and after it, and expiries.
//
//	go test -run - -bench ManyBackups -benchtime 1x -timeout 1h ./e2e
func BenchmarkManyBackups(b *testing.B) {
	const backups = 10_000
	for b.Loop() {
		at := newBucket(b)
		fill(b, at, backups)
		run := func(name string, args ...string) {
			measured(b, name, append(args, "--json")...)
		}
		run("list", "list", at.address())
		run("status", "status", at.address())
		run("expire, dry", "expire", at.address(), "--keep-full", "3")
		run("compact, dry", "compact", at.address())
		run("pin", "pin", at.address(), "5")
		run("unpin", "unpin", at.address(), "5")
		restore := func(name string) {
			run(name, "restore", at.address(), filepath.Join(b.TempDir(), "db.grafeo"))
		}
		for i := range 3 {
			restore(fmt.Sprintf("restore of %d increments %d", backups-1, i))
		}
		run("compact", "compact", at.address(), "--apply")
		for i := range 3 {
			restore(fmt.Sprintf("restore after it %d", i))
		}
		run("expire, after it", "expire", at.address(), "--keep-last", "1", "--grace", "0")
		run("expire, applied", "expire", at.address(), "--keep-last", "1", "--grace", "0", "--apply")
		run("list, after all", "list", at.address())
		run("expire, nothing to do", "expire", at.address(), "--keep-last", "1", "--grace", "0", "--apply")
	}
}

// fill makes an archive with a full backup and increments of a commit each.
func fill(t testing.TB, at bucket, backups int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db.grafeo")
	if err := grafeotest.Image06(path, grafeotest.Image06Options{Iteration: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	log, err := grafeotest.NewLog06(path+".wal", [16]byte{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	memory := storagetest.NewMemory()
	archive := archiver.New(memory, archiver.Options{})
	records := make([]byte, 2000)
	for epoch := range uint64(backups) {
		grafeotest.Fill(records, epoch, 0.3)
		if err := log.Append(grafeotest.Group06{Epoch: epoch + 2, Transaction: 2, Time: time.Now(), Records: records}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Backup(t.Context(), path, archiver.BackupOptions{NoHold: true}); err != nil {
			t.Fatal(err)
		}
		if epoch == 0 { // so that manifests can be deleted
			if _, err := archive.SetPolicy(t.Context(), &archiver.Rules{Last: 10}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var g errgroup.Group
	g.SetLimit(16)
	for key, content := range memory.Objects() {
		g.Go(func() error {
			_, err := at.store.Put(t.Context(), key, bytes.NewReader(content), storage.PutOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// measured runs the command and tells how long it took, its requests and its peak memory.
func measured(b *testing.B, name string, args ...string) {
	b.Helper()
	began := time.Now()
	p := start(b, args...)
	var peak int64
	for running := true; running; {
		select {
		case <-p.done:
			running = false
		case <-time.After(5 * time.Millisecond):
			peak = max(peak, highWater(p.cmd.Process.Pid))
		}
	}
	took := time.Since(began)
	if code := p.cmd.ProcessState.ExitCode(); code != exitOK {
		b.Fatalf("%v: exit code %d: %s", args, code, p.stderr)
	}
	state := p.cmd.ProcessState
	lines := strings.Split(strings.TrimSpace(p.stdout.String()), "\n")
	last := lines[len(lines)-1]
	for _, numbers := range []string{`"apply_requests":`, `"requests":`} {
		if _, rest, ok := strings.Cut(last, numbers); ok {
			last = numbers + rest
			break
		}
	}
	b.Logf("%-30s %7.2f s, CPU %6.2f s, %3d MiB, %.300s", name, took.Seconds(), (state.UserTime() + state.SystemTime()).Seconds(), peak>>20, last)
}
