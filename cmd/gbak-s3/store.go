package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/archiver/grafeo"
	"github.com/gbak-s3/gbak-s3/internal/disk"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

const addressHint = "An archive's address is a path, file:///path, or s3://bucket/prefix?endpoint=URL&region=NAME."

// stores opens the stores of archives. Those in one bucket share a client, with its
// credentials and connections. It may be used concurrently.
type stores struct {
	timeout time.Duration // for which calls are retried while a store is busy or unreachable
	log     *slog.Logger

	mu      sync.Mutex
	clients map[string]*s3.Client // by the address of the bucket
}

// open opens the store that an archive's address names. This is the one place that knows
// all backends.
func (s *stores) open(ctx context.Context, address string) (storage.Storage, error) {
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	if !isBucket(address) {
		path, err := localRoot(address)
		if err != nil {
			return nil, err
		}
		return openLocal(path, s.log)
	}
	opts, err := s3.ParseAddress(address)
	if err != nil {
		return nil, usage("%w", addressHint, err)
	}
	opts.Timeouts.Total, opts.Logger = s.timeout, s.log
	return s.openS3(ctx, opts)
}

// checkAddress returns an error if no store can have this address.
func checkAddress(address string) error {
	scheme, _, _ := strings.Cut(address, "://")
	switch {
	case address == "":
		return usage("the archive's address is empty", addressHint)
	case !isURL(address):
		return mustBePath(address)
	case scheme == "file":
		_, err := filePath(address)
		return err
	case scheme == "s3":
		if _, err := s3.ParseAddress(address); err != nil {
			return usage("%w", addressHint, err)
		}
		return nil
	}
	return unknownScheme(address, scheme)
}

// isURL reports whether an address begins with a scheme and ://, and so is no path.
func isURL(address string) bool {
	scheme, _, has := strings.Cut(address, "://")
	return has && !strings.ContainsAny(scheme, `/\:?`)
}

// isBucket reports whether an archive's address is in a bucket.
func isBucket(address string) bool { return strings.HasPrefix(address, "s3://") }

// openingError is the error for a store that could not even be opened.
type openingError struct {
	backend string // "local" or "s3"
	err     error
}

func (e *openingError) Error() string { return e.err.Error() }
func (e *openingError) Unwrap() error { return e.err }

func (s *stores) openS3(ctx context.Context, opts s3.Options) (storage.Storage, error) {
	client, err := s.client(ctx, opts)
	if err == nil {
		return client.Store(opts.Prefix)
	}
	code := archiver.CodeStore
	switch {
	case ctx.Err() != nil: // looking for credentials may take its time
		code = archiver.CodeInterrupted
	case errors.Is(err, storage.ErrPermission):
		code = archiver.CodePermission
	}
	return nil, &archiver.Error{Code: code, Err: &openingError{"s3", err}}
}

// client returns the client of the bucket that opts name. One that could not be made is
// made again by the next who asks.
func (s *stores) client(ctx context.Context, opts s3.Options) (*s3.Client, error) {
	opts.Prefix = ""
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[opts.String()]; c != nil {
		return c, nil
	}
	c, err := s3.Dial(ctx, opts)
	if err != nil {
		return nil, err
	}
	if s.clients == nil {
		s.clients = map[string]*s3.Client{}
	}
	s.clients[opts.String()] = c
	return c, nil
}

func openLocal(path string, log *slog.Logger) (storage.Storage, error) {
	store, err := local.OpenOn(disk.Logged(disk.OS{}, log), path)
	if err == nil {
		return store, nil
	}
	code := archiver.CodeStore
	if errors.Is(err, fs.ErrPermission) {
		code = archiver.CodePermission
	}
	if isDatabaseFile(path) {
		return nil, usage("%s is a database, and no archive", swappedHint, path)
	}
	return nil, &archiver.Error{Code: code, Err: &openingError{"local", err}}
}

// filePath returns the path in a file:// URL.
func filePath(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", usage("the archive's address cannot be read: %w", addressHint, err)
	case u.Host != "" && u.Host != "localhost" && runtime.GOOS != "windows":
		return "", usage("%s names the host %q", "A file URL has three slashes: file:///path.", address, u.Host)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", usage("%s has more than a path", "Write ? and # in a path as %3F and %23.", u.Redacted())
	case u.Path == "":
		return "", usage("%s has no path", addressHint, address)
	}
	return filepath.FromSlash(pathIn(u, runtime.GOOS)), nil
}

