package render_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gbak-s3/gbak-s3/internal/history"
	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/page/render"
)

// allPages renders each kind of page of a status.
func allPages(t *testing.T, s *page.Status) []string {
	t.Helper()
	report := *s
	report.IsWatched = false
	all := []string{paint(t, s), paint(t, &report)}
	for i := range s.Databases {
		all = append(all, paintOne(t, s, s.Databases[i].Name))
	}
	return all
}

// TestPolicy: what the policy allows is the page's own style and script, and nothing else is there.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		if name == "many" {
			continue
		}
		for _, text := range allPages(t, s) {
			for _, part := range regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`).FindAllStringSubmatch(text, -1) {
				sum := sha256.Sum256([]byte(part[2]))
				if want := part[1] + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(render.Policy(), want) {
					t.Errorf("%s: the policy does not allow the %s of the page", name, part[1])
				}
			}
			if n := strings.Count(text, "<script"); n > 1 {
				t.Errorf("%s: there are %d scripts", name, n)
			}
			for _, never := range []string{" style=", " onclick=", " onload=", " onerror=", "<form", "<iframe", "<object", "<base", "<img", "<link rel=\"stylesheet"} {
				if strings.Contains(text, "<") && hasTagWith(text, never) {
					t.Errorf("%s has %s", name, never)
				}
			}
			for _, address := range regexp.MustCompile(`(?:href|src|action|data)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
				if a := address[1]; strings.Contains(a, "//") && !strings.HasPrefix(a, "data:image/svg") || strings.HasPrefix(a, "javascript:") {
					t.Errorf("%s refers to %s", name, a)
				}
			}
			if strings.Contains(text, "ZgotmplZ") {
				t.Errorf("%s: something was taken for unsafe, and is not shown", name)
			}
		}
	}
}

// hasTagWith reports whether what is looked for stands within a tag, or begins one.
func hasTagWith(text, what string) bool {
	if strings.HasPrefix(what, "<") {
		return strings.Contains(text, what)
	}
	for _, tag := range regexp.MustCompile(`<[a-zA-Z][^<>]*>`).FindAllString(text, -1) {
		outside := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(tag, `""`)
		if strings.Contains(outside, what) {
			return true
		}
	}
	return false
}

// TestIDsAreUnique: labels point at what they mean.
func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	for name, s := range scenes() {
		if name == "many" {
			continue
		}
		for _, text := range allPages(t, s) {
			seen := map[string]bool{}
			for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
				if seen[id[1]] || id[1] == "" {
					t.Errorf("%s: the id %q is there twice", name, id[1])
				}
				seen[id[1]] = true
			}
			for _, ref := range regexp.MustCompile(`(?:aria-labelledby="|href="#|data-of=")([^" ]+)"`).FindAllStringSubmatch(text, -1) {
				if !seen[ref[1]] {
					t.Errorf("%s: nothing has the id %q", name, ref[1])
				}
			}
		}
	}
}

// TestNames: whatever something is called, it is text, and nothing in it is invisible or turns
// around what stands beside it.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range hostileNames {
		checkName(t, name)
	}
}

func checkName(t *testing.T, name string) {
	t.Helper()
	// A message is shown with 1,000 letters at most, and a page of one database has 27 of them.
	plains := allPages(t, named("plain"))
	for i, text := range allPages(t, named(name)) {
		plain := plains[i]
		if got, want := elements(text), elements(plain); got > want {
			t.Errorf("%.60q makes %d elements of %d", name, got, want)
		}
		for _, r := range text {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("%.60q: the page has %U", name, r)
				break
			}
		}
		if strings.Count(text, "<code") != strings.Count(text, "</code>") {
			t.Errorf("%.60q leaves code without an end", name)
		}
		if got, want := visible(text), visible(plain)+30*1000; got > want {
			t.Errorf("%.60q: the page shows %d letters of at most %d", name, got, want)
		}
	}
}

// elements counts the tags that a name must not add to: all but those that show what stands
// between backquotes as code, which says nothing but how it looks.
func elements(text string) int {
	return strings.Count(strings.NewReplacer("<code>", "", "</code>", "").Replace(text), "<")
}

// visible counts the letters of a page, however they are written, and without the addresses of
// links, which have a name whole.
func visible(text string) int {
	text = regexp.MustCompile(`href="[^"]*"`).ReplaceAllString(text, "")
	return utf8.RuneCountInString(html.UnescapeString(text))
}

// named is a status in which all that somebody else may have named or said is this.
func named(name string) *page.Status {
	d := safe("x")
	refused(&d)
	d.Name, d.Path, d.Archive, d.Why, d.Hint, d.Code, d.Store = name, name, name, name, name, name, name
	d.Restore, d.Remark, d.Broken, d.Encryption, d.Conditional = "gbak-s3 restore ARCHIVE x", name, name, "age", ""
	d.Verify.Why, d.Expire.Why, d.Compact.Why = name, name, name
	d.Proof.Why, d.Proof.Unread, d.Proof.Last = name, name, &page.Drill{At: at, Why: name}
	d.Last[0].Why, d.Last[0].Host, d.Writer = name, name, page.Writer{Other: at, Who: name}
	d.Errors = []page.Problem{{At: at, What: name, Text: name, Code: name, Hint: name}}
	past := reach()
	past.Drills = append(past.Drills, history.Drill{At: at, Why: name})
	past.DrillsUnknown = name
	d.History = past
	s := watched(d)
	s.Stores = []page.Store{{Name: name, Since: at, Why: name}}
	s.Problems = []page.Problem{{What: name, Text: name, Hint: name, Code: name}}
	return s
}

// FuzzNames tries other names.
func FuzzNames(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name != "" {
			checkName(t, name)
		}
	})
}
