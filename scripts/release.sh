#!/usr/bin/env bash
# Builds what a release consists of into dist/: the command for six platforms, each with
# its bill of materials, packages for Debian and Fedora, and the checksums of it all.
#
#   bash scripts/release.sh [DIR]      default: dist
#
# Version and date are those of the newest entry in CHANGELOG.md. The same source, Go and
# C compiler give the same bytes, in whatever folder, so that anybody can check a release
# by making it again: scripts/release-test.sh does.
#
# For Linux the C library is linked statically: one file that runs on every distribution
# and in an image FROM scratch, with zstd in C. The others have no C in them, since there is
# no compiler for them here.
#
# The C compilers for Linux are installed with apt-get where they are missing and that is
# possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C TZ=UTC

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

read -r version date < <(sed -nE 's/^## ([0-9]+\.[0-9]+\.[0-9]+) - ([0-9-]+)$/\1 \2/p' CHANGELOG.md) || die "CHANGELOG.md has no version"
SOURCE_DATE_EPOCH=$(date -d "$date" +%s)
export SOURCE_DATE_EPOCH

# What of the environment would change the bytes.
unset GOFLAGS GOEXPERIMENT GOAMD64 GOARM64 CGO_CFLAGS CGO_CPPFLAGS CGO_CXXFLAGS CGO_LDFLAGS CFLAGS LDFLAGS
export GOENV=off GOWORK=off

dist=${1:-dist}
mkdir -p "$dist"
dist=$(cd "$dist" && pwd)
rm -f "$dist"/gbak-s3_* "$dist"/SHA256SUMS

# build OS ARCH [C compiler]: with a C compiler for it, what is in C, too.
build() {
  local os=$1 arch=$2 cc=${3:-} file=gbak-s3_${version}_$1_$2 ldflags
  [[ $os != windows ]] || file+=.exe
  # The build id has the paths of tools in it.
  ldflags="-s -w -buildid= -X main.stamped=$version"
  [[ ! $cc ]] || ldflags+=" -linkmode external -extldflags -static"
  say "building $file"
  CGO_ENABLED=$([[ $cc ]] && echo 1 || echo 0) CC=$cc GOOS=$os GOARCH=$arch \
    go build -trimpath -buildvcs=false -tags netgo,osusergo -ldflags "$ldflags" -o "$dist/$file" ./cmd/gbak-s3
}

need x86_64-linux-gnu-gcc gcc-x86-64-linux-gnu libc6-dev-amd64-cross
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
build linux amd64 x86_64-linux-gnu-gcc
build linux arm64 aarch64-linux-gnu-gcc
for arch in amd64 arm64; do
  build darwin "$arch"
  build windows "$arch"
done

if [[ -e scripts/packages.sh ]]; then
  VERSION=$version bash scripts/packages.sh "$dist"
fi

(cd "$dist" && sha256sum gbak-s3_* >SHA256SUMS)
say "version $version is in $dist"
