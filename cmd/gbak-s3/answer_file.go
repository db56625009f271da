package main

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
)

// mustBeForAnswers refuses a file that an answer is to be written to, before there is one, if that
// cannot be, or if it would replace what nobody wants to lose.
func mustBeForAnswers(path string) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return usage("--output: there is no folder %s", "Create it first.", folder)
	}
	if slices.Contains([]string{formatJSON, formatCSV, formatText, formatTable, "yaml"}, path) { // as kubectl has it
		return usage("--output takes a file, and not a form", "For JSON, write --format json; for a file of that name, --output ./"+path+".")
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage("--output: %s is a folder", "Give the path of a file.", path)
	}
	return mustNotReplace("--output", path)
}

// mustNotReplace refuses the file of a flag if it is a database, a key or a part of an archive: whoever
// writes `list -o people.grafeo` does not want to lose it.
func mustNotReplace(flag, path string) error {
	if mayBeDatabase(path) {
		return usage("%s: %s is a database, which this would replace",
			"Give the path of another file. Which database is meant is an argument, as in gbak-s3 restore ARCHIVE DATABASE.", flag, path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && isKeyFile(path) {
		return usage("%s: %s has a key, which this would replace", "Give the path of another file: a key is never overwritten.", flag, path)
	}
	if folder := archiveAround(filepath.Dir(destination(path))); folder != "" {
		return usage("%s: %s is inside the archive %s", "Give the path of a file elsewhere.", flag, path, folder)
	}
	return nil
}

// mayBeDatabase reports whether there is the file of a database at path, perhaps of a version that we
// do not know.
func mayBeDatabase(path string) bool {
	if isDatabaseFile(path) {
		return true
	}
	_, err := grafeo.Identify(path)
	return errors.Is(err, grafeo.ErrUnsupportedVersion)
}

// archiveAround returns the archive that a folder of this host is, or is in, and "" if there is none.
func archiveAround(folder string) string {
	for {
		above := filepath.Dir(folder)
		switch {
		case isArchive(folder):
			return folder
		case above == folder:
			return ""
		}
		folder = above
	}
}

// keyLine is how a line with an identity begins, or a file with one that is encrypted.
var keyLine = regexp.MustCompile(`(?m)^(AGE-SECRET-KEY-|-----BEGIN AGE ENCRYPTED FILE-----)|\Aage-encryption\.org/`)

// isKeyFile reports whether there is an identity or a writer key in a file, as far as that can be seen.
func isKeyFile(path string) bool {
	b, _ := disk.ReadUpTo(path, 1<<16)
	return keyLine.Match(b)
}

// destination returns where a path leads, through links. The last of them may lead to what is not there yet.
func destination(path string) string {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	return real(path)
}

// isArchive reports whether there is an archive in a folder of this host.
func isArchive(folder string) bool {
	_, document := os.Stat(filepath.Join(folder, "archive.json"))
	_, manifests := os.Stat(filepath.Join(folder, "manifests"))
	return document == nil && manifests == nil
}

// writeWhole writes a file, so that there is never a part of it; one that was there keeps who may
// read it. What is no ordinary file, such as /dev/stdout, which is a link, stays what it is, and is
// written to.
func writeWhole(path string, content []byte) error {
	before, err := os.Lstat(path)
	if err == nil && !before.Mode().IsRegular() {
		return writeInto(path, content)
	}
	isThere := err == nil
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), ".gbak-"+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if isThere {
		err = f.Chmod(before.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(content)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// writeInto writes to what is there. What is open already, such as /dev/stdout after >> LOG, keeps what
// it has.
func writeInto(path string, content []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/") {
		flags = os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}
