package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// answerDeleted answers a DeleteObjects as S3 does, each key as say decides: with the
// code of an error, "" for deleted, or "-" for nothing at all.
func answerDeleted(w http.ResponseWriter, r request, say func(key string) string) {
	var b strings.Builder
	for _, key := range sentKeys(r) {
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(key))
		switch code := say(key); code {
		case "":
			fmt.Fprintf(&b, "<Deleted><Key>%s</Key></Deleted>", escaped.String())
		case "-":
		default:
			fmt.Fprintf(&b, "<Error><Key>%s</Key><Code>%s</Code><Message>The text of %s.</Message></Error>", escaped.String(), code, code)
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("x-amz-request-id", "REQ1")
	fmt.Fprintf(w, `<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%s</DeleteResult>`, b.String())
}

// sentKeys returns the names in the bucket that a DeleteObjects is about.
func sentKeys(r request) (keys []string) {
	var sent struct{ Object []struct{ Key string } }
	if xml.Unmarshal([]byte(r.body), &sent) != nil {
		return nil
	}
	for _, object := range sent.Object {
		keys = append(keys, object.Key)
	}
	return keys
}

// last returns the request that is being answered.
func (f *fake) last() request {
	all := f.seen()
	return all[len(all)-1]
}

// A key counts as deleted only if the answer says so; each refusal has its cause.
func TestDeleteAllReadsTheAnswerAboutEachKey(t *testing.T) {
	codes := map[string]string{
		"prefix/denied": "AccessDenied", "prefix/locked": "ObjectLocked", "prefix/busy": "SlowDown", "prefix/broken": "InternalError",
		"prefix/gone": "NoSuchKey", "prefix/silent": "-", "prefix/nothing": "NoSuchBucket",
	}
	var f *fake
	f = newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		answerDeleted(w, f.last(), func(key string) string { return codes[key] })
	})
	keys := []string{"deleted", "denied", "locked", "busy", "broken", "gone", "silent", "nothing", "deleted"}
	kept, err := f.open(t).DeleteAll(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]error{
		"denied": storage.ErrPermission, "locked": storage.ErrRefused, "busy": storage.ErrUnavailable, "broken": storage.ErrUnavailable,
		"silent": errUnmentioned, "nothing": storage.ErrNoStore,
	} {
		e, ok := errors.AsType[*storage.Error](kept[key])
		if !ok || !errors.Is(e, want) || e.Op != storage.OpDelete || e.Key != key {
			t.Errorf("%s: got %v, want %v", key, kept[key], want)
			continue
		}
		if code := codes["prefix/"+key]; code != "-" && (e.Answer == nil || e.Answer.Code != code || e.Answer.RequestID != "REQ1" || e.Answer.Attempts != 1) {
			t.Errorf("%s: the answer is %+v", key, e.Answer)
		}
		delete(kept, key)
	}
	if len(kept) > 0 {
		t.Errorf("also kept are %v", kept)
	}
	r := f.seen()[0]
	if r.Method != http.MethodPost || r.URL.Path != "/bucket" || !r.URL.Query().Has("delete") || strings.Contains(r.body, "Quiet") {
		t.Errorf("sent was %s %s: %s", r.Method, r.URL, r.body)
	}
	sum := md5.Sum([]byte(r.body))
	if got, want := r.Header.Get("Content-Md5"), base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("Content-MD5 is %q, want %q", got, want)
	}
	if r.Header.Get("X-Amz-Checksum-Crc32") == "" || r.Header.Get("X-Amz-Trailer") != "" {
		t.Errorf("the checksums are %v", r.Header)
	}
	if len(f.seen()) != 1 {
		t.Errorf("%d requests", len(f.seen()))
	}
}

// Names of others in an answer say nothing about ours.
func TestDeleteAllIgnoresForeignNames(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("x-amz-request-id", "REQ1")
		fmt.Fprint(w, `<DeleteResult><Deleted><Key>prefix/a</Key></Deleted><Deleted><Key>b</Key></Deleted>`+
			`<Deleted><Key>prefix/a</Key></Deleted><Error><Key>prefix/c</Key><Code>AccessDenied</Code></Error></DeleteResult>`)
	})
	kept, err := f.open(t).DeleteAll(t.Context(), []string{"a", "b"})
	if err != nil || len(kept) != 1 || !errors.Is(kept["b"], errUnmentioned) {
		t.Errorf("kept %v, %v", kept, err)
	}
}

