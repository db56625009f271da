package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

const loginPage = "<!DOCTYPE html><html><body>Please log in.</body></html>"

// instead replaces the store's answer.
func instead(status int, body string, header ...string) s3test.Fault {
	return s3test.Fault{Edit: func(a *s3test.Answer) {
		a.Status, a.Body, a.Header = status, []byte(body), http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			a.Header.Set(header[i], header[i+1])
		}
	}}
}

// saidXML is an error with a text of its own.
func saidXML(status int, code, message, more string) s3test.Fault {
	return instead(status, "<Error><Code>"+code+"</Code><Message>"+message+"</Message>"+more+"</Error>", "Content-Type", "application/xml", "X-Amz-Request-Id", "REQ")
}

// compressed is what a proxy makes of an answer that compresses all.
var compressed = s3test.Fault{Edit: func(a *s3test.Answer) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(a.Body) // to memory
	_ = w.Close()
	a.Body = b.Bytes()
	a.Header.Set("Content-Encoding", "gzip")
	a.Header.Set("ETag", "W/"+a.Header.Get("ETag"))
}}

// chunked leaves the body in the chunks in which it was sent.
var chunked = s3test.Fault{Edit: func(a *s3test.Answer) {
	a.Body = fmt.Appendf(nil, "%x;chunk-signature=%064d\r\n%s\r\n0;chunk-signature=%064d\r\n\r\n", len(a.Body), 1, a.Body, 2)
	a.Header.Set("Content-Encoding", "aws-chunked")
}}

