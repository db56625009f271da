package s3

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// isolate hides the AWS settings of this machine and sets fake credentials.
func isolate(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // which restores it in the end
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	nowhere := filepath.Join(t.TempDir(), "missing")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID":           "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":       "must-not-show",
		"AWS_CONFIG_FILE":             nowhere,
		"AWS_SHARED_CREDENTIALS_FILE": nowhere,
		"AWS_EC2_METADATA_DISABLED":   "true",
	} {
		t.Setenv(name, value)
	}
}

// request is a request that a fake store received, with its body.
type request struct {
	*http.Request
	body string
}

// fake is an HTTP server that answers what a test wants.
type fake struct {
	*httptest.Server

	mu       sync.Mutex
	requests []request
}

// newFake starts a fake. answer gets the number of the request, from 1.
func newFake(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *fake {
	f := fakeHandler(t, answer)
	f.Start()
	return f
}

func fakeHandler(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, n int)) *fake {
	isolate(t)
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // an error means that a test broke the connection
		f.mu.Lock()
		f.requests = append(f.requests, request{r, string(body)})
		n := len(f.requests)
		f.mu.Unlock()
		answer(w, r, n)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) seen() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]request(nil), f.requests...)
}

// open opens a store on the fake, with short timeouts.
func (f *fake) open(t *testing.T, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{
		Bucket: "bucket", Prefix: "prefix", Endpoint: f.URL, maxBackoff: time.Millisecond,
		Timeouts: Timeouts{Answer: 5 * time.Second, Idle: 5 * time.Second},
	}
	for _, c := range change {
		c(&o)
	}
	return openOptions(t, o)
}

// refuse answers as S3 does.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("x-amz-request-id", "REQ1")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>The text of %s.</Message><RequestId>REQ1</RequestId></Error>", code, code)
}

// drop breaks the connection without an answer.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}
