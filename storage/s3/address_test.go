package s3

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var ignoreUnexported = cmpopts.IgnoreUnexported(Options{})

func TestParseAddress(t *testing.T) {
	on, off := true, false
	for address, want := range map[string]Options{
		"s3://bucket":                 {Bucket: "bucket"},
		"s3://bucket/":                {Bucket: "bucket"},
		"s3://bucket//":               {Bucket: "bucket"},
		"S3://my.bucket-1/a":          {Bucket: "my.bucket-1", Prefix: "a"},
		"s3://bucket/a/b/":            {Bucket: "bucket", Prefix: "a/b"},
		"s3://bucket/Backups of/DB+1": {Bucket: "bucket", Prefix: "Backups of/DB+1"},
		"s3://bucket/a%20b/%C3%A4":    {Bucket: "bucket", Prefix: "a b/ä"},
		"s3://bucket/a.b..c":          {Bucket: "bucket", Prefix: "a.b..c"},
		"s3://bucket?":                {Bucket: "bucket"},
		"s3://bucket/p?region=eu-west-1&profile=work&ca_file=%2Fetc%2Fca.pem": {
			Bucket: "bucket", Prefix: "p", Region: "eu-west-1", Profile: "work", CAFile: "/etc/ca.pem",
		},
		"s3://bucket?endpoint=minio.example":                   {Bucket: "bucket", Endpoint: "https://minio.example"},
		"s3://bucket?endpoint=minio.example:9000":              {Bucket: "bucket", Endpoint: "https://minio.example:9000"},
		"s3://bucket?endpoint=http://127.0.0.1:9000":           {Bucket: "bucket", Endpoint: "http://127.0.0.1:9000"},
		"s3://bucket?endpoint=http%3A%2F%2F[::1]:9000/s3":      {Bucket: "bucket", Endpoint: "http://[::1]:9000/s3"},
		"s3://bucket?path_style=true":                          {Bucket: "bucket", PathStyle: &on},
		"s3://bucket?force-path-style=1":                       {Bucket: "bucket", PathStyle: &on},
		"s3://bucket?forcePathStyle=false":                     {Bucket: "bucket", PathStyle: &off},
		"s3://bucket?use_path_style=true":                      {Bucket: "bucket", PathStyle: &on},
		"s3://bucket?checksum=auto":                            {Bucket: "bucket", Checksum: ChecksumAuto},
		"s3://bucket?checksum=sha256":                          {Bucket: "bucket", Checksum: ChecksumSHA256},
		"s3://bucket?checksum=none":                            {Bucket: "bucket", Checksum: ChecksumNone},
		"s3://bucket?sse=AES256":                               {Bucket: "bucket", SSE: "AES256"},
		"s3://bucket?sse=aws:kms&kms_key_id=arn:aws:kms:x:1:k": {Bucket: "bucket", SSE: "aws:kms", KMSKeyID: "arn:aws:kms:x:1:k"},
		"s3://bucket?requester_pays=true":                      {Bucket: "bucket", RequesterPays: true},
		"s3://bucket?versions=oldest":                          {Bucket: "bucket", Versions: VersionsOldest},
		"s3://bucket?versions=oldest&before=2026-11-20T12:00:00Z": {
			Bucket: "bucket", Versions: VersionsOldest, Before: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		},
		"s3://bucket/" + strings.Repeat("p", maxPrefix):         {Bucket: "bucket", Prefix: strings.Repeat("p", maxPrefix)},
		"s3://" + strings.Repeat("b", 63) + "?region=eu-west-1": {Bucket: strings.Repeat("b", 63), Region: "eu-west-1"},
	} {
		got, err := ParseAddress(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if diff := cmp.Diff(want, got, ignoreUnexported); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", address, diff)
		}
		again, err := ParseAddress(got.String())
		if err != nil {
			t.Errorf("%s: its own form %s: %v", address, got, err)
		} else if diff := cmp.Diff(got, again, ignoreUnexported); diff != "" {
			t.Errorf("%s: its own form %s: (-want +got)\n%s", address, got, diff)
		}
	}
}

