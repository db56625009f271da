package archiver_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// frozenDocuments are the documents of the format, by the names of their types. That of an index which is an
// object is not exported.
var frozenDocuments = map[string]reflect.Type{
	"Archive": reflect.TypeFor[manifest.Archive](), "Manifest": reflect.TypeFor[manifest.Manifest](), "indexDocument": reflect.TypeFor[manifest.Index](),
	"Fence": reflect.TypeFor[manifest.Fence](), "Certificate": reflect.TypeFor[manifest.Certificate](), "DigestPin": reflect.TypeFor[manifest.DigestPin](),
	"Mirror": reflect.TypeFor[manifest.Mirror](), "SealedArchive": reflect.TypeFor[manifest.SealedArchive](),
	"SealedManifest": reflect.TypeFor[manifest.SealedManifest](), "SealedNote": reflect.TypeFor[manifest.SealedNote](),
}

// frozenValues are what some fields must say somewhere: each value is a case of its own for a reader.
var frozenValues = map[string][]string{
	"Manifest.kind":       {"full", "incremental", "merged", "keep"},
	"Database.generation": {"0.5", "0.6"},
	"Conditions.verdict":  {"honoured", "ignored"},
	"Recipient.kind":      {"x25519", "hybrid", "passphrase"},
	"Certificate.kind":    {"drill", "verify"},
	"Proof.result":        {"ok", "failed", "not_done", "pinned", "not_reported"},
	"DigestPin.by":        {"drill", "app"},
	"Mirror.type":         {"mirror", "mirror_detached"},
}

// unseenFields say nothing in the clear: they are in documents of encrypted archives only.
var unseenFields = []string{
	"Manifest.keys", "Manifest.generation", "Manifest.key_list", "Certificate.generation", "DigestPin.generation",
	"Archive.encryption",
}

// Whatever a document of the format can say, it says in a frozen archive: a field that is added needs one
// that has it.
func TestEveryFieldIsFrozen(t *testing.T) {
	t.Parallel()
	seen := map[string]map[string]bool{}
	for _, path := range frozenPaths(t) {
		err := filepath.WalkDir(filepath.Join(path, "archive"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				see(t, filepath.ToSlash(path), b, seen)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, document := range frozenDocuments {
		for field := range fieldsOf(document, map[string]bool{}) {
			if isSeen, isUnseen := len(seen[field]) > 0, slices.Contains(unseenFields, field); isSeen == isUnseen {
				t.Errorf("%s says something in a frozen archive: %t, want %t; scripts/freeze.sh makes them", field, isSeen, !isUnseen)
			}
		}
	}
	for field, values := range frozenValues {
		for _, value := range values {
			if !seen[field][value] {
				t.Errorf("no frozen archive has a %s that is %q", field, value)
			}
		}
	}
	for _, name := range documentTypes(t) {
		if _, ok := frozenDocuments[name]; !ok {
			t.Errorf("%s is a document, and the test does not know it", name)
		}
	}
}

// see notes which fields of the document under a key say something, and what.
func see(t *testing.T, path string, b []byte, seen map[string]map[string]bool) {
	t.Helper()
	switch {
	case strings.HasSuffix(path, ".json.zst"):
		b = unpacked(t, b)
	case !strings.HasSuffix(path, ".json"):
		return
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	var document map[string]any
	if err := json.Unmarshal(line, &document); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	kind, _ := document["type"].(string)
	name := map[string]string{
		"archive": "Archive", "manifest": "Manifest", "index": "indexDocument", "fence": "Fence", "certificate": "Certificate",
		"digest": "DigestPin", "mirror": "Mirror", "mirror_detached": "Mirror",
	}[kind]
	if document["sealed"] != nil {
		name = "Sealed" + strings.NewReplacer("Certificate", "Note", "DigestPin", "Note").Replace(name)
	}
	if frozenDocuments[name] == nil {
		t.Fatalf("%s is a document of an unknown type", path)
	}
	seeFields(document, frozenDocuments[name], seen)
}

// seeFields notes what the fields of an object say, which has the form of a type.
func seeFields(object map[string]any, of reflect.Type, seen map[string]map[string]bool) {
	for field, name := range jsonFields(of) {
		value, at := object[name], of.Name()+"."+name
		if is := said(value); is != "" {
			if seen[at] == nil {
				seen[at] = map[string]bool{}
			}
			seen[at][is] = true
		}
		elements, isArray := value.([]any)
		if !isArray {
			elements = []any{value}
		}
		for _, element := range elements {
			if inner, ok := element.(map[string]any); ok && elementOf(field.Type).Kind() == reflect.Struct {
				seeFields(inner, elementOf(field.Type), seen)
			}
		}
	}
}

// said returns what a value says, "" if that is nothing: it is absent, null, or the zero value.
func said(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case map[string]any:
		return "an object"
	case []any:
		if len(v) > 0 {
			return "an array"
		}
	case float64:
		if v != 0 {
			return "a number"
		}
	case bool:
		if v {
			return "true"
		}
	}
	return ""
}

// fieldsOf returns all fields of a type and of those in it, by the names of the types that have them.
func fieldsOf(of reflect.Type, all map[string]bool) map[string]bool {
	for field, name := range jsonFields(of) {
		if at := of.Name() + "." + name; !all[at] {
			all[at] = true
			fieldsOf(elementOf(field.Type), all)
		}
	}
	return all
}

// elementOf returns what is in a pointer or an array.
func elementOf(of reflect.Type) reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	return of
}

// jsonFields are the fields of a type that are in its JSON, with their names there.
func jsonFields(of reflect.Type) iter.Seq2[reflect.StructField, string] {
	return func(yield func(reflect.StructField, string) bool) {
		if of.Kind() != reflect.Struct {
			return
		}
		for _, field := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && name != "-" && !yield(field, name) {
				return
			}
		}
	}
}

// documentTypes returns the names of all types of package manifest that are documents: whose first field
// is a type.
func documentTypes(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("manifest/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && len(s.Fields.List) > 0 && s.Fields.List[0].Tag != nil && s.Fields.List[0].Tag.Value == "`json:\"type\"`" {
				names = append(names, spec.Name.Name)
			}
			return true
		})
	}
	return names
}
