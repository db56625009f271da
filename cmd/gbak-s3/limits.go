package main

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"

	"github.com/gbak-s3/gbak-s3/archiver/manifest"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/throttle"
)

// limits are how fast a command may move bytes. All stores and databases of the command
// share them.
type limits struct{ upload, download, read rateFlag }

// uploads, downloads and reads add the flags that a command needs.
func (l *limits) uploads(flags *pflag.FlagSet) {
	flags.Var(&l.upload, "limit-upload", "send to the store no faster than this, such as 20MiB/s (default no limit)")
}

func (l *limits) downloads(flags *pflag.FlagSet) {
	flags.Var(&l.download, "limit-download", "fetch from the store no faster than this, such as 20MiB/s (default no limit)")
}

func (l *limits) reads(flags *pflag.FlagSet) {
	flags.Var(&l.read, "limit-read", "read what is backed up no faster than this, such as 100MiB/s (default no limit)")
}

// of returns the store as the limits allow to use it. Documents pass, since others wait for
// a commit.
func (l *limits) of(store storage.Storage) storage.Storage {
	if l.upload.limit == nil && l.download.limit == nil {
		return store
	}
	return throttle.New(store, throttle.Limits{Upload: l.upload.limit, Download: l.download.limit, Pass: isDocument})
}

// isDocument reports whether a key is that of a document which says what an archive has.
func isDocument(key string) bool {
	return key == manifest.ArchiveKey || strings.HasPrefix(key, manifest.ManifestPrefix)
}

// rateFlag is the value of a flag that limits bytes a second.
type rateFlag struct {
	text  string
	limit *throttle.Limit // nil for none
}

// String implements [pflag.Value].
func (f *rateFlag) String() string { return f.text }

// Type implements [pflag.Value].
func (f *rateFlag) Type() string { return "rate" }

// Set implements [pflag.Value].
func (f *rateFlag) Set(text string) error {
	bytes, err := humanize.ParseBytes(strings.TrimSuffix(text, "/s"))
	switch {
	case err != nil || bytes > math.MaxInt64:
		return errors.New("that is no rate, such as 20MiB/s")
	case bytes < throttle.MinRate:
		return fmt.Errorf("the least rate is %s/s", humanize.IBytes(throttle.MinRate))
	}
	f.text, f.limit = text, throttle.NewLimit(int64(bytes))
	return nil
}
