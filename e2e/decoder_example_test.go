package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestWorkedExample holds the example of FORMAT.md true: what its tables say of the archive,
// and what gbak-s3 and the decoder restore from it.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### A worked example\n")
	section, _, _ = strings.Cut(section, "\n## ")
	root, err := filepath.Abs("../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	at := directory{root}
	for n := range 4 {
		if row := manifestRow(t, at, n+1); !strings.Contains(section, row) {
			t.Errorf("the example lacks %q", row)
		}
	}

	rows := regexp.MustCompile("(?m)^\\| (the newest|`(--[a-z]+) (\\S+)`) \\| ([0-9, ]+) \\| (.*) \\|$").FindAllStringSubmatch(section, -1)
	if len(rows) != 7 {
		t.Fatalf("the example has %d states", len(rows))
	}
	for _, row := range rows {
		var args []string
		if row[2] != "" {
			args = []string{row[2], row[3]}
		}
		target := filepath.Join(t.TempDir(), "people.grafeo")
		r := restoreAnswer(t, append([]string{"restore", root, target, "--json"}, args...)...)
		if chain := strings.Trim(fmt.Sprint(append([]int64{r.Full}, r.Incrementals...)), "[]"); chain != strings.ReplaceAll(row[4], ",", "") {
			t.Errorf("%s: the chain is %s", row[1], chain)
		}
		said := "no log"
		if log := target + ".wal/wal_00000000000000000000.log"; len(names(t, filepath.Dir(target))) > 1 {
			info, err := os.Stat(log)
			if err != nil {
				t.Fatal(err)
			}
			said = fmt.Sprintf("%d: `%x`", info.Size(), digestFile(t, log))
		}
		if said != row[5] {
			t.Errorf("%s: restored is %s", row[1], said)
		}
		decodesTo(t, at, target, args...)
	}
}

// manifestRow is what the example says of a manifest.
func manifestRow(t *testing.T, at directory, n int) string {
	t.Helper()
	var m struct {
		Kind       string
		Continues  *int
		StartEpoch int       `json:"start_epoch"`
		EndEpoch   int       `json:"end_epoch"`
		CreatedAt  time.Time `json:"created_at"`
		EndTime    time.Time `json:"end_time"`
		Content    struct {
			Files []struct{ Name, Bytes, From json.RawMessage }
		}
	}
	line, _, _ := strings.Cut(string(at.read(t, fmt.Sprintf("manifests/%010d.json", n))), "\n")
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatal(err)
	}
	continues := "null"
	if m.Continues != nil {
		continues = fmt.Sprint(*m.Continues)
	}
	log := m.Content.Files[len(m.Content.Files)-1]
	return fmt.Sprintf("| %d | %s | %s | %d to %d | %s | %s | %s to %s |", n, m.Kind, continues, m.StartEpoch, m.EndEpoch,
		m.CreatedAt.Format("05.000000000"), m.EndTime.Format("05.000"), log.From, log.Bytes)
}