// TestDiagnosis lets a store, or what is in front of it, be wrong in one way after
// the other. Each is reported as what it is, with the right exit code and the step that
// mends it, and changes nothing.
func TestDiagnosis(t *testing.T) {
	path := closedImage(t)
	p, at := behindProxy(t, nil)
	must(t, "backup", path, p.Address)
	keys := at.keys(t)
	gets := func(f s3test.Fault) s3test.Hook {
		return func(r *s3test.Request) s3test.Fault {
			if r.Op == storage.OpGet {
				return f
			}
			return s3test.Fault{}
		}
	}
	segments := func(f s3test.Fault) s3test.Hook {
		return func(r *s3test.Request) s3test.Fault {
			if r.Op == storage.OpGet && strings.HasPrefix(r.Key, "segments/") {
				return f
			}
			return s3test.Fault{}
		}
	}
	all := func(f s3test.Fault) s3test.Hook { return func(*s3test.Request) s3test.Fault { return f } }
	for name, c := range map[string]struct {
		hook    s3test.Hook
		code    string
		message string
		hint    string
	}{
		"archive tier":         {segments(saidXML(403, "InvalidObjectState", "It is in Glacier.", "")), "store_failed", "InvalidObjectState", "archive tier"},
		"clock":                {all(saidXML(403, "RequestTimeTooSkewed", "", "")), "store_failed", "RequestTimeTooSkewed", "clock"},
		"wrong secret":         {all(saidXML(403, "SignatureDoesNotMatch", "", "")), "permission_denied", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"},
		"unknown key":          {all(saidXML(403, "InvalidAccessKeyId", "", "")), "permission_denied", "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"},
		"KMS":                  {segments(saidXML(403, "AccessDenied", "not authorized to perform: kms:Decrypt", "")), "permission_denied", "kms:Decrypt", "kms_key_id="},
		"region":               {all(saidXML(400, "AuthorizationHeaderMalformed", "", "<Region>eu-west-9</Region>")), "store_failed", "eu-west-9", "region=eu-west-9"},
		"redirect":             {all(instead(301, "", "Location", "https://other.example/x?token=HUSH")), "store_failed", "https://other.example/x", "endpoint="},
		"what nobody knows":    {all(saidXML(403, "SomethingNew", "", "")), "store_failed", "SomethingNew", "The store said SomethingNew"},
		"a page":               {all(instead(200, loginPage, "Content-Type", "text/html")), "store_failed", "an HTML page", "endpoint="},
		"a page for segments":  {segments(instead(200, loginPage, "Content-Type", "text/html")), "store_failed", "an HTML page", "endpoint="},
		"a page with an ETag":  {gets(instead(200, loginPage, "Content-Type", "text/html", "ETag", `"5f-12"`)), "store_failed", "an HTML page", "endpoint="},
		"a page for a 404":     {all(instead(404, loginPage, "Content-Type", "text/html")), "store_failed", "an HTML page", "endpoint="},
		"nothing, of nobody":   {gets(instead(200, "")), "store_failed", "no ETag", "endpoint="},
		"gzip":                 {gets(compressed), "store_failed", "compressed", "compresses"},
		"gzip for segments":    {segments(compressed), "store_failed", "compressed", "compresses"},
		"chunks":               {gets(chunked), "store_failed", "in chunks", "changes what it sends"},
		"chunks for segments":  {segments(chunked), "store_failed", "in chunks", "changes what it sends"},
		"a proxy's own answer": {all(instead(407, "", "Proxy-Authenticate", "Basic")), "store_failed", "HTTP 407", "HTTPS_PROXY"},
		"busy":                 {all(saidXML(503, "SlowDown", "", "")), "store_failed", "SlowDown", "attempts in"},
	} {
		p.Do(c.hook)
		target := filepath.Join(t.TempDir(), "db.grafeo")
		patience := "30s"
		if name == "busy" {
			patience = "1s"
		}
		f := gbak(t, "restore", p.Address, target, "--json", "--store-timeout", patience).want(t, exitError).failure(t)
		if f.Code != c.code || !strings.Contains(f.Message, c.message) || !strings.Contains(f.Hint, c.hint) || strings.Contains(f.Message+f.Hint, "HUSH") {
			t.Errorf("%s: %+v", name, f)
		}
		if _, err := os.Lstat(target); err == nil {
			t.Errorf("%s: something was restored", name)
		}
	}
	// What a put meets.
	for name, c := range map[string]struct {
		fault      s3test.Fault
		code, hint string
	}{
		"quota":     {saidXML(403, "QuotaExceeded", "", ""), "disk_full", "quota"},
		"full":      {saidXML(507, "XMinioStorageFull", "", ""), "disk_full", "room"},
		"too large": {instead(413, "<html>413</html>", "Content-Type", "text/html"), "store_failed", "--segment-size"},
	} {
		p.Do(func(r *s3test.Request) s3test.Fault {
			if r.Op == storage.OpPut {
				return s3test.Fault{Status: 599, Edit: c.fault.Edit} // the store does not receive it
			}
			return s3test.Fault{}
		})
		f := gbak(t, "backup", path, p.Address, "--full", "--fresh", "--json", "--store-timeout", "30s").want(t, exitError).failure(t)
		if f.Code != c.code || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	p.Do(nil)
	if now := at.keys(t); !slices.Equal(now, keys) {
		t.Errorf("there is %q now, and was %q", now, keys)
	}
	truth(t, at, path, 1)
}

// TestPageInTheBucketIsDamage: what the store really keeps is damaged, whatever it
// looks like.
func TestPageInTheBucketIsDamage(t *testing.T) {
	path := closedImage(t)
	for _, content := range []string{loginPage, "", "\x1f\x8b\x08 something"} {
		for _, prefix := range []string{"segments/", "manifests/"} {
			at := newBucket(t)
			must(t, "backup", path, at.address())
			for _, key := range at.keys(t) {
				if strings.HasPrefix(key, prefix) {
					at.write(t, key, []byte(content))
				}
			}
			f := gbak(t, "restore", at.address(), filepath.Join(t.TempDir(), "db.grafeo"), "--json").want(t, exitDamage).failure(t)
			if f.Code != "damaged_archive" {
				t.Errorf("%q as %s: %+v", content, prefix, f)
			}
		}
	}
}

// TestDebugLog: each request is logged, with its attempt and its id, and each system
// call that failed, and nothing secret.
func TestDebugLog(t *testing.T) {
	path := closedImage(t)
	p, _ := behindProxy(t, nil)
	p.SignAll()
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_SESSION_TOKEN", sessionToken)
	failed := false
	p.Do(func(r *s3test.Request) s3test.Fault {
		if r.Op == storage.OpGet && !failed {
			failed = true
			return s3test.Fault{Status: 503, Code: "SlowDown"}
		}
		return s3test.Fault{}
	})
	said := gbak(t, "backup", path, p.Address, "--log-level", "debug").want(t, exitOK).stderr
	for _, words := range []string{"msg=request", "op=put", "attempt=2", "status=503", "status=200", "request_id=", "took=", "archive.json"} {
		if !strings.Contains(said, words) {
			t.Errorf("the log does not say %q", words)
		}
	}
	target := filepath.Join(t.TempDir(), "a folder", "db.grafeo")
	if err := os.WriteFile(filepath.Dir(target), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said += gbak(t, "restore", p.Address, target, "--log-level", "debug").want(t, exitError).stderr
	if !strings.Contains(said, `msg="system call"`) || !strings.Contains(said, "not a directory") || !strings.Contains(said, "a folder") {
		t.Errorf("the log does not say which call has failed: %s", said)
	}
	for _, verb := range []string{"inspect", "release"} { // which ask no store
		lost := filepath.Join(target, "lost.grafeo")
		if r := gbak(t, verb, lost, "--log-level", "debug").want(t, exitError); !strings.Contains(r.stderr, `msg="system call"`) || !strings.Contains(r.stderr, lost) {
			t.Errorf("%s: the log does not say which call has failed: %s", verb, r.stderr)
		}
	}
	for _, secret := range []string{secretKey, sessionToken, "Signature=", "X-Amz-Security-Token", "Authorization"} {
		if strings.Contains(said, secret) {
			t.Errorf("the log says %q", secret)
		}
	}
}

// TestTimesThatAreListed restores to each time that list and status print.
func TestTimesThatAreListed(t *testing.T) {
	path := closedImage(t)
	archive := filepath.Join(t.TempDir(), "archive")
	must(t, "backup", path, archive)
	listed := strings.Fields(strings.Split(must(t, "list", archive).stdout, "\n")[1])
	taken := listed[1] + " " + listed[2]
	times := []string{taken, taken + " UTC", must(t, "list", archive, "--json").answers(t)[0].CreatedAt}
	for _, line := range strings.Split(must(t, "status", archive).stdout, "\n") {
		if _, at, found := strings.Cut(line, " up to "); found {
			times = append(times, at)
		}
	}
	for _, at := range times {
		r := gbak(t, "restore", archive, filepath.Join(t.TempDir(), "db.grafeo"), "--time", at, "--plan")
		if r.code != exitOK || !strings.Contains(r.stdout, "asked for as of 20") {
			t.Errorf("%q: %s%s", at, r.stdout, r.stderr)
		}
	}
	if host, err := os.Hostname(); err != nil || must(t, "list", archive, "--json").answers(t)[0].Host != host {
		t.Error("the list has no host")
	}
	for _, at := range []string{"yesterday", "2026-11-23"} {
		gbak(t, "restore", archive, "db.grafeo", "--time", at).want(t, exitUsage)
	}
	folder := filepath.Join(t.TempDir(), "newdir") + "/"
	must(t, "restore", archive, folder)
	if _, err := os.Stat(folder + "people.grafeo"); err != nil {
		t.Error(err)
	}
}