// pathIn returns the path in a file:// URL, with slashes: on Windows, that of file:///C:/folder begins
// with the drive, and that of file://server/share with the server.
func pathIn(u *url.URL, system string) string {
	switch {
	case system != "windows":
		return u.Path
	case u.Host != "" && u.Host != "localhost":
		return "//" + u.Host + u.Path
	case hasDrive.MatchString(u.Path):
		return u.Path[1:]
	}
	return u.Path
}

var hasDrive = regexp.MustCompile(`^/[A-Za-z]:(/|$)`)

// apart makes sure that neither of a local archive and a database is inside the other:
// Grafeo deletes its log folder with all that is in it, a database among an archive's
// objects would be taken for one of them, and a forced restore to the path of the
// archive, or of a folder above it, would move the archive aside.
func apart(address, database string) error {
	if address == "" {
		return nil // which is said when it is opened
	}
	if err := mustBeDatabasePath(database, address); err != nil {
		return err
	}
	root, err := localRoot(address)
	if err != nil || root == "" {
		return err
	}
	for _, own := range []string{grafeo.LogBeside(database), grafeo.SpillDir(database)} {
		if within(root, own) {
			return usage("the archive %s is inside the database's own folder %s",
				"Grafeo deletes that folder when it closes. Use a path elsewhere.", address, own)
		}
	}
	switch {
	case real(database) == real(root):
		return usage("%s is the archive itself", "Give the path of the database file, such as people.grafeo, outside the archive.", database)
	case within(database, root):
		return usage("%s is inside the archive %s", "Use a path elsewhere for the database.", database, address)
	case within(root, database):
		return usage("the archive %s is inside %s",
			"Give the path of the database itself, such as "+filepath.Join(database, "people.grafeo")+", and not that of its folder.",
			address, database)
	}
	return nil
}

// anyHost says on which hosts an archive is found at its address: where a bucket is may be said by the
// environment of this one alone.
func anyHost(address string) string {
	endpoint := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	opts, err := s3.ParseAddress(address)
	if endpoint == "" || err != nil || !isBucket(address) || opts.Endpoint != "" {
		return "any host"
	}
	return "any host with AWS_ENDPOINT_URL_S3=" + quote(endpoint)
}

// localRoot returns the directory of a local archive, "" for one elsewhere.
func localRoot(address string) (string, error) {
	switch {
	case strings.HasPrefix(address, "file://"):
		return filePath(address)
	case isURL(address):
		return "", nil
	}
	return address, nil
}

// within reports whether path is dir or below it, following links as far as they lead
// somewhere.
func within(path, dir string) bool {
	path, dir = real(path), real(dir)
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// real returns the absolute path without links; its end need not exist.
func real(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		return resolved
	}
	parent := filepath.Dir(abs)
	if parent == abs {
		return abs
	}
	return filepath.Join(real(parent), filepath.Base(abs))
}

// named returns the name by which an archive is remembered: where it is, the same for all
// addresses that mean that place, and without what says how to get there.
func named(address string) string {
	if strings.HasPrefix(address, "file://") {
		if path, err := filePath(address); err == nil {
			return absolute(path)
		}
	}
	opts, err := s3.ParseAddress(address)
	if err != nil {
		return absolute(address)
	}
	name := "s3://" + opts.Bucket
	if opts.Prefix != "" {
		name += "/" + opts.Prefix
	}
	sign := "?"
	if opts.Endpoint != "" {
		name += sign + "endpoint=" + strings.TrimRight(opts.Endpoint, "/")
		sign = "&"
	}
	if opts.Versions != s3.VersionsNewest { // which may show less, or more, than there is
		name += sign + "versions=" + string(opts.Versions)
	}
	return name
}

// readsOldest reports whether an address only shows an archive, as it was stored first.
func readsOldest(address string) bool {
	opts, err := s3.ParseAddress(address)
	return err == nil && opts.Versions == s3.VersionsOldest // what is wrong with it is said when it is opened
}

// mustWrite refuses an address that only shows an archive.
func mustWrite(address string) error {
	if !readsOldest(address) {
		return nil
	}
	return usage("the archive's address has versions=oldest, which is for reading", "Leave that out of the address.")
}

// absolute turns an address into one that means the same in every folder, for the
// commands that are printed.
func absolute(address string) string {
	if isURL(address) {
		return address
	}
	if path, err := filepath.Abs(address); err == nil {
		return path
	}
	return address
}

// prefixOf returns what the keys of an archive in a bucket begin with.
func prefixOf(address string) string {
	opts, err := s3.ParseAddress(address)
	if err != nil || opts.Prefix == "" {
		return ""
	}
	return strings.Trim(opts.Prefix, "/") + "/"
}
