package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// codeUnder returns the blocks of shell code in a section of a document.
func codeUnder(t testing.TB, document, heading string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n### "+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, block[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no shell code under %q", document, heading)
	}
	return blocks
}

// filesBelow returns the content of every file below a path.
func filesBelow(t testing.TB, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, f := range snapshot(t, filepath.Dir(path)) {
		if !f.mode.IsDir() && strings.HasPrefix(name, filepath.Base(path)) {
			all[strings.TrimPrefix(name, filepath.Base(path))] = f.content
		}
	}
	return all
}

// byHand follows FORMAT.md with the age command of a folder, as whoever has an identity,
// or a passphrase if id is empty. It returns the restored files.
func byHand(t testing.TB, at place, backup int, ageIn, id, passphrase string) map[string]string {
	t.Helper()
	recipe := codeUnder(t, "../FORMAT.md", "By hand")[0]
	target := filepath.Join(t.TempDir(), "restored.grafeo")
	temp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", recipe)
	cmd.Env = append(os.Environ(), "PATH="+ageIn+string(os.PathListSeparator)+os.Getenv("PATH"), "TMPDIR="+temp,
		"archive="+copyArchive(t, at).root, "identity="+id, fmt.Sprintf("backup=%d", backup), "target="+target)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	shown, err := onTerminal(t, cmd, passphrase)
	if err != nil || strings.Contains(said.String(), "damaged") {
		t.Fatalf("the recipe: %v\n%s\n%s", err, &said, shown)
	}
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("the recipe leaves %v", left)
	}
	return filesBelow(t, target)
}

// debianAge is the folder of the age command that is installed.
func debianAge(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("age")
	if err != nil {
		missing(t, "there is no age command")
	}
	return filepath.Dir(path)
}

const testPassphrase = "correct horse battery staple"

// passphraseFlags let the command know the passphrase.
func passphraseFlags(t testing.TB, passphrase string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--passphrase-command", "cat " + file}
}

// TestOpenedByHand opens sealed archives as FORMAT.md says, with Debian's age and with that
// of the version that is built in, by an X25519 identity and by a passphrase.
func TestOpenedByHand(t *testing.T) {
	t.Parallel()
	h, at, id := newHost(t), newDirectory(t), newIdentity(t)
	db := damagedSource(t, "7")
	first := append([]string{"backup", db.path, at.address(), "-r", id.recipient, "--passphrase"}, passphraseFlags(t, testPassphrase)...)
	h.must(t, append(first, smallSegments...)...)
	for _, size := range []string{"10", "20000"} { // in its manifest, and with a segment
		db.write(t, "--kill", "--seed", size, "--commits", "40", "--pad", size)
		h.must(t, append([]string{"backup", db.path, at.address()}, smallSegments...)...)
	}
	h.must(t, append([]string{"backup", db.path, at.address(), "--full"}, smallSegments...)...)
	for backup := 1; backup <= 4; backup++ {
		target := filepath.Join(t.TempDir(), "restored.grafeo")
		h.must(t, "restore", at.address(), target, "--backup", fmt.Sprint(backup), "-i", id.file)
		want := filesBelow(t, target)
		if len(want) < 2 || len(want[""]) == 0 {
			t.Fatalf("backup %d has only %d files", backup, len(want))
		}
		for _, c := range []struct{ age, identity string }{{debianAge(t), id.file}, {debianAge(t), ""}, {ageFolder(t), id.file}, {ageFolder(t), ""}} {
			if backup < 3 && (c.identity == "" || c.age != debianAge(t)) {
				continue // a passphrase takes its time
			}
			if diff := cmp.Diff(want, byHand(t, at, backup, c.age, c.identity, testPassphrase)); diff != "" {
				t.Errorf("backup %d, %s/age, identity %q: %.1000s", backup, c.age, c.identity, diff)
			}
		}
	}

	// The MACs are those that FORMAT.md says.
	keys := unwrapped(t, at, id)
	for _, key := range at.keys(t) {
		if kind := kindOf(key); kind == "archive.json" || kind == "manifests" {
			_, seal, _ := strings.Cut(string(at.read(t, key)), "\n")
			if mac := macByHand(t, at.path(key), keys); !strings.Contains(seal, `"mac":"`+mac+`"`) || len(mac) != 64 {
				t.Errorf("%s: the MAC by hand is %q, and its second line %q", key, mac, seal)
			}
		}
	}
}

// listOf returns the list of keys in archive.json.
func listOf(t testing.TB, at place) map[string]any {
	t.Helper()
	return firstLine(t, at.read(t, "archive.json"))["encryption"].(map[string]any)["keys"].(map[string]any)
}

