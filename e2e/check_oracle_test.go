package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
)

// checkDigest returns the digest that tools/check gives the database, computed from what
// gen.js has written to it, by the definition in tools/check/README.md.
func (db *database) checkDigest(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(db.model)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Nodes  []json.RawMessage `json:"nodes"`
		Edges  []json.RawMessage `json:"edges"`
		Graphs []string          `json:"graphs"`
	}
	unmarshalNumbers(t, b, &m)

	own := map[string]string{} // by the name of the node
	around := map[string]*hashSum{}
	for _, raw := range m.Nodes {
		var name string
		var n struct {
			Labels []string       `json:"labels"`
			Props  map[string]any `json:"props"`
		}
		unmarshalNumbers(t, raw, &[]any{&name, &n})
		n.Props["k"] = name
		slices.Sort(n.Labels)
		own[name] = hashOf("N" + asJSON(n.Labels) + valueText(n.Props))
		around[name] = &hashSum{}
	}
	type edge struct{ from, to, text string }
	var edges []edge
	for _, raw := range m.Edges {
		var id json.Number
		var e struct {
			T, A, B string
			Props   map[string]any
		}
		unmarshalNumbers(t, raw, &[]any{&id, &e})
		e.Props["id"] = id
		text := asJSON(e.T) + valueText(e.Props)
		edges = append(edges, edge{e.A, e.B, text})
		around[e.A].add(">" + text + own[e.B])
		around[e.B].add("<" + text + own[e.A])
	}
	whole := map[string]string{}
	var sum hashSum
	for name := range own {
		whole[name] = hashOf(own[name] + around[name].hex())
		sum.add("N" + whole[name])
	}
	for _, e := range edges {
		sum.add("E" + e.text + whole[e.from] + whole[e.to])
	}
	lines := fmt.Sprintf("graph \"\" %d %d %s\n", len(own), len(edges), sum.hex())
	slices.Sort(m.Graphs)
	for _, name := range m.Graphs {
		lines += fmt.Sprintf("graph %s 0 0 %s\n", asJSON(name), (&hashSum{}).hex())
	}
	return "grafeo-check-1:" + hashOf(lines)
}

// hashSum is a sum of hashes as numbers of 256 bits.
type hashSum struct{ big.Int }

func (s *hashSum) add(text string) {
	sum := sha256.Sum256([]byte(text))
	s.Int.Add(&s.Int, new(big.Int).SetBytes(sum[:]))
	s.Int.And(&s.Int, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)))
}

func (s *hashSum) hex() string { return fmt.Sprintf("%064x", &s.Int) }

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// valueText returns the text of a value that gen.js has written.
func valueText(v any) string {
	switch v := v.(type) {
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = valueText(v[i])
		}
		return "[" + strings.Join(texts, ",") + "]"
	case map[string]any:
		var texts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			texts = append(texts, asJSON(name)+":"+valueText(v[name]))
		}
		return "{" + strings.Join(texts, ",") + "}"
	}
	return asJSON(v)
}

// asJSON encodes as JavaScript does.
func asJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// unmarshalNumbers decodes JSON, in which numbers stay as they are written.
func unmarshalNumbers(t testing.TB, b []byte, to any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		t.Fatalf("%v: %.200q", err, b)
	}
}
