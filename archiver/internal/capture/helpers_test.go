package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo/grafeotest"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
)

// database is a made database that commits.
type database struct {
	t     *testing.T
	path  string
	log05 *grafeotest.Log05 // of 0.5
	log06 *grafeotest.Log06 // of 0.6
	epoch uint64
	iter  uint64
	now   time.Time
}

// newDatabase makes a database with a log of two commits.
func newDatabase(t *testing.T, generation grafeo.Generation) *database {
	t.Helper()
	d := &database{t: t, path: filepath.Join(t.TempDir(), "people.grafeo"), now: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)}
	var err error
	if generation == grafeo.Gen05 {
		d.log05, err = grafeotest.NewLog05(grafeo.LogDir(d.path), 0)
	} else {
		d.log06, err = grafeotest.NewLog06(grafeo.LogDir(d.path), [16]byte{}, 0)
	}
	d.check(err)
	d.image(0)
	d.commit()
	d.commit()
	return d
}

func (d *database) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// image writes an image of the present epoch, and of a log position in 0.6.
func (d *database) image(lsn uint64) {
	d.t.Helper()
	d.iter++
	if d.log05 != nil {
		d.check(grafeotest.Image05(d.path, grafeotest.Image05Options{
			Iteration: d.iter, Epoch: d.epoch, Time: d.now, Sections: []int64{3000}, Seed: d.iter,
		}))
		return
	}
	d.check(grafeotest.Image06(d.path, grafeotest.Image06Options{
		Iteration: d.iter, Epoch: d.epoch, CheckpointLSN: lsn, Time: d.now, Size: 5000, Seed: func(int) uint64 { return d.iter },
	}))
}

func (d *database) commit() {
	d.t.Helper()
	d.epoch++
	d.now = d.now.Add(time.Second)
	if d.log05 != nil {
		d.check(d.log05.Append(d.epoch, 100, d.epoch))
		return
	}
	records := make([]byte, 100)
	grafeotest.Fill(records, d.epoch, 0)
	d.check(d.log06.Append(grafeotest.Group06{Epoch: d.epoch, Time: d.now, Transaction: 2, Records: records}))
}

// query asks the database what is new since a backup.
func (d *database) query(parent *manifest.Committed) *Query {
	return &Query{
		Path: d.path, Parent: parent, Log: slog.New(slog.DiscardHandler),
		Knows: func(context.Context, string) (bool, error) { return false, nil },
	}
}

// capture captures what is new since a backup, and checks the bytes of its files.
func (d *database) capture(parent *manifest.Committed) *Source {
	d.t.Helper()
	return d.captureWith(d.query(parent))
}

func (d *database) captureWith(q *Query) *Source {
	d.t.Helper()
	s, err := q.Capture(d.t.Context())
	d.check(err)
	for _, f := range s.Files {
		if f.Proof == nil { // spilled vectors
			continue
		}
		p := make([]byte, f.Bytes-f.From)
		d.check(f.Read(p, f.From))
		f.Proof.Add(f.From, p)
		if err := f.Proof.Check(); err != nil {
			d.t.Errorf("%s: %v", f.Name, err)
		}
	}
	return s
}

// summary is what a source is, in short.
type summary struct {
	Kind       manifest.Kind
	Continues  bool
	From, To   uint64 // epochs
	Commits    int64
	Listed     int // commits with times
	Files      int
	BeginsLate bool // some file begins after its first byte
}

func summaryOf(s *Source) summary {
	sum := summary{s.Kind, s.Continues, s.StartEpoch, s.EndEpoch, s.Commits, len(s.CommitTimes), len(s.Files), false}
	for _, f := range s.Files {
		sum.BeginsLate = sum.BeginsLate || f.From > 0
	}
	return sum
}

// mustBe checks what a source is.
func mustBe(t *testing.T, s *Source, want summary) {
	t.Helper()
	if diff := cmp.Diff(want, summaryOf(s)); diff != "" {
		t.Errorf("%s: -want +got: %s", s.Why, diff)
	}
}

// backup returns the backup that a source becomes.
func backup(s *Source) *manifest.Committed {
	m := &manifest.Manifest{
		Seq: 1, Kind: s.Kind, Database: s.Database(), Commits: s.Commits,
		StartEpoch: s.StartEpoch, EndEpoch: s.EndEpoch, StartTime: s.StartTime, EndTime: s.EndTime, Position: s.Position, Spill: s.Spilled,
	}
	if s.Parent != nil {
		m.Seq, m.Continues = s.Parent.Seq+1, &s.Parent.Seq
	}
	return &manifest.Committed{Manifest: m, Digest: manifest.Digest{byte(m.Seq)}}
}

// spill writes a file of spilled vectors.
func (d *database) spill(name string, b []byte) {
	d.t.Helper()
	at := filepath.Join(grafeo.SpillDir(d.path), name)
	d.check(errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, b, 0o600)))
}

const vectorsName = "vectors_Doc%3Aemb.bin"

// vectors is a file of spilled vectors, of two dimensions.
func vectors(values ...float32) []byte {
	b := append([]byte("GRAFVEC1"), make([]byte, 56)...)
	binary.LittleEndian.PutUint64(b[8:], 2)
	binary.LittleEndian.PutUint64(b[16:], uint64(len(values)/2))
	binary.LittleEndian.PutUint64(b[24:], 1)
	for i := range len(values) / 2 {
		b = binary.LittleEndian.AppendUint64(b, uint64(i))
		for _, v := range values[2*i : 2*i+2] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}
