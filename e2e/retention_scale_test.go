package e2e

import (
	"bytes"
	"encoding/json"
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
// increments in MinIO (docs/scale.md, "10,000 backups"; docs/speed.md, "Small increments"): what
// looks at all of them, a compaction with the restores before and after it, and expiries.
//
//	go test -run - -bench ManyBackups -benchtime 1x -timeout 1h ./e2e
func BenchmarkManyBackups(b *testing.B) {
	const backups = 10_000
	at := newBucket(b)
	fill(b, at, backups)
	run := func(name, verb string, args ...string) {
		b.Run(name, func(b *testing.B) { measured(b, append([]string{verb, at.address(), "--json"}, args...)...) })
	}
	run("list", "list")
	run("status", "status")
	run("expire", "expire", "--keep-full", "3")
	run("compact", "compact")
	run("pin", "pin", "5")
	run("unpin", "unpin", "5")
	for range 3 {
		run("restore", "restore", filepath.Join(b.TempDir(), "db.grafeo"))
	}
	run("compact-applied", "compact", "--apply")
	for range 3 {
		run("restore-merged", "restore", filepath.Join(b.TempDir(), "db.grafeo"))
	}
	run("list-merged", "list")
	remove := []string{"--keep-last", "1", "--grace", "0"}
	run("expire-merged", "expire", remove...)
	run("expire-applied", "expire", append(remove, "--apply")...)
	run("list-expired", "list")
	run("expire-nothing", "expire", append(remove, "--apply")...)
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

// measured runs the command once, and reports how long it took, its peak memory and its
// requests.
func measured(b *testing.B, args ...string) {
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
	state := p.cmd.ProcessState
	r := result{args, p.stdout.String(), p.stderr.String(), state.ExitCode()}.want(b, exitOK)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric((state.UserTime() + state.SystemTime()).Seconds(), "cpu-s")
	b.ReportMetric(float64(peak>>20), "MiB")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var last struct{ Requests map[string]int64 }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		b.Fatal(err)
	}
	for op, n := range last.Requests {
		b.ReportMetric(float64(n), op)
	}
}
