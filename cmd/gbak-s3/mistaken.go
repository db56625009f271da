package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
)

// This file knows what people who begin write instead of an address or a path, and says
// what they meant. What might be meant as an address is never taken for a path: whoever
// writes s3:/backups/people believes that his backups are elsewhere.

// schemed matches what begins as an address does. A drive of Windows has one letter.
var schemed = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+):(/*)(.*)$`)

// maxNamed is how many neighbours or files a hint names.
const maxNamed = 5

// mustBePath refuses an archive's path that looks like an address, or like one that a shell was
// to complete.
func mustBePath(path string) error {
	if err := mustBeComplete(path); err != nil {
		return err
	}
	if isDatabaseFile(path) {
		return usage("%s is a database, and no archive", swappedHint, path)
	}
	parts := schemed.FindStringSubmatch(strings.TrimSpace(path))
	if parts == nil {
		return nil
	}
	scheme := strings.ToLower(parts[1])
	isOurs := scheme == "s3" || scheme == "file"
	if info, err := os.Stat(path); err == nil && info.IsDir() && !isOurs {
		return nil // a folder with a colon, which is there
	}
	if strings.ContainsAny(path, "@?") { // there may be a secret in it
		return usage("the archive's address begins with %q, and is neither an address nor a plain path", addressHint, parts[1]+":"+parts[2])
	}
	hint := fmt.Sprintf("For a folder of that name, write ./%s. For a bucket, write s3://bucket/prefix?endpoint=URL.", path)
	if bucket, isARN := strings.CutPrefix(path, "arn:aws:s3:::"); isARN {
		hint = fmt.Sprintf("Write s3://%s.", bucket)
	}
	switch store := parts[3]; {
	case strings.HasPrefix(store, "http://"), strings.HasPrefix(store, "https://"): // as restic writes it
		hint = "Write " + asEndpoint(store) + "."
	case isOurs:
		slashes := "//"
		if scheme == "file" {
			slashes = "///"
		}
		hint = fmt.Sprintf("Write %s:%s%s; for a folder of that name, ./%s.", scheme, slashes, parts[3], path)
	}
	return usage("%q is neither an address nor a plain path", hint, path)
}

// unreplaced matches what a shell replaces where a path begins: a file or a unit does not, nor
// does a shell in quotes.
var unreplaced = regexp.MustCompile(`^(~|\$[A-Za-z_]\w*|\$\{\w+\})(/|$)`)

// mustBeComplete refuses a path in which nothing has replaced ~ or a variable: it would become a
// folder of that name, wherever the command runs; and so would -, which is stdin or stdout elsewhere.
func mustBeComplete(path string) error {
	if path == "-" {
		return usage("a database or an archive is never read from stdin, nor written to stdout",
			"Give a path: a database has a file and a log, and an archive many objects. For a file or folder called -, write ./-.")
	}
	parts := unreplaced.FindStringSubmatch(path)
	if parts == nil {
		return nil
	}
	return usage("the path %q begins with %s, which nothing has replaced",
		"Write the whole path: only a shell replaces that, and not in quotes. For a folder of that name, write ./"+path+".",
		path, parts[1])
}

// unknownScheme is the error for an address that begins with another scheme than ours.
func unknownScheme(address, scheme string) error {
	hint := addressHint + " Whatever speaks S3 is an endpoint, such as MinIO, Ceph, R2 or B2."
	switch strings.ToLower(scheme) {
	case "s3", "file":
		hint = "Write " + strings.ToLower(scheme) + " in small letters."
	case "http", "https":
		hint = "For a store at a URL, write " + asEndpoint(address) + "."
	}
	return usage("the archive's address has the unknown scheme %q", hint, scheme)
}

// asEndpoint returns the address for which somebody has written the URL of an object.
func asEndpoint(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "s3://bucket/prefix?endpoint=URL"
	}
	place := strings.Trim(u.EscapedPath(), "/")
	if address := asAmazon(u, place); address != "" {
		return address
	}
	if place == "" {
		place = "bucket/prefix"
	}
	return fmt.Sprintf("s3://%s?endpoint=%s://%s", place, u.Scheme, u.Host)
}

// amazonHost matches the hosts of AWS S3, with the bucket and the region that may be in them.
var amazonHost = regexp.MustCompile(`^(?:(.+)\.)?s3(?:[.-]([a-z]{2}-[a-z-]+-[0-9]))?\.amazonaws\.com$`)

// asAmazon returns the address for the URL of an object in AWS S3, or of its console, and "" for
// another one.
func asAmazon(u *url.URL, place string) string {
	if bucket, isConsole := strings.CutPrefix(place, "s3/buckets/"); isConsole && strings.HasSuffix(u.Host, "console.aws.amazon.com") {
		return strings.TrimRight("s3://"+bucket+"/"+u.Query().Get("prefix"), "/")
	}
	parts := amazonHost.FindStringSubmatch(u.Host)
	if parts == nil {
		return ""
	}
	address := "s3://" + strings.Trim(parts[1]+"/"+place, "/")
	if parts[2] != "" {
		address += "?region=" + parts[2]
	}
	return address
}

// mustBeDatabasePath refuses an address where the path of a database belongs, as in a
// command whose arguments are in the wrong order.
func mustBeDatabasePath(database, address string) error {
	if err := mustBeComplete(database); err != nil {
		return err
	}
	parts := schemed.FindStringSubmatch(database)
	if parts == nil || parts[2] == "" { // a colon is a letter like others in the name of a file
		return nil
	}
	if isDatabaseFile(address) {
		return usage("%s is a database, and %s an address: they are in the wrong order", swappedHint, address, mustBeShort(database))
	}
	return usage("%s is an address, and a database is a path on this host", "Give the path of the database file, such as people.grafeo.",
		mustBeShort(database))
}

const swappedHint = "`backup` takes DATABASE ARCHIVE, and `restore` ARCHIVE DATABASE; others have the archive first, or alone. " +
	"An archive is a directory, or s3://bucket/prefix."

// mustBeNoFolder refuses the path of a database with a slash at its end, where it is a file.
func mustBeNoFolder(database string) error {
	file := strings.TrimRight(database, "/")
	if file == database || !isDatabaseFile(file) {
		return nil
	}
	return usage("%s ends in a slash, and the database is a file", "Write "+file+".", database)
}

// mustBeShort returns an address without what may be secret in it.
func mustBeShort(address string) string {
	if u, err := url.Parse(address); err == nil {
		u.RawQuery = ""
		return u.Redacted()
	}
	return "the address"
}

// isDatabaseFile reports whether there is the file of a database at path.
func isDatabaseFile(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return false
	}
	_, err = grafeo.Identify(path)
	return err == nil
}

const checkPathHint = "Check the path: it is that of the database file, such as people.grafeo."

// missingDatabaseHint looks around where there is no database.
func missingDatabaseHint(f *facts) string {
	missing, ok := errors.AsType[*fs.PathError](f.err)
	if !ok {
		return checkPathHint
	}
	path := strings.TrimRight(missing.Path, `/\`)
	if to, err := os.Readlink(path); err == nil {
		return fmt.Sprintf("%s is a link to %s, where nothing is: is a disk not mounted?", path, to)
	}
	if file, isLog := strings.CutSuffix(path, ".wal"); isLog {
		return fmt.Sprintf("Give the database file, %s; its log is found beside it.", file)
	}
	if withEnding := path + ".grafeo"; isDatabaseFile(withEnding) {
		return fmt.Sprintf("There is %s: is it meant?", withEnding)
	}
	if near := databasesIn(filepath.Dir(path)); len(near) > 0 {
		return checkPathHint + " That folder has " + strings.Join(near, ", ") + "."
	}
	return checkPathHint
}

// notDatabaseHint names the databases in a folder that was given instead of one.
func notDatabaseHint(f *facts) string {
	const give = "Give the path of a Grafeo database: a file, such as people.grafeo, or a directory of Grafeo 0.5 that " +
		"has its log in the folder wal."
	not, ok := errors.AsType[*grafeo.NotDatabaseError](f.err)
	if !ok {
		return give
	}
	if file, isLog := strings.CutSuffix(strings.TrimRight(not.Path, `/\`), ".wal"); isLog && isDatabaseFile(file) {
		return fmt.Sprintf("That is the log of %s: give that file.", file)
	}
	return give
}

// databasesIn returns the databases of a folder, some of them if there are many.
func databasesIn(folder string) (found []string) {
	files, err := filepath.Glob(filepath.Join(escapeGlob(folder), "*.grafeo"))
	if err != nil {
		return nil
	}
	for _, file := range files {
		if len(found) == maxNamed {
			return append(found, "...")
		}
		if _, err := grafeo.Identify(file); err == nil {
			found = append(found, file)
		}
	}
	return found
}

// escapeGlob returns a pattern that matches just this path.
func escapeGlob(path string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllStringFunc(path, func(c string) string {
		if c == `\` && filepath.Separator == '\\' {
			return c
		}
		return `\` + c
	})
}

// lookingAround is how long it may take to look for archives beside an address that has
// none.
const lookingAround = 5 * time.Second

// neighbours says which archives there are where somebody gave an address that has none:
// beside it, or in it. It returns "" if it sees none.
func (a *app) neighbours(ctx context.Context, err error) string {
	if a.opened == nil || a.log == nil || archiver.CodeOf(err) != archiver.CodeNoArchive {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, lookingAround)
	defer cancel()
	found := archivesIn(a.openedAt)
	beside, err := a.opened.Neighbours(ctx)
	if err != nil {
		a.log.Debug("what is beside the archive's address cannot be listed", "err", err)
	}
	if found = append(found, beside...); len(found) == 0 {
		return ""
	}
	if len(found) > maxNamed {
		found = append(found[:maxNamed], "...")
	}
	return " There are archives at " + strings.Join(found, ", ") + "."
}

// archivesIn returns the archives in the folder that an address names.
func archivesIn(address string) (found []string) {
	root, err := localRoot(address)
	if err != nil || root == "" {
		return nil
	}
	documents, err := filepath.Glob(filepath.Join(escapeGlob(root), "*", "archive.json"))
	if err != nil {
		return nil
	}
	for _, document := range documents {
		found = append(found, absolute(filepath.Dir(document)))
	}
	return found
}
