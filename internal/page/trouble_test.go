package page_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/page"
)

var now = time.Date(2026, time.November, 26, 14, 30, 7, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

// proven is a database that was seen to be safe.
func proven(name string) page.Database {
	return page.Database{
		Name: name, Archive: "s3://b/" + name, Store: "s3://b", Phase: page.PhaseClean, Since: ago(time.Minute),
		Looked: ago(time.Second), Safe: ago(time.Minute), Target: 10 * time.Second, Lag: 10 * time.Second,
		Newest: page.Backup{Seq: 7}, Restorable: ago(time.Minute), LastBackup: ago(time.Minute), LastFull: ago(time.Hour), FullEvery: 24 * time.Hour,
	}
}

func watching(all ...page.Database) *page.Status {
	return &page.Status{
		At: now, Started: ago(time.Hour), IsWatched: true, Databases: all,
		Stores: []page.Store{{Name: "s3://b", IsUp: true, LastAnswer: ago(time.Minute)}},
	}
}

// flaws are what a database, or what is around it, may have, with the state that it is in then.
var flaws = []struct {
	word  string
	level page.Level
	spoil func(*page.Status, *page.Database)
}{
	{"no sign of life", page.Bad, func(_ *page.Status, d *page.Database) { d.IsStuck = true }},
	{"gone", page.Warn, func(_ *page.Status, d *page.Database) { d.Phase, d.Since = page.PhaseGone, ago(4*time.Minute) }},
	{"gone", page.Bad, func(_ *page.Status, d *page.Database) { d.Phase, d.Since = page.PhaseGone, ago(5*time.Minute) }},
	{"refused", page.Bad, func(_ *page.Status, d *page.Database) { d.Phase = page.PhaseRefused }},
	{"log given up", page.Bad, func(_ *page.Status, d *page.Database) { d.Disk.IsGivenUp = true }},
	{"disk filling", page.Warn, func(_ *page.Status, d *page.Database) { d.Disk.FullAt = now.Add(23 * time.Hour) }},
	{"disk filling", page.Bad, func(_ *page.Status, d *page.Database) { d.Disk.FullAt = now.Add(3 * time.Hour) }},
	{"disk full", page.Warn, func(_ *page.Status, d *page.Database) { d.Disk = page.Disk{Free: 4, Total: 100, MinFree: 5} }},
	{"store away", page.Warn, func(s *page.Status, _ *page.Database) { s.Stores[0].IsUp, s.Stores[0].Since = false, ago(time.Minute) }},
	{"store away", page.Bad, func(s *page.Status, _ *page.Database) { s.Stores[0].IsUp, s.Stores[0].Since = false, ago(time.Hour) }},
	{"store away", page.Warn, func(_ *page.Status, d *page.Database) { d.Phase = page.PhaseWaiting }},
	{"store away", page.Bad, func(_ *page.Status, d *page.Database) { d.Phase, d.Unsaved.Since = page.PhaseWaiting, ago(time.Minute) }},
	{"behind", page.Warn, func(_ *page.Status, d *page.Database) {
		d.Phase, d.Unsaved.Since = page.PhaseDirty, ago(20*time.Second)
	}},
	{"behind", page.Bad, func(_ *page.Status, d *page.Database) { d.Phase, d.Unsaved.Since = page.PhaseRunning, ago(time.Minute) }},
	{"two writers", page.Bad, func(_ *page.Status, d *page.Database) { d.Writer.Forks = ago(5 * time.Hour) }},
	{"not looked yet", page.Wait, func(_ *page.Status, d *page.Database) {
		d.Phase, d.Looked, d.Safe, d.Newest = page.PhaseNew, time.Time{}, time.Time{}, page.Backup{}
	}},
	{"first backup", page.Wait, func(_ *page.Status, d *page.Database) {
		d.Phase, d.Safe, d.Newest, d.Doing.What = page.PhaseRunning, time.Time{}, page.Backup{}, "full"
		d.Unsaved.Since = ago(time.Hour)
	}},
	{"checking", page.Wait, func(_ *page.Status, d *page.Database) { d.Safe = time.Time{} }},
	{"checking", page.Wait, func(_ *page.Status, d *page.Database) { d.Phase = page.PhaseNew }},
	{"not looked at", page.Warn, func(_ *page.Status, d *page.Database) { d.Looked = ago(6 * time.Minute) }},
	{"not asked", page.Wait, func(_ *page.Status, d *page.Database) { d.Safe = ago(61 * time.Minute) }}, // and the store has answered about another archive
	{"not asked", page.Wait, func(_ *page.Status, d *page.Database) { // commits wait for a lag of hours
		d.Phase, d.Unsaved.Since, d.Target, d.Lag = page.PhaseDirty, ago(2*time.Hour), 6*time.Hour, 6*time.Hour
		d.Safe, d.Asked = ago(3*time.Hour), ago(61*time.Minute)
	}},
	{"damaged", page.Bad, func(_ *page.Status, d *page.Database) { d.Broken = "It is broken." }},
	{"damage found", page.Bad, func(_ *page.Status, d *page.Database) { d.Verify.Findings = 1 }},
	{"damage found", page.Bad, func(_ *page.Status, d *page.Database) { d.Proof.Damaged = 0.001 }},
	{"drill failed", page.Bad, func(_ *page.Status, d *page.Database) { d.Proof.Last = &page.Drill{At: ago(time.Hour)} }},
	{"proof unread", page.Warn, func(_ *page.Status, d *page.Database) { d.Proof.Unread = "not JSON" }},
	{"proof unknown", page.Warn, func(_ *page.Status, d *page.Database) { d.Proof.Every, d.Proof.Why = time.Hour, "403" }},
	{"no drill", page.Warn, func(_ *page.Status, d *page.Database) {
		d.Proof = page.Proof{IsKnown: true, Every: time.Hour, Why: "no room"}
	}},
	{"drill old", page.Warn, func(_ *page.Status, d *page.Database) {
		d.Proof = page.Proof{IsKnown: true, Every: time.Hour, Proven: &page.Drill{At: ago(3 * time.Hour), IsOK: true}}
	}},
	{"drill overdue", page.Warn, func(_ *page.Status, d *page.Database) {
		d.Proof = page.Proof{IsKnown: true, Every: time.Hour, Due: ago(2 * time.Hour)}
	}},
	{"full overdue", page.Warn, func(_ *page.Status, d *page.Database) { d.LastFull, d.Increments = ago(49*time.Hour), 1 }},
	{"verify failed", page.Warn, func(_ *page.Status, d *page.Database) { d.Verify.Why = "403" }},
	{"expire failed", page.Warn, func(_ *page.Status, d *page.Database) { d.Expire.Why = "403" }},
	{"compact failed", page.Warn, func(_ *page.Status, d *page.Database) { d.Compact.Why = "403" }},
}

// TestFlaws: each has its state and level, and alone or with any other one it is never called safe.
func TestFlaws(t *testing.T) {
	t.Parallel()
	if sum := watching(proven("people")).Summary(); sum.Level != page.Good || sum.String() != "people is safe." {
		t.Fatalf("without a flaw: %s, %s", sum.Level, sum)
	}
	for i, a := range flaws {
		s := watching(proven("people"), proven("shop"))
		a.spoil(s, &s.Databases[0])
		rows := s.Rows()
		if r := rows[0]; r.State.Word != a.word || r.State.Level != a.level {
			t.Errorf("%d, %s: it is %s, %s", i, a.word, r.State.Level, r.State.Word)
		}
		for _, b := range flaws[i:] {
			s := watching(proven("people"))
			a.spoil(s, &s.Databases[0])
			b.spoil(s, &s.Databases[0])
			sum, row := s.Summary(), s.Rows()[0]
			if row.State.Level == page.Good || sum.Level != row.State.Level || strings.Contains(sum.Headline, "is safe.") {
				t.Errorf("%s and %s: %s, %s", a.word, b.word, sum.Level, sum)
			}
		}
	}
}

// TestNotYetBehind: what is on its way in time is no trouble, however the clock of a moment falls.
func TestNotYetBehind(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{0, 9 * time.Second, 14 * time.Second, -time.Hour} {
		s := watching(proven("people"))
		s.Databases[0].Phase, s.Databases[0].Unsaved.Since = page.PhaseRunning, ago(age)
		if r := s.Rows()[0]; r.State.Level != page.Good || r.State.Word != "saving" || r.IsComplete {
			t.Errorf("after %s it is %s, complete: %v", age, r.State.Word, r.IsComplete)
		}
	}
}

// TestWhyItIsBehind: where the lag is stretched, nothing else may say why nothing is done.
func TestWhyItIsBehind(t *testing.T) {
	t.Parallel()
	s := watching(proven("people"))
	d := &s.Databases[0]
	d.Phase, d.Unsaved.Since, d.Lag = page.PhaseDirty, ago(time.Minute), 2*time.Minute
	if r := s.Rows()[0]; r.State.Word != "behind" || !strings.Contains(r.State.Text, "stretched to 2 min") && !strings.Contains(r.State.Text, "stretched to 120 s") {
		t.Errorf("it says: %s", r.State.Text)
	}
}

// TestWholeIsAsBadAsItsWorst: also of many, of several archives of one database, and of the watcher.
func TestWholeIsAsBadAsItsWorst(t *testing.T) {
	t.Parallel()
	second := proven("people")
	second.Archive, second.Phase = "/nas/people", page.PhaseRefused
	for _, tt := range []struct {
		s        *page.Status
		level    page.Level
		headline string
	}{
		{watching(), page.Wait, "Nothing is watched yet."},
		{watching(proven("people"), proven("shop")), page.Good, "Both databases are safe."},
		{watching(proven("people"), second), page.Bad, "people needs you: refused."},
		{watching(proven("people"), second, proven("shop")), page.Bad, "people needs you: refused."},
		{&page.Status{At: now, IsWatched: true, Problems: []page.Problem{{What: "The folder cannot be read"}}}, page.Warn, "Nothing is watched, and something is wrong."},
		{&page.Status{At: now}, page.Wait, "There is no archive here."},
	} {
		if sum := tt.s.Summary(); sum.Level != tt.level || sum.String() != tt.headline {
			t.Errorf("it says %s, %s; want %s, %s", sum.Level, sum, tt.level, tt.headline)
		}
	}
	s := watching(proven("people"))
	s.Problems = []page.Problem{{What: "The configuration cannot be read"}}
	if sum := s.Summary(); sum.Level != page.Warn || sum.Headline != "The watcher itself needs you." {
		t.Errorf("it says %s", sum)
	}
}

// TestReportSaysNothingOfDatabases: an archive alone does not show whether its database has more.
func TestReportSaysNothingOfDatabases(t *testing.T) {
	t.Parallel()
	d := page.Database{Name: "people", Archive: "/nas", Newest: page.Backup{Seq: 1}, Restorable: ago(time.Hour)}
	s := &page.Status{At: now, Databases: []page.Database{d}}
	sum := s.Summary()
	if sum.Level != page.Good || sum.String() != "people can be restored, by what the records say." || !strings.Contains(sum.Detail, "was not looked up") || !strings.Contains(sum.Detail, "cannot be seen from here") || strings.Contains(sum.String()+sum.Detail, "safe") {
		t.Errorf("it says %s %s", sum, sum.Detail)
	}
	s.Databases[0].Verify.LastGood = now
	if sum := s.Summary(); sum.Level != page.Good || sum.String() != "people can be restored." || !strings.Contains(sum.Detail, "is there.") {
		t.Errorf("of a verified one it says %s %s", sum, sum.Detail)
	}
	second := d
	second.Archive = "/other"
	s.Databases = append(s.Databases, second)
	if sum := s.Summary(); sum.String() != "Both archives can be restored, by what the records say." {
		t.Errorf("of two, one of which is verified, it says %s", sum)
	}
	s.Databases = s.Databases[:1]
	s.Databases[0].Broken = "It is broken."
	if sum := s.Summary(); sum.Level != page.Bad {
		t.Errorf("of a broken one it says %s", sum)
	}
	s.Databases[0] = page.Database{Name: "people", Archive: "/nas"}
	if sum := s.Summary(); sum.Level != page.Wait || sum.String() != "people has no backup." {
		t.Errorf("of an empty one it says %s", sum)
	}
}

// TestWords: sizes, times and shares read well, and do not say more than is so.
func TestWords(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		page.Duration(350 * time.Millisecond): "350 ms", page.Duration(1500 * time.Millisecond): "1.5 s", page.Duration(41 * time.Second): "41 s",
		page.Duration(3 * time.Minute): "3 min", page.Duration(100 * time.Minute): "100 min", page.Duration(30 * time.Hour): "30 h",
		page.Duration(9 * 24 * time.Hour): "9 d", page.Duration(-time.Minute): "-60 s",
		page.Bytes(0): "0 B", page.Bytes(1023): "1023 B", page.Bytes(1024): "1.0 KiB", page.Bytes(1 << 20): "1.0 MiB",
		page.Bytes(1<<30 - 1): "1.0 GiB", page.Bytes(12 << 30): "12 GiB", page.Bytes(1 << 62): "4.0 EiB",
		page.Percent(0): "0 %", page.Percent(0.001): "less than 1 %", page.Percent(0.5): "50 %", page.Percent(0.9999): "99 %", page.Percent(1): "100 %",
		page.Dollars(0): "$0.00", page.Dollars(0.0427): "$0.043", page.Dollars(12.5): "$12.50", page.Dollars(1e-12): "$0.00000000",
		page.Name("people"): "people", page.Name("a\u202eb\x00c\xff"): "a\uFFFDb\uFFFDc\uFFFD",
		page.Name("z" + strings.Repeat("\u0300", 9) + "y"): "z\u0300\u0300\u0300y",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	long := page.Name(strings.Repeat("a", 4000) + ".tail")
	if n := len([]rune(long)); n != 64 || !strings.HasSuffix(long, ".tail") || !strings.Contains(long, "…") {
		t.Errorf("a long name is shown as %q, %d long", long, n)
	}
}

// TestStatesAreDocumented: each state that a page has is explained in docs/page.md.
func TestStatesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/page.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"safe", "saving", "restorable", "no backup", "not readable"}
	for _, f := range flaws {
		words = append(words, f.word)
	}
	for _, word := range words {
		if !strings.Contains(string(text), "`"+word+"`") {
			t.Errorf("docs/page.md does not explain the state %q", word)
		}
	}
}

