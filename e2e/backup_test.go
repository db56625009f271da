package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ending is how the last program that had a database open went away.
type ending struct{ name, flag string }

// endings: closed leaves the image alone, killed an image and a log, and in a
// transaction also a log that continues after its last commit.
var endings = []ending{{"closed", ""}, {"killed", "--kill"}, {"killed-in-transaction", "--kill-mid"}}

// seeds is how many random histories there are of each kind; GBAK_E2E_SEEDS
// asks for more.
func seeds(t testing.TB) int {
	t.Helper()
	s := os.Getenv("GBAK_E2E_SEEDS")
	if s == "" {
		return 2
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("GBAK_E2E_SEEDS: %v", err)
	}
	return n
}

// TestRandomHistories is the promise of the program: whatever was committed to
// a database of either generation, and however its process went away, a restored
// backup opens in the real Grafeo at the same epoch with the same content, and
// continues to work.
func TestRandomHistories(t *testing.T) {
	for _, version := range versions {
		for _, end := range endings {
			for seed := 1; seed <= seeds(t); seed++ {
				t.Run(fmt.Sprintf("%s/%s/seed%d", version, end.name, seed), func(t *testing.T) {
					t.Parallel()
					// Two runs: the first with either ending, so that logs with
					// several runs and images over images occur.
					db := create(t, version, endings[seed%2].flag, "--seed", strconv.Itoa(seed), "--commits", "14")
					db.write(t, end.flag, "--seed", strconv.Itoa(seed), "--commits", "9")
					want := db.state(t)
					for _, p := range places {
						t.Run(p.name, func(t *testing.T) { roundTrip(t, db, want, p.make(t)) })
					}
				})
			}
		}
	}
}

// roundTrip takes a database through every verb.
func roundTrip(t *testing.T, db *database, want state, at place) {
	before := withoutCursor(snapshot(t, filepath.Dir(db.path)))
	backup := must(t, "backup", db.path, at.address(), "--json").one(t, "backup")
	if diff := cmp.Diff(before, withoutCursor(snapshot(t, filepath.Dir(db.path))), cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("the backup changed the database's files (-before +after):\n%s", diff)
	}
	wantBackup := answer{Type: "backup", Seq: 1, Kind: "full", Timeline: 1, EndEpoch: db.last(t).Epoch, Database: filepath.Base(db.path)}
	if want.Epoch != nil {
		wantBackup.EndEpoch = *want.Epoch
	}
	measured := cmpopts.IgnoreFields(answer{}, "StartEpoch", "RawBytes", "StoredBytes", "Segments", "Requests", "Cost", "ElapsedMS", "CreatedAt", "EndTime", "RestoreFrom", "RestoreTo", "Why", "Host", "DatabaseID", "Generation")
	if diff := cmp.Diff(wantBackup, backup, measured); diff != "" {
		t.Errorf("backup --json (-want +got):\n%s", diff)
	}
	if backup.RawBytes <= 0 || backup.StoredBytes <= 0 || backup.Segments <= 0 || backup.Requests["put"] <= 0 || backup.ElapsedMS == nil {
		t.Errorf("backup --json lacks a measure: %+v", backup)
	}

	listed := must(t, "list", at.address(), "--json").one(t, "backup")
	if diff := cmp.Diff(wantBackup, listed, measured); diff != "" {
		t.Errorf("list --json (-want +got):\n%s", diff)
	}
	if listed.Requests != nil || listed.Cost != nil || listed.ElapsedMS != nil {
		t.Errorf("list --json has what only a run costs: %+v", listed)
	}
	if listed.Host == "" || listed.DatabaseID != backup.DatabaseID || listed.Generation != generation(db.version) || backup.Why == "" {
		t.Errorf("list --json: %+v", listed)
	}
	if listed.CreatedAt == "" || listed.RestoreFrom == nil || listed.RestoreTo == nil || *listed.RestoreTo != backup.EndEpoch {
		t.Errorf("list --json: %+v", listed)
	}
	verifyClean(t, at, 1)

	restored := db.at(filepath.Join(t.TempDir(), "fresh", "restored.grafeo"))
	answer := must(t, "restore", at.address(), restored.path, "--json").one(t, "restore")
	if answer.Epoch == nil || *answer.Epoch != backup.EndEpoch || answer.RawBytes <= 0 || answer.Requests["get"] <= 0 {
		t.Errorf("restore --json: %+v, want epoch %d", answer, backup.EndEpoch)
	}
	got := inspect(t, db.version, restored.path)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the restored database differs (-original +restored):\n%s", diff)
	}
	onlyDatabase(t, restored.path)

	goOn(t, restored)
}

