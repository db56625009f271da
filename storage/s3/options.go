package s3

import (
	"cmp"
	"log/slog"
	"net/url"
	"strconv"
	"time"
)

// Options say where a [Store] is. What is left out comes from the environment and the
// files that all AWS tools use. Credentials come only from there.
type Options struct {
	Bucket string
	Prefix string // "" or elements joined by '/', without a '/' at either end

	Endpoint string // URL of a store other than AWS
	Region   string // default: us-east-1 if there is an endpoint
	Profile  string // in the shared configuration files of AWS
	CAFile   string // PEM certificates to verify https with, instead of the system's

	// PathStyle puts the bucket into the path instead of the host name. nil means true
	// for every endpoint but the default of AWS.
	PathStyle *bool

	Checksum      Checksum // "" is ChecksumAuto
	SSE           string   // "", "AES256", "aws:kms" or "aws:kms:dsse"
	KMSKeyID      string   // for SSE "aws:kms" and "aws:kms:dsse"
	RequesterPays bool     // pay for requests to somebody else's bucket

	// Versions says which version of each object is read. A store with [VersionsOldest]
	// cannot be written: Put and Delete are [storage.ErrReadOnly]. For such a store there is
	// nothing that was put at the time Before or later; the zero time hides nothing.
	Versions Versions
	Before   time.Time

	Timeouts Timeouts

	// Logger receives every request at level debug; nil discards them.
	Logger *slog.Logger

	maxBackoff time.Duration // of retries; 0 is 5 s
	pageSize   int32         // of lists; 0 is the store's
}

// Timeouts end requests to a store that is silent or keeps failing. A zero field means
// the default.
type Timeouts struct {
	Dial   time.Duration // to connect; 4 s
	Answer time.Duration // from the end of a request to its answer; 30 s
	Idle   time.Duration // without a byte in either direction during a transfer; 30 s

	// Total is how long a call is retried while the store is busy or unreachable, 2
	// min: no attempt begins after that. A store that has never answered gets only four
	// attempts. The defaults of Answer and Idle are never longer than Total.
	Total time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	t.Total = cmp.Or(t.Total, 2*time.Minute)
	t.Dial = cmp.Or(t.Dial, 4*time.Second)
	t.Answer = cmp.Or(t.Answer, min(30*time.Second, t.Total))
	t.Idle = cmp.Or(t.Idle, min(30*time.Second, t.Total))
	return t
}

// String returns the address that [ParseAddress] reads as o. It has no secrets, since
// Options have none.
func (o Options) String() string {
	query := url.Values{}
	add := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	add("endpoint", o.Endpoint)
	add("region", o.Region)
	if o.PathStyle != nil {
		add("path_style", strconv.FormatBool(*o.PathStyle))
	}
	add("profile", o.Profile)
	add("ca_file", o.CAFile)
	add("checksum", string(o.Checksum))
	add("sse", o.SSE)
	add("kms_key_id", o.KMSKeyID)
	if o.RequesterPays {
		add("requester_pays", "true")
	}
	add("versions", string(o.Versions))
	if !o.Before.IsZero() {
		add("before", o.Before.UTC().Format(time.RFC3339Nano))
	}
	u := url.URL{Scheme: "s3", Host: o.Bucket, Path: o.Prefix, RawQuery: query.Encode()}
	return u.String()
}