// A store that does not know DeleteObjects gets single deletes, and is not asked again.
func TestDeleteAllFallsBack(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"501":             func(w http.ResponseWriter) { refuse(w, 501, "NotImplemented") },
		"405":             func(w http.ResponseWriter) { refuse(w, 405, "MethodNotAllowed") },
		"400":             func(w http.ResponseWriter) { refuse(w, 400, "NotImplemented") },
		"a form":          func(w http.ResponseWriter) { refuse(w, 400, "MalformedPOSTRequest") },
		"too many":        func(w http.ResponseWriter) { refuse(w, 400, "MalformedXML") },
		"other checksums": func(w http.ResponseWriter) { refuse(w, 400, "MissingContentMD5") },
		"not found":       func(w http.ResponseWriter) { refuse(w, 404, "NoSuchKey") },
		"nothing":         func(w http.ResponseWriter) { w.Header().Set("x-amz-request-id", "REQ1") },
		"quiet": func(w http.ResponseWriter) {
			w.Header().Set("x-amz-request-id", "REQ1")
			fmt.Fprint(w, "<DeleteResult></DeleteResult>")
		},
		"no names": func(w http.ResponseWriter) {
			fmt.Fprint(w, "<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				switch {
				case r.Method == http.MethodPost:
					answer(w)
				case strings.HasSuffix(r.URL.Path, "/denied"):
					refuse(w, 403, "AccessDenied")
				default:
					w.Header().Set("x-amz-request-id", "REQ1")
					w.WriteHeader(http.StatusNoContent)
				}
			})
			s := f.open(t)
			var requests storage.Requests
			for round := range 2 {
				kept, err := s.DeleteAll(storage.CountRequests(t.Context(), &requests), []string{"a", "denied", "b"})
				if err != nil || len(kept) != 1 || !errors.Is(kept["denied"], storage.ErrPermission) {
					t.Errorf("kept %v, %v", kept, err)
				}
				if got, want := requests.Counts(), (storage.RequestCounts{Delete: int64(4 + 3*round)}); got != want {
					t.Errorf("round %d: counted %+v, want %+v", round, got, want)
				}
			}
			other := f.open(t)
			if other.noBatches.Load() {
				t.Error("another store knows it, too")
			}
		})
	}
}

// Answers that are not the store's, and those that no other request would change, are
// errors of the whole call.
func TestDeleteAllFailsAsAWhole(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   error // nil: any
	}{
		"denied":    {func(w http.ResponseWriter) { refuse(w, 403, "AccessDenied") }, storage.ErrPermission},
		"no bucket": {func(w http.ResponseWriter) { refuse(w, 404, "NoSuchBucket") }, storage.ErrNoStore},
		"a page": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<html>Please log in.</html>")
		}, storage.ErrForeign},
		"other XML": {func(w http.ResponseWriter) { fmt.Fprint(w, "<rss></rss>") }, storage.ErrForeign},
		"busy":      {func(w http.ResponseWriter) { refuse(w, 503, "SlowDown") }, storage.ErrUnavailable},
		"200 with an error": {func(w http.ResponseWriter) {
			fmt.Fprint(w, "<Error><Code>InternalError</Code><Message>We failed.</Message></Error>")
		}, storage.ErrUnavailable},
		"cut short": {func(w http.ResponseWriter) {
			fmt.Fprint(w, "<DeleteResult><Deleted><Key>prefix/a</Key></Deleted><Deleted><Key>pre")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request, _ int) { c.answer(w) })
			s := f.open(t, func(o *Options) { o.Timeouts.Total = 1 })
			kept, err := s.DeleteAll(t.Context(), []string{"a", "b"})
			if e, ok := errors.AsType[*storage.Error](err); !ok || c.want != nil && !errors.Is(err, c.want) || e.Key != "a" || kept != nil {
				t.Errorf("kept %v, %v, want %v", kept, err, c.want)
			}
			if s.noBatches.Load() {
				t.Error("it has given up batches")
			}
		})
	}
}

