package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
)

// document returns the bytes of a document without encryption whose first line is given.
func document(line []byte) []byte {
	line = append(bytes.TrimRight(line, "\n"), '\n')
	return fmt.Appendf(bytes.Clone(line), "{\"sha256\":\"%x\"}\n", sha256.Sum256(line))
}

// firstLine returns the first line of a document as an object.
func firstLine(t testing.TB, content []byte) map[string]any {
	t.Helper()
	line, _, _ := bytes.Cut(content, []byte("\n"))
	fields := map[string]any{}
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	return fields
}

// documentOf returns the document with these fields, without a MAC.
func documentOf(t testing.TB, fields map[string]any) []byte {
	t.Helper()
	line, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return document(line)
}
