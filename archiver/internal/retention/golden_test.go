package retention

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/internal/catalog"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files in testdata have archives, as scenes describe them, and what rules make
// of them: one block for each set of rules.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d golden files: %v", len(files), err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		head, rest, _ := strings.Cut(text, "\n$ ")
		s := newScene(t, head)
		var out bytes.Buffer
		out.WriteString(strings.TrimRight(head, "\n") + "\n")
		for _, block := range strings.Split(rest, "\n$ ") {
			command, _, _ := strings.Cut(block, "\n")
			fmt.Fprintf(&out, "\n$ %s\n%s", command, s.run(t, command))
		}
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(text, out.String()); diff != "" {
			t.Errorf("%s: -want +got: %s", file, diff)
		}
	}
}

// scene is an archive as a golden file describes it. Each line that begins with a number is
// a backup: the number, F or i, the day and perhaps the hour at which it was taken, and
// more words:
//
//	t2         on timeline 2; otherwise on that of the backup before
//	from:9     continues 9; otherwise an incremental continues the one before, and a full
//	           one does if it is on its timeline; from:- continues nothing
//	stored:5   the store has its record since that day; otherwise since when it was taken
//	read:5     a full one that was read until then
//	imported   from a native backup
//	k=v        a label
//
// Days are those of November 2026, which begins on a Sunday, or later.
type scene struct {
	backups []*manifest.Committed
	stored  map[manifest.Seq]time.Time
}

func newScene(t *testing.T, text string) *scene {
	t.Helper()
	s := &scene{stored: map[manifest.Seq]time.Time{}}
	var before *manifest.Committed
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0][0] < '0' || words[0][0] > '9' {
			continue
		}
		var seq manifest.Seq
		scan(t, words[0], "%d", &seq)
		m := &manifest.Manifest{
			Seq: seq, Kind: map[string]manifest.Kind{"F": manifest.Full, "i": manifest.Incremental}[words[1]], Timeline: 1,
			StartEpoch: 10 * uint64(seq), EndEpoch: 10*uint64(seq) + 9, CreatedAt: day(t, words[2]), Labels: manifest.Labels{},
		}
		m.ReadUntil, s.stored[seq] = m.CreatedAt, m.CreatedAt
		if before != nil {
			m.Timeline = before.Timeline
		}
		from := ""
		for _, word := range words[3:] {
			key, value, isPair := strings.Cut(word, ":")
			switch {
			case isPair && key == "from":
				from = value
			case isPair && key == "stored":
				s.stored[seq] = day(t, value)
			case isPair && key == "read":
				m.ReadUntil = day(t, value)
			case word == "imported":
				m.Imported = &manifest.Imported{SHA256: manifest.Digest{byte(seq)}}
			case strings.Contains(word, "="):
				key, value, _ := strings.Cut(word, "=")
				m.Labels[key] = value
			default:
				scan(t, word, "t%d", &m.Timeline)
			}
		}
		switch {
		case from == "" && before != nil && m.Timeline == before.Timeline:
			m.Continues = &before.Seq
		case from != "" && from != "-":
			m.Continues = new(manifest.Seq)
			scan(t, from, "%d", m.Continues)
		}
		before = &manifest.Committed{Manifest: m}
		s.backups = append(s.backups, before)
	}
	return s
}

func scan(t *testing.T, word, format string, to any) {
	t.Helper()
	if n, err := fmt.Sscanf(word, format, to); n != 1 || err != nil {
		t.Fatalf("%q: %v", word, err)
	}
}

// day returns the time that a scene writes as 5 or 5.18: noon, or 18:00, of the 5th.
func day(t *testing.T, word string) time.Time {
	t.Helper()
	d, h := 0, 12
	dayOf, hour, isExact := strings.Cut(word, ".")
	scan(t, dayOf, "%d", &d)
	if isExact {
		scan(t, hour, "%d", &h)
	}
	return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC)
}

// run decides by rules in the words of the command line, and returns the verdicts.
func (s *scene) run(t *testing.T, command string) string {
	t.Helper()
	var q Request
	rules := manifest.Rules{}
	counts := map[string]*int{
		"last": &rules.Last, "full": &rules.Full, "hourly": &rules.Hourly, "daily": &rules.Daily,
		"weekly": &rules.Weekly, "monthly": &rules.Monthly, "yearly": &rules.Yearly,
	}
	words := strings.Fields(command)
	for i := 0; i+1 < len(words); i += 2 {
		name, value := words[i], words[i+1]
		var seq manifest.Seq
		var err error
		switch name {
		case "within", "window":
			var age time.Duration
			if age, err = manifest.ParseAge(value); name == "within" {
				rules.Within = int64(age / time.Second)
			} else {
				rules.Window = int64(age / time.Second)
			}
		case "label":
			rules.Labels = append(rules.Labels, value)
		case "pin":
			scan(t, value, "%d", &seq)
			q.Pins = append(q.Pins, manifest.Pin{Backup: seq})
		case "remove":
			scan(t, value, "%d", &seq)
			q.GiveUp = append(q.GiveUp, seq)
		case "lost":
			scan(t, value, "%d", &seq)
			q.Unreadable = append(q.Unreadable, seq)
		default:
			*counts[name], err = manifest.ParseCount(value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !rules.IsEmpty() {
		q.Rules = &rules
	}
	d, err := Decide(s.catalog(q.Unreadable), func(seq manifest.Seq) time.Time { return s.stored[seq] }, q)
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	return d.text()
}

// catalog returns the catalog of the backups that can be read.
func (s *scene) catalog(lost []manifest.Seq) *catalog.Catalog {
	var backups []*manifest.Committed
	for _, m := range s.backups {
		isLost := false
		for _, seq := range lost {
			isLost = isLost || m.Seq == seq
		}
		if !isLost {
			backups = append(backups, m)
		}
	}
	return catalog.New(backups)
}

// text returns the decision for people: neighbours with the same verdict in one line.
func (d *Decision) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "now %s", d.Times.Now.Format("2006-01-02 15:04"))
	if len(d.Times.Disbelieved) > 0 {
		fmt.Fprintf(&out, ", disbelieved %v", d.Times.Disbelieved)
	}
	out.WriteString("\n")
	for i := 0; i < len(d.Verdicts); {
		j := i
		for j+1 < len(d.Verdicts) && d.Verdicts[j+1].text() == d.Verdicts[i].text() {
			j++
		}
		numbers := fmt.Sprint(d.Verdicts[i].Backup.Seq)
		if j > i {
			numbers += fmt.Sprintf("-%d", d.Verdicts[j].Backup.Seq)
		}
		fmt.Fprintf(&out, "%-6s %s\n", numbers, d.Verdicts[i].text())
		i = j + 1
	}
	for _, s := range d.Rest().Reach() {
		fmt.Fprintf(&out, "restorable: timeline %d, epochs %d to %d\n", s.Timeline, s.FromEpoch, s.ToEpoch)
	}
	if gone := d.TimelinesGone(); len(gone) > 0 {
		fmt.Fprintf(&out, "gone: timelines %v\n", gone)
	}
	return out.String()
}

func (v *Verdict) text() string {
	switch {
	case v.GivenUp:
		return "given up"
	case !v.Stays:
		return "goes"
	case len(v.Words()) == 0:
		return "stays"
	}
	var words []string
	for _, r := range v.Because {
		words = append(words, strings.TrimSpace(r.Rule.String()+" "+r.Of))
	}
	if len(words) == 0 {
		words = v.Words()
	}
	return "stays: " + strings.Join(words, ", ")
}
