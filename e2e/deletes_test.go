package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// deleters are the rooms that delete objects: what is dead, and what a probe has written.
// objects passes it on.
var deleters = []string{"gc", "probe", "objects"}

// TestOnlyTheDeletersDelete holds that no other part of the library deletes objects: nobody
// calls Delete, DeleteAll or DeleteVersions of anything, whatever it is called on.
func TestOnlyTheDeletersDelete(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	walk := func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		room := path.Base(filepath.ToSlash(filepath.Dir(file)))
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			s, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Delete", "DeleteAll", "DeleteEach", "DeleteVersions"}, s.Sel.Name) {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "slices" {
				return true
			}
			if found[room] = true; !slices.Contains(deleters, room) {
				t.Errorf("%s deletes", file)
			}
			return true
		})
		return nil
	}
	for _, root := range []string{"../archiver", "../cmd"} {
		if err := filepath.WalkDir(root, walk); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) != len(deleters) {
		t.Errorf("only %v delete", found)
	}
}
