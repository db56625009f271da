package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// What nobody may ever read.
const (
	secretKey    = "SECRETnobodyMayReadThisKey0123456789abcd"
	sessionToken = "TOKENnobodyMayReadThisEither//////////=="
)

// TestNoSecretIsTold runs commands that succeed and that fail in every way a
// store can make them, as loud as they can be, and then looks for the secrets in
// all that they have said and stored.
func TestNoSecretIsTold(t *testing.T) {
	w := newLive(t, "0.6.0")
	w.do(t, "commit", "2")
	p, at := behindProxy(t, nil)
	p.SignAll()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEVERYBODYMAYREAD")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_SESSION_TOKEN", sessionToken)
	var said bytes.Buffer
	codes, runs := map[int]int{}, 0
	patience, commit := "10s", "10s"
	tell := func(args ...string) {
		t.Helper()
		args = append(args, "--log-level", "debug", "--store-timeout", patience, "--concurrency", "1")
		if runs++; runs%2 == 0 {
			args = append(args, "--json")
		} else if runs%3 == 0 {
			args = append(args, "--log-format", "json")
		}
		r := gbak(t, args...)
		codes[r.code]++
		fmt.Fprintf(&said, "%v\n%s%s", r.args[:1], r.stdout, r.stderr)
	}
	target := func() string { return filepath.Join(t.TempDir(), "restored.grafeo") }
	life := func() {
		tell("backup", w.path, p.Address, "--commit-timeout", commit, "--full")
		tell("restore", p.Address, target())
		tell("status", p.Address)
	}
	for range 2 { // once with --json
		life()
		tell("list", p.Address)
		tell("verify", p.Address, "--deep")
		tell("inspect", w.path)
		tell("version")
	}
	if codes[exitOK] != runs {
		t.Fatalf("exit codes %v: %s", codes, &said)
	}
	patience, commit = "200ms", "300ms" // for faults that never end
	for _, f := range []s3test.Fault{
		{Lose: s3test.RST, Apply: true},
		{Lose: s3test.MidHeader},
		{Status: 400, Code: "ExpiredToken"},
		{Status: 403, Code: "SignatureDoesNotMatch"},
		{Status: 403, Code: "AccessDenied"},
		{Status: 404, Code: "NoSuchBucket"},
		{Status: 301, Code: "PermanentRedirect"},
		{Status: 500, Code: "InternalError"},
		{Hang: true},
	} {
		p.Do(func(r *s3test.Request) s3test.Fault {
			// Some requests pass, so that every command gets somewhere.
			if r.N%3 == 0 || r.Op == storage.OpPut {
				return f
			}
			return s3test.Fault{}
		})
		life()
		var commits atomic.Bool
		p.Do(onCommit(func(_ *s3test.Request, put int) s3test.Fault {
			if put > 0 {
				commits.Store(true)
			}
			if commits.Load() {
				return f
			}
			return s3test.Fault{}
		}))
		tell("backup", w.path, p.Address, "--commit-timeout", "300ms", "--full")
	}
	p.Do(nil)
	patience = "10s"
	// The store's own answer to a wrong signature quotes what it was sent.
	tell("list", at.address())
	tell("backup", w.path, at.address(), "--full")
	// Secrets in places where they do not belong.
	for _, wrong := range []string{
		"s3://AKID:" + secretKey + "@bucket/prefix",
		"s3://bucket/prefix?secret_access_key=" + secretKey,
		"s3://bucket/prefix?token=" + sessionToken,
		"s3://bucket/prefix?" + secretKey,
		"s3://bucket/prefix?endpoint=http://AKID:" + secretKey + "@127.0.0.1:1",
		"s3://" + secretKey,
	} {
		tell("list", wrong)
		tell("backup", w.path, wrong)
	}
	tell("release", w.path, p.Address)
	for _, code := range []int{exitOK, exitError, exitUsage, exitUnknown} {
		if codes[code] == 0 {
			t.Errorf("nothing ended with %d: %v", code, codes)
		}
	}
	find := func(where string, content []byte) {
		for _, secret := range []string{secretKey, sessionToken, secretKey[6:], sessionToken[5:30]} {
			if i := bytes.Index(content, []byte(secret)); i >= 0 {
				t.Errorf("a secret is told in %s: %q", where, content[max(0, i-200):min(len(content), i+100)])
				return
			}
		}
	}
	find("output", said.Bytes())
	t.Setenv("AWS_SESSION_TOKEN", "")
	for _, key := range at.keys(t) {
		find(key, at.read(t, key))
	}
	for name, f := range snapshot(t, filepath.Dir(w.path)) {
		find(name, []byte(f.content))
	}
	noted := snapshot(t, filepath.Join(stateFolder(), "archives"))
	for name, f := range noted {
		find(name, []byte(f.content))
	}
	if len(noted) < 2 { // the folder, and a record
		t.Error("nothing was noted in the state folder")
	}
	if n := said.Len(); n < 10_000 {
		t.Errorf("only %d bytes were said", n)
	}
}

// TestCredentialsExpire lets credentials expire in the middle of a backup. Where
// there are new ones, from the program that gave the old ones, it continues; where
// there are none it ends with a word about them, and nothing was committed.
func TestCredentialsExpire(t *testing.T) {
	path := closedImage(t)
	p, at := behindProxy(t, nil)
	p.SignAll()
	dir := t.TempDir()
	file, config := filepath.Join(dir, "credentials.json"), filepath.Join(dir, "config")
	rotate := func(name string) {
		text := fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":"secret","SessionToken":"token"}`, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	rotate("AKIDONE")
	if err := os.WriteFile(config, []byte("[profile rotating]\nregion = us-east-1\ncredential_process = cat '"+file+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	address := p.Address + "&profile=rotating"

	for i, isLast := range []func(*s3test.Request) bool{
		func(r *s3test.Request) bool { return strings.HasPrefix(r.Key, "segments/") },
		isManifest,
	} {
		var refused atomic.Int64
		for _, there := range []bool{false, true} {
			refused.Store(0)
			next := fmt.Sprintf("AKIDNEW%d%t", i, there)
			var over atomic.Bool
			p.Do(func(r *s3test.Request) s3test.Fault {
				if r.Op == storage.OpPut && isLast(r) && over.CompareAndSwap(false, true) && there {
					rotate(next)
				}
				if over.Load() && r.AccessKey() != next {
					refused.Add(1)
					return s3test.Fault{Status: 400, Code: "ExpiredToken"}
				}
				return s3test.Fault{}
			})
			r := gbak(t, "backup", path, address, "--no-hold", "--full", "--json")
			if there {
				r.want(t, exitOK)
			} else if f := r.want(t, exitError).failure(t); f.Code != "permission_denied" || !strings.Contains(f.Message, "ExpiredToken") {
				t.Errorf("the error is %+v", f)
			}
			if refused.Load() == 0 {
				t.Error("nothing expired")
			}
			if there {
				truth(t, at, path, i+1)
			} else if n := listedSeqs(t, at); n != i {
				t.Errorf("there are %d backups, want %d", n, i)
			}
		}
	}
}
