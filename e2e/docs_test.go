package e2e

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// eachFile calls f with the content of every file of the repository that has the
// ending.
func eachFile(t *testing.T, ending string, f func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ending) {
			return nil
		}
		b, err := os.ReadFile(path)
		f(path, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPromisesAreHeld: the tests that docs/promises.md names exist, and .ci/run calls its scripts.
func TestPromisesAreHeld(t *testing.T) {
	text, err := os.ReadFile("../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1) {
		named[name[1]] = true
	}
	if len(named) < 40 {
		t.Errorf("it names %d tests only", len(named))
	}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	eachFile(t, "_test.go", func(_, text string) {
		for _, f := range function.FindAllStringSubmatch(text, -1) {
			delete(named, f[1])
		}
	})
	for name := range named {
		t.Errorf("there is no %s", name)
	}

	ci, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	scripts := regexp.MustCompile("`(scripts/[a-z-]+\\.sh)`").FindAllStringSubmatch(string(text), -1)
	if len(scripts) == 0 {
		t.Error("it names no script")
	}
	for _, script := range scripts {
		if !strings.Contains(string(ci), "\nbash "+script[1]) {
			t.Errorf("no stage of .ci/run calls %s", script[1])
		}
	}
}

// TestMap: the map in ARCHITECTURE.md has every room with Go code, and all that is shipped or
// does the work beside it.
func TestMap(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n## Map\n"))
	text, _, found := bytes.Cut(text, []byte("\n**Where does it go?**"))
	if !found {
		t.Fatal("there is no map")
	}
	folders := map[string]bool{}
	eachFile(t, ".go", func(path, _ string) {
		if !strings.HasSuffix(path, "_test.go") {
			folders[filepath.Dir(path)] = true
		}
	})
	for _, pattern := range []string{"../*", "../deploy/*", "../scripts/*", "../tools/*", "../e2e/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				folders[path] = true
			}
		}
	}
	for folder := range folders {
		name := filepath.Base(folder)
		switch {
		case name == "testdata", name == "dist", strings.HasPrefix(name, "."), strings.HasSuffix(name, "test"):
		case !regexp.MustCompile(`(^|[\s(/])` + regexp.QuoteMeta(name) + `/`).Match(text):
			t.Errorf("the map does not have %s", folder)
		}
	}
}

var fence = regexp.MustCompile("(?ms)^ *```.*?^ *```$")

// headings returns the headings of a Markdown document.
func headings(text string) []string {
	var all []string
	for _, h := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.TrimSpace(h[1]))
	}
	return all
}

// anchor returns the name that GitHub gives a heading.
func anchor(heading string) string {
	heading = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(heading, " ", "-")
}

// TestLinks: every link between the documents leads to a file, and to a heading in
// it.
func TestLinks(t *testing.T) {
	t.Parallel()
	anchors := func(path string) map[string]bool {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		all := map[string]bool{}
		for _, h := range headings(string(b)) {
			all[anchor(h)] = true
		}
		return all
	}
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	links := 0
	eachFile(t, ".md", func(path, text string) {
		for _, l := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			links++
			file, heading, hasHeading := strings.Cut(l[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", path, l[1])
			} else if hasHeading && !anchors(target)[heading] {
				t.Errorf("%s: %s leads to no heading", path, l[1])
			}
		}
	})
	if links < 40 {
		t.Errorf("found only %d links", links)
	}
}

// TestCitations: comments that cite a section of a document, such as
// FORMAT.md, "Limits", cite one that exists.
func TestCitations(t *testing.T) {
	t.Parallel()
	cited := map[string]map[string]string{} // document → section → a file that cites it
	cite := func(document, section, path string) {
		if cited[document] == nil {
			cited[document] = map[string]string{}
		}
		cited[document][section] = path
	}
	named := regexp.MustCompile(`([\w/-]+\.md), "([^"]+)"`)
	numbered := regexp.MustCompile(`([\w/-]+\.md), sections? ([0-9.]+[0-9](?:(?:, | and )[0-9.]+[0-9])*|[0-9])`)
	comment := regexp.MustCompile(`\n\s*// ?`)
	eachFile(t, ".go", func(path, text string) {
		text = comment.ReplaceAllString(text, " ")
		for _, c := range named.FindAllStringSubmatch(text, -1) {
			cite(c[1], c[2], path)
		}
		for _, c := range numbered.FindAllStringSubmatch(text, -1) {
			for _, section := range regexp.MustCompile(`[0-9.]+`).FindAllString(c[2], -1) {
				cite(c[1], section, path)
			}
		}
	})
	if len(cited) < 4 {
		t.Errorf("found citations of only %d documents", len(cited))
	}
	for document, sections := range cited {
		b, err := os.ReadFile(filepath.Join("..", document))
		if err != nil {
			t.Error(err)
			continue
		}
		for section, path := range sections {
			found := false
			for _, h := range headings(string(b)) {
				number, _, _ := strings.Cut(h, " ")
				found = found || h == section || strings.TrimSuffix(number, ".") == section
			}
			if !found {
				t.Errorf("%s cites %s, %q, which does not exist", path, document, section)
			}
		}
	}
}

