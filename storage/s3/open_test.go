package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gbak-s3/gbak-s3/storage"
)

// capture is an HTTP client that keeps the last request and does not answer.
type capture struct{ last *http.Request }

func (c *capture) Do(r *http.Request) (*http.Response, error) {
	c.last = r
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// putSomewhere returns the request of a put, which is not sent.
func putSomewhere(t *testing.T, o Options) *http.Request {
	t.Helper()
	s := openOptions(t, o)
	var c capture
	s.client = awss3.New(s.client.Options(), func(so *awss3.Options) { so.HTTPClient = &c })
	put(t, s, "key", "data")
	return c.last
}

// Where requests go: parameters win over the environment, which wins over defaults.
func TestWhereRequestsGo(t *testing.T) {
	on, off := true, false
	for name, c := range map[string]struct {
		env      map[string]string
		options  Options
		want     string
		region   string
		checksum bool
	}{
		"AWS": {
			nil, Options{Region: "eu-west-1"},
			"https://bucket.s3.eu-west-1.amazonaws.com/p/key", "eu-west-1", true,
		},
		"AWS, region of the environment": {
			map[string]string{"AWS_REGION": "eu-west-1"}, Options{},
			"https://bucket.s3.eu-west-1.amazonaws.com/p/key", "eu-west-1", true,
		},
		"AWS, region of both": {
			map[string]string{"AWS_REGION": "eu-west-1"}, Options{Region: "eu-west-2"},
			"https://bucket.s3.eu-west-2.amazonaws.com/p/key", "eu-west-2", true,
		},
		"AWS, path style": {
			nil, Options{Region: "eu-west-1", PathStyle: &on},
			"https://s3.eu-west-1.amazonaws.com/bucket/p/key", "eu-west-1", true,
		},
		"AWS, no checksum": {
			nil, Options{Region: "eu-west-1", Checksum: ChecksumNone},
			"https://bucket.s3.eu-west-1.amazonaws.com/p/key", "eu-west-1", false,
		},
		"endpoint of AWS": {
			nil, Options{Endpoint: "https://vpce-1.s3.eu-west-1.vpce.amazonaws.com", Region: "eu-west-1"},
			"https://vpce-1.s3.eu-west-1.vpce.amazonaws.com/bucket/p/key", "eu-west-1", true,
		},
		"endpoint": {
			nil, Options{Endpoint: "https://minio.example"},
			"https://minio.example/bucket/p/key", "us-east-1", false,
		},
		"endpoint with port and path": {
			nil, Options{Endpoint: "http://minio.example:9000/s3"},
			"http://minio.example:9000/s3/bucket/p/key", "us-east-1", false,
		},
		"endpoint that ends like AWS": {
			nil, Options{Endpoint: "https://notamazonaws.com"},
			"https://notamazonaws.com/bucket/p/key", "us-east-1", false,
		},
		"endpoint, region": {
			nil, Options{Endpoint: "https://minio.example", Region: "auto"},
			"https://minio.example/bucket/p/key", "auto", false,
		},
		"endpoint, region of the environment": {
			map[string]string{"AWS_DEFAULT_REGION": "eu-west-1"}, Options{Endpoint: "https://minio.example"},
			"https://minio.example/bucket/p/key", "eu-west-1", false,
		},
		"endpoint, bucket in the host name": {
			nil, Options{Endpoint: "https://minio.example", PathStyle: &off},
			"https://bucket.minio.example/p/key", "us-east-1", false,
		},
		"endpoint, checksum": {
			nil, Options{Endpoint: "https://minio.example", Checksum: ChecksumSHA256},
			"https://minio.example/bucket/p/key", "us-east-1", true,
		},
		"endpoint of the environment": {
			map[string]string{"AWS_ENDPOINT_URL": "http://minio.example"}, Options{},
			"http://minio.example/bucket/p/key", "us-east-1", false,
		},
		"endpoint of the environment for S3": {
			map[string]string{"AWS_ENDPOINT_URL": "http://other.example", "AWS_ENDPOINT_URL_S3": "http://minio.example"}, Options{},
			"http://minio.example/bucket/p/key", "us-east-1", false,
		},
		"endpoint of the environment without scheme": {
			map[string]string{"AWS_ENDPOINT_URL_S3": "minio.example"}, Options{},
			"https://minio.example/bucket/p/key", "us-east-1", false,
		},
		"endpoint of the environment that is to be ignored": {
			map[string]string{"AWS_ENDPOINT_URL": "http://minio.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, Options{Region: "eu-west-1"},
			"https://bucket.s3.eu-west-1.amazonaws.com/p/key", "eu-west-1", true,
		},
		"endpoint of both": {
			map[string]string{"AWS_ENDPOINT_URL_S3": "http://other.example"}, Options{Endpoint: "http://minio.example"},
			"http://minio.example/bucket/p/key", "us-east-1", false,
		},
		"checksums and modes of the environment": {
			map[string]string{
				"AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported", "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_supported",
				"AWS_DEFAULTS_MODE": "standard",
			},
			Options{Endpoint: "https://minio.example"},
			"https://minio.example/bucket/p/key", "us-east-1", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			c.options.Bucket, c.options.Prefix = "bucket", "p"
			r := putSomewhere(t, c.options)
			r.URL.RawQuery = "" // x-id=PutObject
			if got := r.URL.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := r.Header.Get("Authorization"); !strings.Contains(got, "/"+c.region+"/s3/") {
				t.Errorf("signed is %s, want region %s", got, c.region)
			}
			want := ""
			if c.checksum {
				sum := sha256.Sum256([]byte("data"))
				want = base64.StdEncoding.EncodeToString(sum[:])
			}
			if got := r.Header.Get("X-Amz-Checksum-Sha256"); got != want {
				t.Errorf("checksum is %q, want %q", got, want)
			}
			if r.Header.Get("X-Amz-Trailer") != "" || r.Header.Get("X-Amz-Checksum-Crc32") != "" {
				t.Errorf("there are checksums of the SDK: %v", r.Header)
			}
		})
	}
}

// A profile can have all settings, and wins over credentials of the environment.
func TestProfile(t *testing.T) {
	isolate(t)
	file := filepath.Join(t.TempDir(), "config")
	config := `
[profile minio]
aws_access_key_id = AKIDPROFILE
aws_secret_access_key = must-not-show
region = eu-west-3
endpoint_url = http://profile.example
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	r := putSomewhere(t, Options{Bucket: "bucket", Profile: "minio"})
	if got := r.URL.Host; got != "profile.example" {
		t.Errorf("host is %q", got)
	}
	if got := r.Header.Get("Authorization"); !strings.Contains(got, "Credential=AKIDPROFILE/") || !strings.Contains(got, "/eu-west-3/") {
		t.Errorf("signed is %q", got)
	}
	if _, err := Open(t.Context(), Options{Bucket: "bucket", Profile: "missing"}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing profile: got %v", err)
	}
}

func TestCertificates(t *testing.T) {
	f := fakeHandler(t, func(http.ResponseWriter, *http.Request, int) {})
	f.StartTLS()
	f.Config.ErrorLog = nil
	file := certificateFile(t, f)
	attempt := func(t *testing.T, change func(*Options)) error {
		s := f.open(t, change)
		_, err := s.Put(t.Context(), "key", strings.NewReader("data"), storage.PutOptions{})
		return err
	}
	t.Run("unknown", func(t *testing.T) {
		if err := attempt(t, func(*Options) {}); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ca_file", func(t *testing.T) {
		if err := attempt(t, func(o *Options) { o.CAFile = file }); err != nil {
			t.Error(err)
		}
	})
	t.Run("AWS_CA_BUNDLE", func(t *testing.T) {
		t.Setenv("AWS_CA_BUNDLE", file)
		if err := attempt(t, func(*Options) {}); err != nil {
			t.Error(err)
		}
	})
	t.Run("missing file", func(t *testing.T) {
		_, err := Open(t.Context(), Options{Bucket: "bucket", CAFile: filepath.Join(t.TempDir(), "missing")})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no certificates", func(t *testing.T) {
		empty := filepath.Join(t.TempDir(), "empty")
		if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Options{Bucket: "bucket", Endpoint: f.URL, CAFile: empty}); err == nil {
			t.Error("no error")
		}
	})
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Run("credentials", func(t *testing.T) {
		isolate(t)
		if err := errors.Join(os.Unsetenv("AWS_ACCESS_KEY_ID"), os.Unsetenv("AWS_SECRET_ACCESS_KEY")); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Options{Bucket: "bucket", Region: "eu-west-1"})
		if !errors.Is(err, storage.ErrPermission) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
			t.Errorf("got %v", err)
		}
		cause := errors.New("the cause")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if _, err := Open(ctx, Options{Bucket: "bucket", Region: "eu-west-1"}); !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
	})
	t.Run("region", func(t *testing.T) {
		isolate(t)
		_, err := Open(t.Context(), Options{Bucket: "bucket"})
		_, ok := errors.AsType[*AddressError](err)
		if !ok || !strings.Contains(err.Error(), "region") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("bucket", func(t *testing.T) {
		isolate(t)
		_, err := Open(t.Context(), Options{Region: "eu-west-1"})
		_, ok := errors.AsType[*AddressError](err)
		if !ok {
			t.Errorf("got %v", err)
		}
	})
}

func TestTimeoutsHaveDefaults(t *testing.T) {
	isolate(t)
	s := openOptions(t, Options{Bucket: "bucket", Region: "eu-west-1", Timeouts: Timeouts{Answer: time.Minute}})
	want := Timeouts{Dial: 4 * time.Second, Answer: time.Minute, Idle: 30 * time.Second, Total: 2 * time.Minute}
	if got := s.options.Timeouts; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestStoreIsNamedByItsAddress(t *testing.T) {
	isolate(t)
	s := openAddress(t, "s3://bucket/some%20prefix?endpoint=minio.example&use_path_style=true&region=eu-west-1")
	want := "s3://bucket/some%20prefix?endpoint=https%3A%2F%2Fminio.example&path_style=true&region=eu-west-1"
	if got := s.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