// The whole request is retried while the store is busy, and after lost answers.
func TestDeleteAllOutlastsLies(t *testing.T) {
	for name, fault := range map[string]s3test.Fault{
		"lost, applied":  {Lose: s3test.RST, Apply: true},
		"lost":           {Lose: s3test.FIN},
		"500, applied":   {Status: 500, Code: "InternalError", Apply: true},
		"503":            {Status: 503, Code: "SlowDown"},
		"half an answer": {CutBody: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, around := openProxied(t, nil)
			for _, key := range []string{"a", "b", "c"} {
				put(t, s, key, "data")
			}
			p.Do(func(r *s3test.Request) s3test.Fault {
				if r.Op != storage.OpDelete || !slices.Equal(r.Keys, []string{"a", "c", "never"}) {
					t.Errorf("%s of %q", r.Op, r.Keys)
				}
				if r.N <= 3 {
					return fault
				}
				return s3test.Fault{}
			})
			kept, err := s.DeleteAll(t.Context(), []string{"a", "c", "never"})
			if err != nil || len(kept) > 0 {
				t.Errorf("kept %v, %v", kept, err)
			}
			if got := list(t, around, "", ""); !slices.Equal(got, []string{"b"}) {
				t.Errorf("there is %q", got)
			}
		})
	}
}

// A prefix may have any character, in a real store, too.
func TestDeleteAllWithOddPrefixes(t *testing.T) {
	bucket := s3test.NewBucket(t)
	for _, prefix := range []string{"with%20space/%26%3C%3E%22'", "%C3%A4%E2%82%AC/%F0%9F%98%80", "%20a%20", "100%25/a+b%3F%23"} {
		s := openAddress(t, withPrefix(bucket, prefix))
		put(t, s, "a/b", "data")
		put(t, s, "a/c", "data")
		kept, err := s.DeleteAll(t.Context(), []string{"a/b", "never"})
		if err != nil || len(kept) > 0 || s.noBatches.Load() {
			t.Errorf("%s: kept %v, %v; falls back: %t", prefix, kept, err, s.noBatches.Load())
		}
		if got := list(t, s, "", ""); !slices.Equal(got, []string{"a/c"}) {
			t.Errorf("%s: there is %q", prefix, got)
		}
	}
}

// Now is the Date of the store's answer to a list below the prefix.
func TestNow(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		switch n {
		case 1:
			w.Header().Set("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
		case 2:
			w.Header()["Date"] = nil
		case 3:
			w.Header().Set("Date", "yesterday")
		default:
			refuse(w, 403, "AccessDenied")
			return
		}
		fmt.Fprint(w, "<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>")
	})
	s := f.open(t)
	now, err := s.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("1994-11-06T08:49:37Z", now.UTC().Format("2006-01-02T15:04:05Z07:00")); diff != "" {
		t.Error(diff)
	}
	for range 2 {
		if _, err := s.Now(t.Context()); !errors.Is(err, storage.ErrNoTime) || !strings.Contains(err.Error(), "have no Date") {
			t.Errorf("got %v", err)
		}
	}
	if _, err := s.Now(t.Context()); !errors.Is(err, storage.ErrPermission) {
		t.Errorf("got %v", err)
	}
	for _, r := range f.seen() {
		if q := r.URL.Query(); r.Method != http.MethodGet || q.Get("prefix") != "prefix/" || q.Get("max-keys") != "1" {
			t.Errorf("sent was %s %s", r.Method, r.URL)
		}
	}
}

func TestWrongCredentialsCannotDeleteAll(t *testing.T) {
	address := s3test.NewBucket(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", os.Getenv("AWS_SECRET_ACCESS_KEY")+"-wrong")
	_, err := openAddress(t, address).DeleteAll(t.Context(), []string{"a"})
	if !errors.Is(err, storage.ErrPermission) {
		t.Errorf("got %v, want %v", err, storage.ErrPermission)
	}
}
