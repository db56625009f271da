package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// verdict is one on the backup of a day of October.
func verdict(seq uint64, kind archiver.Kind, stays bool, because ...string) archiver.Verdict {
	v := archiver.Verdict{Stays: stays, Because: because, Of: make([]string, len(because))}
	v.Backup = archiver.Backup{Seq: seq, Kind: kind, CreatedAt: time.Date(2026, 10, int(seq), 12, 0, 0, 0, time.UTC)}
	return v
}

// about says what the first reason of v is about.
func about(v archiver.Verdict, of string) archiver.Verdict {
	v.Of[0] = of
	return v
}

func neededBy(v archiver.Verdict, seq uint64) archiver.Verdict {
	v.NeededBy = seq
	return v
}

func reachTo(timeline int, from, to uint64) archiver.Reach {
	return archiver.Reach{Timeline: timeline, FromEpoch: from, ToEpoch: to}
}

// manyThings is the report of an expiry in which everything happens.
func manyThings() archiver.ExpireReport {
	from := time.Date(2026, 10, 10, 12, 0, 0, 0, time.UTC)
	until := time.Date(2026, 10, 18, 11, 0, 0, 0, time.UTC)
	given := verdict(9, archiver.KindIncremental, false)
	given.GivenUp = true
	incremental := archiver.KindIncremental
	return archiver.ExpireReport{
		Head: 20, Removed: 5, Kept: 9, Grace: archiver.DefaultGrace, WindowFrom: &from,
		Verdicts: []archiver.Verdict{
			neededBy(verdict(1, archiver.KindFull, true, "chain of 3"), 3), neededBy(verdict(2, incremental, true, "chain of 3"), 3),
			about(verdict(3, incremental, true, "pin"), "before 0.6"),
			verdict(4, incremental, false), verdict(5, incremental, false), verdict(6, archiver.KindMerged, false),
			about(verdict(7, archiver.KindFull, true, "daily"), "2026-10-07"), about(verdict(8, incremental, true, "daily"), "2026-10-08"),
			given,
			verdict(10, archiver.KindFull, true, "window"), neededBy(verdict(11, incremental, true, "window", "chain of 12"), 12), verdict(12, incremental, true, "newest", "window"),
			verdict(13, incremental, true),
		},
		Unreadable: []uint64{14}, Disbelieved: []uint64{4, 5},
		Before:     []archiver.Reach{reachTo(3, 1, 5), reachTo(2, 1, 9), reachTo(1, 0, 90)},
		After:      []archiver.Reach{reachTo(3, 1, 5), reachTo(1, 0, 12), reachTo(1, 40, 41), reachTo(1, 70, 90)},
		ChainsOnly: archiver.Amount{Objects: 2, Bytes: 3 << 20}, Deleted: archiver.Amount{Objects: 37, Bytes: 4 << 30},
		Waiting: archiver.Amount{Objects: 401, Bytes: 31 << 30}, WaitingUntil: &until, Manifests: 32, Orphans: 5, Unknown: 1,
		Requests: storage.RequestCounts{List: 96, Get: 95}, Elapsed: 2 * time.Second,
	}
}

// printed returns what an expiry prints of a report.
func printed(t *testing.T, address string, opts archiver.ExpireOptions, r archiver.ExpireReport, inJSON bool) string {
	t.Helper()
	var stdout bytes.Buffer
	p := expirePrinter{output: &output{stdout: &stdout, json: inJSON, paid: isBucket(address)}, address: address, opts: opts, report: r}
	if inJSON {
		p.printLines()
	} else {
		p.printText()
	}
	if p.err != nil {
		t.Fatal(p.err)
	}
	return stdout.String()
}

