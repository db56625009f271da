#!/usr/bin/env bash
# Prints the path of nfpm, which makes the packages: built once through the Go module proxy,
# and kept in the cache.
#
#   bash scripts/nfpm-install.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=v2.45.2 # later ones need a module that not every proxy has
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
nfpm=$cache/nfpm-$version
if [[ ! -x $nfpm ]]; then
  echo "nfpm-install: building nfpm $version, once" >&2
  mkdir -p "$cache"
  temp=$(mktemp -d "$cache/nfpm.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  (cd "$temp" && CGO_ENABLED=0 GOFLAGS='' GOBIN=$temp/bin go install -trimpath "github.com/goreleaser/nfpm/v2/cmd/nfpm@$version") >&2
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv "$temp/bin/nfpm" "$nfpm"
fi
echo "$nfpm"
