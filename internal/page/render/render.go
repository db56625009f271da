// Package render makes pages of a [page.Status]: HTML with its style and its script inside, which
// loads nothing and needs no script.
package render

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/page"
	"github.com/gbak-s3/gbak-s3/internal/page/picture"
)

//go:embed web
var web embed.FS

var (
	style  = read("web/page.css") + picture.CSS
	script = read("web/page.js")
	pages  = template.Must(template.New("").Funcs(template.FuncMap{
		"css": func() template.CSS { return template.CSS(style) }, //nolint:gosec // it is a part of this program
		"js":  func() template.JS { return template.JS(script) },  //nolint:gosec // it is a part of this program

		"name": page.Name, "text": page.Text, "address": page.Address, "marked": marked,
		"bytes": page.Bytes, "duration": page.Duration,
		"rfc":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"full": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
		"hour": func(t time.Time) string { return t.UTC().Format("2 Jan 15:04") },
	}).ParseFS(web, "web/*.html"))
)

func read(name string) string {
	content, err := web.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(content)
}

// Policy is the Content-Security-Policy for a page that is served: its own style and script run,
// and nothing is loaded from anywhere but the page itself, anew.
func Policy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; img-src data:; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", hashOf(style), hashOf(script))
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// ErrNoDatabase is returned for a page of a database that there is none of.
var ErrNoDatabase = errors.New("no database has that name")

// Index writes the page of all databases, which is served. Nothing is written if it fails.
func Index(w io.Writer, s *page.Status) error {
	v := newView(s, "./", true)
	given := map[string]bool{}
	for _, r := range s.Rows() {
		row := v.row(r, linkTo(r.Name))
		row.Said = eachHintOnce(row.Said, given)
		v.Rows = append(v.Rows, row)
	}
	return v.write(w, "index")
}

// eachHintOnce leaves out the hints that were given above: if a store is away, all databases have the
// same one.
func eachHintOnce(troubles []page.Trouble, given map[string]bool) []page.Trouble {
	troubles = slices.Clone(troubles)
	for i := range troubles {
		if hint := troubles[i].Hint; given[hint] {
			troubles[i].Hint = ""
		} else {
			given[hint] = true
		}
	}
	return troubles
}

// Database writes the page of one database with all of its archives, which is served. If
// there is none of that name, the error is [ErrNoDatabase], and nothing is written.
func Database(w io.Writer, s *page.Status, name string) error {
	only := *s
	only.Problems = nil
	only.Databases = slices.DeleteFunc(slices.Clone(s.Databases), func(d page.Database) bool { return d.Name != name })
	if len(only.Databases) == 0 {
		return ErrNoDatabase
	}
	v := newView(&only, "../", true)
	v.addAll()
	return v.write(w, "database")
}

// Report writes one page with all there is, which needs nothing but itself. Nothing is
// written if it fails.
func Report(w io.Writer, s *page.Status) error {
	v := newView(s, "", false)
	v.addAll()
	return v.write(w, "report")
}

// view is what the templates see.
type view struct {
	Status  *page.Status
	Summary page.Summary
	Title   string
	Icon    template.URL
	Root    string // the address of the page of all databases, from here
	IsLive  bool   // it is served, and can be refreshed
	Rows    []rowView
	Ones    []oneView
}

func newView(s *page.Status, root string, isLive bool) *view {
	sum := s.Summary()
	return &view{Status: s, Summary: sum, Title: strings.TrimSuffix(sum.String(), ".") + " · gbak-s3", Icon: icons[sum.Level], Root: root, IsLive: isLive}
}

// addAll adds all rows, and of each all that is known.
func (v *view) addAll() {
	for i, r := range v.Status.Rows() {
		one := v.one(r, fmt.Sprintf("d%d", i+1))
		v.Rows = append(v.Rows, v.row(r, "#"+one.ID))
		v.Ones = append(v.Ones, one)
	}
}

func (v *view) write(w io.Writer, name string) error {
	var all bytes.Buffer
	if err := pages.ExecuteTemplate(&all, name, v); err != nil {
		return err
	}
	_, err := w.Write(all.Bytes())
	return err
}

// linkTo returns the address of a database's page, from the page of all. There is none for names
// that browsers take for folders.
func linkTo(name string) string {
	if name == "" || name == "." || name == ".." {
		return ""
	}
	return "d/" + url.PathEscape(name)
}

// icons are what stands beside the title, by level: a colour and a shape.
var icons = [...]template.URL{
	page.Good: icon("1d8a4e", `<circle cx='8' cy='8' r='7'/>`),
	page.Wait: icon("6b7fa8", `<circle cx='8' cy='8' r='5.5' fill='none' stroke='%236b7fa8' stroke-width='3' stroke-dasharray='3 2'/>`),
	page.Warn: icon("c98a0c", `<path d='M8 1l7.5 14H.5z'/>`),
	page.Bad:  icon("d93a30", `<path d='M5 1h6l4 4v6l-4 4H5l-4-4V5z'/>`),
}

func icon(colour, shape string) template.URL {
	svg := `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='%23` + colour + `'>` + shape + `</svg>`
	return template.URL("data:image/svg+xml," + strings.NewReplacer("<", "%3C", ">", "%3E", " ", "%20").Replace(svg)) //nolint:gosec // it is a part of this program
}

// marked shows what stands between two backquotes as code. One without a partner, as a file's
// name may have, stands as it is.
func marked(text string) template.HTML {
	var b strings.Builder
	parts := strings.Split(page.Text(text), "`")
	for i, part := range parts {
		part = template.HTMLEscapeString(part)
		switch {
		case i%2 == 0:
			b.WriteString(part)
		case i == len(parts)-1:
			b.WriteString("`" + part)
		default:
			b.WriteString("<code>" + part + "</code>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // each part is escaped
}
