package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gbak-s3/gbak-s3/internal/spelling"
)

// reader takes the YAML of a file apart. It goes on after a problem, so that all are
// found at once.
type reader struct {
	around   Surroundings
	problems []Problem
	seen     map[string]int // the lines of what may be there once
	dirs     []string
}

// value is a node of the YAML, and the key that it is the value of.
type value struct {
	node *yaml.Node
	key  string
}

// fields say what is done with the values of a mapping, by key.
type fields map[string]func(value)

// below returns the key of something in v.
func (v value) below(name string) string {
	if v.key == "" {
		return name
	}
	return v.key + "." + name
}

func (r *reader) problem(v value, format string, args ...any) {
	r.problems = append(r.problems, Problem{v.node.Line, v.key, fmt.Sprintf(format, args...)})
}

// mapping reads the keys of v, in the order in which they are written.
func (r *reader) mapping(v value, known fields) {
	if v.node.Kind != yaml.MappingNode {
		r.wrongType(v, "a mapping (key: value)")
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		name, node := v.node.Content[i], v.node.Content[i+1]
		key := value{name, v.below(name.Value)}
		switch line, double := lines[name.Value]; {
		case name.Kind != yaml.ScalarNode:
			r.problem(value{name, v.key}, "a key must be a word")
			continue
		case double:
			r.problem(key, "the key is there already, in line %d", line)
			continue
		}
		lines[name.Value] = name.Line
		read, ok := known[name.Value]
		if !ok {
			r.unknown(key, name.Value, known)
			continue
		}
		read(value{node, key.key})
	}
}

// unknown is the problem of a key that does not exist.
func (r *reader) unknown(v value, name string, known fields) {
	names := slices.Sorted(maps.Keys(known))
	if name == "<<" {
		r.problem(v, "keys cannot be merged; defaults: is for what goes for all databases")
	} else if _, isSetting := r.settings(&Settings{})[name]; isSetting && v.key == name {
		r.problem(v, "there is no such key here; it goes below defaults:, or into an entry of databases: or directories:")
	} else if near := spelling.Nearest(name, names); near != "" {
		r.problem(v, "there is no such key; did you mean %s?", near)
	} else {
		r.problem(v, "there is no such key; there are %s", strings.Join(names, ", "))
	}
}

// list calls read for each item of v.
func (r *reader) list(v value, read func(value)) {
	if v.node.Kind != yaml.SequenceNode {
		r.wrongType(v, "a list")
		return
	}
	for i, node := range v.node.Content {
		read(value{node, fmt.Sprintf("%s[%d]", v.key, i)})
	}
}

func (r *reader) wrongType(v value, wanted string) {
	found := "a single value"
	switch {
	case v.node.Kind == yaml.MappingNode:
		found = "a mapping"
	case v.node.Kind == yaml.SequenceNode:
		found = "a list"
	case v.node.Kind == yaml.AliasNode:
		r.problem(v, "aliases (*name) cannot be used; defaults: is for what goes for all databases")
		return
	case v.node.Tag == "!!null":
		r.problem(v, "there is no value")
		return
	}
	r.problem(v, "this must be %s, not %s", wanted, found)
}

// scalar returns the value of v with its variables replaced.
func (r *reader) scalar(v value) (string, bool) {
	if v.node.Kind != yaml.ScalarNode || v.node.Tag == "!!null" {
		r.wrongType(v, "a single value")
		return "", false
	}
	text, err := expand(v.node.Value, r.around.Variable)
	if err != nil {
		r.problem(v, "%v", err)
		return "", false
	}
	return text, true
}

// text returns a value that must be text: neither empty, nor a number, nor true or
// false, which are mistaken for text easily.
func (r *reader) text(v value) (string, bool) {
	text, ok := r.scalar(v)
	switch {
	case !ok:
		return "", false
	case v.node.Tag != "!!str":
		r.problem(v, "this must be a text; write it in quotes")
		return "", false
	case text == "":
		r.problem(v, "the text is empty")
		return "", false
	}
	return text, true
}

// read reads v with parse into to. A problem with what came from the environment is told
// without it, as it may be a secret.
func read[T any](r *reader, v value, to *T, parse func(string) (T, error)) {
	text, ok := r.scalar(v)
	if !ok {
		return
	}
	parsed, err := parse(text)
	switch {
	case err == nil:
		*to = parsed
	case text != v.node.Value && text != "":
		r.problem(v, "%s", strings.ReplaceAll(err.Error(), fmt.Sprintf("%q", text), fmt.Sprintf("what is in %q", v.node.Value)))
	default:
		r.problem(v, "%v", err)
	}
}

// into returns a field that is read by parse.
func into[T any](r *reader, to *T, parse func(string) (T, error)) func(value) {
	return func(v value) { read(r, v, to, parse) }
}