// TestExpireIsTold: neighbours with the same fate are one line, and everything that is not
// as usual is said.
func TestExpireIsTold(t *testing.T) {
	opts := archiver.ExpireOptions{Rules: &archiver.Rules{Window: 48 * time.Hour, Daily: 3}, Remove: []uint64{9}}
	got := printed(t, "s3://backups/people", opts, manyThings(), false)
	want := `BACKUP  TAKEN (UTC)              KIND         STAYS BECAUSE
1-2     2026-10-01 12:00:00 ...  2 backups    stays for 3
3       2026-10-03 12:00:00      incremental  pinned "before 0.6"
4-6     2026-10-04 12:00:00 ...  3 backups    - goes
7       2026-10-07 12:00:00      full         daily 2026-10-07
8       2026-10-08 12:00:00      incremental  daily 2026-10-08
9       2026-10-09 12:00:00      incremental  - goes: it was given up, or needs one that was
10-11   2026-10-10 12:00:00 ...  2 backups    window (every epoch since 2026-10-10 12:00:00)
12      2026-10-12 12:00:00      incremental  newest, window (every epoch since 2026-10-10 12:00:00)
13      2026-10-13 12:00:00      incremental  stays
14                                            - goes: it was given up, and cannot be read
restorable on timeline 1: before epochs 0 to 90; after epochs 0 to 12, epochs 40 to 41, epochs 70 to 90
timeline 2 goes altogether: it had epochs 1 to 9
restorable on 1 other timeline: everything that was
taken by a clock that is not believed: 2 backups 4, 5; each counts as taken with the next one that is believed
goes from the list: 5 backups; 9 stay
to be deleted now: 4.0 GiB in 37 objects, and 32 manifests
to be deleted by an expiry after the grace (23h, 2026-10-18 11:00:00 UTC): 31 GiB in 401 objects
among these, left behind by backups that were killed, or of backups that are running: 5 objects
stay only because others need them: 2 backups, 3.0 MiB; a full backup for each that is to stay, such as one a day, would free them
not written by gbak-s3, and left alone: 1 object
191 requests (put 0, get 95, head 0, list 96, delete 0), 2s
cost: $0.00052 for requests, at S3's list prices
nothing was changed; to do this, if the archive is still the same:
` + self() + ` expire s3://backups/people --window 2d --keep-daily 3 --remove 9 --apply --if-head 20
`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAppliedExpireIsTold: what the store did not do is said with what was done.
func TestAppliedExpireIsTold(t *testing.T) {
	r := archiver.ExpireReport{
		Applied: true, Head: 8, Keep: 9, Removed: 1, Kept: 1, Grace: 0, Verdicts: []archiver.Verdict{verdict(7, archiver.KindFull, true, "newest")},
		Before: []archiver.Reach{reachTo(1, 3, 3)}, After: []archiver.Reach{reachTo(1, 3, 3)},
		Deleted: archiver.Amount{Objects: 1, Bytes: 10}, Refused: 5, Survivors: 2, Versioned: new(true), Locked: new(true), Withheld: errors.New("manifests/2.json: it is damaged"),
		RefusedKeys: []archiver.RefusedKey{{Key: "segments/a", Code: archiver.CodePermission, Err: errors.New("denied")}, {Key: "b"}, {Key: "c"}, {Key: "d"}},
	}
	got := printed(t, "s3://backups/people/?region=eu-central-1", archiver.ExpireOptions{Apply: true}, r, false)
	for _, want := range []string{
		"\ngone from the list: 1 backup, as record 9 says; 1 stays\n", "\ndeleted: 10 B in 1 object\n",
		"\nnot deleted, because the store refused that: 5 objects; the next expiry tries again\n  segments/a: denied\n  b:", "\n  c:",
		"still has 2 of those", `"Filter":{"Prefix":"people/"}`, "locks objects", "nothing is deleted: manifests/2.json: it is damaged",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\n  d") || strings.Contains(got, "--if-head") {
		t.Error(got)
	}
	_, rule, _ := strings.Cut(got, "removes them after a day:\n")
	rule, _, _ = strings.Cut(rule, "\n")
	var lifecycle map[string]any
	if err := json.Unmarshal([]byte(rule), &lifecycle); err != nil || lifecycle["Rules"] == nil {
		t.Errorf("%q: %v", rule, err)
	}
	r = archiver.ExpireReport{Kept: 1, Grace: time.Hour, Verdicts: r.Verdicts, Before: r.Before, After: r.After}
	if got := printed(t, "./people", archiver.ExpireOptions{Apply: true}, r, false); !strings.HasSuffix(got, "\nthere was nothing to do\n") {
		t.Error(got)
	}
	if got := printed(t, "./people", archiver.ExpireOptions{}, r, false); !strings.HasSuffix(got, "\nthere is nothing to do; nothing was changed\n") {
		t.Error(got)
	}
	r.Applied, r.Removed, r.Keep = true, 1, 9
	if got := printed(t, "./people", archiver.ExpireOptions{Apply: true, MarkOnly: true}, r, false); !strings.Contains(got, "\nnothing was deleted, because of --mark-only") {
		t.Error(got)
	}
}

// TestExpireAsJSON holds the names and forms of all fields.
func TestExpireAsJSON(t *testing.T) {
	r := manyThings()
	r.Verdicts = r.Verdicts[2:4]
	r.RefusedKeys, r.Withheld = []archiver.RefusedKey{{Key: "segments/a", Code: archiver.CodePermission}}, errors.New("x")
	r.Before, r.After = nil, nil
	got := printed(t, "s3://backups/people", archiver.ExpireOptions{}, r, true)
	want := `{"type":"expire_backup","seq":3,"stays":true,"because":["pin"],"of":["before 0.6"],"label":"before 0.6","given_up":false}
{"type":"expire_backup","seq":4,"stays":false,"because":[],"of":[],"label":"","given_up":false}
{"type":"expire","applied":false,"head":20,"keep":0,"removed":5,"kept":9,"unreadable":[14],"disbelieved":[4,5],"window_from":"2026-10-10T12:00:00Z",` +
		`"reach_before":[],"reach_after":[],"chains_only":{"backups":2,"bytes":3145728},"deleted":{"objects":37,"bytes":4294967296},` +
		`"waiting":{"objects":401,"bytes":33285996544,"from":"2026-10-18T11:00:00Z"},"manifests":32,"orphans":5,` +
		`"refused":[{"key":"segments/a","code":"permission_denied"}],"refused_objects":0,"survivors":0,"unknown":1,"withheld":"x","grace_s":82800,` +
		`"versioned":null,"locked":null,"requests":{"put":0,"get":95,"head":0,"list":96,"delete":0},"cost":{"usd":0.000518},"elapsed_ms":2000}
`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestRangesOfEpochs: of many ranges, the first and the last are named.
func TestRangesOfEpochs(t *testing.T) {
	var all [][2]uint64
	for i := range uint64(30) {
		all = append(all, [2]uint64{10 * i, 10*i + 5})
	}
	if got := ranges(all); got != "epochs 0 to 5, epochs 10 to 15, 26 more ranges, epochs 280 to 285, epochs 290 to 295" {
		t.Error(got)
	}
	if got := ranges(all[:6]); strings.Contains(got, "more") || strings.Count(got, "to") != 6 {
		t.Error(got)
	}
}

// A window that needs many timelines to be told of is cut short, and says so.
func TestManyTimelines(t *testing.T) {
	r := archiver.ExpireReport{Grace: time.Hour, Removed: 40, Kept: 1, Verdicts: []archiver.Verdict{verdict(7, archiver.KindFull, true, "newest")}}
	for timeline := 1; timeline <= 40; timeline++ {
		r.Before = append(r.Before, reachTo(timeline, 1, 9))
	}
	got := printed(t, "./people", archiver.ExpireOptions{}, r, false)
	if n := strings.Count(got, "goes altogether"); n != shownTimelines || !strings.Contains(got, "\nother timelines go, or lose states: 28 of them; --json has all\n") {
		t.Errorf("%d timelines in\n%s", n, got)
	}
}
