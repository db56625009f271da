package s3

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// Once the store says that credentials have expired, new ones are loaded from where the
// old ones came from: from a program, in the middle of a run, and for a conditional
// put, too. A request that was refused was not applied.
func TestExpiredCredentialsAreRenewed(t *testing.T) {
	var mu sync.Mutex
	valid := "AKIDONE"
	refused := 0
	p, s, around := openRotating(t, func(r *s3test.Request) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.AccessKey() != valid {
			refused++
			return s3test.Fault{Status: 400, Code: "ExpiredToken"}
		}
		return s3test.Fault{}
	})
	put(t, s, "before", "data")
	for i, call := range []func() error{
		func() error { return create(t.Context(), s, "create", "data") },
		func() error { return s.Delete(t.Context(), "before") },
		func() error { return errors.Join(listError(t, s)...) },
		func() error { _, err := s.Head(t.Context(), "create"); return err },
	} {
		name := fmt.Sprintf("AKIDNEW%d", i)
		mu.Lock()
		valid = name
		mu.Unlock()
		p.rotate(t, name)
		if err := call(); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	mu.Lock()
	if refused != 4 {
		t.Errorf("%d requests were refused, want one for each rotation", refused)
	}
	// Without new ones the call fails after one more request.
	valid, refused = "AKIDNOBODY", 0
	mu.Unlock()
	if got := content(t, around, "create"); got != "data" {
		t.Errorf("stored is %q", got)
	}
	err := create(t.Context(), s, "more", "data")
	mu.Lock()
	defer mu.Unlock()
	if !errors.Is(err, storage.ErrPermission) || !strings.Contains(err.Error(), "ExpiredToken") || refused != 2 {
		t.Errorf("got %v after %d requests", err, refused)
	}
	if got := content(t, around, "more"); got != "" {
		t.Errorf("stored is %q", got)
	}
}

// ownCredentials are those that a program returns, which reads them from a file.
type ownCredentials struct{ file string }

func (o ownCredentials) rotate(t *testing.T, name string) {
	t.Helper()
	text := fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":"secret-of-%s","SessionToken":"token-of-%s"}`, name, name, name)
	if err := os.WriteFile(o.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openRotating is openProxied with a client whose credentials come from a program. The
// proxy replaces them.
func openRotating(t *testing.T, hook s3test.Hook) (ownCredentials, *Store, *Store) {
	t.Helper()
	address := s3test.NewBucket(t)
	around := openAddress(t, address)
	p := s3test.NewProxy(t, address, hook)
	p.SignAll()
	dir := t.TempDir()
	own := ownCredentials{filepath.Join(dir, "credentials.json")}
	own.rotate(t, "AKIDONE")
	config := filepath.Join(dir, "config")
	profile := "[profile rotating]\nregion = us-east-1\ncredential_process = cat '" + own.file + "'\n"
	if err := os.WriteFile(config, []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	return own, openAddress(t, p.Address+"&profile=rotating"), around
}

// The output of a credential_process that the SDK cannot parse is quoted in the SDK's
// error. It has secrets, so it is not in ours.
func TestOutputOfCredentialProcessIsHidden(t *testing.T) {
	for name, c := range map[string]struct{ output, want string }{
		"cut":     {`{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"must-not-show"`, "returned no credentials"},
		"no json": {"must-not-show", "returned no credentials"},
		"version": {`{"Version":2,"SecretAccessKey":"must-not-show"}`, "returned no credentials"},
		"exit":    {"", "exit status"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := func(r *s3test.Request) s3test.Fault {
				if r.N > 1 {
					return s3test.Fault{Status: 400, Code: "ExpiredToken"}
				}
				return s3test.Fault{}
			}
			own, s, _ := openRotating(t, refused)
			put(t, s, "before", "data")
			err := os.Remove(own.file)
			if c.output != "" {
				err = os.WriteFile(own.file, []byte(c.output), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			_, opening := Open(t.Context(), s.options)
			if !errors.Is(opening, storage.ErrPermission) {
				t.Errorf("Open: got %v", opening)
			}
			for _, err := range []error{opening, create(t.Context(), s, "key", "data"), s.Delete(t.Context(), "key")} {
				if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "must-not-show") {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}
