package certificates

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// yearOfProofs puts a certificate a day before now: each seventh is of a drill, and the drills of
// these days have failed.
func yearOfProofs(t *testing.T, s storage.Storage, days int, failed ...int) (times []time.Time) {
	t.Helper()
	var newest *manifest.Certificate
	for day := days; day > 0; day-- {
		at := manifest.Now().Add(-time.Duration(day) * 24 * time.Hour)
		c := manifest.Certificate{ArchiveID: archiveID, Kind: manifest.VerifyCertificate, MadeAt: at, OK: true, Verify: &manifest.Verification{Level: "sample"}}
		if day%7 == 0 {
			why := ""
			if slices.Contains(failed, day) {
				why = "the disk is full"
			}
			c = drilled(at, why)
			c.Drill.RestoreMS = 41
			times = append(times, at)
		}
		c = *joined(newest, &c)
		c.Key = manifest.CertificateKey(at, manifest.NewID())
		if _, err := s.Put(t.Context(), c.Key, bytes.NewReader(c.Encode()), storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		newest = &c
	}
	return times
}

// A year of daily samples and weekly drills: all drills are found, with a few requests.
func TestDrillsOfAYear(t *testing.T) {
	t.Parallel()
	mem := storagetest.NewMemory()
	times := yearOfProofs(t, mem, 364, 14)
	var requests storage.Requests
	got, since, err := Drills(storage.CountRequests(t.Context(), &requests), storeOf(mem, nil), archiveID)
	if err != nil {
		t.Fatal(err)
	}
	if n := requests.Counts(); n.Get > readOfNewest+readOfOlder || n.List > 1 {
		t.Errorf("it took %+v requests", n)
	}
	if len(got) != len(times) {
		t.Fatalf("%d drills, want %d", len(got), len(times))
	}
	for i, d := range got {
		if !d.At.Equal(times[i]) || d.OK != (i != len(got)-2) || d.Restore != 41*time.Millisecond {
			t.Errorf("drill %d is %+v, want that of %s", i, d, times[i])
		}
	}
	if age := time.Since(since).Round(24 * time.Hour); age != readOfNewest*24*time.Hour {
		t.Errorf("complete since %s ago", age)
	}
}

// Few certificates are all read, and one that is damaged hides its own drill at most.
func TestDrillsOfFewCertificates(t *testing.T) {
	t.Parallel()
	mem := storagetest.NewMemory()
	times := yearOfProofs(t, mem, 15)
	key := manifest.CertificateKey(manifest.Now().Add(-time.Hour), manifest.NewID())
	if _, err := mem.Put(t.Context(), key, strings.NewReader("torn"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	got, since, err := Drills(t.Context(), storeOf(mem, nil), archiveID)
	if err != nil || len(got) != len(times) || !since.IsZero() {
		t.Errorf("%d drills since %s, %v, want %d", len(got), since, err, len(times))
	}
	if got, since, err := Drills(t.Context(), storeOf(storagetest.NewMemory(), nil), archiveID); len(got) != 0 || !since.IsZero() || err != nil {
		t.Errorf("of no certificates: %v, %s, %v", got, since, err)
	}
}
