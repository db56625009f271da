package s3test

import (
	"net/http"
	"strings"

	"github.com/gbak-s3/gbak-s3/storage"
)

// Providers are the habits of stores other than AWS and MinIO: what they refuse or
// answer in another way.
var Providers = map[string]Hook{
	// They refuse the defaults that the AWS SDKs have had since 2025: Cloudflare R2 at
	// first, Linode, OCI, Dell ECS, GCS.
	"no aws-chunked": func(r *Request) Fault {
		if strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked") || strings.HasPrefix(payload(r), "STREAMING-") {
			return Fault{Status: http.StatusNotImplemented, Code: "NotImplemented"}
		}
		return Fault{}
	},
	"no trailers": func(r *Request) Fault {
		if r.Header.Get("X-Amz-Trailer") != "" || r.Header.Get("Trailer") != "" {
			return Fault{Status: http.StatusNotImplemented, Code: "NotImplemented"}
		}
		return Fault{}
	},
	"length required": func(r *Request) Fault {
		if r.Op == storage.OpPut && r.length < 0 {
			return Fault{Status: http.StatusLengthRequired, Code: "MissingContentLength"}
		}
		return Fault{}
	},
	"no Content-MD5": func(r *Request) Fault {
		if r.Header.Get("Content-MD5") != "" {
			return Fault{Status: http.StatusBadRequest, Code: "InvalidRequest"}
		}
		return Fault{}
	},
	"signed payload required": func(r *Request) Fault {
		if r.Op == storage.OpPut && len(payload(r)) != 64 {
			return Fault{Status: http.StatusBadRequest, Code: "InvalidRequest"}
		}
		return Fault{}
	},
	// Older stores refuse headers that they do not know.
	"no checksums": func(r *Request) Fault {
		for name := range r.Header {
			if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-checksum-") || strings.HasPrefix(name, "x-amz-sdk-checksum") {
				return Fault{Status: http.StatusNotImplemented, Code: "NotImplemented"}
			}
		}
		return Fault{}
	},
	// CoreWeave: the loser of a race gets 409.
	"409 for 412": func(*Request) Fault {
		return Fault{Edit: func(a *Answer) {
			if a.Status == http.StatusPreconditionFailed {
				*a = *refusal(http.StatusConflict, "ConditionalRequestConflict")
			}
		}}
	},
	"no delete": func(r *Request) Fault {
		if r.Op == storage.OpDelete {
			return Fault{Status: http.StatusForbidden, Code: "AccessDenied"}
		}
		return Fault{}
	},
}

// ObjectLock is the habit of AWS where a bucket has object lock: a put needs a
// checksum, and the signature does not count as one.
func ObjectLock(r *Request) Fault {
	if r.Op == storage.OpPut && r.Header.Get("X-Amz-Checksum-Sha256") == "" {
		return Fault{Status: http.StatusBadRequest, Code: "InvalidRequest"}
	}
	return Fault{}
}

// NoCondition is the habit of Backblaze B2: conditional puts are refused.
func NoCondition(r *Request) Fault {
	if r.Conditional {
		return Fault{Status: http.StatusNotImplemented, Code: "NotImplemented"}
	}
	return Fault{}
}

// payload returns the hash that r says its body has.
func payload(r *Request) string { return r.Header.Get("X-Amz-Content-Sha256") }
