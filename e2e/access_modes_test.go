package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// accessModes are the modes of `policy --mode`.
var accessModes = []string{"append-only", "restore", "monitor", "expire", "drill"}

// mode returns somebody who has exactly the policy of a mode for the archive at a place.
func mode(t testing.TB, at bucket, name string) s3test.User {
	t.Helper()
	var line struct {
		Type, Mode, For string
		Policy          json.RawMessage
	}
	out := must(t, "policy", at.address(), "--mode", name, "--json").stdout
	if err := json.Unmarshal([]byte(out), &line); err != nil || line.Type != "access_policy" || line.Mode != name || line.For != "minio" {
		t.Fatalf("%v: %s", err, out)
	}
	return s3test.NewUser(t, at.address(), string(line.Policy))
}

// as runs the command as somebody else.
func as(t testing.TB, u s3test.User, args ...string) result {
	t.Helper()
	r := finish(t, exec.CommandContext(t.Context(), "env", slices.Concat(u.Environ(), []string{binary}, args)...))
	r.args = args // without the credentials
	return r
}

// Each mode does its work with its policy and no other permission, and is refused all other
// work.
func TestAccessModesDoTheirWork(t *testing.T) {
	target := func(t *testing.T) string { return filepath.Join(t.TempDir(), "restored.grafeo") }
	denied := func(t *testing.T, u s3test.User, args ...string) {
		t.Helper()
		if got := as(t, u, append(args, "--json")...).want(t, exitError).failure(t); got.Code != "permission_denied" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	does := func(t *testing.T, u s3test.User, args ...string) result {
		t.Helper()
		return as(t, u, args...).want(t, exitOK)
	}
	for name, work := range map[string]func(t *testing.T, u s3test.User, at bucket, db string){
		"append-only": func(t *testing.T, u s3test.User, at bucket, db string) {
			does(t, u, "backup", "--full", db, at.address())
			does(t, u, "list", at.address())
			does(t, u, "status", at.address(), db)
			does(t, u, "verify", at.address(), "--deep")
			does(t, u, "pin", at.address(), "1")
			does(t, u, "unpin", at.address(), "1")
			does(t, u, "compact", at.address())
			does(t, u, "policy", at.address(), "--keep-full", "2")
			does(t, u, "expire", at.address())
			does(t, u, "expire", at.address(), "--apply", "--mark-only")
			denied(t, u, "expire", at.address(), "--apply", "--grace", "0")
			does(t, u, "verify", at.address(), "--deep")
		},
		"restore": func(t *testing.T, u s3test.User, at bucket, db string) {
			does(t, u, "list", at.address())
			does(t, u, "restore", at.address(), target(t))
			does(t, u, "restore", at.address(), target(t), "--backup", "1")
			does(t, u, "export", at.address(), filepath.Join(t.TempDir(), "native"))
			if got := does(t, u, "verify", at.address(), "--sample", "20%"); !strings.Contains(got.stderr, "no certificate could be left") {
				t.Errorf("%+v", got)
			}
			denied(t, u, "backup", "--full", db, at.address())
			denied(t, u, "pin", at.address(), "1")
			denied(t, u, "expire", at.address(), "--keep-last", "1", "--apply")
		},
		"monitor": func(t *testing.T, u s3test.User, at bucket, db string) {
			does(t, u, "list", at.address())
			does(t, u, "status", at.address())
			does(t, u, "status", at.address(), db)
			does(t, u, "verify", at.address())
			denied(t, u, "verify", at.address(), "--deep")
			denied(t, u, "restore", at.address(), target(t))
			denied(t, u, "backup", "--full", db, at.address())
		},
		"expire": func(t *testing.T, u s3test.User, at bucket, db string) {
			does(t, u, "list", at.address())
			does(t, u, "expire", at.address(), "--keep-full", "1")
			done := parseExpired(t, does(t, u, "expire", at.address(), "--keep-full", "1", "--apply", "--grace", "0", "--json"))
			if done.Removed != 4 || done.Deleted.Objects == 0 || done.Waiting.Objects != 0 {
				t.Errorf("%+v", done)
			}
			does(t, u, "policy", at.address(), "--keep-last", "7")
			denied(t, u, "restore", at.address(), target(t))
			denied(t, u, "backup", "--full", "--fresh", db, at.address())
			verifyClean(t, at, 3)
		},
		"drill": func(t *testing.T, u s3test.User, at bucket, db string) {
			does(t, u, "restore", at.address(), target(t))
			does(t, u, "verify", at.address(), "--deep")
			if got := does(t, u, "verify", at.address(), "--sample", "20%", "--json"); got.stderr != "" || !strings.Contains(got.stdout, `"certificate":"certificates/`) {
				t.Errorf("%+v", got)
			}
			does(t, u, "drill", at.address(), "--scratch", t.TempDir(), "--exec", "echo {} digest: v1:aa")
			denied(t, u, "backup", "--full", db, at.address())
			denied(t, u, "expire", at.address(), "--keep-last", "1", "--apply")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newBucket(t)
			db, _ := retainedHistory(t, at)
			work(t, mode(t, at, name), at, db.path)
		})
	}
	t.Run("first backup", func(t *testing.T) {
		t.Parallel()
		for _, address := range []string{s3test.NewBucket(t), s3test.NewLockedBucket(t)} {
			at := inBucket(t, address)
			u, db := mode(t, at, "append-only"), filepath.Join(t.TempDir(), "db.grafeo")
			copyFile(t, "../examples/social.grafeo", db)
			for range 2 {
				if got := does(t, u, "doctor", at.address(), "--json").one(t, "doctor"); !got.Safe || got.Conditions != "honoured" {
					t.Errorf("%+v", got)
				}
				does(t, u, "backup", db, at.address())
			}
			does(t, mode(t, at, "restore"), "restore", at.address(), target(t))
			verifyClean(t, at, 1)
		}
	})
}

