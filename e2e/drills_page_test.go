package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDrillsPage does what docs/drills.md says, command by command, with a directory in the place of a
// bucket: each must succeed. Of the commands that check a database, one is that of this repository, and
// the other one stands for the user's own. The watcher's file there is one that can be used.
func TestDrillsPage(t *testing.T) {
	t.Parallel()
	needGrafeo(t)
	page, err := os.ReadFile("../docs/drills.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	copyFile(t, "../examples/social.grafeo", filepath.Join(home, "people.grafeo"))
	must(t, "backup", filepath.Join(home, "people.grafeo"), filepath.Join(home, "people"))
	count := filepath.Join(home, "count")
	if err := os.WriteFile(count, []byte("#!/bin/sh\ntest -s \"$1\" && echo digest: count:7\n"), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	local := strings.NewReplacer("s3://backups/", "", "/opt/check/check.js", absolute(t, "../tools/check/check.js"), "/opt/check/count", count)
	says := func(parts ...string) {
		t.Helper()
		r := must(t, "status", filepath.Join(home, "people"), "--json")
		for _, part := range parts {
			if !strings.Contains(r.stdout, part) {
				t.Errorf("%s has no %s", r.stdout, part)
			}
		}
	}
	commands := 0
	yaml := ""
	for _, block := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1) {
		if block[1] == "yaml" {
			yaml = block[2]
		}
		if block[1] != "" {
			continue
		}
		for line := range strings.Lines(block[2]) {
			var args []string
			for _, word := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1)[1:] {
				args = append(args, local.Replace(strings.Trim(word, "'")))
			}
			cmd := exec.Command(binary, args...)
			cmd.Dir = home
			finish(t, cmd, "GRAFEO_BINDING="+bindingOf(t, "0.6.0")).want(t, exitOK)
			if commands++; strings.Contains(line, "/opt/check/count") {
				says(`"executed":true`, `"digest":"count:7","pinned_by":"app"`)
			}
		}
	}
	if commands < 8 {
		t.Errorf("the page has only %d commands", commands)
	}
	says(`"last_drill":{"at":`, `"coverage":{"read":1,`)
	if yaml == "" {
		t.Fatal("there is no file of the watcher")
	}
	file := filepath.Join(home, "watch.yaml")
	writeConfig(t, file, local.Replace(yaml))
	must(t, "watch", "--config", file, "--check")
}
