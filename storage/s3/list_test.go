package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// pages answers lists with the keys of each page; the last page is repeated.
func pages(keys ...[]string) func(w http.ResponseWriter, r *http.Request, n int) {
	return func(w http.ResponseWriter, _ *http.Request, n int) {
		page := keys[min(n, len(keys))-1]
		w.Header().Set("Content-Type", "application/xml")
		fmt.Fprint(w, "<ListBucketResult><Name>bucket</Name>")
		for _, key := range page {
			if token, ok := strings.CutPrefix(key, "next:"); ok {
				fmt.Fprintf(w, "<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>", token)
			} else {
				fmt.Fprintf(w, "<Contents><Key>prefix/%s</Key><Size>1</Size></Contents>", key)
			}
		}
		fmt.Fprint(w, "</ListBucketResult>")
	}
}

func TestListOfStrangeStores(t *testing.T) {
	for name, c := range map[string]struct {
		after string
		pages [][]string
		want  []string
		err   string
	}{
		"two pages":           {"", [][]string{{"a", "b", "next:1"}, {"c"}}, []string{"a", "b", "c"}, ""},
		"empty page":          {"", [][]string{{"a", "next:1"}, {"next:2"}, {"b"}}, []string{"a", "b"}, ""},
		"ignores start-after": {"b", [][]string{{"a", "b", "c"}}, []string{"c"}, ""},
		"not in order":        {"", [][]string{{"a", "c", "b"}}, []string{"a", "c"}, "does not list in order"},
		"not in order (page)": {"", [][]string{{"a", "c", "next:1"}, {"b"}}, []string{"a", "c"}, "does not list in order"},
		"repeats a page":      {"", [][]string{{"a", "next:1"}, {"a", "next:2"}}, []string{"a"}, "does not list in order"},
		"repeats a token":     {"", [][]string{{"a", "next:1"}, {"b", "next:1"}}, []string{"a", "b"}, "more to list"},
		"no token":            {"", [][]string{{"a", "next:"}}, []string{"a"}, "more to list"},
		"foreign keys":        {"", [][]string{{"A B", "a", "b c", ".d"}}, []string{"a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, pages(c.pages...))
			var got []string
			var failed error
			for info, err := range f.open(t).List(t.Context(), "", c.after) {
				if failed != nil {
					t.Fatal("the sequence continues after an error")
				}
				if failed = err; err == nil {
					got = append(got, info.Key)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (failed == nil) != (c.err == "") || failed != nil && !strings.Contains(failed.Error(), c.err) {
				t.Errorf("got error %v, want %q", failed, c.err)
			}
		})
	}
}

// A page of a list that breaks off is requested again.
func TestListThatBreaksOff(t *testing.T) {
	whole := pages([]string{"a", "b"})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 2 {
			whole(w, r, n)
			return
		}
		w.Header().Set("X-Amz-Request-Id", "REQ1")
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "<?xml version=\"1.0\"?><ListBucketResult><Name>bucket</Name>")
	})
	var got []string
	for info, err := range f.open(t).List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Key)
	}
	if !slices.Equal(got, []string{"a", "b"}) || len(f.seen()) != 3 {
		t.Errorf("got %q with %d requests", got, len(f.seen()))
	}
}

// The parameters of a list: MinIO lists nothing after a key that does not have the
// prefix.
func TestListQueries(t *testing.T) {
	for _, c := range []struct {
		prefix, after string
		want          url.Values // nil: no request
	}{
		{"", "", url.Values{"prefix": {"prefix/"}}},
		{"m/", "", url.Values{"prefix": {"prefix/m/"}}},
		{"m/", "m/1", url.Values{"prefix": {"prefix/m/"}, "start-after": {"prefix/m/1"}}},
		{"m/", "a", url.Values{"prefix": {"prefix/m/"}}},
		{"m/", "n", nil},
		{"//", "", nil},
		{"", "//", url.Values{"prefix": {"prefix/"}}},
	} {
		f := newFake(t, pages([]string{}))
		for _, err := range f.open(t).List(t.Context(), c.prefix, c.after) {
			if err != nil {
				t.Error(err)
			}
		}
		seen := f.seen()
		if len(seen) != min(1, len(c.want)) {
			t.Errorf("%q after %q: %d requests", c.prefix, c.after, len(seen))
			continue
		}
		for _, r := range seen {
			for _, name := range []string{"prefix", "start-after"} {
				if got := r.URL.Query()[name]; !slices.Equal(got, c.want[name]) {
					t.Errorf("%q after %q: %s is %q, want %q", c.prefix, c.after, name, got, c.want[name])
				}
			}
		}
	}
}

// A page that arrives after the list was cancelled yields nothing.
func TestListCancelledInAPage(t *testing.T) {
	cause := errors.New("the cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	f := newFake(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Length", "10000")
		fmt.Fprint(w, "<ListBucketResult><Name>bucket</Name>")
		_ = http.NewResponseController(w).Flush()
		cancel(cause)
		<-r.Context().Done()
	})
	for _, err := range f.open(t).List(ctx, "", "") {
		if !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
	}
}
