package s3

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/storage"
)

// AddressError says what is wrong with an address or with [Options]. It never repeats
// values, which may be secrets in the wrong place.
type AddressError struct{ Problem string }

func (e *AddressError) Error() string { return "s3 address: " + e.Problem }

func addressErrorf(format string, args ...any) error {
	return &AddressError{Problem: fmt.Sprintf(format, args...)}
}

// Checksum says whether objects are put with a checksum that the store keeps.
type Checksum string

// The signature covers the SHA-256 of the body in every mode. This is about the header
// x-amz-checksum-sha256, which old or unusual stores do not know.
const (
	ChecksumAuto   Checksum = "auto"   // with AWS, not with other endpoints
	ChecksumSHA256 Checksum = "sha256" // always: for buckets with object lock elsewhere
	ChecksumNone   Checksum = "none"
)

const parameterNames = "endpoint, region, path_style, profile, ca_file, checksum, sse, kms_key_id, requester_pays, versions, before"

// ParseAddress reads an address of the form
//
//	s3://bucket/prefix?endpoint=https://host&region=eu-west-1
//
// with the fields of [Options] as parameters: endpoint, region, path_style (also as
// force-path-style, forcePathStyle or use_path_style), profile, ca_file, checksum, sse,
// kms_key_id, requester_pays, versions and before (RFC 3339). Anything else is an error, and so are credentials: an
// address ends up in logs and process lists. Errors are [*AddressError].
func ParseAddress(address string) (Options, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's error quotes what may be half of a secret.
		return Options{}, addressErrorf("it is not a URL like s3://bucket/prefix?region=name; write special characters as %%XX")
	}
	switch {
	case u.Scheme != "s3":
		return Options{}, addressErrorf("it does not begin with s3://")
	case u.User != nil:
		return Options{}, addressErrorf("there are credentials in it; %s", credentialsHint)
	case u.Opaque != "" || u.Host == "":
		return Options{}, addressErrorf("there is no bucket after s3://")
	case u.Fragment != "" || strings.HasSuffix(address, "#"):
		return Options{}, addressErrorf("write # as %%23")
	}
	o := Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Options{}, addressErrorf("the parameters after ? are not of the form name=value&name=value")
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		canonical := canonicalName(name)
		if seen[canonical] || len(values[name]) > 1 {
			return Options{}, addressErrorf("parameter %s is given more than once", canonical)
		}
		seen[canonical] = true
		if err := o.set(canonical, values[name][0]); err != nil {
			return Options{}, err
		}
	}
	if err := o.check(); err != nil {
		return Options{}, err
	}
	return o, nil
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	regionName = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)
	plainName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z_-]{0,19}$`)
)

const credentialsHint = "use AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or an AWS profile"

// canonicalName translates the names that other tools use for a parameter.
func canonicalName(name string) string {
	switch name {
	case "force-path-style", "forcePathStyle", "use_path_style":
		return "path_style"
	}
	return name
}

// set sets the field that a parameter is about.
func (o *Options) set(name, value string) error {
	if value == "" {
		return addressErrorf("a parameter has no value; the parameters are %s", parameterNames)
	}
	switch name {
	case "endpoint":
		if !strings.Contains(value, "://") {
			value = "https://" + value
		}
		o.Endpoint = value
	case "region":
		o.Region = value
	case "path_style":
		on, err := strconv.ParseBool(value)
		if err != nil {
			return addressErrorf("path_style is neither true nor false")
		}
		o.PathStyle = &on
	case "profile":
		o.Profile = value
	case "ca_file":
		o.CAFile = value
	case "checksum":
		o.Checksum = Checksum(value)
	case "sse":
		o.SSE = value
	case "kms_key_id":
		o.KMSKeyID = value
	case "requester_pays":
		on, err := strconv.ParseBool(value)
		if err != nil {
			return addressErrorf("requester_pays is neither true nor false")
		}
		o.RequesterPays = on
	case "versions":
		o.Versions = Versions(value)
	case "before":
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return addressErrorf("before is not a time like 2026-11-20T12:00:00Z")
		}
		o.Before = at
	default:
		return unknownParameter(name)
	}
	return nil
}

// unknownParameter names the parameter only if it looks like a name: it may be a secret
// whose beginning was lost.
func unknownParameter(name string) error {
	lower := strings.ToLower(name)
	for _, word := range []string{"access", "secret", "token", "password", "credential"} {
		if strings.Contains(lower, word) {
			return addressErrorf("a parameter is for credentials; %s", credentialsHint)
		}
	}
	if !plainName.MatchString(name) {
		return addressErrorf("a parameter is unknown; the parameters are %s", parameterNames)
	}
	return addressErrorf("parameter %s is unknown; the parameters are %s", name, parameterNames)
}

// check returns an error if o cannot work with any store.
func (o Options) check() error {
	if err := checkBucket(o.Bucket); err != nil {
		return err
	}
	if err := checkPrefix(o.Prefix); err != nil {
		return err
	}
	if err := checkEndpoint(o.Endpoint); err != nil {
		return err
	}
	switch o.Checksum {
	case "", ChecksumAuto, ChecksumSHA256, ChecksumNone:
	default:
		return addressErrorf("checksum is neither auto nor sha256 nor none")
	}
	switch o.SSE {
	case "", "AES256", "aws:kms", "aws:kms:dsse":
	default:
		return addressErrorf("sse is neither AES256 nor aws:kms nor aws:kms:dsse")
	}
	switch {
	case o.Versions != VersionsNewest && o.Versions != VersionsOldest:
		return addressErrorf("versions is not oldest")
	case !o.Before.IsZero() && o.Versions != VersionsOldest:
		return addressErrorf("before needs versions=oldest")
	}
	if o.KMSKeyID != "" && !strings.HasPrefix(o.SSE, "aws:kms") {
		return addressErrorf("kms_key_id needs sse=aws:kms")
	}
	return nil
}

func checkBucket(name string) error {
	if !bucketName.MatchString(name) || strings.Contains(name, "..") {
		return addressErrorf("the bucket after s3:// must have 3 to 63 of a-z, 0-9, '.' and '-'; a host goes into endpoint=")
	}
	if strings.HasSuffix(name, "--x-s3") {
		return addressErrorf("directory buckets do not list their objects in order, which is needed")
	}
	return nil
}

// maxPrefix leaves room for '/' and any key in the 1,024 bytes of an S3 key.
const maxPrefix = 1024 - 1 - storage.MaxKeyLength

func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if len(prefix) > maxPrefix {
		return addressErrorf("the prefix is longer than %d bytes", maxPrefix)
	}
	if !utf8.ValidString(prefix) || strings.ContainsFunc(prefix, unicode.IsControl) || strings.Contains(prefix, `\`) {
		return addressErrorf("the prefix has control characters, backslashes or bytes that are not UTF-8")
	}
	for element := range strings.SplitSeq(prefix, "/") {
		if element == "" || element == "." || element == ".." {
			return addressErrorf("the prefix has an empty element or '.' or '..' between slashes")
		}
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return addressErrorf("endpoint is not like https://host or http://host:port")
	case u.User != nil:
		return addressErrorf("there are credentials in endpoint; %s", credentialsHint)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return addressErrorf("endpoint has more than scheme, host, port and path; write & as %%26 in its path")
	}
	return nil
}
