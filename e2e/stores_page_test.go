package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// storesPage says which S3 servers are safe. Its tables are written by a test, from
// testdata/stores.
var storesPage = filepath.Join("..", "docs", "stores.md")

func readPage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(storesPage)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writePage(t *testing.T, all map[string]examined) {
	t.Helper()
	if err := os.WriteFile(storesPage, []byte(withTables(t, readPage(t), all)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withTables returns the page with its tables made new, each between two comments.
func withTables(t *testing.T, page string, all map[string]examined) string {
	t.Helper()
	for name, table := range map[string]string{"servers": serversTable(all), "guarantees": guaranteesTable(all)} {
		begin, end := "<!-- "+name+": written by scripts/stores-test.sh -->\n", "<!-- end of "+name+" -->"
		before, rest, ok := strings.Cut(page, begin)
		_, after, found := strings.Cut(rest, end)
		if !ok || !found {
			t.Fatalf("%s has no place for the table %s", storesPage, name)
		}
		page = before + begin + table + end + after
	}
	return page
}

// serversTable has a row for each server.
func serversTable(all map[string]examined) string {
	var b strings.Builder
	b.WriteString("| Server | Version | Backups | What doctor says | Conformance suite |\n| --- | --- | --- | --- | --- |\n")
	for _, name := range inOrder(all) {
		e := all[name]
		backups := "**safe**"
		switch {
		case e.Backup != exitOK:
			backups = fmt.Sprintf("refused, exit code %d", e.Backup)
		case e.Keeps["gateways"] == isNot:
			backups = "**safe through one process**"
		}
		conditions := "`" + e.Conditions + "`"
		if e.Conditions == "" {
			conditions = "nothing can be committed"
		}
		suite := "passes"
		if groups := failedGroups(e); len(groups) > 0 {
			suite = fmt.Sprintf("fails %d: %s", len(e.Fails), strings.Join(groups, ", "))
		}
		if n := len(e.Sometimes); n > 0 {
			suite += fmt.Sprintf("; %d more in some runs", n)
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s, exit code %d | %s |\n", e.Title, anchor(e.Title), e.Version, backups, conditions, e.Doctor, suite)
	}
	return b.String()
}

// failedGroups returns the groups of the conformance suite in which a subtest failed.
func failedGroups(e examined) []string {
	groups := map[string]bool{}
	for _, name := range e.Fails {
		group, _, _ := strings.Cut(name, "/")
		groups[group] = true
	}
	return slices.Sorted(maps.Keys(groups))
}

// guaranteesTable has a row for each guarantee.
func guaranteesTable(all map[string]examined) string {
	names := inOrder(all)
	var b strings.Builder
	b.WriteString("| |")
	for _, name := range names {
		fmt.Fprintf(&b, " %s |", all[name].Title)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(names)) + "\n")
	for _, g := range guarantees {
		fmt.Fprintf(&b, "| %s |", g.title)
		for _, name := range names {
			value := all[name].Keeps[g.name]
			if value == isNot {
				value = "**no**"
			}
			fmt.Fprintf(&b, " %s |", value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestStoresPage: docs/stores.md says what was seen of each server, has a section about it,
// and how it is started; and there is no other.
func TestStoresPage(t *testing.T) {
	all := allExamined(t)
	if os.Getenv(storeUpdate) == "1" {
		writePage(t, all)
	}
	page := readPage(t)
	if diff := cmp.Diff(withTables(t, page, all), page); diff != "" {
		t.Errorf("the tables of %s are not what was seen (-seen +page):\n%s", storesPage, diff)
	}
	scripts, err := filepath.Glob(filepath.Join("..", "scripts", "stores", "*.sh"))
	if err != nil {
		t.Fatal(err)
	}
	started := map[string]bool{}
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".sh")
		started[name] = true
		e, examined := all[name]
		if !examined {
			t.Errorf("%s starts a server of which nothing is known", script)
			continue
		}
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, fact := range []string{"title='" + e.Title + "'", "source='" + e.Source + "'"} {
			if !strings.Contains(string(text), fact+"\n") {
				t.Errorf("%s does not say %s", script, fact)
			}
		}
		section := regexp.MustCompile(`(?m)^### ` + regexp.QuoteMeta(e.Title) + `\n`)
		if !section.MatchString(page) {
			t.Errorf("%s has no section about %s", storesPage, e.Title)
		}
		if len(e.Keeps) != len(guarantees) {
			t.Errorf("%s: %d guarantees were examined, there are %d", name, len(e.Keeps), len(guarantees))
		}
	}
	for name := range all {
		if !started[name] {
			t.Errorf("nothing starts %s", name)
		}
	}
	if len(all) < 5 {
		t.Errorf("there are %d servers only", len(all))
	}
}
