#!/usr/bin/env bash
# Prints the path of the pinned MinIO, a static binary. It is built once through the Go module
# proxy (some minutes) and kept in ${XDG_CACHE_HOME:-~/.cache}/gbak-s3.
#
#   bash scripts/minio-install.sh
#
# MinIO is AGPL: tests run it, and it is never part of gbak-s3.
set -euo pipefail

version=v0.0.0-20260212201848-7aac2a2c5b7c # the last commit of its repository
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
binary=$cache/minio-$version
if [[ ! -x $binary ]]; then
  echo "minio-install: building MinIO $version, once" >&2
  mkdir -p "$cache"
  temp=$(mktemp -d)
  trap 'rm -rf "$temp"' EXIT
  (cd "$temp" && CGO_ENABLED=0 GOFLAGS='' GOBIN=$temp/bin \
    go install -trimpath -ldflags '-s -w' "github.com/minio/minio@$version") >&2
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv "$temp/bin/minio" "$binary.$$"
  mv "$binary.$$" "$binary"
fi
echo "$binary"
