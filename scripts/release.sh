#!/usr/bin/env bash
# Builds what a release consists of: the command for six platforms, a bill of materials for
# each (CycloneDX), packages for Debian and Fedora, the licences of what is linked, and the
# checksums of it all.
#
#   bash scripts/release.sh [DIR [OS/ARCH...]]      default: dist, with everything
#
# With platforms, only their binaries are built, and no packages: for an image, or to try.
#
# The version is that of the newest entry in CHANGELOG.md (scripts/release-version.sh). The
# same source, Go and C compiler give the same bytes in whatever folder, so that anybody can
# check a release by making it again; scripts/release-test.sh does. docs/releasing.md says how
# a release is made.
#
# For Linux the C library is linked statically, with zstd in C: one file that runs on every
# distribution, and in an image FROM scratch. The others have no C in them, since there is no
# compiler for them here. .goreleaser.yaml says the same.
#
# The C compilers for Linux are installed with apt-get where they are missing and that is
# possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C TZ=UTC
umask 022

say() { echo "release: $*" >&2; }
die() { say "$*"; exit 1; }

# Installs Debian packages for a command that is missing: need command package...
need() {
  command -v "$1" >/dev/null && return
  shift
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "please install: $*"; fi
  say "installing $*"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v go >/dev/null || die "Go is missing: see https://go.dev/dl"
version=$(bash scripts/release-version.sh)
SOURCE_DATE_EPOCH=$(date -d "$(bash scripts/release-version.sh --date)" +%s)
export SOURCE_DATE_EPOCH

# What of the environment would change the bytes counts for nothing. Where modules come from, and
# where Go keeps what it has, may be set.
for name in GOPROXY GONOPROXY GOSUMDB GONOSUMDB GOMODCACHE GOCACHE; do export "$name=$(go env "$name")"; done
unset GOFLAGS GOEXPERIMENT GOAMD64 GOARM64 GODEBUG GOFIPS140 CGO_CFLAGS CGO_CPPFLAGS CGO_CXXFLAGS CGO_LDFLAGS
export GOENV=off GOWORK=off

dist=${1:-dist}
shift || true
mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
rm -f "$dist"/gbak-s3_* "$dist/SHA256SUMS"
platforms=("$@")
(($#)) || platforms=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64)

build() {
  local os=$1 arch=$2 cgo=0 cc='' file=gbak-s3_${version}_$1_$2
  # The build ids of Go have the paths of tools in them.
  local ldflags="-s -w -buildid= -X main.stamped=$version" tags=()
  case $os/$arch in
    linux/amd64) cc=x86_64-linux-gnu-gcc ;;
    linux/arm64) cc=aarch64-linux-gnu-gcc ;;
    windows/*) file+=.exe ;;
  esac
  if [[ $cc ]]; then
    cgo=1
    local triplet=${cc%-gcc}
    if [[ $arch == "$(dpkg --print-architecture 2>/dev/null)" ]]; then
      need "$cc" gcc libc6-dev # that of this machine has the long name, too
    else
      need "$cc" "gcc-${triplet/_/-}" "libc6-dev-$arch-cross"
    fi
    tags=(-tags 'netgo,osusergo') # what of the C library cannot be linked statically
    ldflags+=" -linkmode external -extldflags -static"
  fi
  say "building $file"
  CGO_ENABLED=$cgo CC=$cc GOOS=$os GOARCH=$arch \
    go build -trimpath -buildvcs=false "${tags[@]}" -ldflags "$ldflags" -o "$dist/$file" ./cmd/gbak-s3
  bash scripts/sbom.sh "$dist/$file" "$version" >"$dist/$file.sbom.json"
}

for platform in "${platforms[@]}"; do
  [[ $platform == */* ]] || die "$platform is not of the form linux/amd64"
  build "${platform%/*}" "${platform#*/}"
done
bash scripts/licenses.sh >"$dist/gbak-s3_${version}_licenses.txt"
(($#)) || bash scripts/packages.sh "$dist"

(cd "$dist" && sha256sum gbak-s3_* >SHA256SUMS)
say "version $version is in $dist"
