package e2e

import (
	"context"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/internal/doctest"
	"github.com/gbak-s3/gbak-s3/storage/s3/s3test"
)

// mostNotRun bounds how many blocks of shell code no test runs. It only goes down: a block that
// can be run here is to be run.
const mostNotRun = 20

// TestPages does what the documentation says: the shell code of each page is run from top to
// bottom, in an empty folder, as internal/doctest says. Where a page shows what a command prints,
// that is what it prints, apart from times, speeds and the like.
func TestPages(t *testing.T) {
	t.Parallel()
	notRun, ran := 0, 0
	eachFile(t, ".md", func(path, text string) {
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if strings.Contains(name, "testdata/") {
			return // inputs of tests
		}
		page, err := doctest.Parse(name, text)
		if err != nil {
			t.Error(err)
			return
		}
		for _, m := range page.Marks {
			if m.Why != "" {
				notRun++
				t.Logf("not run: %s:%d: %s", name, m.Line, m.Why)
			}
			isRunBy(t, m.RunBy, name)
		}
		isRunBy(t, page.RunBy, name)
		if len(page.Steps) == 0 || page.RunBy != "" {
			return
		}
		ran++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runPage(t, page)
		})
	})
	if notRun > mostNotRun {
		t.Errorf("%d blocks are not run, and at most %d may be", notRun, mostNotRun)
	}
	if ran < 5 {
		t.Errorf("only %d pages have something to run", ran)
	}
}

// isRunBy checks that a file, if one is named, is there and names the page.
func isRunBy(t *testing.T, file, page string) {
	t.Helper()
	if file == "" {
		return
	}
	text, err := os.ReadFile(filepath.Join("..", file))
	if err != nil || !strings.Contains(string(text), page) {
		t.Errorf("%s is said to be run by %s, which does not name it: %v", page, file, err)
	}
}

// runPage runs the script of a page.
func runPage(t *testing.T, page *doctest.Page) {
	home, out, bin := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Symlink(binary, filepath.Join(bin, "gbak-s3")); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"REPO": absolute(t, ".."), "OUT": out, "HOME": home, "TMPDIR": t.TempDir(),
		"PATH":    bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"GOCACHE": goEnv(t, "GOCACHE"), "GOMODCACHE": goEnv(t, "GOMODCACHE"),
		"GBAK_STATE": filepath.Join(home, ".local", "state", "gbak-s3"),
	}
	bucket := s3test.NewBucket
	for _, need := range page.Needs {
		switch need {
		case "grafeo":
			needGrafeo(t)
			env["NODE_PATH"] = absolute(t, "grafeo/node_modules")
		case "locks":
			bucket = s3test.NewLockedBucket
		default:
			t.Fatalf("the page needs %s, which tests do not know", need)
		}
	}
	script := page.Script()
	if strings.Contains(script, "s3://") {
		address, err := url.Parse(bucket(t))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(env, map[string]string{"BUCKET": address.Host, "AWS_ENDPOINT_URL_S3": address.Query().Get("endpoint")})
		page.Steps = slices.Insert(page.Steps, 0, doctest.Step{Kind: doctest.StandsFor, Name: "s3://backups", Text: "s3://$BUCKET"})
		script = page.Script()
	}
	file := filepath.Join(t.TempDir(), "script")
	writeText(t, file, script)
	// Nothing takes this long but a page that waits for ever.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends what it has started
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir = home
	cmd.Env = os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, said)
	}
	compareSessions(t, out, home)
}

// goEnv returns a setting of Go that follows the home folder.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(string(run(t, exec.Command("go", "env", name))))
}

// compareSessions compares what commands have printed with what the page says.
func compareSessions(t *testing.T, out, home string) {
	t.Helper()
	all, err := fs.Glob(os.DirFS(out), "*.want")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		want, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(out, strings.TrimSuffix(name, "want")+"got"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(t, string(want), "/home/ada"), plain(t, string(got), home)); diff != "" {
			t.Errorf("a command prints something else (-page +command):\n%s", diff)
		}
	}
}
