package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// answerLimit is how long the command may take to say what is wrong.
const answerLimit = time.Minute

// TestScript runs the scripts in testdata/script: what the command says and how
// it exits, one topic a file. Besides the usual commands they have
//
//	exits CODE COMMAND...   run it; it must exit with CODE within a minute
//	errorjson CODE          the last line of stderr is the JSON form of an error
//	                        with this code name and the exit code before
//	database VERSION PATH   a database by the real Grafeo; more words go to gen.js
//	bucket                  set $ARCHIVE to an address in a fresh bucket, and
//	                        $ENDPOINT to its server,
//	                        $ENDPOINT_HOST to that without its scheme
//	vector NAME DIR         copy a folder that the real Grafeo has made, of the
//	                        testdata of archiver/grafeo
//	truncate PATH N         cut the last N bytes off
//	empty DIR               it holds nothing, or is not there
//	only DIR NAME...        it holds exactly these
//
// and $CLOSED, an address of this machine where nothing listens.
func TestScript(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runScript(t, script)
		})
	}
}

// runScript runs one script, with commands that make things for this test.
func runScript(t *testing.T, script string) {
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	// A script is a subtest of this one, which it cannot skip: so what it needs
	// is asked for here.
	if regexp.MustCompile(`(?m)^database `).Match(text) {
		needGrafeo(t)
	}
	address := ""
	if regexp.MustCompile(`(?m)^bucket$`).Match(text) {
		address = newBucket(t).address()
	}
	code := 0 // of the last command under exits
	testscript.Run(t, testscript.Params{
		Files:               []string{script},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("CLOSED", closedAddress(t))
			env.Setenv("GBAK_STATE", filepath.Join(env.WorkDir, ".state"))
			for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_EC2_METADATA_DISABLED", "GOCOVERDIR"} {
				if v, ok := os.LookupEnv(name); ok {
					env.Setenv(name, v)
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				code = exits(ts, neg, args)
			},
			"errorjson": func(ts *testscript.TestScript, neg bool, args []string) {
				errorJSON(ts, neg, args, code)
			},
			"database": func(ts *testscript.TestScript, neg bool, args []string) {
				usage(ts, !neg && len(args) >= 2, "database VERSION PATH [gen.js arguments]")
				_, err := node(t.Context(), args[0], "gen.js", append([]string{ts.MkAbs(args[1])}, args[2:]...)...)
				ts.Check(err)
				ts.Check(os.RemoveAll(ts.MkAbs(args[1]) + ".spill"))
			},
			"samegraph": func(ts *testscript.TestScript, neg bool, args []string) {
				usage(ts, !neg && len(args) == 3, "samegraph VERSION PATH PATH")
				if a, b := inspect(t, args[0], ts.MkAbs(args[1])), inspect(t, args[0], ts.MkAbs(args[2])); !reflect.DeepEqual(a, b) {
					ts.Fatalf("%s is %+v, and %s is %+v", args[1], a, args[2], b)
				}
			},
			"bucket": func(ts *testscript.TestScript, neg bool, args []string) {
				usage(ts, !neg && len(args) == 0, "bucket")
				ts.Setenv("ARCHIVE", address)
				endpoint := os.Getenv("GBAK_TEST_S3_ENDPOINT")
				_, host, _ := strings.Cut(endpoint, "://")
				ts.Setenv("ENDPOINT", endpoint)
				name, _, _ := strings.Cut(strings.TrimPrefix(address, "s3://"), "/")
				ts.Setenv("BUCKET", name)
				ts.Setenv("ENDPOINT_HOST", host)
			},
			"vector": func(ts *testscript.TestScript, neg bool, args []string) {
				usage(ts, !neg && len(args) == 2, "vector NAME DIR")
				ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(filepath.Join("..", "archiver", "grafeo", "testdata", filepath.FromSlash(args[0])))))
			},
			"truncate": truncate,
			"empty":    empty,
			"only":     only,
		},
	})
}

func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// exits runs a command and insists on its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) int {
	usage(ts, !neg && len(args) >= 2, "exits CODE COMMAND...")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	begin := time.Now()
	err = ts.Exec(args[1], args[2:]...)
	took, code := time.Since(begin), 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d\n%s", code, want, ts.ReadFile("stderr"))
	}
	if took > answerLimit {
		ts.Fatalf("that took %v", took)
	}
	return code
}

// errorJSON checks the form of an error under --json: all its fields are there.
func errorJSON(ts *testscript.TestScript, neg bool, args []string, code int) {
	usage(ts, !neg && len(args) == 1, "errorjson CODE")
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("an error, and an answer on stdout: %s", out)
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stderr")), "\n")
	var e answer
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		ts.Fatalf("the last line of stderr is no JSON: %v: %q", err, lines[len(lines)-1])
	}
	if e.Type != "error" || e.Code != args[0] || e.Exit != code || e.Message == "" || e.Hint == "" {
		ts.Fatalf("want an error with code %s, exit %d, a message and a hint, got %s", args[0], code, lines[len(lines)-1])
	}
}

func truncate(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "truncate PATH N")
	path := ts.MkAbs(args[0])
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, info.Size()-n))
}

func contents(ts *testscript.TestScript, dir string) []string {
	f, err := os.Open(ts.MkAbs(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	ts.Check(err)
	defer func() { _ = f.Close() }()
	all, err := f.Readdirnames(-1)
	if !errors.Is(err, io.EOF) {
		ts.Check(err)
	}
	slices.Sort(all)
	return all
}

func empty(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 1, "empty DIR")
	if all := contents(ts, args[0]); len(all) != 0 {
		ts.Fatalf("%s holds %v", args[0], all)
	}
}

func only(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) >= 2, "only DIR NAME...")
	want := slices.Sorted(slices.Values(args[1:]))
	if all := contents(ts, args[0]); !slices.Equal(all, want) {
		ts.Fatalf("%s holds %v, want %v", args[0], all, want)
	}
}

// closedAddress is host:port of a port that was just free.
func closedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return fmt.Sprint(l.Addr())
}
