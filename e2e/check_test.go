package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// bindings are the Node modules of the two generations, as paths.
var bindings = map[string]string{"0.5.42": "grafeo-0.5", "0.6.0": "@grafeo-db/js"}

func bindingOf(t testing.TB, version string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("grafeo", "node_modules", bindings[version]))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// checked is what a check has printed.
type checked struct {
	stdout, stderr string
	status         int
}

// digest returns the digest of the last line, "" if that has none.
func (c checked) digest() string {
	m := regexp.MustCompile(`(?:^|\n)digest: (grafeo-check-1:[0-9a-f]{64})\n$`).FindStringSubmatch(c.stdout)
	if m == nil {
		return ""
	}
	return m[1]
}

// check runs a program of tools/check.
func check(t testing.TB, program string, env []string, args ...string) checked {
	t.Helper()
	needGrafeo(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join("..", "tools", "check", program), args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return checked{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// checkJS runs check.js on a copy of a database.
func checkJS(t testing.TB, version, path string, flags ...string) checked {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	for _, suffix := range []string{"", ".wal"} {
		if _, err := os.Stat(path + suffix); err == nil {
			copyAny(t, path+suffix, to+suffix)
		}
	}
	return check(t, "check.js", nil, append(flags, "--in-place", "--binding", bindingOf(t, version), to)...)
}

// copyAny copies a file or a folder.
func copyAny(t testing.TB, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCheckOfWhatWasWritten: the digest of the check is that of what was written, computed
// here from the definition in tools/check/README.md; in both generations, closed and killed,
// and when 0.6 has migrated a database of 0.5.
func TestCheckOfWhatWasWritten(t *testing.T) {
	for _, version := range versions {
		for _, c := range []struct{ ending, seed string }{{"", "3"}, {"", "11"}, {"--kill", ""}} {
			t.Run(version+c.ending+c.seed, func(t *testing.T) {
				t.Parallel()
				args := []string{"--commits", "12"}
				if c.seed != "" {
					args = append(args, "--seed", c.seed)
				}
				db := create(t, version, c.ending, args...)
				want := db.checkDigest(t)
				got := checkJS(t, version, db.path)
				if got.status != 0 || got.digest() != want {
					t.Fatalf("%+v, want the digest %s", got, want)
				}
				if version == "0.6.0" {
					return
				}
				if got := checkJS(t, "0.6.0", db.path, "--migrate"); got.digest() != want {
					t.Errorf("migrated: %+v, want the digest %s", got, want)
				}
				if got := checkJS(t, version, db.path, "--reopen"); got.digest() != want {
					t.Errorf("opened twice: %+v, want the digest %s", got, want)
				}
			})
		}
	}
}

// TestCheckSeesDifferences: what differs in a label, a property, a type, a direction, or in
// what is connected with what, has another digest; what differs in ids or order has not.
func TestCheckSeesDifferences(t *testing.T) {
	base := []string{
		"INSERT (:A {i: 1})", "INSERT (:A {i: 2, s: 'x'})", "INSERT (:B)", "INSERT (:B)",
		"MATCH (a:A {i: 1}), (b:A {i: 2}) INSERT (a)-[:E {w: 1}]->(b)", "MATCH (a:A {i: 2}) INSERT (a)-[:E]->(a)",
	}
	digestOf := func(t *testing.T, version string, statements []string) string {
		path := filepath.Join(t.TempDir(), "x.grafeo")
		if _, err := node(t.Context(), version, "run.js", append([]string{path}, statements...)...); err != nil {
			t.Fatal(err)
		}
		got := checkJS(t, version, path)
		if got.digest() == "" {
			t.Fatalf("%q: %+v", statements, got)
		}
		return got.digest()
	}
	replaced := func(old, by string) []string {
		return strings.Split(strings.Replace(strings.Join(base, "\n"), old, by, 1), "\n")
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			needGrafeo(t)
			want := digestOf(t, version, base)
			same := [][]string{
				append([]string{base[3], base[1], base[0], base[2]}, base[5], base[4]),
				append([]string{"INSERT (:Gone)", "MATCH (g:Gone) DELETE g"}, base...),
				append(append([]string{}, base...), "MATCH (a:A {i: 2}) SET a.t = 5", "MATCH (a:A {i: 2}) REMOVE a.t"),
			}
			for _, s := range same {
				if got := digestOf(t, version, s); got != want {
					t.Errorf("%q has the digest %s, not %s", s, got, want)
				}
			}
			seen := map[string]string{want: "the original"}
			for name, s := range map[string][]string{
				"label":         replaced("INSERT (:B)", "INSERT (:C)"),
				"property":      replaced("s: 'x'", "s: 'y'"),
				"type of value": replaced("i: 2, s: 'x'", "i: 2, s: 7"),
				"name":          replaced("s: 'x'", "t: 'x'"),
				"edge type":     replaced("[:E {w: 1}]", "[:F {w: 1}]"),
				"edge property": replaced("{w: 1}", "{w: 2}"),
				"direction":     replaced("(a)-[:E {w: 1}]->(b)", "(b)-[:E {w: 1}]->(a)"),
				"other end":     replaced("INSERT (a)-[:E]->(a)", "INSERT (a)-[:E]->(:B)"),
				"twice":         append(append([]string{}, base...), base[5]),
				"graph":         append(append([]string{}, base...), "CREATE GRAPH g"),
				"in a graph":    append(append([]string{}, base...), "CREATE GRAPH g", "USE GRAPH g", "INSERT (:A {i: 1})"),
				"one more":      append(append([]string{}, base...), "INSERT (:B)"),
				"one fewer":     append(append([]string{}, base...), "MATCH (a:A {i: 1}) DETACH DELETE a"),
			} {
				got := digestOf(t, version, s)
				if other, ok := seen[got]; ok {
					t.Errorf("%s: the digest is that of %s", name, other)
				}
				seen[got] = name
			}
		})
	}
}

// TestCheckRefuses: without a digest, and with words.
func TestCheckRefuses(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			db := create(t, version, "", "--commits", "3")
			other := map[string]string{"0.5.42": "0.6.0", "0.6.0": "0.5.42"}[version]
			binding := bindingOf(t, version)
			damaged := filepath.Join(t.TempDir(), "damaged.grafeo")
			b, err := os.ReadFile(db.path)
			if err != nil {
				t.Fatal(err)
			}
			// In the directory of 0.5; in 0.6, where both headers are, of which it needs one.
			for i := 4096; i < 16384; i++ {
				b[i] ^= 0x55
			}
			if err := os.WriteFile(damaged, b, 0o600); err != nil {
				t.Fatal(err)
			}
			text := filepath.Join(t.TempDir(), "text.grafeo")
			if err := os.WriteFile(text, []byte("no database at all"), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, c := range map[string]struct {
				args   []string
				status int
				says   string
			}{
				"not a drill's copy":  {[]string{"--binding", binding, db.path}, 2, "is not in a drill's folder"},
				"no database":         {[]string{"--in-place", "--binding", binding}, 2, "usage"},
				"other binding":       {[]string{"--in-place", "--binding", bindingOf(t, other), db.path}, 1, "give another --binding"},
				"no binding":          {[]string{"--in-place", "--binding", "no-such-module", db.path}, 1, "no-such-module"},
				"missing":             {[]string{"--in-place", "--binding", binding, db.path + "-not"}, 1, "no such file"},
				"damaged":             {[]string{"--in-place", "--binding", binding, damaged}, 1, "check failed: "},
				"something different": {[]string{"--in-place", "--binding", binding, text}, 1, "is no Grafeo database"},
			} {
				got := check(t, "check.js", nil, c.args...)
				if got.status != c.status || !strings.Contains(got.stderr, c.says) || strings.Contains(got.stdout, "digest:") {
					t.Errorf("%s: %+v, want the exit status %d and %q", name, got, c.status, c.says)
				}
			}
		})
	}
}

