//go:build freeze

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// freezer makes one frozen archive.
type freezer struct {
	testing.TB

	at    directory // in which the archive is at the end
	h     *host     // with a state folder of its own
	opens []string  // files beside the archive
}

// TestFreeze makes the archives of a new folder of testdata/frozen: scripts/freeze.sh says which. It
// changes none that is there.
func TestFreeze(t *testing.T) {
	set := filepath.Join(frozenFolder, os.Getenv("FREEZE"))
	if filepath.Base(set) == filepath.Base(frozenFolder) {
		t.Fatal("run scripts/freeze.sh NAME")
	}
	for name, scene := range scenes {
		t.Run(name, func(t *testing.T) {
			if only := os.Getenv("FREEZE_ONLY"); only != "" && !slices.Contains(strings.Fields(only), name) {
				return
			}
			folder := filepath.Join(set, name)
			if err := os.MkdirAll(set, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			f := &freezer{TB: t, at: directory{filepath.Join(folder, "archive")}, h: newHost(t)}
			scene.make(f)
			f.finish(folder, scene.about)
		})
	}
}

// must runs the command on the freezer's host.
func (f *freezer) must(args ...string) result {
	f.Helper()
	return f.h.must(f, args...)
}

// backup backs up a database, and returns what was said of the backup.
func (f *freezer) backup(path string, args ...string) answer {
	f.Helper()
	return f.must(append([]string{"backup", path, f.at.root, "--no-hold", "--json"}, args...)...).one(f, "backup")
}

// identity makes an identity beside the archive, and returns its public key.
func (f *freezer) identity(name string, flags ...string) (recipient string) {
	f.Helper()
	path := filepath.Join(filepath.Dir(f.at.root), name)
	r := f.must(append([]string{"keys", "new", "-o", path}, flags...)...)
	if err := os.Chmod(path, 0o644); err != nil {
		f.Fatal(err)
	}
	f.opens = append(f.opens, name)
	return strings.TrimSpace(strings.TrimPrefix(r.stderr, "Public key: "))
}

// passphrase puts a passphrase beside the archive, and returns the flags with it.
func (f *freezer) passphrase() []string {
	f.Helper()
	path := filepath.Join(filepath.Dir(f.at.root), "passphrase.txt")
	if err := os.WriteFile(path, []byte(testPassphrase+"\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	f.opens = append(f.opens, "passphrase.txt")
	return []string{"--passphrase-command", "cat " + path}
}

// key returns flags that open the archive.
func (f *freezer) key() []string {
	if len(f.opens) == 0 {
		return nil
	}
	path := filepath.Join(filepath.Dir(f.at.root), f.opens[0])
	if isPassphrase(f.opens[0]) {
		return []string{"--passphrase-command", "cat " + path}
	}
	return []string{"-i", path}
}

// expectation is what expected.json says, see frozen.
type expectation struct {
	About  string           `json:"about"`
	MadeBy string           `json:"made_by"`
	Opens  []string         `json:"opens,omitempty"`
	States []map[string]any `json:"states"`
}

// finish restores every state that is to be had: the ends of all backups, epochs of all timelines, and
// the times at which backups were taken. It removes what is no object.
func (f *freezer) finish(folder, about string) {
	f.Helper()
	for _, hidden := range []string{".tmp"} {
		if err := os.RemoveAll(filepath.Join(f.at.root, hidden)); err != nil {
			f.Fatal(err)
		}
	}
	f.must(append([]string{"verify", "--deep", "--no-certificate", f.at.root}, f.key()...)...)
	list := f.must(append([]string{"list", f.at.root, "--json"}, f.key()...)...).answers(f)
	e := expectation{About: about, MadeBy: strings.TrimSpace(f.must("version").stdout), Opens: f.opens}
	epochs := map[int64]map[int64]bool{} // by timeline
	add := func(isThere bool, args ...string) {
		target := filepath.Join(f.TempDir(), "restored")
		r := f.h.gbak(f, append(append([]string{"restore", f.at.root, target}, args...), f.key()...)...)
		if r.code == exitOK {
			e.States = append(e.States, map[string]any{"args": args, "files": hashesBelow(f, target)})
		} else if isThere {
			f.Fatalf("%v: %s", args, r.stderr)
		}
	}
	var times, ends, commits []string
	for _, b := range list {
		if b.Type != "backup" {
			continue
		}
		add(true, "--backup", strconv.FormatInt(b.Seq, 10))
		times = append(times, b.CreatedAt)
		if end := strconv.FormatInt(b.EndEpoch, 10); !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
		if b.EndTime != "" && !slices.Contains(commits, b.EndTime) {
			commits = append(commits, b.EndTime)
		}
		if epochs[b.Timeline] == nil {
			epochs[b.Timeline] = map[int64]bool{}
		}
		if b.RestoreFrom == nil || b.RestoreTo == nil {
			continue
		}
		for epoch := *b.RestoreFrom; epoch <= *b.RestoreTo; epoch++ {
			epochs[b.Timeline][epoch] = true
		}
	}
	for timeline, all := range epochs {
		var sorted []int64
		for epoch := range all {
			sorted = append(sorted, epoch)
		}
		slices.Sort(sorted)
		for _, epoch := range spread(sorted, 20) {
			add(false, "--timeline", strconv.FormatInt(timeline, 10), "--epoch", strconv.FormatInt(epoch, 10))
		}
	}
	for _, at := range spread(times, 5) {
		add(false, "--time", at)
	}
	for _, epoch := range spread(ends, 3) { // of whichever timeline is the newest that has it
		add(false, "--epoch", epoch)
	}
	for _, at := range spread(commits, 3) { // the very millisecond of a commit
		add(false, "--time", at)
	}
	var b strings.Builder
	b.WriteString("{\n")
	field := func(name string, value any, end string) {
		text, err := json.Marshal(value)
		if err != nil {
			f.Fatal(err)
		}
		fmt.Fprintf(&b, "  %q: %s%s\n", name, text, end)
	}
	field("about", e.About, ",")
	field("made_by", e.MadeBy, ",")
	if e.Opens != nil {
		field("opens", e.Opens, ",")
	}
	b.WriteString("  \"states\": [\n")
	for i, state := range e.States {
		text, err := json.Marshal(state)
		if err != nil {
			f.Fatal(err)
		}
		b.WriteString("    " + string(text) + map[bool]string{true: ",", false: ""}[i+1 < len(e.States)] + "\n")
	}
	b.WriteString("  ]\n}\n")
	if err := os.WriteFile(filepath.Join(folder, "expected.json"), []byte(b.String()), 0o644); err != nil {
		f.Fatal(err)
	}
}
