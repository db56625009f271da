package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// workshop is a process of the real Grafeo that does what it is told (works.js).
type workshop struct {
	in  io.WriteCloser
	out *bufio.Scanner
}

func newWorkshop(t *testing.T, version string) *workshop {
	t.Helper()
	needGrafeo(t)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("grafeo", "works.js"))
	cmd.Env = append(os.Environ(), "GRAFEO_VERSION="+version)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	w := &workshop{in, bufio.NewScanner(out)}
	w.out.Buffer(nil, 16<<20)
	return w
}

// do sends a command and its arguments, pairs of names and values, and stores the answer
// in answer, unless that is nil. If Grafeo refuses the command, do returns its error.
func (w *workshop) do(t testing.TB, answer any, what string, command ...string) error {
	t.Helper()
	m := map[string]string{"do": what}
	for i := 0; i < len(command); i += 2 {
		m[command[i]] = command[i+1]
	}
	line, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if !w.out.Scan() {
		t.Fatalf("works.js ended at %s: %v", line, w.out.Err())
	}
	var failure struct{ Error string }
	if json.Unmarshal(w.out.Bytes(), &failure) == nil && failure.Error != "" {
		return fmt.Errorf("%s: %s", line, failure.Error)
	}
	if answer != nil {
		if err := json.Unmarshal(w.out.Bytes(), answer); err != nil {
			t.Fatalf("%s: %v: %s", line, err, w.out.Bytes())
		}
	}
	return nil
}

// must is do for what has to work.
func (w *workshop) must(t testing.TB, answer any, what string, command ...string) {
	t.Helper()
	if err := w.do(t, answer, what, command...); err != nil {
		t.Fatal(err)
	}
}

// seen is what queries say of a database: the rows of each query, sorted.
type seen map[string][]string

// each is s with every row of its edges once: 0.5.42 shows edges twice that it has
// replayed over an image.
func (s seen) each() seen {
	once := seen{}
	for part, rows := range s {
		if once[part] = rows; slices.Contains([]string{"out", "in", "edges", "g out", "g in", "g edges"}, part) {
			once[part] = slices.Compact(slices.Clone(rows))
		}
	}
	return once
}

// After every way to write something durable, and whatever makes it durable, the
// next backup has what the database itself shows when it opens a copy of its files,
// each edge once. Where 0.5's own replay undoes a change, or forgets one, it may
// also be what the database that is open shows.
func TestEveryWayToWrite(t *testing.T) {
	for version, modes := range map[string][][]string{
		"0.5.42": {{}, {"checkpoint"}, {"checkpoint", "after"}, {"native", "after"}, {"checkpoint", "after", "checkpoint"}, {"checkpoint", "backup", "after"}, {"close"}},
		"0.6.0":  {{}, {"checkpoint", "after"}, {"close"}},
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t, version)
			var names []string
			w.must(t, &names, "names")
			for _, name := range names {
				for _, mode := range modes {
					t.Run(fmt.Sprint(name, mode), func(t *testing.T) { wayToWrite(t, w, version, name, mode) })
				}
			}
		})
	}
}

// lagOf is how far status says that an archive is behind a database.
func lagOf(t testing.TB, archive, path string) (behind struct {
	Continues bool   `json:"continues"`
	Why       string `json:"why"`
	Commits   int64  `json:"commits"`
}) {
	t.Helper()
	line := struct{ Behind any }{&behind}
	if err := json.Unmarshal([]byte(must(t, "--json", "status", archive, path).stdout), &line); err != nil {
		t.Fatal(err)
	}
	return behind
}

func wayToWrite(t *testing.T, w *workshop, version, name string, mode []string) {
	dir := t.TempDir()
	path, archive := filepath.Join(dir, "db", "w.grafeo"), filepath.Join(dir, "archive")
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	w.must(t, nil, "create", "path", path)
	closed := slices.Contains(mode, "close")
	if !closed {
		defer w.must(t, nil, "close")
	}
	must(t, "backup", path, archive)
	if err := w.do(t, nil, "op", "name", name); err != nil {
		t.Logf("Grafeo %s does not do it: %v", version, err) // then it is as if nothing had happened
	}
	for _, step := range mode {
		if step == "backup" {
			must(t, "backup", path, archive)
			continue
		}
		w.must(t, nil, step, "dir", filepath.Join(dir, "native"))
	}
	copied := filepath.Join(dir, "copy", "w.grafeo")
	if err := os.CopyFS(filepath.Dir(copied), os.DirFS(filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
	behind := lagOf(t, archive, path)
	nothing := behind.Continues && behind.Commits == 0
	r := must(t, "--json", "backup", path, archive).one(t, "backup")
	if nothing != (r.Kind == "none") {
		t.Errorf("status said nothing is new: %v, and the backup is %s", nothing, r.Kind)
	}
	if version == "0.6.0" && len(mode) > 1 && r.Kind != "incremental" {
		t.Errorf("backup 2 is %s: %s", r.Kind, r.Why)
	}
	restored := filepath.Join(dir, "restored", "w.grafeo")
	must(t, "restore", archive, restored)
	var live, want, got seen
	if !closed {
		w.must(t, &live, "view")
	}
	w.must(t, &want, "look", "path", copied)
	w.must(t, &got, "look", "path", restored)
	want = want.each()
	for part := range want {
		if slices.Equal(got[part], want[part]) || live != nil && slices.Equal(got[part], live[part]) {
			continue
		}
		t.Errorf("backup 2 is %s (%s), and restored it shows other %s (-a copy of the files, +restored)\n%s", r.Kind, r.Why, part, cmp.Diff(want[part], got[part]))
	}
}