// TestCheckFindsContradictions: a binding whose queries contradict each other, as a damaged
// index would make them, fails the check.
func TestCheckFindsContradictions(t *testing.T) {
	for says, lie := range map[string]string{
		"is there twice": `q === "MATCH ()-[e]->() RETURN e" && (r.edges = () => [...edges, ...edges])`,
		"shows 0":        `q.startsWith("MATCH (b)<-") && (r.toArray = () => [])`,
		"has an end that is no node": `q === "MATCH ()-[e]->() RETURN e" && (r.edges = () => edges.map((e) =>
			({ id: e.id, edgeType: e.edgeType, sourceId: 999, targetId: e.targetId, properties: () => e.properties() })))`,
		"nodes: 10 were read": `q === "MATCH (n) RETURN count(n) AS c" && (r.toArray = () => [{ c: 11 }])`,
		"with the label Item": `q.startsWith("MATCH (n:") && (r.toArray = () => [{ c: 0 }])`,
		"with the property":   `q.includes("IS NOT NULL") && (r.toArray = () => [{ c: 0 }])`,
		"edges of the type":   `q.startsWith("MATCH ()-[e:") && (r.toArray = () => [{ c: 7 }])`,
		"shows edge":          `q.startsWith("MATCH (b)<-") && (r.toArray = () => rows.map((x) => ({ ...x, a: x.b, b: 99 })))`,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			db := create(t, "0.6.0", "", "--commits", "1")
			module := filepath.Join(t.TempDir(), "liar.js")
			code := `const real = require(` + quoteJS(bindingOf(t, "0.6.0")) + `);
				module.exports = { version: real.version, GrafeoDB: { open: (path) => {
					const db = real.GrafeoDB.open(path);
					return { close: () => db.close(), execute: async (q) => {
						const result = await db.execute(q);
						const nodes = result.nodes(), edges = result.edges(), rows = result.toArray();
						const r = { nodes: () => nodes, edges: () => edges, toArray: () => rows };
						` + lie + `;
						return r;
					} };
				} } };`
			if err := os.WriteFile(module, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			got := check(t, "check.js", nil, "--in-place", "--binding", module, db.path)
			if got.status != 1 || !strings.Contains(got.stderr, says) || strings.Contains(got.stdout, "digest:") {
				t.Errorf("%+v, want %q", got, says)
			}
		})
	}
}

