package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The exit codes of the command, its contract with scripts.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitDamage      = 3
	exitNoArchive   = 4
	exitUnreachable = 5
	exitConflict    = 6
	exitUnknown     = 7
	exitTargetIs    = 8
	exitUnsafeStore = 9
	exitKeys        = 10
	exitInterrupted = 130
)

// patience bounds every run of the command: a test that hangs must fail here
// and say where, not at the limit of the whole package.
const patience = 3 * time.Minute

// result is what one run of the command left.
type result struct {
	args           []string
	stdout, stderr string
	code           int
}

// answer has the fields of all JSON objects that the command prints.
type answer struct {
	Type string `json:"type"`

	MovedTo       string `json:"moved_to"` // restore
	AccessProblem string `json:"access_problem"`

	Spill *struct { // inspect, status
		Files int   `json:"files"`
		Bytes int64 `json:"bytes"`
	} `json:"spill"`

	// backup, one line of list
	Seq         int64  `json:"seq"`
	Kind        string `json:"kind"`
	Why         string `json:"why"`
	Timeline    int64  `json:"timeline"`
	StartEpoch  int64  `json:"start_epoch"`
	EndEpoch    int64  `json:"end_epoch"`
	RawBytes    int64  `json:"raw_bytes"`
	StoredBytes int64  `json:"stored_bytes"`
	Segments    int64  `json:"segments"`
	CreatedAt   string `json:"created_at"`
	EndTime     string `json:"end_time"`
	Host        string `json:"host"`
	RestoreFrom *int64 `json:"restore_from"`
	RestoreTo   *int64 `json:"restore_to"`

	// backup and restore
	Requests  map[string]int64 `json:"requests"`
	ElapsedMS *int64           `json:"elapsed_ms"`
	Cost      *cost            `json:"cost"`

	// backup --dry-run and restore --plan
	CreatesArchive  bool             `json:"creates_archive"`
	Commits         int64            `json:"commits"`
	MaxStoredBytes  int64            `json:"max_stored_bytes"`
	MaxRequests     map[string]int64 `json:"max_requests"`
	MaxCost         *cost            `json:"max_cost"`
	RestoreRequests map[string]int64 `json:"restore_requests"`
	RestoreCost     *cost            `json:"restore_cost"`

	// restore
	Epoch    *int64 `json:"epoch"`
	Database string `json:"database"`
	Resumed  int64  `json:"resumed_bytes"`

	// list
	DatabaseID string `json:"database_id"`
	Generation string `json:"generation"`

	// status and doctor
	Conditions   string `json:"conditions"`
	SingleWriter bool   `json:"single_writer"`
	Safe         bool   `json:"safe"`

	// policy, pin and status
	Rules    *rules   `json:"rules"`
	Policy   *rules   `json:"policy"`
	Pins     []pinned `json:"pins"`
	LastKeep *struct {
		Seq int64  `json:"seq"`
		At  string `json:"at"`
	} `json:"last_keep"`
	WaitingBytes *int64            `json:"waiting_bytes"`
	Backup       int64             `json:"backup"`
	Label        string            `json:"label"`
	Labels       map[string]string `json:"labels"`
	Pinned       bool              `json:"pinned"`
	Removed      bool              `json:"removed"` // of a backup; expire has a type of its own
	Keep         int64             `json:"keep"`

	// verify
	OK      bool  `json:"ok"`
	Deep    bool  `json:"deep"`
	Backups int64 `json:"backups"`
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`

	WaitingSegments int64 `json:"waiting_segments"`
	UnusedSegments  int64 `json:"unused_segments"`

	Findings []struct {
		Key     string `json:"key"`
		Problem string `json:"problem"`
	} `json:"findings"`

	// import
	Lost []struct {
		File string `json:"file"`
		From int64  `json:"from_epoch"`
		To   int64  `json:"to_epoch"`
	} `json:"lost"`

	// keys
	Recipient string      `json:"recipient"`
	File      string      `json:"file"`
	Keys      *answerKeys `json:"keys"`

	// error
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Exit    int    `json:"exit"`
}

// environment is what the command gets: nothing of the user's that would change
// what it does, and a state folder that is not the user's.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GBAK_") && !strings.HasPrefix(e, "HOME=") {
			env = append(env, e)
		}
	}
	return append(env, "HOME="+filepath.Dir(binary), "GBAK_STATE="+stateFolder(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// stateFolder is where the command keeps what it knows of archives, for all tests
// together.
func stateFolder() string { return filepath.Join(filepath.Dir(binary), "state") }

// gbak runs the command to its end, whatever that is.
func gbak(t testing.TB, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return finish(t, exec.CommandContext(ctx, binary, args...))
}

// finish runs cmd in the command's environment, with env added to it, and gathers what
// it leaves.
func finish(t testing.TB, cmd *exec.Cmd, env ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(environment(), env...)
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", cmd, err)
	}
	return result{cmd.Args[1:], stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs the command and fails the test unless it exits with 0.
func must(t testing.TB, args ...string) result {
	t.Helper()
	return gbak(t, args...).want(t, exitOK)
}

// want fails the test unless the run ended with code. Errors must come with a
// message.
func (r result) want(t testing.TB, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("%s\nexit code %d, want %d\nstdout: %s\nstderr: %s", strings.Join(r.args, " "), r.code, code, r.stdout, r.stderr)
	}
	if code != exitOK && strings.TrimSpace(r.stderr) == "" {
		t.Fatalf("%s\nexit code %d without a word on stderr", strings.Join(r.args, " "), code)
	}
	return r
}

// answers parses stdout as one JSON object a line.
func (r result) answers(t testing.TB) []answer {
	t.Helper()
	return parse(t, r.stdout)
}

// one parses stdout as exactly one object of a type.
func (r result) one(t testing.TB, kind string) answer {
	t.Helper()
	all := r.answers(t)
	if len(all) != 1 || all[0].Type != kind {
		t.Fatalf("%s\nstdout is not one %q object: %s", strings.Join(r.args, " "), kind, r.stdout)
	}
	return all[0]
}

// failure parses the JSON form of an error, the last line of stderr.
func (r result) failure(t testing.TB) answer {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	a := parse(t, lines[len(lines)-1])[0]
	if a.Type != "error" || a.Code == "" || a.Message == "" || a.Hint == "" || a.Exit != r.code {
		t.Fatalf("%s\nnot an error object with code, message, hint and exit %d: %s", strings.Join(r.args, " "), r.code, r.stderr)
	}
	return a
}

func parse(t testing.TB, text string) []answer {
	t.Helper()
	var all []answer
	for line := range strings.Lines(text) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("not a line of JSON: %v: %q", err, line)
		}
		if a.Type == "" {
			t.Fatalf("an object without a type: %q", line)
		}
		all = append(all, a)
	}
	return all
}
