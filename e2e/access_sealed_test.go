package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Encrypted archives need no other permissions: the backup host has only public keys for
// data, who watches and who expires have its writer key, and only who restores has an
// identity.
func TestAccessModesOfAnEncryptedArchive(t *testing.T) {
	t.Parallel()
	at := newBucket(t)
	host := func(name string) *host { return newHost(t, mode(t, at, name).Environ()...) }
	identity := filepath.Join(t.TempDir(), "identity.txt")
	made := must(t, "keys", "new", "-o", identity)
	recipient := publicKeyIn(t, made.stdout+made.stderr)
	db := filepath.Join(t.TempDir(), "db.grafeo")
	copyFile(t, "../examples/social.grafeo", db)

	backs := host("append-only")
	backs.must(t, "backup", db, at.address(), "-r", recipient)
	backs.must(t, "backup", "--full", "--fresh", db, at.address())
	backs.must(t, "doctor", at.address())
	backs.must(t, "verify", at.address())
	backs.gbak(t, "restore", at.address(), filepath.Join(t.TempDir(), "db.grafeo")).want(t, exitKeys)
	backs.must(t, "keys", "rotate", at.address(), "-i", identity)
	backs.must(t, "backup", "--full", "--fresh", db, at.address())

	var writerKey string
	err := filepath.WalkDir(backs.state, func(path string, d os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".key") {
			writerKey = path
		}
		return err
	})
	if err != nil || writerKey == "" {
		t.Fatalf("no writer key: %v", err)
	}
	watches := host("monitor")
	watches.must(t, "list", at.address(), "--writer-key", writerKey)
	watches.must(t, "status", at.address(), "--writer-key", writerKey)
	watches.must(t, "verify", at.address(), "--writer-key", writerKey)
	watches.gbak(t, "list", at.address()).want(t, exitKeys)

	restores := host("restore")
	restores.must(t, "list", at.address(), "-i", identity)
	restores.must(t, "restore", at.address(), filepath.Join(t.TempDir(), "db.grafeo"), "-i", identity)
	restores.must(t, "restore", at.address(), filepath.Join(t.TempDir(), "db.grafeo"), "-i", identity, "--backup", "1")

	host("drill").must(t, "verify", "--deep", at.address(), "-i", identity)

	host("drill").must(t, "verify", "--sample", "50%", at.address(), "-i", identity)
	sampled := host("drill").must(t, "verify", "--sample", "50%", at.address(), "--writer-key", writerKey, "--json").stdout
	if !strings.Contains(sampled, `"unopened":true`) || !strings.Contains(sampled, `"coverage":{"read":1,`) || !strings.Contains(sampled, `"certificate":"certificates/`) {
		t.Errorf("with the writer key alone: %s", sampled)
	}

	expires := host("expire")
	expires.must(t, "expire", at.address(), "--keep-last", "1", "--apply", "--grace", "0", "--writer-key", writerKey)
	host("drill").must(t, "verify", "--deep", at.address(), "-i", identity)
}

// publicKeyIn returns the recipient that `keys new` has printed.
func publicKeyIn(t testing.TB, text string) string {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		if strings.HasPrefix(word, "age1") {
			return word
		}
	}
	t.Fatalf("no recipient in %q", text)
	return ""
}
