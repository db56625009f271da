#!/usr/bin/env bash
# Prints the bill of materials (CycloneDX) of a binary that scripts/release.sh has built: its
# modules as Go has recorded them, Go's standard library, and the C library where one is linked.
#
#   bash scripts/sbom.sh BINARY VERSION
#
# The same binary gives the same bytes. cyclonedx-gomod is built once through the Go module
# proxy, and kept in ${XDG_CACHE_HOME:-~/.cache}/gbak-s3.
set -euo pipefail
say() { echo "sbom: $*" >&2; }

if ! command -v jq >/dev/null; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then say "please install jq"; exit 1; fi
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends jq >/dev/null
fi

unset GOOS GOARCH GOFLAGS # they would be taken for the binary's
gomod_version=v1.10.0
binary=$1 version=$2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
gomod=$cache/cyclonedx-gomod-$gomod_version
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
if [[ ! -x $gomod ]]; then
  say "building cyclonedx-gomod $gomod_version, once"
  mkdir -p "$cache"
  (cd "$temp" && CGO_ENABLED=0 GOFLAGS='' GOBIN=$temp/bin go install -trimpath "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$gomod_version") >&2
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv "$temp/bin/cyclonedx-gomod" "$gomod.$$"
  mv "$gomod.$$" "$gomod"
fi

"$gomod" bin -json -std -noserial -notimestamp -version "v$version" -output "$temp/sbom.json" "$binary" 2>"$temp/log" || { cat "$temp/log" >&2; exit 1; }
facts=$(go version -m "$binary")
libc=''
if [[ $facts == *CGO_ENABLED=1* ]]; then
  case $facts in *GOARCH=amd64*) cc=x86_64-linux-gnu-gcc ;; *) cc=aarch64-linux-gnu-gcc ;; esac
  libc=$(printf '#include <features.h>\n__GLIBC__.__GLIBC_MINOR__\n' | "$cc" -E -P - | tail -n 1 | tr -d ' ')
fi
# Without the hashes of cyclonedx-gomod, which are those of this machine's build of it, and without
# the file's name, which GoReleaser gives it later.
jq --arg libc "$libc" 'del(.metadata.tools[].hashes, (.metadata.properties[] | select(.name == "cdx:gomod:binary:name"))) | if $libc == "" then . else
  .components += [{"bom-ref": "pkg:generic/glibc@\($libc)", "type": "library", "name": "glibc", "version": $libc,
    "scope": "required", "purl": "pkg:generic/glibc@\($libc)", "cpe": "cpe:2.3:a:gnu:glibc:\($libc):*:*:*:*:*:*:*"}] end' "$temp/sbom.json"