// unwrapped returns the identity file that is in the first wrap of an archive.
func unwrapped(t testing.TB, at place, id identity) string {
	t.Helper()
	wrap, err := base64.StdEncoding.DecodeString(listOf(t, at)["wraps"].([]any)[0].(string))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(debianAge(t), "age"), "-d", "-i", id.file)
	cmd.Stdin = bytes.NewReader(wrap)
	return string(run(t, cmd))
}

// macByHand returns the MAC of a document as FORMAT.md says, with the newest catalog key of
// an identity file.
func macByHand(t testing.TB, path, keys string) string {
	t.Helper()
	secrets := regexp.MustCompile(`AGE-SECRET-KEY-\w+`).FindAllString(keys, -1)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	id := firstLine(t, content)["archive_id"].(string)
	return strings.TrimSpace(string(run(t, exec.Command("sh", "-eu", "-c", codeUnder(t, "../FORMAT.md", "By hand")[1]+`mac_of "$@"`, "sh", path, secrets[len(secrets)-1], id))))
}

// TestWrapsByHand gives an archive wraps that the age command has made, for another identity
// and for a passphrase: each alone opens it. So archive.json is made by hand as well.
func TestWrapsByHand(t *testing.T) {
	t.Parallel()
	h, at, id := newHost(t), newDirectory(t), newIdentity(t)
	path := closedImage(t)
	h.must(t, "backup", path, at.address(), "-r", id.recipient)
	keys := unwrapped(t, at, id)
	for name, folder := range map[string]string{"debian": debianAge(t), "built in": ageFolder(t)} {
		t.Run(name, func(t *testing.T) {
			age := filepath.Join(folder, "age")
			at, other := copyArchive(t, at), newIdentity(t)
			encrypt := func(plain string, answers []string, args ...string) string {
				t.Helper()
				cmd := exec.Command(age, args...)
				var out bytes.Buffer
				cmd.Stdin, cmd.Stdout = strings.NewReader(plain), &out
				if shown, err := onTerminal(t, cmd, answers...); err != nil {
					t.Fatalf("age %v: %v %s", args, err, shown)
				}
				return base64.StdEncoding.EncodeToString(out.Bytes())
			}
			// With -a would be armor, which is not for wraps.
			file := filepath.Join(t.TempDir(), "keys.txt")
			if err := os.WriteFile(file, []byte(keys), 0o600); err != nil {
				t.Fatal(err)
			}
			wraps := []any{encrypt(keys, nil, "-r", other.recipient), encrypt(keys, []string{testPassphrase, testPassphrase}, "-p", file)}
			written := map[string][]byte{}
			for key, change := range map[string]func(document, list map[string]any){
				"archive.json":              func(d, list map[string]any) { d["encryption"].(map[string]any)["keys"] = list },
				"manifests/0000000001.json": func(d, list map[string]any) { d["key_list"] = list },
			} {
				list := listOf(t, at)
				list["wraps"] = wraps
				list["recipients"] = []any{map[string]any{"recipient": other.recipient, "kind": "x25519"}, map[string]any{"recipient": "passphrase-1", "kind": "passphrase"}}
				outer := firstLine(t, at.read(t, key))
				sealed, err := base64.StdEncoding.DecodeString(outer["sealed"].(string))
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(age, "-d", "-i", file)
				cmd.Stdin = bytes.NewReader(sealed)
				inner := firstLine(t, run(t, cmd)) // what is sealed says the same
				change(inner, list)
				change(outer, list)
				catalog := list["generations"].([]any)[0].(map[string]any)["catalog"].(string)
				outer["sealed"] = encrypt(string(documentOf(t, inner)), nil, "-r", catalog)
				content := documentOf(t, outer)
				handmade := filepath.Join(t.TempDir(), "document")
				if err := os.WriteFile(handmade, content, 0o600); err != nil {
					t.Fatal(err)
				}
				written[key] = fmt.Appendf(bytes.TrimSuffix(content, []byte("}\n")), ",\"mac\":%q}\n", macByHand(t, handmade, keys))
			}
			for key, content := range written {
				at.write(t, key, content)
			}

			for who, flags := range map[string][]string{"the identity": {"-i", other.file}, "the passphrase": passphraseFlags(t, testPassphrase)} {
				target := filepath.Join(t.TempDir(), "restored.grafeo")
				newHost(t).must(t, append([]string{"restore", at.address(), target}, flags...)...)
				if digestFile(t, target) != digestFile(t, path) {
					t.Errorf("%s restores something else", who)
				}
				newHost(t).must(t, append([]string{"verify", "--deep", at.address()}, flags...)...)
			}
		})
	}
}
