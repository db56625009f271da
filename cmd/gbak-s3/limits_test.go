package main

import (
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

func TestRateFlag(t *testing.T) {
	for text, ok := range map[string]bool{
		"20MiB/s": true, "20MiB": true, "20 MB/s": true, "128KiB/s": true, "1GiB/s": true, "200000": true,
		"": false, "fast": false, "20MiB/m": false, "-1MiB/s": false, "0": false, "127KiB/s": false, "99999999999EiB": false,
	} {
		var f rateFlag
		err := f.Set(text)
		if (err == nil) != ok || (f.limit != nil) != ok || ok && f.String() != text {
			t.Errorf("%q: %v, limit %v", text, err, f.limit)
		}
	}
}

// Without limits nothing is in front of the store, and with them documents pass.
func TestWhatIsLimited(t *testing.T) {
	store := storagetest.NewMemory()
	var l limits
	if l.of(store) != store {
		t.Error("there is something in front of the store")
	}
	if err := l.download.Set("20MiB/s"); err != nil || l.of(store) == store {
		t.Errorf("there is nothing in front of the store: %v", err)
	}
	for key, want := range map[string]bool{
		manifest.ArchiveKey: true, manifest.Seq(7).Key(): true, "segments/a/b": false, "indexes/a": false, "pages/a": false,
	} {
		if isDocument(key) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
}
