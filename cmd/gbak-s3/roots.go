package main

import (
	"crypto/x509"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// systemRoots are the files in which most systems keep the root certificates that they trust.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
	"/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
	"/etc/ssl/ca-bundle.pem",             // openSUSE
	"/etc/ssl/cert.pem",                  // Alpine, FreeBSD
}

// bringRoots gives the process the root certificates of public stores, for a system that has none of its
// own, such as an image FROM scratch. Go takes them only there. To parse them takes some milliseconds and a
// megabyte, so where they cannot be needed they stay where they are.
func bringRoots() {
	if needsRoots(systemRoots) {
		x509.SetFallbackRoots(ownRoots())
	}
}

// needsRoots reports whether the system may have no root certificates: unless the first of its files has some,
// and nothing says that others are to be used.
func needsRoots(files []string) bool {
	switch {
	case os.Getenv("SSL_CERT_FILE") != "", os.Getenv("SSL_CERT_DIR") != "", strings.Contains(os.Getenv("GODEBUG"), "x509usefallbackroots"):
		return true
	case runtime.GOOS == "windows", runtime.GOOS == "darwin": // these verify themselves
		return false
	}
	for _, path := range files {
		b := make([]byte, 1<<10)
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		n, err := f.Read(b)
		_ = f.Close()                             // it was only read
		if err == nil || errors.Is(err, io.EOF) { // Go takes the first that can be read, and no other
			return n < len(b) && !strings.Contains(string(b[:n]), "-----BEGIN")
		}
	}
	return true
}

// ownRoots are the root certificates in the command.
func ownRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			continue // one that Go does not take is not trusted
		}
		if root.Constraint == nil {
			pool.AddCert(certificate)
		} else {
			pool.AddCertWithConstraint(certificate, root.Constraint)
		}
	}
	return pool
}
