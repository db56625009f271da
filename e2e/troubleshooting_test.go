package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// words are the words of a text, with one space between, as they are on a page and in a message.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

// stringsOf returns the texts that a Go file says, those that are joined with + as one, with
// %s for what is put between them.
func stringsOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var joined func(e ast.Expr) string
	joined = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BasicLit:
			text, _ := strconv.Unquote(e.Value)
			return text
		case *ast.BinaryExpr:
			return joined(e.X) + joined(e.Y)
		}
		return "%s"
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch e := n.(type) {
		case *ast.KeyValueExpr:
			key, _ := e.Key.(*ast.Ident)
			return key == nil || key.Name != "name" // of a row: nobody sees it
		case *ast.CallExpr:
			f, _ := e.Fun.(*ast.Ident)
			return f == nil || f.Name != "text" // what others say
		case *ast.BinaryExpr:
			all = append(all, joined(e))
			return e.Op != token.ADD
		case *ast.BasicLit:
			if e.Kind == token.STRING {
				all = append(all, joined(e))
			}
		}
		return true
	})
	return all
}

// TestTroubleshooting: docs/troubleshooting.md has the words of every hint that follows an
// error, and every code of errors. So it is found by what is on the screen.
func TestTroubleshooting(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	page := words(strings.NewReplacer("\n> ", " ", `\`, "").Replace(string(b)))
	files, err := filepath.Glob("../cmd/gbak-s3/hints*.go")
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%[sqdvw]`)
	hints := 0
	for _, file := range append(files, "../archiver/hints.go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, text := range stringsOf(t, file) {
			for _, part := range verb.Split(text, -1) {
				if part = words(part); len(part) < 25 || !strings.Contains(part, " ") || strings.Contains(part, "/") && !strings.Contains(part, ".") {
					continue // no sentence
				}
				if hints++; !strings.Contains(page, part) {
					t.Errorf("%s says what docs/troubleshooting.md does not have: %s", filepath.Base(file), part)
				}
			}
		}
	}
	if hints < 120 {
		t.Errorf("found only %d hints", hints)
	}

	reference, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(reference), "\n## error\n")
	section, _, _ = strings.Cut(section, "\n## ")
	codes := regexp.MustCompile("(?m)^\\| (`[a-z_]+`) \\| \\d+ \\|").FindAllStringSubmatch(section, -1)
	if len(codes) < 35 {
		t.Errorf("docs/json.md has only %d codes", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(page, code[1]) {
			t.Errorf("docs/troubleshooting.md lacks the code %s", code[1])
		}
	}
}
