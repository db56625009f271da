package manifest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

// history makes n manifests, each the successor of the one before, by different
// hosts, tools and generations, some of which know no groups.
func history(n int, random *rand.Rand) []*Manifest {
	var all []*Manifest
	for seq := Seq(1); seq <= Seq(n); seq++ {
		m := sample()
		m.Seq, m.Timelines, m.Timeline = seq, n, 1+random.IntN(n)
		if seq == 1 {
			m.Previous = nil
		} else if random.IntN(4) > 0 {
			before := 1 + Seq(random.IntN(int(seq-1)))
			m.Kind, m.Continues, m.Content.Files = Incremental, &before, m.Content.Files[1:]
		}
		m.Host = strings.Repeat("h", random.IntN(3))
		m.Tool = strings.Repeat("t", random.IntN(3))
		m.Database.Name = strings.Repeat("n", random.IntN(3))
		m.Database.ID = strings.Repeat("i", 1+random.IntN(2))
		if random.IntN(5) == 0 {
			m.Database.Generation, m.Position.LSN, m.Position.Commit.LSN = "0.5", 0, 0
			m.StartTime, m.EndTime = nil, nil
		}
		m.EndEpoch += random.Uint64N(1 << 40)
		m.CreatedAt = m.CreatedAt.Add(-time.Duration(random.Int64N(1 << 50)))
		m.ReusedBytes = random.Int64N(2) * random.Int64N(1<<40)
		if seq > 1 {
			m.SetEarlier(all[seq-2])
		}
		all = append(all, m)
	}
	return all
}

// The summaries in a manifest say of the backups before it what their own manifests say.
func TestSummaries(t *testing.T) {
	for seed := range uint64(20) {
		all := history(100, rand.New(rand.NewPCG(seed, 1)))
		for i, m := range all {
			read, err := DecodeManifest(m.Encode())
			if err != nil {
				t.Fatal(err)
			}
			outlines := read.Outlines()
			if want := i%GroupBackups + 1; len(outlines) != want {
				t.Fatalf("backup %d has summaries of %d backups, want %d", m.Seq, len(outlines), want)
			}
			for k, b := range outlines {
				of := all[i-len(outlines)+1+k]
				if b.Seq != of.Seq || !b.SameOutline(of) || !of.SameOutline(b) {
					t.Fatalf("the summary of backup %[2]d in backup %[1]d is wrong: %+[3]v", m.Seq, of.Seq, b)
				}
			}
		}
	}
}

// If one manifest has no summaries, as those of an earlier version, later ones of its group
// have none either; those of the next group have them.
func TestSummariesOfEarlierVersions(t *testing.T) {
	all := history(70, rand.New(rand.NewPCG(1, 1)))
	all[40].Earlier = nil
	for i := 41; i < len(all); i++ {
		all[i].SetEarlier(all[i-1])
		read, err := DecodeManifest(all[i].Encode())
		if err != nil {
			t.Fatal(err)
		}
		if known := len(read.Outlines()) > 0; known != (i >= 64) {
			t.Errorf("backup %d knows its group: %t", i+1, known)
		}
	}
}

// Backups that differ in one field of a summary are not the same.
func TestSameOutline(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"kind":         func(m *Manifest) { m.Kind = Incremental },
		"timeline":     func(m *Manifest) { m.Timeline++ },
		"continues":    func(m *Manifest) { one := Seq(1); m.Continues = &one },
		"start epoch":  func(m *Manifest) { m.StartEpoch++ },
		"end epoch":    func(m *Manifest) { m.EndEpoch++ },
		"restore from": func(m *Manifest) { m.RestoreFrom++ },
		"created":      func(m *Manifest) { m.CreatedAt = m.CreatedAt.Add(1) },
		"start time":   func(m *Manifest) { m.StartTime = nil },
		"end time":     func(m *Manifest) { m.EndTime = nil },
		"raw bytes":    func(m *Manifest) { m.RawBytes++ },
		"stored bytes": func(m *Manifest) { m.StoredBytes++ },
		"reused bytes": func(m *Manifest) { m.ReusedBytes++ },
		"segments":     func(m *Manifest) { m.SegmentsNew++ },
		"generation":   func(m *Manifest) { m.Database.Generation = "0.5" },
		"name":         func(m *Manifest) { m.Database.Name = "" },
		"id":           func(m *Manifest) { m.Database.ID = "" },
		"host":         func(m *Manifest) { m.Host = "" },
		"tool":         func(m *Manifest) { m.Tool = "" },
		"seq":          func(m *Manifest) { m.Seq++ },
	} {
		m := sample()
		change(m)
		if m.SameOutline(sample()) || sample().SameOutline(m) {
			t.Errorf("%s: the two count as the same", name)
		}
	}
	m := sample()
	m.CommitID, m.Position, m.Content = "", Position{}, nil
	if !m.SameOutline(sample()) {
		t.Error("something that no summary has makes a difference")
	}
}