// plain replaces everything in the command's output that differs from run to run
// and from host to host.
func plain(t *testing.T, text, home string) []string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	text = strings.NewReplacer(home, "HOME", host, "HOST", "ada-laptop", "HOST").Replace(text)
	for _, r := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?(Z| UTC)?`, "TIME"},
		{`(less than )?\b\d+(\.\d+)?(µs|ms|s)\b`, "DURATION"},
		{`\d+(\.\d+)? MB/s`, "SPEED"},
		{`\d+(\.\d+)? [KMGT]iB( are)? free`, "SIZE free"},
		{`\b1\.\d KiB\b`, "SIZE"}, // compressed, which depends on the build
		{`certificates/[0-9TZ.]+-[0-9a-f]{8}\.json`, "CERTIFICATE"},
		{`(?m)[ \t]+`, " "},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}

// TestJSONIsAsDocumented: docs/json.md has every field that the commands print, in the
// section of the line's type or in one that this section links.
func TestJSONIsAsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, s := range strings.Split(string(text), "\n## ")[1:] {
		heading, rest, _ := strings.Cut(s, "\n")
		for _, name := range strings.Split(heading, " and ") {
			sections[name] = rest
		}
	}
	link := regexp.MustCompile(`\]\(#(\w+)\)`)
	var documents func(section, field string) bool
	documents = func(section, field string) bool {
		if strings.Contains(sections[section], "`"+field+"`") {
			return true
		}
		for _, l := range link.FindAllStringSubmatch(sections[section], -1) {
			if l[1] != section && l[1] != "error" && l[1] != "doctor" && documents(l[1], field) {
				return true
			}
		}
		return false
	}
	var check func(command, section string, v any)
	check = func(command, section string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for field, inner := range v {
				if !documents(section, field) {
					t.Errorf("%s prints %s, which docs/json.md lacks in %q", command, field, section)
				}
				check(command, section, inner)
			}
		case []any:
			for _, inner := range v {
				check(command, section, inner)
			}
		}
	}

	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join("..", "examples", "social.grafeo"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "db.grafeo"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, "key.txt"), testIdentity)
	seen := map[string]bool{}
	for _, command := range []string{
		"backup --dry-run db.grafeo archive", "backup db.grafeo archive", "backup db.grafeo archive", "list archive", "status archive db.grafeo", "report archive", "verify archive", "verify --deep archive",
		"drill archive", "attest archive --epoch 19 --digest v1:aa", "attest archive --epoch 19 --digest v1:bb", "drill --no-certificate archive",
		"salvage archive", "restore --salvage archive salvaged.grafeo",
		"doctor archive", "restore --plan archive copy.grafeo", "restore archive copy.grafeo", "restore --force archive copy.grafeo",
		"restore archive copy.grafeo", "inspect db.grafeo", "inspect db.grafeo.wal/backup_cursor.meta", "inspect archive", "export archive native",
		"inspect native", "import native other", "pin archive 1", "policy archive --keep-last 3", "policy s3://backups/people --mode monitor --for minio", "status archive", "unpin archive 1", "backup --full db.grafeo archive", "backup --full db.grafeo archive", "backup --full db.grafeo archive", "expire archive", "expire archive --apply", "compact archive", "copy --dry-run archive copied", "copy archive copied", "mirror --dry-run archive mirrored", "mirror archive mirrored", "mirror --detach mirrored", "list archive --removed", "release db.grafeo archive", "version", "keys new -o new.txt", "nonsense",
		"backup db.grafeo sealed -r " + testRecipient, "keys list sealed", "keys add sealed --recipient " + testRecipient + " -i key.txt", "keys rotate sealed -i key.txt",
		"keys check sealed -i key.txt", "keys writer sealed -i key.txt", "keys sheet sealed",
		"watch --check db.grafeo archive", "watch --once db.grafeo archive", "health http://127.0.0.1:1",
	} {
		cmd := exec.Command(binary, append(strings.Fields(command), "--json")...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatalf("%s: %v: %s", command, err, line)
			}
			section, _ := v["type"].(string)
			seen[section] = true
			check(command, section, v)
		}
	}
	for section := range sections {
		switch section {
		case "salvaged", "hold", "key_list", "requests", "cost", "spill", "rules", "reach", "encryption": // inside of others
		case "import": // only where epochs are lost
		case "watch_status": // by a watcher, over HTTP; cmd/gbak-s3/json_test.go has its fields
		default:
			if !seen[section] {
				t.Errorf("no command printed %q", section)
			}
		}
	}
}