// The command line says which of its two policies is meant, and prints one without asking
// a store.
func TestAccessPolicyLines(t *testing.T) {
	t.Parallel()
	const at = "s3://no-such-bucket-anywhere/people?endpoint=http://127.0.0.1:1"
	for _, name := range accessModes {
		text := must(t, "policy", at, "--mode", name).stdout
		if !json.Valid([]byte(text)) || !strings.Contains(text, "arn:aws:s3:::no-such-bucket-anywhere/people/") {
			t.Errorf("%s: %s", name, text)
		}
		for _, never := range []string{"PutObjectRetention", "PutObjectLegalHold", "Bypass", "PutBucket", "DeleteBucket"} {
			if strings.Contains(text, never) {
				t.Errorf("%s may %s", name, never)
			}
		}
		if may := strings.Contains(text, "Delete"); may != (name == "expire") {
			t.Errorf("%s may delete: %v", name, may)
		}
	}
	aws := must(t, "policy", "s3://backups/people?region=cn-north-1", "--mode", "append-only", "--bucket-policy", "--principal", "arn:aws-cn:iam::111122223333:user/a").stdout
	for _, word := range []string{`"arn:aws-cn:s3:::backups/people/*"`, `"s3:if-none-match": "false"`, "StringLikeIfExists", `"AWS": "arn:aws-cn:iam::111122223333:user/a"`} {
		if !strings.Contains(aws, word) {
			t.Errorf("no %s in %s", word, aws)
		}
	}
	if r := must(t, "policy", "s3://backups/people", "--mode", "monitor", "--bucket-policy"); !strings.Contains(r.stderr, "--principal") {
		t.Errorf("it does not say who gets the permissions: %s", r.stderr)
	}
	for _, args := range [][]string{
		{at, "--mode", "append"}, {at, "--mode", "append-only", "--keep-last", "1"}, {at, "--mode", "append-only", "--clear"},
		{at, "--for", "minio"}, {at, "--mode", "expire", "--for", "gcs"}, {at, "--mode", "expire", "--bucket-policy"},
		{at, "--mode", "expire", "--principal", "x"}, {filepath.Join(t.TempDir(), "a"), "--mode", "expire"},
		{"s3://backups/a*b", "--mode", "restore"}, {"s3://backups/a%3Fb", "--mode", "restore"}, {"s3://b", "--mode", "restore"},
	} {
		if got := gbak(t, append(append([]string{"policy"}, args...), "--json")...).want(t, exitUsage).failure(t); got.Code != "usage" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}