func TestInvalidSummaries(t *testing.T) {
	seq, zero := Seq(36), Seq(0)
	for name, change := range map[string]func(*Manifest){
		"too few":              func(m *Manifest) { m.Earlier = m.Earlier[1:] },
		"too many":             func(m *Manifest) { m.Earlier = append(m.Earlier, m.Earlier[0]) },
		"of another group":     func(m *Manifest) { m.Seq = 33 },
		"generation":           func(m *Manifest) { m.Earlier[1].Generation = "0.7" },
		"timeline 0":           func(m *Manifest) { m.Earlier[1].Timeline = 0 },
		"timeline of none":     func(m *Manifest) { m.Earlier[1].Timeline = m.Timelines + 1 },
		"epochs":               func(m *Manifest) { m.Earlier[1].EndEpoch = 0 },
		"restore from":         func(m *Manifest) { m.Earlier[1].RestoreFrom = m.Earlier[1].EndEpoch + 1 },
		"continues nothing":    func(m *Manifest) { m.Earlier[1].Continues = nil },
		"continues the future": func(m *Manifest) { m.Earlier[1].Continues = &seq },
		"continues 0":          func(m *Manifest) { m.Earlier[1].Continues = &zero },
		"raw bytes":            func(m *Manifest) { m.Earlier[1].RawBytes = -1 },
		"stored bytes":         func(m *Manifest) { m.Earlier[1].StoredBytes = -1 },
		"reused bytes":         func(m *Manifest) { m.Earlier[1].ReusedBytes = -1 },
		"segments":             func(m *Manifest) { m.Earlier[1].Segments = -1 },
	} {
		m := sampleEarlier()
		change(m)
		if _, err := DecodeManifest(m.Encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The summaries of a group are small compared with what else a backup stores.
func TestSizeOfASummary(t *testing.T) {
	m := sampleEarlier()
	with := len(m.Encode())
	n := len(m.Earlier)
	m.Earlier = nil
	if size := (with - len(m.Encode())) / n; size > 400 {
		t.Errorf("a summary has %d bytes", size)
	} else {
		t.Logf("a summary has %d bytes", size)
	}
}

// A manifest of nothing but summaries is refused without taking memory for them.
func TestManySummaries(t *testing.T) {
	line := fmt.Sprintf(`{"type":"manifest","format":1,"seq":40,"earlier":[{}%s]}`+"\n", strings.Repeat(",{}", 400_000))
	b := append([]byte(line), end([]byte(line))...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := DecodeManifest(b)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, ErrDamaged) || grown > 16<<20 {
		t.Errorf("%d bytes of memory for a document of %d bytes: %v", grown, len(b), err)
	}
}

func TestSummariesThatAreNone(t *testing.T) {
	var unsupported *UnsupportedError
	kind := sampleEarlier()
	kind.Earlier[1].Kind = "notes"
	if _, err := DecodeManifest(kind.Encode()); !errors.As(err, &unsupported) {
		t.Errorf("a kind that is not known: %v", err)
	}
	for _, value := range []any{1, "x", map[string]any{}, []any{1}, []any{[]any{}}, []any{map[string]any{"extra": 1}}} {
		_, err := DecodeManifest(resealed(t, sampleEarlier().Encode(), func(v map[string]any) { v["earlier"] = value }))
		if !errors.As(err, &unsupported) {
			t.Errorf("%v: %v", value, err)
		}
	}
	for _, value := range []any{nil, []any{}} {
		m, err := DecodeManifest(resealed(t, sampleEarlier().Encode(), func(v map[string]any) { v["earlier"] = value }))
		if err != nil || len(m.Earlier) != 0 {
			t.Errorf("%v: %v", value, err)
		}
	}
}
