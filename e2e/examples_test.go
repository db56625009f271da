package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// exampleScenes are what examples need besides a database people.grafeo with two backups in
// s3://backups/people, and one in ./people-archive: shell commands, by the command that the
// examples are of.
var exampleScenes = map[string]string{
	"backup":     ``,
	"completion": `mkdir -p .local/share/bash-completion/completions .zfunc .config/fish/completions`,
	"copy":       `cp identity key.txt`,
	"drill":      `echo 'process.exit(0)' > check.js`,
	"expire":     `gbak-s3 policy s3://backups/people --keep-last 5`,
	"import":     `gbak-s3 export people-archive people-backups; cp -r people-backups native; mv people-archive away; rm -r "$GBAK_STATE"`,
	"keys":       `gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT`,
	"keys check": `cp identity key.txt; gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT`,
	"keys add":   `cp identity key.txt; gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT`,
	"keys list":  `gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT`,
	"keys remove": `cp identity key.txt; gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT --passphrase --passphrase-command 'echo long-enough-to-be-one'
gbak-s3 keys add s3://backups/people -r OTHER -i key.txt`,
	"keys rotate": `cp identity key.txt; gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT`,
	"keys sheet":  `gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT; printf '#!/bin/sh\nexec grep -q .\n' > lpr; chmod +x lpr`,
	"keys writer": `cp identity key.txt; gbak-s3 backup people.grafeo s3://backups/people -r RECIPIENT`,
	"mirror":      `cp -r people-archive mounted`,
	"restore":     `gbak-s3 release people.grafeo; rm -rf people.grafeo*`,
	"":            `gbak-s3 release people.grafeo`,
	"report":      `gbak-s3 backup people.grafeo s3://backups/shop; echo s3://backups/people > archives.txt`,
	"status":      `gbak-s3 drill s3://backups/people`,
	"unpin":       `gbak-s3 pin s3://backups/people 1`,
	"watch": `mkdir tenants; cp people.grafeo tenants/a.grafeo; echo 'require("fs").copyFileSync("people.grafeo", "app.grafeo")' > app.js
echo 'version: 1
databases: [{name: people, path: people.grafeo, archive: "s3://backups/people"}]' > watch.yaml`,
}

// exampleBetween is what happens between the examples of a command.
var exampleBetween = map[string]string{
	"":        `rm -rf people.grafeo*`,
	"keys":    `cp identity key.txt`,
	"restore": `rm -rf people.grafeo* old-people.grafeo*`,
	"export":  `rm -rf people-backups`,
}

// TestExamples runs the examples in the help of every command, as they stand there: only what
// is different for everybody is put in, such as numbers, buckets and keys.
func TestExamples(t *testing.T) {
	t.Parallel()
	needGrafeo(t) // for node
	commands := []string{""}
	for _, group := range []string{"", "keys"} {
		for _, m := range regexp.MustCompile(`(?m)^([a-z]+)\t`).FindAllStringSubmatch(must(t, append(append([]string{"__complete"}, strings.Fields(group)...), "")...).stdout, -1) {
			if m[1] != "help" {
				commands = append(commands, strings.TrimSpace(group+" "+m[1]))
			}
		}
	}
	if len(commands) < 30 {
		t.Fatalf("only %v", commands)
	}
	for _, command := range commands {
		t.Run("gbak-s3 "+command, func(t *testing.T) {
			t.Parallel()
			if command == "health" {
				t.Log("it asks watchers at fixed ports: see TestHealth")
				return
			}
			help := must(t, append(strings.Fields(command), "--help")...).stdout
			_, rest, found := strings.Cut(help, "\nExamples:\n")
			if !found {
				t.Fatalf("no examples:\n%s", help)
			}
			examples, _, _ := strings.Cut(rest, "\n\n")
			runExamples(t, command, strings.Split(examples, "\n"))
		})
	}
}

func runExamples(t *testing.T, command string, examples []string) {
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "identity"), testIdentity)
	example, err := os.ReadFile(filepath.Join("..", "examples", "social.grafeo"))
	if err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(dir, "people.grafeo"), string(example))
	backups, elsewhere := newBucket(t), newBucket(t)
	bucketOf := func(b bucket) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(b.address(), "s3://"), "/")
		return name
	}
	endpoint := os.Getenv("GBAK_TEST_S3_ENDPOINT")
	other := newRecipient(t)
	if command == "copy" { // the identity of the same line opens it
		other = testRecipient
	}
	fill := strings.NewReplacer(
		"s3://backups", "s3://"+bucketOf(backups), "s3://elsewhere", "s3://"+bucketOf(elsewhere),
		"4711", "19", " 12\n", " 1\n", " 12 ", " 1 ", "age1...", other, "RECIPIENT", testRecipient, "OTHER", other,
		"2026-11-23T08:15:00Z", time.Now().UTC().Format(time.RFC3339),
		"http://minio:9000", endpoint, "http://127.0.0.1:9000", endpoint, "127.0.0.1:8484", "127.0.0.1:0", "/var/tmp", dir, "/var/www", dir, "/srv/tenants", "tenants", "/etc/gbak-s3/watch.yaml", "watch.yaml", "/mnt/disk/people", "mounted", "/var/backups/people", "native",
	)
	env := []string{"HOME=" + dir, "GBAK_STATE=" + filepath.Join(dir, "state"), "AWS_ENDPOINT_URL_S3=" + endpoint, "PATH=" + filepath.Dir(binary) + ":" + dir + ":" + os.Getenv("PATH")}
	shell := func(script string) result {
		cmd := exec.CommandContext(t.Context(), "bash", "-euc", fill.Replace(script))
		cmd.Dir = dir
		return finish(t, cmd, env...)
	}
	shell("gbak-s3 backup people.grafeo people-archive").want(t, exitOK)
	if !strings.HasPrefix(command, "keys") {
		shell("gbak-s3 backup people.grafeo s3://backups/people; gbak-s3 backup --full people.grafeo s3://backups/people").want(t, exitOK)
	}
	shell(exampleScenes[command]).want(t, exitOK)
	for _, line := range examples {
		line = strings.TrimSpace(line)
		if command == "watch" && !strings.Contains(line, "--check") && !strings.Contains(line, "--exec") {
			watchExample(t, dir, strings.TrimSpace(fill.Replace(line+"\n")), env)
			continue
		}
		if r := shell("set -o pipefail; " + line + "\n"); r.code != exitOK {
			t.Errorf("%s\n%s\nexit code %d\n%s%s", line, fill.Replace(line+"\n"), r.code, r.stdout, r.stderr)
		}
		shell(exampleBetween[command]).want(t, exitOK)
	}
}

// watchExample runs a watcher until everything is in the archives, and then stops it.
func watchExample(t *testing.T, dir, line string, env []string) {
	t.Helper()
	cmd := exec.Command("bash", "-c", "exec "+line)
	cmd.Dir = dir
	ready, told, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[2] += " --ready-fd 3"
	cmd.ExtraFiles = []*os.File{told}
	p := startCommand(t, cmd, env...)
	_ = told.Close()
	if n, err := ready.Read(make([]byte, 1)); n != 1 {
		t.Errorf("%s: it has ended: %v\n%s", line, err, p.stderr)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-p.done
	if code := cmd.ProcessState.ExitCode(); code != exitOK {
		t.Errorf("%s: exit code %d\n%s", line, code, p.stderr)
	}
}

// newRecipient returns the public key of a new identity.
func newRecipient(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	return must(t, "keys", "new", "-o", path, "--json").one(t, "identity").Recipient
}
