package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestKeysPage does what docs/keys.md says, command by command, with a directory in the place of a
// bucket: each must succeed. age1ada… stands for the public key of ada.txt there.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	copyFile(t, "../examples/social.grafeo", filepath.Join(home, "people.grafeo"))
	keys := map[string]string{}
	run := func(command string) {
		t.Helper()
		args := strings.Fields(strings.ReplaceAll(command, "s3://backups/", ""))[1:]
		for i, arg := range args {
			if name := regexp.MustCompile(`^age1(\w+)…$`).FindStringSubmatch(arg); name != nil {
				if args[i] = keys[name[1]]; args[i] == "" {
					t.Fatalf("%s: nobody has made %s.txt", command, name[1])
				}
			}
			if arg == "--passphrase" {
				args = append(args, "--passphrase-command", "echo correct horse battery staple")
			}
		}
		cmd := exec.Command(binary, args...)
		cmd.Dir = home
		r := finish(t, cmd).want(t, exitOK)
		if file := regexp.MustCompile(`keys new -o (\w+)\.txt`).FindStringSubmatch(command); file != nil {
			keys[file[1]] = strings.TrimSpace(strings.TrimPrefix(r.stderr, "Public key: "))
		}
	}
	commands := 0
	for _, block := range regexp.MustCompile("(?ms)^ *```\n(.*?)^ *```$").FindAllStringSubmatch(string(page), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			command := strings.TrimSpace(line)
			if strings.Contains(command, "age1bob…") && keys["bob"] == "" {
				run("gbak-s3 keys new -o bob.txt")
			}
			run(command)
			commands++
		}
	}
	if commands < 20 {
		t.Errorf("the page has only %d commands", commands)
	}
	// The host goes on, and those restore who should.
	must(t, "restore", filepath.Join(home, "people"), filepath.Join(home, "restored.grafeo"), "-i", filepath.Join(home, "ada2.txt"))
	gbak(t, "keys", "check", filepath.Join(home, "people"), "-i", filepath.Join(home, "bob.txt")).want(t, exitKeysCode)
}
