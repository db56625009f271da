package main

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/gbak-s3/gbak-s3/archiver"
	"github.com/gbak-s3/gbak-s3/storage"
	"github.com/gbak-s3/gbak-s3/storage/local"
	"github.com/gbak-s3/gbak-s3/storage/s3"
)

const addressHint = "An archive's address is a path, file:///path, or s3://bucket/prefix?endpoint=URL&region=NAME."

// openStore opens the store that an archive's address names. It is the one
// place that knows all backends.
func openStore(ctx context.Context, address string) (storage.Storage, error) {
	scheme, _, hasScheme := strings.Cut(address, "://")
	switch {
	case address == "":
		return nil, usage("the archive's address is empty", addressHint)
	case !hasScheme:
		return openLocal(address)
	case scheme == "file":
		path, err := filePath(address)
		if err != nil {
			return nil, err
		}
		return openLocal(path)
	case scheme == "s3":
		opts, err := s3.ParseAddress(address)
		if err != nil {
			return nil, usage("%w", addressHint, err)
		}
		store, err := s3.Open(ctx, opts)
		if err != nil {
			return nil, &archiver.Error{Code: archiver.CodeStore, Err: err, Hint: "Check the AWS configuration: environment, profile and region."}
		}
		return store, nil
	}
	return nil, usage("the archive's address has the unknown scheme %q", addressHint, scheme)
}

func openLocal(path string) (storage.Storage, error) {
	store, err := local.Open(path)
	if err != nil {
		return nil, &archiver.Error{Code: archiver.CodeStore, Err: err, Hint: "Give the path of a directory for the archive; it need not exist."}
	}
	return store, nil
}

// filePath is the path in a file:// URL.
func filePath(address string) (string, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", usage("the archive's address: %w", addressHint, err)
	case u.Host != "" && u.Host != "localhost":
		return "", usage("%s names the host %q", "A file URL has three slashes: file:///path.", address, u.Host)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", usage("%s has more than a path", "Write ? and # in a path as %3F and %23.", u.Redacted())
	case u.Path == "":
		return "", usage("%s has no path", addressHint, address)
	}
	return filepath.FromSlash(u.Path), nil
}

// absolute makes an address one that means the same in every folder, for the
// command that is printed.
func absolute(address string) string {
	if strings.Contains(address, "://") {
		return address
	}
	if path, err := filepath.Abs(address); err == nil {
		return path
	}
	return address
}