// TestGone: nobody is told that an archive stays of which no backup was ever seen.
func TestGone(t *testing.T) {
	t.Parallel()
	for seq, want := range map[uint64]string{0: "no backup of it was seen", 7: "The archive stays."} {
		s := watching(proven("people"))
		s.Databases[0].Phase, s.Databases[0].Newest.Seq = page.PhaseGone, seq
		if text := s.Rows()[0].State.Text; !strings.Contains(text, want) {
			t.Errorf("backup %d: %s", seq, text)
		}
	}
}

// TestEvidenceWhileItRuns: a backup that begins with nothing new, as a planned full one does, shows that it
// lives, and yet nobody sees what is committed meanwhile. So nothing is said of that.
func TestEvidenceWhileItRuns(t *testing.T) {
	t.Parallel()
	s := watching(proven("people"))
	d := &s.Databases[0]
	d.Phase, d.Looked, d.Doing = page.PhaseRunning, now, page.Work{What: "full", Since: ago(40 * time.Minute)}
	sum := s.Summary()
	if sum.Level != page.Good || !strings.HasPrefix(sum.Detail, "Everything committed up to 13:50:07 UTC, 40 min ago, ") {
		t.Errorf("it says %s %s", sum, sum.Detail)
	}
	if r := s.Rows()[0]; r.IsComplete || !strings.Contains(r.State.Text, "had everything when the backup that runs now began") {
		t.Errorf("it is %s: %s", r.State.Word, r.State.Text)
	}
}