func quoteJS(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

// TestCheckRecipe: the shell recipe takes the binding of the generation, hands on the digest,
// and refuses a database with too few nodes.
func TestCheckRecipe(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			db := create(t, version, "", "--commits", "2")
			copied := filepath.Join(t.TempDir(), "gbak-drill-1", "x.grafeo")
			if err := os.Mkdir(filepath.Dir(copied), 0o700); err != nil {
				t.Fatal(err)
			}
			copyAny(t, db.path, copied)
			modules, err := filepath.Abs(filepath.Join("grafeo", "node_modules"))
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"NODE_PATH=" + modules}
			if got := check(t, "check.sh", append(env, "MIN_NODES=20"), copied); got.digest() != db.checkDigest(t) || got.status != 0 {
				t.Errorf("%+v, want the digest %s", got, db.checkDigest(t))
			}
			got := check(t, "check.sh", append(env, "MIN_NODES=21"), copied)
			if got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, "there are 20 nodes, and at least 21 are expected") {
				t.Errorf("too few nodes: %+v", got)
			}
			if got := check(t, "check.sh", env, filepath.Join("..", "go.mod")); got.status != 1 || !strings.Contains(got.stderr, "is no Grafeo database") {
				t.Errorf("no database: %+v", got)
			}
		})
	}
}