// Each of these addresses has the secret, and none of the errors.
func TestParseAddressRefuses(t *testing.T) {
	const secret = "wJalrXUtnFEMI"
	for address, hint := range map[string]string{
		"":                       "s3://",
		"bucket/prefix":          "s3://",
		"/some/folder":           "s3://",
		"http://bucket/prefix":   "s3://",
		"s3:bucket":              "no bucket",
		"s3://":                  "no bucket",
		"s3:///prefix":           "no bucket",
		"s3://b":                 "bucket",
		"s3://Bucket":            "bucket",
		"s3://under_score":       "bucket",
		"s3://bucket-":           "bucket",
		"s3://buc..ket":          "bucket",
		"s3://bucket:9000/x":     "endpoint=",
		"s3://localhost:9000/x":  "endpoint=",
		"s3://express--x-s3/db":  "directory buckets",
		"s3://bucket/a//b":       "prefix",
		"s3://bucket/a/../b":     "prefix",
		"s3://bucket/./b":        "prefix",
		"s3://bucket/..":         "prefix",
		"s3://bucket/a%2F..%2Fb": "prefix",
		"s3://bucket/a%00b":      "prefix",
		"s3://bucket/a%0Ab":      "prefix",
		"s3://bucket/a%FFb":      "prefix",
		`s3://bucket/a\b`:        "prefix",
		"s3://bucket/" + strings.Repeat("p", maxPrefix+1): "prefix",
		"s3://" + strings.Repeat("b", 64):                 "bucket",
		"s3://bucket/a#b":                                 "%23",
		"s3://bucket/a#":                                  "%23",
		"s3://bucket/%zz":                                 "%XX",
		"s3://bucket?region=%zz":                          "name=value",
		"s3://bucket?a;b":                                 "name=value",
		"s3://bucket?region":                              "no value",
		"s3://bucket?region=":                             "no value",
		"s3://bucket?unknown=1":                           "unknown is unknown; the parameters are endpoint",
		"s3://bucket?storage_class=GLACIER":               "storage_class is unknown",
		"s3://bucket?region=a&region=a":                   "more than once",
		"s3://bucket?region=a&region=b":                   "more than once",
		"s3://bucket?path_style=true&forcePathStyle=true": "more than once",
		"s3://bucket?path_style=yes":                      "true nor false",
		"s3://bucket?requester_pays=maybe":                "true nor false",
		"s3://bucket?versions=newest":                     "versions is not oldest",
		"s3://bucket?versions=oldest&before=noon":         "before is not a time",
		"s3://bucket?before=2026-11-20T12:00:00Z":         "before needs versions=oldest",
		"s3://bucket?checksum=crc32":                      "checksum",
		"s3://bucket?sse=rot13":                           "sse",
		"s3://bucket?kms_key_id=k":                        "needs sse",
		"s3://bucket?sse=AES256&kms_key_id=k":             "needs sse",
		"s3://bucket?endpoint=ftp://host":                 "https://host",
		"s3://bucket?endpoint=https://":                   "https://host",
		"s3://bucket?endpoint=https://host:port":          "https://host",
		"s3://bucket?endpoint=https://host?x=y":           "more than",
		"s3://bucket?endpoint=https://host%23x":           "more than",

		"s3://AKIA:" + secret + "@bucket/prefix":                 "AWS_ACCESS_KEY_ID",
		"s3://" + secret + "@bucket/prefix":                      "AWS_ACCESS_KEY_ID",
		"s3://AKIA:" + secret + "/more@bucket/prefix":            "URL",
		"s3://bucket?access_key=" + secret:                       "AWS_ACCESS_KEY_ID",
		"s3://bucket?aws_secret_access_key=" + secret:            "AWS_ACCESS_KEY_ID",
		"s3://bucket?accessKeyId=" + secret:                      "AWS_ACCESS_KEY_ID",
		"s3://bucket?session_token=" + secret:                    "AWS_ACCESS_KEY_ID",
		"s3://bucket?password=" + secret:                         "AWS_ACCESS_KEY_ID",
		"s3://bucket?endpoint=https://AKIA:" + secret + "@host":  "AWS_ACCESS_KEY_ID",
		"s3://bucket?endpoint=AKIA:" + secret + "@host":          "AWS_ACCESS_KEY_ID",
		"s3://bucket?endpoint=https://AKIA:" + secret + "/@host": "https://host",
		"s3://bucket?path_style=" + secret:                       "true nor false",
		"s3://bucket?checksum=" + secret:                         "checksum",
		"s3://bucket?sse=" + secret:                              "sse",
		"s3://bucket?" + secret + "1=x":                          "unknown",
		"s3://bucket/" + secret + "//":                           "",
		"s3://" + secret + "/x":                                  "bucket",
		"s3://bucket/a/../" + secret:                             "prefix",
		secret:                                                   "s3://",
	} {
		_, err := ParseAddress(address)
		if hint == "" {
			if err != nil {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		_, ok := errors.AsType[*AddressError](err)
		if !ok || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: got %v, want a hint with %q", address, err, hint)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats it: %v", address, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{
		"s3://bucket/prefix?endpoint=https://host:9000/s3&region=eu-west-1&path_style=true",
		"s3://bucket/a%20b?sse=aws:kms&kms_key_id=k&requester_pays=1&checksum=sha256&profile=p&ca_file=c",
		"s3://bucket?versions=oldest&before=2026-11-20T12:00:00.5Z",
		"s3://a:b@bucket", "s3://bucket?endpoint=x@y", "s3://bucket/%2e%2e",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		o, err := ParseAddress(address)
		if err != nil {
			_, ok := errors.AsType[*AddressError](err)
			if !ok {
				t.Fatalf("got a %T", err)
			}
			return
		}
		again, err := ParseAddress(o.String())
		if err != nil {
			t.Fatalf("%q: its own form %q: %v", address, o, err)
		}
		if diff := cmp.Diff(o, again, ignoreUnexported); diff != "" {
			t.Fatalf("%q: its own form %q: (-want +got)\n%s", address, o, diff)
		}
	})
}
