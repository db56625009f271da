package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// script writes a shell script and returns the command that runs it on a database.
func script(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return "'" + path + "' {}"
}

// pidIn waits until a file has the id of a process, and returns it.
func pidIn(t testing.TB, path string) int {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		b, _ := os.ReadFile(path)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && strings.HasSuffix(string(b), "\n") {
			return pid
		}
	}
	t.Fatalf("nothing was written to %s", path)
	return 0
}

// ends waits until a process is gone, or nothing but a zombie.
func ends(t testing.TB, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d goes on", pid)
}

// drillable is an archive of a small database.
func drillable(t testing.TB) directory {
	t.Helper()
	at, db := newDirectory(t), filepath.Join(t.TempDir(), "db.grafeo")
	copyFile(t, "../examples/social.grafeo", db)
	must(t, "backup", db, at.address())
	return at
}

// TestDrillCommandsEnd: whatever a command does, hang, leave children behind, or write without
// end, the drill ends, nothing of the command's group goes on, and the scratch folder is empty.
func TestDrillCommandsEnd(t *testing.T) {
	t.Parallel()
	at := drillable(t)
	pid := func(t *testing.T) string { return filepath.Join(t.TempDir(), "pid") }

	t.Run("hangs", func(t *testing.T) {
		t.Parallel()
		d := drill(t, exitDamage, at.address(), "--exec-timeout", "500ms", "--exec", script(t, "trap '' TERM INT HUP\nwhile :; do sleep 1; done"))
		if d.is(t, "ok", "ok", "failed", "not_done"); !strings.Contains(d.Why, "did not end within 500ms") {
			t.Errorf("it says %q", d.Why)
		}
		if c := certificateIn(t, at, d.Certificate); c.OK || c.Why != d.Why {
			t.Errorf("the certificate says %+v", c)
		}
	})
	t.Run("leaves children", func(t *testing.T) {
		t.Parallel()
		file := pid(t)
		d := drill(t, exitOK, at.address(), "--exec", script(t, "(trap '' TERM HUP; while :; do echo x > \"$1.more\"; sleep 1; done) &\necho $! > '"+file+"'\necho digest: v1:children"))
		if d.is(t, "ok", "ok", "ok", d.Checks["digest"].Result); d.Digest != "v1:children" {
			t.Errorf("%+v", d)
		}
		ends(t, pidIn(t, file))
	})
	t.Run("hangs and has children", func(t *testing.T) {
		t.Parallel()
		file := pid(t)
		scratch := t.TempDir()
		p := start(t, "drill", "--json", at.address(), "--scratch", scratch, "--exec", script(t, "sh -c 'trap \"\" TERM; while :; do sleep 1; done' &\necho $! > '"+file+"'\nwait"))
		child := pidIn(t, file)
		if code := p.end(t, syscall.SIGTERM); code != exitInterrupted && code != exitInterrupted+13 {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
		ends(t, child)
		if left := names(t, scratch); len(left) > 0 {
			t.Errorf("it has left %v", left)
		}
	})
	t.Run("leaves a daemon that holds its output", func(t *testing.T) {
		t.Parallel()
		file := pid(t)
		d := drill(t, exitOK, at.address(), "--exec", script(t, "setsid sh -c 'echo $$ > \""+file+"\"; exec sleep 600' &\nwhile [ ! -s '"+file+"' ]; do sleep 0.05; done"))
		daemon := pidIn(t, file)
		t.Cleanup(func() { _ = syscall.Kill(daemon, syscall.SIGKILL) })
		d.is(t, "ok", "ok", "ok", "not_reported")
		if err := syscall.Kill(daemon, 0); err != nil {
			t.Errorf("it is somebody else's now, and was killed: %v", err)
		}
	})
	t.Run("writes without end", func(t *testing.T) {
		t.Parallel()
		d := drill(t, exitDamage, at.address(), "--exec", script(t, "head -c 50000000 /dev/zero\nhead -c 50000000 /dev/zero | tr '\\0' x >&2\nexit 7"))
		if c := certificateIn(t, at, d.Certificate); len(c.Why) > 1000 || !strings.Contains(c.Why, "exit status 7") {
			t.Errorf("the certificate says %q", c.Why)
		}
	})
	t.Run("is killed", func(t *testing.T) {
		t.Parallel()
		d := drill(t, exitDamage, at.address(), "--exec", script(t, "echo digest: v1:aa\nkill -9 $$"))
		if d.is(t, "ok", "ok", "failed", "not_done"); !strings.Contains(d.Why, "killed") {
			t.Errorf("it says %q", d.Why)
		}
	})
	t.Run("removes the database", func(t *testing.T) {
		t.Parallel()
		drill(t, exitOK, at.address(), "--exec", script(t, "rm -rf \"$1\" \"$1.wal\"\nmkdir -p \"$1/a/b\"\necho x > \"$1/y\""))
	})
	t.Run("does not exist", func(t *testing.T) {
		t.Parallel()
		scratch := t.TempDir()
		r := gbak(t, "drill", at.address(), "--scratch", scratch, "--json", "--exec", filepath.Join(scratch, "no-such-program")+" {}").want(t, exitError)
		if e := r.failure(t); !strings.Contains(e.Message, "cannot be started") {
			t.Errorf("%+v", e)
		}
		if left := names(t, scratch); len(left) > 0 {
			t.Errorf("it has left %v", left)
		}
	})
}

// TestKillDrills kills drills at random moments, and in the middle of their command. The next one
// with the same scratch folder leaves nothing there, touches nothing else, and is not disturbed.
func TestKillDrills(t *testing.T) {
	t.Parallel()
	const kills = 12
	at, scratch := newDirectory(t), t.TempDir()
	must(t, append([]string{"backup", crashSource(t).path, at.address()}, smallSegments...)...)
	beside := filepath.Join(scratch, "gbak-drill-that-is-none")
	if err := os.Mkdir(beside, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"drill", at.address(), "--scratch", scratch, "--exec", script(t, "cat \"$1\" > /dev/null\necho digest: v1:aa")}
	clean := timed(t, args...)
	hit, left := 0, 0
	for _, moment := range moments(kills, clean) {
		if killAt(t, moment, args...) {
			hit++
		}
		left += len(names(t, scratch)) - 1
		must(t, args...)
		if now := names(t, scratch); len(now) != 1 || now[0] != filepath.Base(beside) {
			t.Fatalf("the next drill has left %v", now)
		}
	}
	if hit == 0 {
		t.Error("nothing was killed")
	}
	t.Logf("%d of %d were killed and left %d folders; undisturbed, a drill takes %v", hit, kills, left, clean)

	// While its command runs. The command is nobody's then, and ends by itself.
	file := filepath.Join(t.TempDir(), "pid")
	p := start(t, "drill", at.address(), "--scratch", scratch, "--exec", script(t, "echo $$ > '"+file+"'\nexec sleep 600"))
	command := pidIn(t, file)
	if len(names(t, scratch)) != 2 {
		t.Errorf("in the middle of it there are %v", names(t, scratch))
	}
	must(t, args...) // beside one that runs
	if len(names(t, scratch)) != 2 {
		t.Errorf("a drill beside it has left %v", names(t, scratch))
	}
	p.end(t, syscall.SIGKILL)
	if err := syscall.Kill(command, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	must(t, args...)
	if now := names(t, scratch); len(now) != 1 {
		t.Errorf("the next drill has left %v", now)
	}
	must(t, "verify", at.address(), "--deep")
}

// TestDrillsWithFewPermissions: whoever may only read gets the same result, a warning, and no
// certificate; who may also create objects, and may delete none, leaves certificates, drill after
// drill.
func TestDrillsWithFewPermissions(t *testing.T) {
	t.Parallel()
	at := newBucket(t)
	db := filepath.Join(t.TempDir(), "db.grafeo")
	copyFile(t, "../examples/social.grafeo", db)
	must(t, "backup", db, at.address())
	good, bad := script(t, "echo digest: v1:aa"), script(t, "echo it is not ours >&2\nexit 1")
	drillAs := func(u s3test.User, code int, check string) (drilled, string) {
		t.Helper()
		scratch := t.TempDir()
		r := as(t, u, "drill", at.address(), "--json", "--scratch", scratch, "--exec", check)
		if left := names(t, scratch); r.code != code || len(left) > 0 {
			t.Fatalf("exit code %d, want %d, and %v: %s%s", r.code, code, left, r.stdout, r.stderr)
		}
		return drillOf(t, r), r.stderr
	}
	before := at.keys(t)
	reader := mode(t, at, "restore")
	for code, check := range map[int]string{exitOK: good, exitDamage: bad} {
		d, stderr := drillAs(reader, code, check)
		if d.OK != (code == exitOK) || d.Certificate != "" || !strings.Contains(d.NoCertificate, "denied") || !strings.Contains(stderr, "WARN") {
			t.Errorf("a reader: %+v\n%s", d, stderr)
		}
	}
	if now := at.keys(t); len(now) != len(before) {
		t.Errorf("a reader has made %v of %v", now, before)
	}

	driller := mode(t, at, "drill")
	for range 3 {
		if d, _ := drillAs(driller, exitOK, good); d.Certificate == "" || d.Pinned == nil {
			t.Errorf("%+v", d)
		}
	}
	d, _ := drillAs(driller, exitDamage, bad)
	if c := certificateIn(t, at, d.Certificate); c.OK || !strings.Contains(c.Why, "it is not ours") {
		t.Errorf("the certificate says %+v", c)
	}
	certificates := 0
	for _, key := range at.keys(t) {
		if kindOf(key) == "certificates" {
			certificates++
		}
	}
	if certificates != 4 {
		t.Errorf("there are %d certificates", certificates)
	}
	if status := must(t, "status", at.address()).stdout; !strings.Contains(status, "it is not ours") {
		t.Errorf("status says %s", status)
	}
}

// TestDrillInFullScratch: without room the drill ends and leaves nothing, and no certificate says anything of the
// archive; where the command takes the room, there is one that it has failed.
func TestDrillInFullScratch(t *testing.T) {
	t.Parallel()
	v, at := newVolume(t, "size=64k"), newDirectory(t)
	must(t, append([]string{"backup", crashSource(t).path, at.address()}, smallSegments...)...)
	failed := func() (c int) {
		for _, key := range at.keys(t) {
			if kindOf(key) != "certificates" {
				continue
			}
			if said := certificateIn(t, at, key); said.OK || said.Why == "" {
				t.Errorf("%s says %+v", key, said)
			}
			c++
		}
		return c
	}
	r := v.gbak(t, "drill", at.address(), "--json", "--scratch", v.path)
	r.refused(t, "disk_full", "no drill can be done in "+v.path)
	if left := names(t, v.seen); len(left) > 0 || failed() != 0 {
		t.Errorf("it has left %v, and %d certificates", left, failed())
	}
	v.remount(t, "size=64m")
	r = v.gbak(t, "drill", at.address(), "--json", "--scratch", v.path, "--exec", script(t, "cat /dev/zero > \"$1.more\""))
	if d := drillOf(t, r); r.code != exitDamage || d.Checks["exec"].Result != "failed" {
		t.Errorf("exit code %d, %+v", r.code, d)
	}
	if left := names(t, v.seen); len(left) > 0 || failed() != 1 {
		t.Errorf("it has left %v, and %d certificates", left, failed())
	}
}
