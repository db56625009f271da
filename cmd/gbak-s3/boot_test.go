package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
)

// Only the store's own word that there is no archive lets a program start empty.
func TestFirstBoot(t *testing.T) {
	gone := &storage.Error{Op: storage.OpGet, Key: "archive.json", Err: storage.ErrNoStore}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&archiver.Error{Code: archiver.CodeNoArchive, Err: errors.New("there is no archive")}, true},
		{fmt.Errorf("wrapped: %w", &archiver.Error{Code: archiver.CodeNoArchive, Err: errors.New("there is no archive")}), true},
		{&archiver.Error{Code: archiver.CodeNoArchive, Err: gone}, false},
		{nil, false},
		{errors.New("another"), false},
		{&archiver.Error{Code: archiver.CodeNoStore, Err: gone}, false},
		{&archiver.Error{Code: archiver.CodeVanished, Err: errors.New("x")}, false},
		{&archiver.Error{Code: archiver.CodeNoBackup, Err: errors.New("x")}, false},
		{&archiver.Error{Code: archiver.CodePermission, Err: errors.New("x")}, false},
		{&archiver.Error{Code: archiver.CodeStore, Err: errors.New("x")}, false},
		{&archiver.Error{Code: archiver.CodeDamagedArchive, Err: errors.New("x")}, false},
		{&archiver.Error{Code: archiver.CodeInterrupted, Err: errors.New("x")}, false},
	} {
		if got := isFirstBoot(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