// withoutCursor takes out of a snapshot the one file that a backup writes beside
// a database, to hold its log, and the trace that it leaves in its folder. A
// database that was closed has no such folder before.
func withoutCursor(all map[string]file) map[string]file {
	delete(all, "people.grafeo.wal/backup_cursor.meta")
	for name := range all {
		if strings.HasPrefix(name, "people.grafeo.wal/") {
			folder := all["people.grafeo.wal"]
			folder.modTime, folder.size = time.Time{}, 0
			all["people.grafeo.wal"] = folder
			return all
		}
	}
	delete(all, "people.grafeo.wal")
	folder := all["."]
	folder.modTime, folder.size = time.Time{}, 0
	all["."] = folder
	return all
}

// TestSourceUntouched backs up without holding the log: then nothing at all is
// written beside the database.
func TestSourceUntouched(t *testing.T) {
	for _, version := range versions {
		for _, end := range endings {
			t.Run(version+"/"+end.name, func(t *testing.T) {
				t.Parallel()
				db := create(t, version, end.flag, "--seed", "11", "--commits", "8")
				before := snapshot(t, filepath.Dir(db.path))
				must(t, "backup", db.path, newDirectory(t).address(), "--no-hold")
				if diff := cmp.Diff(before, snapshot(t, filepath.Dir(db.path)), cmp.AllowUnexported(file{})); diff != "" {
					t.Errorf("the backup changed the database's files (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// verifyClean runs both forms of verify and expects an archive of n whole backups.
func verifyClean(t testing.TB, at place, n int64) {
	t.Helper()
	for _, deep := range []bool{false, true} {
		args := []string{"verify", at.address(), "--json"}
		if deep {
			args = append(args, "--deep")
		}
		v := must(t, args...).one(t, "verify")
		if !v.OK || v.Deep != deep || v.Backups != n || v.Objects <= n || v.Bytes <= 0 || len(v.Findings) != 0 {
			t.Fatalf("%v: %+v, want %d clean backups", args, v, n)
		}
	}
}

// onlyDatabase fails if the folder of a restored database holds anything else.
func onlyDatabase(t testing.TB, path string) {
	t.Helper()
	base := filepath.Base(path)
	for _, name := range names(t, filepath.Dir(path)) {
		if name != base && name != base+".wal" {
			t.Errorf("left behind beside %s: %s", base, name)
		}
	}
}

// goOn writes to a restored database, kills the writer, lets another one recover and
// close it, and checks each time that nothing is missing. It uses up the model, so it
// works on a copy.
func goOn(t testing.TB, db *database) {
	t.Helper()
	dir := t.TempDir()
	mine := &database{db.version, db.path, filepath.Join(dir, "model"), filepath.Join(dir, "log")}
	copyFile(t, db.model, mine.model)
	mine.write(t, "--kill", "--seed", "77", "--commits", "4")
	mine.state(t)
	mine.write(t, "", "--seed", "78", "--commits", "4")
	mine.state(t)
}

// TestSecondBackup takes another full backup after more commits: the newest one is
// restored, and both are listed, in order.
func TestSecondBackup(t *testing.T) {
	for _, version := range versions {
		for _, p := range places {
			t.Run(version+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				at := p.make(t)
				db := create(t, version, "", "--seed", "5", "--commits", "6")
				must(t, "backup", db.path, at.address())
				db.write(t, "--kill", "--seed", "6", "--commits", "6")
				want := db.state(t)
				if b := must(t, "backup", db.path, at.address(), "--full", "--json").one(t, "backup"); b.Seq != 2 || b.Kind != "full" {
					t.Errorf("second backup: %+v", b)
				}
				listed := must(t, "list", at.address(), "--json").answers(t)
				if len(listed) != 2 || listed[0].Seq != 1 || listed[1].Seq != 2 {
					t.Errorf("list: %+v", listed)
				}
				verifyClean(t, at, 2)
				target := filepath.Join(t.TempDir(), "b.grafeo")
				must(t, "restore", at.address(), target)
				if diff := cmp.Diff(want, inspect(t, version, target)); diff != "" {
					t.Errorf("the restored database differs (-original +restored):\n%s", diff)
				}
			})
		}
	}
}

// TestRestoreCommand runs the last line that a backup prints, as it stands, after
// the host was lost: what a person copies out of an old terminal must work.
func TestRestoreCommand(t *testing.T) {
	for _, version := range versions {
		for _, p := range places {
			t.Run(version+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				at := p.make(t)
				db := create(t, version, "--kill", "--seed", "9", "--commits", "8")
				// A path that a shell would take apart if it was not quoted.
				awkward := filepath.Join(filepath.Dir(filepath.Dir(db.path)), "it's a $HOME; db")
				if err := os.Rename(filepath.Dir(db.path), awkward); err != nil {
					t.Fatal(err)
				}
				db.path = filepath.Join(awkward, filepath.Base(db.path))
				want := db.state(t)
				lines := strings.Split(strings.TrimRight(must(t, "backup", db.path, at.address()).stdout, "\n"), "\n")
				command := strings.TrimSpace(lines[len(lines)-1])
				if !strings.HasPrefix(command, "gbak-s3 restore ") {
					t.Fatalf("the last line is no restore command: %q", command)
				}
				if err := os.RemoveAll(awkward); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				finish(t, exec.CommandContext(ctx, "sh", "-c", command)).want(t, exitOK)
				if diff := cmp.Diff(want, inspect(t, version, db.path)); diff != "" {
					t.Errorf("the restored database differs (-original +restored):\n%s", diff)
				}
			})
		}
	}
}

// TestForce restores over something: refused, and with --force it is moved aside,
// not lost.
func TestForce(t *testing.T) {
	t.Parallel()
	at := newDirectory(t)
	db := create(t, "0.6.0", "--kill", "--seed", "3", "--commits", "5")
	want := db.state(t)
	must(t, "backup", db.path, at.address())
	db.write(t, "--kill", "--seed", "4", "--commits", "3")
	newer := db.state(t)
	before := snapshot(t, filepath.Dir(db.path))

	gbak(t, "restore", at.address(), db.path, "--json").want(t, exitTargetIs).failure(t)
	if diff := cmp.Diff(before, snapshot(t, filepath.Dir(db.path)), cmp.AllowUnexported(file{})); diff != "" {
		t.Errorf("a refused restore changed the target (-before +after):\n%s", diff)
	}

	must(t, "restore", at.address(), db.path, "--force")
	if diff := cmp.Diff(want, inspect(t, db.version, db.path)); diff != "" {
		t.Errorf("the restored database differs (-original +restored):\n%s", diff)
	}
	// What was there is still a whole database, log included, under some other name.
	aside := 0
	for _, name := range names(t, filepath.Dir(db.path)) {
		if name == filepath.Base(db.path) || strings.HasSuffix(name, ".wal") || strings.Contains(name, ".wal.") {
			continue
		}
		aside++
		if diff := cmp.Diff(newer, inspect(t, db.version, filepath.Join(filepath.Dir(db.path), name))); diff != "" {
			t.Errorf("%s, moved aside, differs (-before +aside):\n%s", name, diff)
		}
	}
	if aside != 1 {
		t.Errorf("one database was moved aside, found are %v", names(t, filepath.Dir(db.path)))
	}
}

// TestExample backs up and restores the database that the README starts with.
func TestExample(t *testing.T) {
	t.Parallel()
	needGrafeo(t)
	at := newDirectory(t)
	// A copy: a backup of the original would leave a hold beside it for anybody who tries the
	// README next.
	original, err := os.ReadFile(filepath.Join("..", "examples", "social.grafeo"))
	if err != nil {
		t.Fatal(err)
	}
	example := filepath.Join(t.TempDir(), "original.grafeo")
	if err := os.WriteFile(example, original, 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "backup", example, at.address())
	target := filepath.Join(t.TempDir(), "social.grafeo")
	must(t, "restore", at.address(), target)
	got := inspect(t, "0.6.0", target)
	if got.Nodes != 21 || got.Edges != 28 {
		t.Errorf("the restored example holds %+v", got)
	}
	if diff := cmp.Diff(inspect(t, "0.6.0", example), got); diff != "" {
		t.Errorf("the restored example differs (-original +restored):\n%s", diff)
	}
}
