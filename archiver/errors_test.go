package archiver_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage/storagetest"
)

// Each code that an error can have, but the one for all others, has an error for errors.Is.
func TestEachCodeHasASentinel(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern string) []string {
		var names []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
		return names
	}
	codes := names(`(?m)^\tCode(\w+)\s+Code = `)
	codes = slices.DeleteFunc(codes, func(name string) bool { return name == "Failed" || name == "Expires" })
	if sentinels := names(`(?m)^\tErr(\w+)\s+error = sentinel\(Code\w+\)`); len(codes) < 20 || !slices.Equal(codes, sentinels) {
		t.Errorf("codes %q, sentinels %q", codes, sentinels)
	}
}

// An error is the sentinel of its code and of no other.
func TestErrorIsItsCode(t *testing.T) {
	a := newArchive(storagetest.NewMemory())
	_, err := a.Restore(t.Context(), t.TempDir()+"/db.grafeo", archiver.RestoreOptions{})
	mustFail(t, err, archiver.CodeNoArchive)
	if !errors.Is(err, archiver.ErrNoArchive) || errors.Is(err, archiver.ErrNoBackup) {
		t.Errorf("%v is not ErrNoArchive alone", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = a.Restore(ctx, t.TempDir()+"/db.grafeo", archiver.RestoreOptions{})
	if !errors.Is(err, archiver.ErrInterrupted) || !errors.Is(err, context.Canceled) || errors.Is(err, archiver.ErrNoArchive) {
		t.Errorf("%v is not ErrInterrupted alone", err)
	}
}
