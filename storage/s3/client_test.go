package s3

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Many stores of one client look for credentials once, share connections, and share what
// an answer has shown.
func TestStoresShareAClient(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the credentials come from a shell script")
	}
	var connections atomic.Int32
	f := fakeHandler(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if r.Header.Get("X-Amz-Checksum-Sha256") == "" {
			refuse(w, http.StatusBadRequest, "InvalidRequest: Content-MD5 OR x-amz-checksum- HTTP header is required")
		}
	})
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	f.Start()
	dir := t.TempDir()
	asked, script := filepath.Join(dir, "asked"), filepath.Join(dir, "program")
	text := fmt.Sprintf("#!/bin/sh\necho asked >> %s\necho '{\"Version\":1,\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"secret\"}'\n", asked)
	if err := errors.Join(os.WriteFile(script, []byte(text), 0o700),
		os.WriteFile(filepath.Join(dir, "config"), []byte("[default]\ncredential_process = "+script+"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Dial(t.Context(), Options{Bucket: "bucket", Endpoint: f.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	const stores, inTurn, atOnce = 100, 50, 4
	var before int32
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range stores {
		s, err := c.Store(fmt.Sprintf("tenants/%d", i))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 { // the others do not meet the refusal any more
			put(t, s, "key", "data")
			before = connections.Load()
			continue
		}
		if i <= inTurn { // of calls at once, each may begin a connection that another one then does without
			put(t, s, "key", "data")
			if n := connections.Load(); n != before {
				t.Errorf("%d connections for calls in turn, and %d before them", n, before)
			}
			continue
		}
		g.Go(func() error { return create(t.Context(), s, "key", "data") })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, r := range f.seen() {
		paths[r.URL.Path] = true
	}
	if len(f.seen()) != stores+1 || len(paths) != stores || !paths["/bucket/tenants/7/key"] {
		t.Errorf("%d requests for %d objects", len(f.seen()), len(paths))
	}
	if b, err := os.ReadFile(asked); err != nil || string(b) != "asked\n" {
		t.Errorf("the program for credentials said %q, %v", b, err)
	}
}

func TestClientErrors(t *testing.T) {
	isolate(t)
	if _, err := Dial(t.Context(), Options{Bucket: "B"}); !isAddressError(err) {
		t.Errorf("a wrong bucket: %v", err)
	}
	c, err := Dial(t.Context(), Options{Bucket: "bucket", Prefix: "is left out", Endpoint: "http://127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"/a", "a/", "a//b", "../a"} {
		if _, err := c.Store(prefix); !isAddressError(err) {
			t.Errorf("the prefix %q: %v", prefix, err)
		}
	}
	s, err := c.Store("")
	if err != nil || s.String() != "s3://bucket?endpoint=http%3A%2F%2F127.0.0.1" {
		t.Errorf("without a prefix: %v, %v", s, err)
	}
}

func isAddressError(err error) bool {
	_, ok := errors.AsType[*AddressError](err)
	return ok
}

// Stores of one client are as good as others, and do not see each other's objects.
func TestStoresOfAClientConform(t *testing.T) {
	o, err := ParseAddress(s3test.NewBucket(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	n := 0
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		n++
		s, err := c.Store(fmt.Sprintf("number-%d", n))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
