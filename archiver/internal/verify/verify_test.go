package verify

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver/internal/journal"
	"github.com/gbak-s3/gbak-s3/archiver/internal/objects"
	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// The contents of images and logs, and with them deep verifications, are tested with real
// databases at the door.

func options(s storage.Storage) Options {
	log := slog.New(slog.DiscardHandler)
	store := &objects.Store{Storage: s, Patience: time.Second, Log: log}
	return Options{Store: store, Journal: journal.New(store, ""), Workers: 2}
}

func fresh() *verification {
	return &verification{found: map[Finding]bool{}}
}

// keys returns the keys of the findings of v, in the order that they were found in.
func keys(v *verification) (found []string) {
	for _, f := range v.report.Findings {
		found = append(found, f.Key)
	}
	return found
}

// An archive without a backup is no archive that is whole: either nothing is there, or the
// manifests are lost.
func TestWithoutBackups(t *testing.T) {
	t.Parallel()
	store := storagetest.NewMemory()
	empty := &journal.List{Archive: &manifest.Archive{ArchiveID: "an id"}}
	_, err := Archive(t.Context(), options(store), empty, nil)
	if _, ok := errors.AsType[*journal.NoBackupError](err); !ok {
		t.Errorf("nothing at all: %v", err)
	}
	key := manifest.SegmentKey(manifest.SegmentFolder(manifest.FolderName(0, strings.Repeat("0", 32))), 0, manifest.Sum(nil))
	if _, err := store.Put(t.Context(), key, strings.NewReader("frames"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	r, err := Archive(t.Context(), options(store), empty, nil)
	if err != nil || r.Unused != 1 || len(r.Findings) != 1 || r.Findings[0].Key != manifest.Seq(1).Key() {
		t.Errorf("segments alone: %+v, %v", r, err)
	}
}

// An error of listing the backups is a finding if it is about the archive, and ends the
// verification if it is about the store.
func TestCannotList(t *testing.T) {
	t.Parallel()
	damaged := &journal.DamagedDocumentError{Err: &manifest.ObjectError{Key: manifest.ArchiveKey, Problem: "it is empty"}}
	r, err := Archive(t.Context(), options(storagetest.NewMemory()), nil, damaged)
	if want := (Finding{manifest.ArchiveKey, "it is empty"}); err != nil || !slices.Equal(r.Findings, []Finding{want}) {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := Archive(t.Context(), options(storagetest.NewMemory()), nil, storage.ErrUnavailable); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// Missing numbers, and manifests that do not name the one before, are found, each by its
// key.
func TestSequence(t *testing.T) {
	t.Parallel()
	backup := func(seq manifest.Seq, previous byte) *manifest.Committed {
		return &manifest.Committed{
			Manifest: &manifest.Manifest{Seq: seq, Kind: manifest.Full, Previous: &manifest.Digest{previous}}, Digest: manifest.Digest{byte(seq)},
		}
	}
	for name, c := range map[string]struct {
		backups []*manifest.Committed
		seqs    []manifest.Seq
		want    []manifest.Seq
		read    int
	}{
		"whole":                {[]*manifest.Committed{backup(1, 0), backup(2, 1), backup(3, 2)}, []manifest.Seq{1, 2, 3}, nil, 3},
		"the first is missing": {[]*manifest.Committed{backup(2, 1), backup(3, 2)}, []manifest.Seq{2, 3}, []manifest.Seq{1}, 2},
		"one is missing":       {[]*manifest.Committed{backup(1, 0), backup(3, 2)}, []manifest.Seq{1, 3}, []manifest.Seq{2}, 2},
		"one is damaged":       {[]*manifest.Committed{backup(1, 0), backup(3, 2)}, []manifest.Seq{1, 2, 3}, nil, 2},
		"one was replaced":     {[]*manifest.Committed{backup(1, 0), backup(2, 9)}, []manifest.Seq{1, 2}, []manifest.Seq{1}, 2},
	} {
		v := fresh()
		r := newRecords(&journal.List{Records: c.seqs}, c.backups)
		v.sequence(r)
		if err := v.backups(r); err != nil {
			t.Error(err)
		}
		var want []string
		for _, seq := range c.want {
			want = append(want, seq.Key())
		}
		if got := keys(v); !slices.Equal(got, want) || v.report.Backups != c.read {
			t.Errorf("%s: %v and %d backups, want %v and %d", name, got, v.report.Backups, want, c.read)
		}
	}
}

// An object is there only if it has its size.
func TestExists(t *testing.T) {
	t.Parallel()
	v := fresh()
	sizes := map[string]int64{"right": 5, "short": 4}
	for _, key := range []string{"right", "short", "missing"} {
		v.exists(key, 5, sizes)
	}
	if got := keys(v); !slices.Equal(got, []string{"short", "missing"}) || v.report.Objects != 3 || v.report.Bytes != 15 {
		t.Errorf("%v, %+v", got, v.report)
	}
}

// What was found before an error is in its text; what is found twice is noted once.
func TestFindings(t *testing.T) {
	t.Parallel()
	v := fresh()
	broken := errors.New("no answer")
	if err := v.untilThen(broken); err != broken { //nolint:errorlint // it is the same
		t.Errorf("%v", err)
	}
	for range 2 {
		if err := v.pass(&manifest.ObjectError{Key: "b", Problem: "it is missing"}); err != nil {
			t.Errorf("%v", err)
		}
	}
	v.find("a", "it is damaged")
	err := v.untilThen(v.pass(broken))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "2 problems were found, the first of them at b: it is missing") {
		t.Errorf("%v", err)
	}
	v.sortFindings()
	if got := keys(v); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%v", got)
	}
}
