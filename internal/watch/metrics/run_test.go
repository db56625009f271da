package metrics

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

const address = "s3://backups/people?endpoint=http://127.0.0.1:9000&profile=private"

var committed = archiver.BackupReport{
	Backup: archiver.Backup{
		Seq: 7, Kind: archiver.KindFull, Timeline: 2, EndEpoch: 40, CreatedAt: time.Unix(1000, 0),
		RawBytes: 500, StoredBytes: 200, ReusedBytes: 100, Database: "people.grafeo",
	},
	Requests: storage.RequestCounts{Put: 3, Get: 2},
}

// ended writes a run of a backup to the file at path and returns what is in it.
func ended(t *testing.T, path string, code string) map[string]string {
	t.Helper()
	r, exit := NewRun("backup", "people", address), 0
	if code == "" {
		r.Backup(committed)
	} else {
		exit = 1
	}
	if err := r.Write(path, exit, code); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

// read returns the values in a file, by their series.
func read(t *testing.T, path string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if series, value, ok := strings.Cut(line, "} "); ok {
			values[series+"}"] = strings.TrimSpace(value)
		}
	}
	return values
}

func wantValue(t *testing.T, values map[string]string, series, value string) {
	t.Helper()
	if values[series] != value {
		t.Errorf("%s is %q, want %q", series, values[series], value)
	}
}

const (
	ofPeople = `{archive="s3://backups/people",database="people"}`
	success  = `gbak_last_run_success_timestamp_seconds{archive="s3://backups/people",command="backup",database="people"}`
	exitCode = `gbak_last_run_exit_code{archive="s3://backups/people",command="backup",database="people"}`
)

func TestFailedRunTakesNoSuccessAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gbak.prom")
	before := ended(t, path, "")
	if before[success] == "" {
		t.Fatalf("there is no success: %v", before)
	}
	after := ended(t, path, "store_error")
	wantValue(t, after, success, before[success])
	wantValue(t, after, exitCode, "1")
	for _, name := range []string{"last_commit_timestamp_seconds", "last_full_timestamp_seconds"} {
		wantValue(t, after, prefix+name+ofPeople, "1000")
	}
	wantValue(t, after, prefix+"newest_epoch"+ofPeople, "40")
	wantValue(t, after, `gbak_backup_failures_total{archive="s3://backups/people",code="store_error",database="people"}`, "1")
}

func TestCountersGoOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gbak.prom")
	ended(t, path, "")
	ended(t, path, "store_error")
	ended(t, path, "")
	values := ended(t, path, "store_error")
	wantValue(t, values, `gbak_backups_total{archive="s3://backups/people",database="people",kind="full"}`, "2")
	wantValue(t, values, `gbak_backup_failures_total{archive="s3://backups/people",code="store_error",database="people"}`, "2")
	wantValue(t, values, `gbak_stored_bytes_total`+ofPeople, "400")
	wantValue(t, values, `gbak_store_requests_total{archive="s3://backups/people",database="people",op="put"}`, "6")
}

// TestVerifyBesideBackup: runs of several commands share one file, and each keeps what it
// does not know itself.
func TestVerifyBesideBackup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gbak.prom")
	ended(t, path, "")
	r := NewRun("verify", "", address)
	r.Verify(archiver.VerifyReport{Deep: true, Findings: make([]archiver.Finding, 3)})
	if err := r.Write(path, 3, ""); err != nil {
		t.Fatal(err)
	}
	const findings = `gbak_verify_findings{archive="s3://backups/people",database="",level="deep"}`
	wantValue(t, read(t, path), findings, "3")
	wantValue(t, read(t, path), exitCode, "0")
	wantValue(t, ended(t, path, ""), findings, "3")
}

// TestOthersAreNotKept: a file that was used for another archive or database, or by another
// program, does not show what nobody will ever change.
func TestOthersAreNotKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gbak.prom")
	content := `gbak_newest_epoch{archive="s3://backups/other",database="people"} 1
gbak_newest_epoch{archive="s3://backups/people",database="pets"} 2
gbak_timeline{archive="s3://backups/people",database="people"} 3
node_load1 4
`
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	values := ended(t, path, "store_error")
	for series := range values {
		if strings.Contains(series, "other") || strings.Contains(series, "pets") || strings.HasPrefix(series, "node") {
			t.Errorf("it keeps %s", series)
		}
	}
	wantValue(t, values, "gbak_timeline"+ofPeople, "3")
}

func TestDamagedFileIsBegunAnew(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"gbak_newest_epoch{archive=", "\x00\x00\x00", strings.Repeat("# nothing\n", maxFile/10+1)} {
		path := filepath.Join(t.TempDir(), "gbak.prom")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r := NewRun("backup", "people", address)
		if err := r.Write(path, 0, ""); !errors.Is(err, errNoMetrics) {
			t.Errorf("%.30q: the error is %v", content, err)
		}
		wantValue(t, read(t, path), exitCode, "0")
	}
}

