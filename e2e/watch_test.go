package e2e

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitFor waits for a condition.
func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not come", what)
		}
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// lastEpoch is the epoch of the newest commit of a live database.
func lastEpoch(t testing.TB, w *live) int64 {
	t.Helper()
	all := momentsOf(t, w.log)
	return all[len(all)-1].Epoch
}

// TestWatchStoresEveryCommit: commits arrive while the watcher stays, with checkpoints
// between them; when it has stopped, each of them can be restored.
func TestWatchStoresEveryCommit(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		for _, at := range places {
			t.Run(version+"/"+at.name, func(t *testing.T) {
				w, address := newLive(t, version), at.make(t).address()
				watch := startWatch(t, w.path, address, "--lag", "500ms")
				watch.ready()
				for i := range 5 {
					w.do(t, "commit", "3")
					watch.stored("people", lastEpoch(t, w), 0)
					if i == 2 {
						w.do(t, "checkpoint")
					}
				}
				w.do(t, "commit", "4") // which nobody waits for
				watch.stop().want(t, exitOK)
				restoresNewest(t, w, address)
				if generation(version) == "0.6" {
					restoresEveryMoment(t, w, address, 4)
				}
				for _, b := range watch.backups()[1:] {
					if generation(version) == "0.6" && b.Kind != "incremental" {
						t.Errorf("a backup of the watcher is no incremental one: %+v", b)
					}
				}
				w.quit(t)
			})
		}
	}
}

// TestWatchOfWhatIsClosedAndOpened: the database is closed cleanly and opened again, and
// written to by a process that dies, all while it is watched.
func TestWatchOfWhatIsClosedAndOpened(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			w, address := newLive(t, version), newDirectory(t).address()
			watch := startWatch(t, w.path, address, "--lag", "300ms")
			watch.ready()
			for i := range 4 {
				w.do(t, "commit", "3")
				model := w.save(t)
				if i%2 == 0 {
					w.quit(t)
				} else {
					w.kill(t)
				}
				w = startLive(t, version, w.path, w.log, "--model", model)
			}
			w.do(t, "commit", "2")
			watch.stop().want(t, exitOK)
			restoresNewest(t, w, address)
			w.quit(t)
		})
	}
}

// TestWatchIsKilled: a watcher that is killed, whenever that is, leaves nothing that
// stops the next one.
func TestWatchIsKilled(t *testing.T) {
	t.Parallel()
	kills := 50
	if testing.Short() {
		kills = 10
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			w, address := newLive(t, version), newDirectory(t).address()
			w.do(t, "run", "200", "call")
			for i := range kills / len(versions) {
				watch := startWatch(t, w.path, address, "--lag", "50ms")
				// Each time somewhat later: at its start, in its first look, in backups.
				switch wanted := i % 5; {
				case wanted == 0:
				case wanted == 1:
					watch.ready()
				case generation(version) == "0.5":
					// Checkpoints that nobody saw leave gaps, and full backups for these
					// follow each other slowly.
					watch.until("a backup", func(line) bool { return countBackups(watch.lines) > 0 })
				default:
					watch.until("backups", func(line) bool { return countBackups(watch.lines) >= wanted-1 })
				}
				watch.kill()
			}
			w.do(t, "stop")
			watch := startWatch(t, w.path, address, "--lag", "50ms")
			watch.ready()
			watch.stop().want(t, exitOK)
			restoresNewest(t, w, address)
			must(t, "verify", address, "--deep")
			w.quit(t)
		})
	}
}

func countBackups(lines []line) int {
	n := 0
	for _, l := range lines {
		if l.Type == "backup" {
			n++
		}
	}
	return n
}

// TestWatchSeesOtherDatabases: the database is removed and comes back, another takes its
// name, and it is restored to the past.
func TestWatchSeesOtherDatabases(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			w, address := newLive(t, version), newDirectory(t).address()
			w.do(t, "commit", "3")
			watch := startWatch(t, w.path, address, "--lag", "300ms")
			first := watch.stored("people", lastEpoch(t, w), 0)
			w.do(t, "commit", "2")
			watch.stored("people", lastEpoch(t, w), 0)
			model := w.save(t)
			w.quit(t)
			state := func(is string) {
				t.Helper()
				watch.until("the state "+is, func(l line) bool { return l.Event == "state" && l.State == is })
			}

			// Gone, and back.
			for _, end := range []string{"", ".wal"} {
				if err := os.Rename(w.path+end, w.path+".away"+end); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			state("gone")
			for _, end := range []string{".wal", ""} {
				if err := os.Rename(w.path+".away"+end, w.path+end); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			w = startLive(t, version, w.path, w.log, "--model", model)
			n := len(watch.backups())
			w.do(t, "commit", "1")
			watch.storedNow("people", lastEpoch(t, w), n)
			w.quit(t)

			// Restored to the past, with the watcher as a witness.
			must(t, "restore", address, w.path, "--force", "--backup", itoa(first.Seq))
			n = len(watch.backups())
			w = startLive(t, version, w.path, w.log+"-past")
			w.do(t, "commit", "2")
			b := watch.storedNow("people", lastEpoch(t, w), n)
			if b.Timeline < 2 {
				t.Errorf("after a restore to the past, a backup is on timeline %d: %+v", b.Timeline, b)
			}
			w.quit(t)

			// Another database under the same name.
			other := newLive(t, version)
			other.do(t, "commit", "1")
			other.quit(t)
			if err := os.RemoveAll(w.path + ".wal"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other.path, w.path); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the state refused", func() bool {
				watch.signal(syscall.SIGUSR1)
				return strings.Contains(watch.stdout.String(), `"state":"refused"`)
			})
			watch.until("why", func(l line) bool { return l.Event == "state" && l.Code == "wrong_database" })
			watch.until("what to do", func(l line) bool { return l.Event == "failed" && strings.Contains(l.Hint, "OTHER_ARCHIVE") })
			watch.stop()
			must(t, "verify", address, "--deep")
		})
	}
}

// TestSecondWatcher: two watchers of one database and one archive share the work, and
// none takes full backups because of the other.
func TestSecondWatcher(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			w, address := newLive(t, version), newBucket(t).address()
			w.do(t, "commit", "1")
			a := startWatch(t, w.path, address, "--lag", "300ms")
			a.stored("people", lastEpoch(t, w), 0)
			b := startWatch(t, w.path, address, "--lag", "300ms")
			b.ready()
			for range 5 {
				w.do(t, "commit", "2")
				// Whoever it was: the archive has it.
				epoch := lastEpoch(t, w)
				waitFor(t, "the commit in the archive", func() bool {
					list := must(t, "list", address, "--json").answers(t)
					return list[len(list)-1].EndEpoch >= epoch
				})
			}
			a.stop().want(t, exitOK)
			b.stop().want(t, exitOK)
			for _, l := range must(t, "list", address, "--json").answers(t)[1:] {
				if l.Kind == "full" {
					t.Errorf("there is a second full backup: %+v", l)
				}
			}
			restoresNewest(t, w, address)
			w.quit(t)
		})
	}
}
