package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The roots in the command are all there.
func TestOwnRoots(t *testing.T) {
	n := 0
	want := x509.NewCertPool()
	for root := range bundle.Roots() {
		n++
		if ok := want.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})); !ok {
			t.Errorf("root %d cannot be read", n)
		}
	}
	if got := len(ownRoots().Subjects()); got != n || n < 100 { //nolint:staticcheck // it is no pool of the system
		t.Errorf("%d roots of %d", got, n)
	}
}

// They are left out only where the system certainly has some and is to use them.
func TestNeedsRoots(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return // which have a verifier
	}
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	missing := filepath.Join(dir, "missing")
	some := file("some", "# Some root\n-----BEGIN CERTIFICATE-----\n"+strings.Repeat("A", 2000))
	for name, c := range map[string]struct {
		files []string
		env   [2]string
		want  bool
	}{
		"no system":       {nil, [2]string{}, true},
		"no file":         {[]string{missing}, [2]string{}, true},
		"an empty one":    {[]string{file("empty", "")}, [2]string{}, true},
		"empty, and some": {[]string{file("first", ""), some}, [2]string{}, true},
		"a folder, some":  {[]string{dir, some}, [2]string{}, false},
		"a folder":        {[]string{dir}, [2]string{}, true},
		"some":            {[]string{missing, some}, [2]string{}, false},
		"another file":    {[]string{some}, [2]string{"SSL_CERT_FILE", missing}, true},
		"another folder":  {[]string{some}, [2]string{"SSL_CERT_DIR", dir}, true},
		"Go is told so":   {[]string{some}, [2]string{"GODEBUG", "x509usefallbackroots=1"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, env := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG"} {
				t.Setenv(env, "")
			}
			if c.env[0] != "" {
				t.Setenv(c.env[0], c.env[1])
			}
			if got := needsRoots(c.files); got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
