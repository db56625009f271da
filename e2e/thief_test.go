package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const ageMagic = "age-encryption.org/v1\n"

// thief has an identity, and all objects of an archive.
type thief struct {
	identity       string            // file
	opened, closed map[string]int    // what of which kind opens with it, and what does not
	content        map[string][]byte // of what opened, by its place
}

// numbers and digests in keys and places, which differ between things of one kind.
var particular = regexp.MustCompile(`[0-9a-f]{8,}[-0-9a-f]*|\d+`)

// try tries the identity on everything in content that is an age file: the whole of it, or
// what stands in a document in base64; and on what is inside of what opens.
func (h *thief) try(t testing.TB, place string, content []byte) {
	t.Helper()
	if bytes.HasPrefix(content, []byte(ageMagic)) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(ageFolder(t), "age"), "-d", "-i", h.identity)
		cmd.Stdin = bytes.NewReader(content)
		plain, err := cmd.Output()
		kind := particular.ReplaceAllString(place, "*")
		if err != nil {
			h.closed[kind]++
			return
		}
		h.opened[kind]++
		h.content[place] = plain
		for i, piece := range inside(plain) {
			if i == 0 || !bytes.Equal(piece, plain) {
				h.document(t, place, piece)
			}
		}
		return
	}
	h.document(t, place, content)
}

// document tries the identity on the texts of a document.
func (h *thief) document(t testing.TB, place string, content []byte) {
	t.Helper()
	line, _, _ := bytes.Cut(content, []byte("\n"))
	var document any
	if json.Unmarshal(line, &document) != nil {
		return
	}
	var walk func(place string, v any)
	walk = func(place string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, v := range v {
				walk(place+" "+name, v)
			}
		case []any:
			for i, v := range v {
				walk(fmt.Sprintf("%s %d", place, i), v)
			}
		case string:
			if b, err := base64.StdEncoding.DecodeString(v); err == nil && bytes.HasPrefix(b, []byte(ageMagic)) {
				h.try(t, place, b)
			}
		}
	}
	walk(place, document)
}

// writerIdentity returns a file with the identities in the writer keys of a state folder.
func writerIdentity(t testing.TB, state string) string {
	t.Helper()
	keys, err := filepath.Glob(filepath.Join(state, "keys", "*.key"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("writer keys: %v %v", keys, err)
	}
	content, err := os.ReadFile(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(keys[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the writer key: %v %v", info.Mode(), err)
	}
	found := regexp.MustCompile(`AGE-SECRET-KEY-[A-Z0-9-]+`).FindAllString(string(content), -1)
	if len(found) == 0 {
		t.Fatal("the writer key has no identity")
	}
	file := filepath.Join(t.TempDir(), "stolen")
	if err := os.WriteFile(file, []byte(strings.Join(found, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestThiefOfTheHost tries what a backup host has on every age file of an archive, before
// and after its keys were changed: the catalog opens, and nothing that has data.
func TestThiefOfTheHost(t *testing.T) {
	t.Parallel()
	c, at, id := newCanaryCage(t, "0.6.0"), newDirectory(t), newIdentity(t)
	c.archiveOfAllKinds(t, at, []string{"-r", id.recipient}, []string{"-i", id.file})
	look := func(file string) *thief {
		h := &thief{file, map[string]int{}, map[string]int{}, map[string][]byte{}}
		for _, key := range at.keys(t) {
			h.try(t, key, at.read(t, key))
		}
		for place, content := range h.content {
			if told := found(content, c.canaries.rows...); told != nil {
				t.Errorf("with the key of the host, %s tells %v", place, told)
			}
		}
		return h
	}
	h := look(writerIdentity(t, c.host.state))
	if h.opened["manifests/*.json sealed"] < 8 {
		t.Errorf("the host cannot read its own catalog: %v", h.opened)
	}
	for _, kinds := range []map[string]int{h.opened, h.closed} {
		for kind := range kinds {
			isData := strings.HasPrefix(kind, "segments/") || strings.HasSuffix(kind, " data") || strings.Contains(kind, " wraps ")
			if _, opens := h.opened[kind]; opens == isData {
				t.Errorf("%s: opened %d times, not opened %d times", kind, h.opened[kind], h.closed[kind])
			}
		}
	}
	for _, kind := range []string{"segments/*/*-*.zst.age", "manifests/*.json sealed content segments * data", "archive.json encryption keys wraps *"} {
		if h.closed[kind] == 0 {
			t.Errorf("%s was not tried: %v", kind, slices.Sorted(maps.Keys(h.closed)))
		}
	}

	// A recipient's identity opens the wraps, and what is in them opens the rest.
	all := look(id.file)
	if len(all.opened) == 0 {
		t.Error("the identity opens no wrap")
	}
}
