package archiver_test

import (
	"context"
	"io"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// drawn is one run of a test whose input rapid draws. What fails it fails the run, so
// rapid looks for a smaller input that fails, and says how to see it again.
type drawn struct {
	testing.TB
	r *rapid.T
}

func drawing(t testing.TB, r *rapid.T) testing.TB { return drawn{t, r} }

func (d drawn) Context() context.Context          { return d.r.Context() }
func (d drawn) Cleanup(f func())                  { d.r.Cleanup(f) }
func (d drawn) Log(args ...any)                   { d.r.Log(args...) }
func (d drawn) Logf(format string, args ...any)   { d.r.Logf(format, args...) }
func (d drawn) Output() io.Writer                 { return d.r.Output() }
func (d drawn) Fail()                             { d.r.Fail() }
func (d drawn) FailNow()                          { d.r.FailNow() }
func (d drawn) Failed() bool                      { return d.r.Failed() }
func (d drawn) Error(args ...any)                 { d.r.Error(args...) }
func (d drawn) Errorf(format string, args ...any) { d.r.Errorf(format, args...) }
func (d drawn) Fatal(args ...any)                 { d.r.Fatal(args...) }
func (d drawn) Fatalf(format string, args ...any) { d.r.Fatalf(format, args...) }

// TempDir is removed after the run, not after the test.
func (d drawn) TempDir() string {
	dir, err := os.MkdirTemp("", "gbak-s3-drawn-")
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			d.Error(err)
		}
	})
	return dir
}