// TestFileThatCannotBeWritten: it is an error, and nothing is left behind.
func TestFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "nowhere", "gbak.prom"), dir} {
		if err := NewRun("backup", "people", address).Write(path, 0, ""); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestFile: everybody may read it, it is alone in its folder, Prometheus has nothing to
// complain about, and it tells no more of the address than where the archive is.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "gbak.prom")
	for command, tell := range map[string]func(*Run){
		"backup": func(r *Run) { r.Backup(committed) },
		"verify": func(r *Run) { r.Verify(archiver.VerifyReport{}) },
		"status": func(r *Run) {
			r.Status(archiver.StatusReport{
				Newest: &committed.Backup, Replay: &archiver.Replay{Backups: 3}, Behind: &archiver.Behind{Lag: time.Hour, Bytes: 8},
			})
		},
	} {
		r := NewRun(command, "p\xff\"e\nople", address)
		tell(r)
		if err := r.Write(path, 1, "store_error"); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o444 != 0o444 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("there are %v, %v", all, err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(strings.NewReader(string(content))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	for _, secret := range []string{"9000", "private"} {
		if strings.Contains(string(content), secret) {
			t.Errorf("it tells %q", secret)
		}
	}
}

// What samples have read, and drills have proved, is there after each command that knows it.
func TestProofsInRuns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gbak.prom")
	write := func(command string, tell func(*Run)) map[string]string {
		r := NewRun(command, "people", address)
		tell(r)
		if err := r.Write(path, 0, ""); err != nil {
			t.Fatal(err)
		}
		return read(t, path)
	}
	sample := prefix + `verify_last_timestamp_seconds{archive="s3://backups/people",database="people",level="sample"}`
	after := write("status", func(r *Run) { r.Status(archiver.StatusReport{Proofs: &archiver.Proofs{}}) })
	wantValue(t, after, prefix+"drill_last_success_timestamp_seconds"+ofPeople, "0")
	wantValue(t, after, prefix+"drill_last_ok"+ofPeople, "")

	after = write("verify", func(r *Run) {
		r.Verify(archiver.VerifyReport{Read: &archiver.Reading{Coverage: archiver.Coverage{Read: 0.25, LastAt: time.Unix(2000, 0)}}})
	})
	wantValue(t, after, prefix+"verify_covered_ratio"+ofPeople, "0.25")
	wantValue(t, after, sample, "2000")

	proofs := archiver.Proofs{
		Proven:    &archiver.Proven{At: time.Unix(1000, 0), Restore: 41 * time.Second},
		LastDrill: &archiver.Drilled{At: time.Unix(1500, 0), Why: "rot"},
		Coverage:  &archiver.Coverage{Read: 1, LastAt: time.Unix(3000, 0)},
	}
	after = write("status", func(r *Run) { r.Status(archiver.StatusReport{Proofs: &proofs}) })
	wantValue(t, after, prefix+"drill_last_success_timestamp_seconds"+ofPeople, "1000")
	wantValue(t, after, prefix+"drill_restore_seconds"+ofPeople, "41")
	wantValue(t, after, prefix+"drill_last_ok"+ofPeople, "0")
	wantValue(t, after, prefix+"verify_covered_ratio"+ofPeople, "1")
	wantValue(t, after, sample, "3000")

	// A status that may not read certificates takes nothing away.
	after = write("status", func(r *Run) { r.Status(archiver.StatusReport{ProofsUnknown: errors.New("denied")}) })
	wantValue(t, after, prefix+"drill_last_success_timestamp_seconds"+ofPeople, "1000")

	after = write("drill", func(r *Run) {
		r.Drill(archiver.DrillReport{RestoreTime: 7 * time.Second}, nil)
	})
	wantValue(t, after, prefix+"drill_last_ok"+ofPeople, "1")
	wantValue(t, after, prefix+"drill_restore_seconds"+ofPeople, "7")
	failed := write("drill", func(r *Run) {
		r.Drill(archiver.DrillReport{RestoreTime: 9 * time.Second, Bytes: archiver.DrillCheck{Result: archiver.DrillFailed}}, nil)
	})
	wantValue(t, failed, prefix+"drill_last_ok"+ofPeople, "0")
	for _, c := range []struct{ certificate, want string }{{"", "1"}, {"certificates/a", "0"}} {
		write("drill", func(r *Run) { r.Drill(archiver.DrillReport{}, nil) })
		failed = write("drill", func(r *Run) {
			r.Drill(archiver.DrillReport{Certificate: c.certificate}, errors.New("the disk is full"))
		})
		wantValue(t, failed, prefix+"drill_last_ok"+ofPeople, c.want)
	}
	after = failed
	failed = write("drill", func(r *Run) { r.Drill(archiver.DrillReport{}, errors.New("no store")) })
	for _, name := range []string{"drill_last_success_timestamp_seconds", "drill_restore_seconds"} {
		wantValue(t, failed, prefix+name+ofPeople, after[prefix+name+ofPeople])
	}
}
