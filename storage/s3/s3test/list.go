package s3test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/gbak-s3/gbak-s3/storage"
)

var (
	truncated    = regexp.MustCompile(`<IsTruncated>(true|false)</IsTruncated>`)
	continuation = regexp.MustCompile(`<NextContinuationToken>[^<]*</NextContinuationToken>`)
	contents     = regexp.MustCompile(`(?s)<Contents>.*</Contents>`)
)

// EndlessList returns a hook that makes every list endless: the first page comes again
// and again, with the same continuation token or, with newTokens, a new one each time.
// With empty the pages have no objects.
func EndlessList(newTokens, empty bool) Hook {
	return func(r *Request) Fault {
		if r.Op != storage.OpList {
			return Fault{}
		}
		token := "again"
		if newTokens {
			token = fmt.Sprintf("again-%d", r.N)
		}
		// The store does not know these tokens.
		if r.Query.Has("continuation-token") {
			return Fault{Status: http.StatusOK, Edit: func(a *Answer) {
				a.Body = []byte("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>" + token +
					"</NextContinuationToken></ListBucketResult>")
			}}
		}
		return Fault{Edit: func(a *Answer) {
			more := "<IsTruncated>true</IsTruncated><NextContinuationToken>" + token + "</NextContinuationToken>"
			body := truncated.ReplaceAllString(continuation.ReplaceAllString(string(a.Body), ""), more)
			if empty {
				body = contents.ReplaceAllString(body, "")
			}
			a.Body = []byte(strings.TrimSpace(body))
		}}
	}
}
