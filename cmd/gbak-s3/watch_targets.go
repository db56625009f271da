package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/internal/watch"
	"github.com/gbak-s3/gbak-s3/internal/watch/config"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

// readConfig reads a file that says what to watch.
func readConfig(path string) (*config.Config, error) {
	const hint = "docs/watch.md has all keys, and an example."
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("the file that says what to watch cannot be read: %w", "Check the path and its permissions.", err)
	}
	c, err := config.Read(path, content, config.Surroundings{Variable: os.LookupEnv, Place: placeInFile, Recipient: checkRecipient})
	if err != nil {
		return nil, usage("%w", hint, err)
	}
	return c, nil
}

// placeOf returns where the archive at address is, the same for all addresses that mean
// that place, or an error if it cannot be the archive of the database at path; the path is
// "" if it is not known.
func placeOf(path, address string) (string, error) {
	if err := checkWatched(address); err != nil {
		return "", err
	}
	if path != "" {
		if err := apartFrom(address, path); err != nil {
			return "", err
		}
	}
	if root, err := localRoot(address); err == nil && root != "" {
		return real(root), nil
	}
	return named(address), nil
}

// placeInFile is placeOf for an address in a file: what is wrong with it is said with what to do, as
// all problems of a file have one hint.
func placeInFile(path, address string) (string, error) {
	place, err := placeOf(path, address)
	if wrong, ok := errors.AsType[*usageError](err); ok && wrong.hint != "" {
		return "", fmt.Errorf("%w. %s", err, wrong.hint)
	}
	return place, err
}

// checkRecipient returns an error if a text is neither an age public key nor the path of a file of
// them.
func checkRecipient(text string) error {
	_, err := recipientsOf(text)
	return err
}

// inLines returns the keys of a file as targets have them.
func inLines(k config.Keys) watch.Keys {
	return watch.Keys{Recipients: strings.Join(k.Recipients, "\n"), Identities: strings.Join(k.Identities, "\n"), WriterKey: k.WriterKey}
}

// keysOf returns what the flags and the environment say of keys, and in the place of that what a
// file does.
func (w *watching) keysOf(k watch.Keys) *keyFlags {
	keys := w.app.keys
	if k.Recipients != "" {
		keys.recipients, keys.recipientsFiles = nil, nil
		for word := range strings.SplitSeq(k.Recipients, "\n") {
			if isRecipient(word) {
				keys.recipients = append(keys.recipients, word)
			} else {
				keys.recipientsFiles = append(keys.recipientsFiles, word)
			}
		}
	}
	if k.Identities != "" {
		keys.identities = strings.Split(k.Identities, "\n")
	}
	keys.writerKey = cmp.Or(k.WriterKey, keys.writerKey)
	return &keys
}

// checkWatched returns an error if nothing can be watched into an archive at this address.
func checkWatched(address string) error {
	if err := checkAddress(address); err != nil {
		return err
	}
	return mustWrite(address)
}

// nameOfDatabase returns what a database at path is called.
func nameOfDatabase(path string) string {
	base := filepath.Base(absolute(path))
	return cmp.Or(strings.TrimSuffix(base, ".grafeo"), base)
}

// targetsOf returns the targets of a database: one for each of its archives.
func targetsOf(path, name string, archives []string, s config.Settings) []watch.Target {
	var targets []watch.Target
	for _, address := range archives {
		t := watch.Target{
			Name: name, Database: absolute(path), Archive: shown(address), Address: address, Store: storeOf(address),
			Keys:   inLines(s.Keys),
			Lag:    s.Lag,
			Full:   watch.FullRules{Every: s.Full.Every, AfterIncrements: s.Full.AfterIncrements},
			Verify: s.Verify.Every, Sample: s.Verify.Sample, Expire: s.ExpireEvery, Compact: s.CompactEvery,
			Drill: watch.DrillRules{
				Every: s.Drill.Every, Scratch: s.Drill.Scratch, Exec: strings.Join(s.Drill.Exec, "\n"), Timeout: s.Drill.Timeout,
			},
			LockKeep: s.LockKeep, LockLength: s.LockLength,
			MinFree:     watch.Size{Bytes: s.MinFree.Bytes, Percent: s.MinFree.Percent},
			MaxRequests: watch.Rate{N: s.MaxRequests.Count, Per: s.MaxRequests.Per},
		}
		if s.Heartbeat.URL != "" {
			t.Prove = s.Heartbeat.Every
		}
		if w := s.Full.Window; w != nil {
			t.Full.Window = watch.Window{From: time.Duration(w.From) * time.Minute, To: time.Duration(w.To) * time.Minute}
		}
		targets = append(targets, t)
	}
	return targets
}

// tellApart gives targets that would have one key, as two endpoints may have a bucket of the
// same name, archives with their endpoints.
func tellApart(targets []watch.Target) {
	seen := map[watch.Key]int{}
	for i := range targets {
		seen[targets[i].Key()]++
	}
	for i := range targets {
		if seen[targets[i].Key()] > 1 {
			targets[i].Archive = named(targets[i].Address)
		}
	}
}

// shown returns an archive's address as logs and metrics show it: without what says how
// to get there.
func shown(address string) string {
	if isBucket(address) {
		place, _, _ := strings.Cut(address, "?")
		return strings.TrimRight(place, "/")
	}
	return named(address)
}

// storeOf names the store that an archive is in: what fails together. In a bucket, that is
// the bucket; elsewhere, the folder that the archive is in.
func storeOf(address string) string {
	if root, err := localRoot(address); err == nil && root != "" {
		return filepath.Dir(absolute(root))
	}
	opts, err := s3.ParseAddress(address)
	if err != nil {
		return address
	}
	name := "s3://" + opts.Bucket
	if opts.Endpoint != "" {
		name += "?endpoint=" + strings.TrimRight(opts.Endpoint, "/")
	}
	return name
}