// TestReasonsOfMany: where all are in the same state for different reasons, no reason is given as that of all.
func TestReasonsOfMany(t *testing.T) {
	t.Parallel()
	refused := func(name, why string) page.Database {
		d := proven(name)
		d.Phase, d.Why = page.PhaseRefused, why
		return d
	}
	for why, want := range map[string]string{
		"no room":     "It cannot be backed up as it is: no room.",
		"not a graph": "people: It cannot be backed up as it is: no room.",
	} {
		sum := watching(refused("people", "no room"), refused("shop", why)).Summary()
		if sum.Headline != "Both databases need you: refused." || sum.Detail != want {
			t.Errorf("%s: it says %s %s", why, sum, sum.Detail)
		}
	}
}

// TestUnknownArchive: of an archive that was not read yet, as the store does not answer or has just been asked,
// nobody is told that it has no backup, or that it lacks only what is new.
func TestUnknownArchive(t *testing.T) {
	t.Parallel()
	for _, isUp := range []bool{true, false} {
		s := watching(proven("people"))
		s.Stores[0].IsUp, s.Stores[0].Since = isUp, ago(time.Minute)
		d := &s.Databases[0]
		d.Phase, d.Newest, d.Safe, d.Unsaved.Since = page.PhaseWaiting, page.Backup{}, time.Time{}, ago(time.Minute)
		if isUp {
			d.Phase = page.PhaseNew
		}
		said := ""
		for _, trouble := range s.Rows()[0].Troubles {
			said += trouble.Word + ": " + trouble.Text + "\n"
		}
		if !strings.Contains(said, "checking: What the archive has is not known yet.") || strings.Contains(said, "no backup") || strings.Contains(said, "only in the database") {
			t.Errorf("while the store is up: %v, it says\n%s", isUp, said)
		}
	}
}
