#!/usr/bin/env bash
# Makes a release by GoReleaser, without publishing it, and compares it with that of
# scripts/release.sh, byte for byte.
#
#   bash scripts/goreleaser-test.sh DIST      what scripts/release.sh has made of this commit
#
# GoReleaser is built once through the Go module proxy, which takes ten minutes, so this is not
# part of .ci/run: scripts/release-test.sh --all runs it. It is kept in
# ${XDG_CACHE_HOME:-~/.cache}/gbak-s3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { echo "goreleaser-test: $*"; }
die() { say "$*" >&2; exit 1; }

goreleaser_version=v2.15.0 # later ones need a newer Go, or a module that the proxy does not have
dist=$(cd "${1:?which folder has the release?}" && pwd)
[[ -z $(git status --porcelain --untracked-files=no) ]] || die "GoReleaser makes releases of commits only: commit first"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
goreleaser=$cache/goreleaser-$goreleaser_version
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
if [[ ! -x $goreleaser ]]; then
  say "building GoReleaser $goreleaser_version, once"
  mkdir -p "$cache"
  (cd "$temp" && CGO_ENABLED=0 GOFLAGS='' GOBIN=$temp/bin go install -trimpath "github.com/goreleaser/goreleaser/v2@$goreleaser_version")
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv "$temp/bin/goreleaser" "$goreleaser.$$"
  mv "$goreleaser.$$" "$goreleaser"
fi

# A release is that of a tag, which this commit has in a clone of its own.
git clone --quiet . "$temp/source"
cd "$temp/source"
git tag --force "v$(bash scripts/release-version.sh)" >/dev/null
export IMAGE=gbak-s3
"$goreleaser" check
"$goreleaser" release --skip publish,docker
# Binaries have their names in the list of what is published only.
mkdir "$temp/made"
while IFS=$'\t' read -r path name; do cp "$path" "$temp/made/$name"; done < <(
  jq -r '.[] | select(.name | startswith("gbak-s3_")) | .path + "\t" + .name' dist/artifacts.json
)
find packages -name 'gbak-s3_*' ! -name '*_linux_*' -exec cp -t "$temp/made" {} +
for file in "$dist"/gbak-s3_*; do cmp "$file" "$temp/made/${file##*/}" || die "GoReleaser makes another ${file##*/}"; done
diff <(sort "$dist/SHA256SUMS") <(sort dist/SHA256SUMS) || die "GoReleaser publishes other files"
say "passed"
