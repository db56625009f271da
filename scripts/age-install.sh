#!/usr/bin/env bash
# Prints a folder with the age command of the very version that gbak-s3 is built with, for
# tests: built once through the Go module proxy, and kept in the cache. It has age, age-keygen
# and age-plugin-batchpass, by which a passphrase needs no terminal.
#
#   bash scripts/age-install.sh
#
# The tests use Debian's age beside it, and jq, zstd and python3, as somebody would who opens an archive
# by hand. They are installed with apt-get where they are missing and that is possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { echo "age-install: $*" >&2; }
die() { say "$*"; exit 1; }

missing=()
for tool in age jq zstd openssl python3; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if ((${#missing[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "please install: ${missing[*]}"; fi
  say "installing ${missing[*]}"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

version=$(go list -m -f '{{.Version}}' filippo.io/age)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
folder=$cache/age-$version
if [[ ! -x $folder/age ]]; then
  say "building age $version, once"
  mkdir -p "$cache"
  temp=$(mktemp -d "$cache/age.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  (cd "$temp" && CGO_ENABLED=0 GOFLAGS='' GOBIN=$temp/bin go install -trimpath "filippo.io/age/cmd/...@$version") >&2
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv -T "$temp/bin" "$folder" 2>/dev/null || [[ -x $folder/age ]] || die "$folder could not be made"
fi
echo "$folder"
