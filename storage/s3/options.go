package s3

import (
	"cmp"
	"log/slog"
	"net/url"
	"strconv"
	"time"
)

// Options say where a [Store] is. What is left out comes from the environment
// and the files that all AWS tools use; credentials come from nowhere else.
type Options struct {
	Bucket string
	Prefix string // "" or elements joined by '/', without one at the ends

	Endpoint string // URL of a store that is not AWS itself
	Region   string // default: us-east-1 if there is an endpoint
	Profile  string // in the shared configuration files of AWS
	CAFile   string // certificates that https is checked with, instead of the system's

	// PathStyle puts the bucket into the path instead of the host name. nil
	// means that it does with any endpoint that is not the default of AWS.
	PathStyle *bool

	Checksum      Checksum // "" is ChecksumAuto
	SSE           string   // "", "AES256", "aws:kms" or "aws:kms:dsse"
	KMSKeyID      string   // for SSE "aws:kms" and "aws:kms:dsse"
	RequesterPays bool     // accept the costs of somebody else's bucket

	Timeouts Timeouts

	// Logger hears of every request, at the level debug; nil for nobody.
	Logger *slog.Logger

	maxBackoff time.Duration // of retries; 0 is 5 s
	pageSize   int32         // of lists; 0 is the store's
}

// Timeouts end requests to a store that is silent or keeps failing. A zero field is the default.
type Timeouts struct {
	Dial   time.Duration // to connect; 4 s
	Answer time.Duration // from the end of a request to its answer; 30 s
	Idle   time.Duration // without a byte in either direction in a transfer; 30 s

	// Total is how long a call is tried again that fails because the store is
	// busy or gone, 2 min: no attempt begins after that. A store that has never
	// answered gets four attempts. The defaults of Answer and Idle are
	// never longer.
	Total time.Duration
}

func (t Timeouts) withDefaults() Timeouts {
	t.Total = cmp.Or(t.Total, 2*time.Minute)
	t.Dial = cmp.Or(t.Dial, 4*time.Second)
	t.Answer = cmp.Or(t.Answer, min(30*time.Second, t.Total))
	t.Idle = cmp.Or(t.Idle, min(30*time.Second, t.Total))
	return t
}

// String gives the address that [ParseAddress] reads as o. There are no
// secrets in it, since there are none in Options.
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
	u := url.URL{Scheme: "s3", Host: o.Bucket, Path: o.Prefix, RawQuery: query.Encode()}
	return u.String()
}
