#!/usr/bin/env bash
# Builds the image gbak-s3:VERSION (deploy/image/Dockerfile) with the container engine of this
# machine, from the Linux binary that scripts/release.sh has left in DIR. Needs no registry.
#
#   bash scripts/image.sh [DIR [ARCH]]      default: dist, and this machine's
#
# For another machine, ARCH is amd64 or arm64: the image is then gbak-s3:VERSION-ARCH.
# $DOCKER names another command for the engine, such as podman.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
die() { echo "image: $*" >&2; exit 1; }

dist=${1:-dist}
docker=${DOCKER:-docker}
command -v "$docker" >/dev/null || die "please install docker.io or podman"
case $(uname -m) in x86_64) here=amd64 ;; aarch64 | arm64) here=arm64 ;; *) here=$(uname -m) ;; esac
arch=${2:-$here}
[[ $arch == amd64 || $arch == arm64 ]] || die "there is no binary for $arch"
version=$(bash scripts/release-version.sh)
tag=gbak-s3:$version
[[ $arch == "$here" ]] || tag+=-$arch
binary=$dist/gbak-s3_${version}_linux_$arch
[[ -e $binary ]] || die "$binary is not there: run scripts/release.sh $dist linux/$arch first"

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/linux/$arch" "$context/empty"
install -m 755 "$binary" "$context/linux/$arch/gbak-s3"
# The classic builder: the other one is a plugin that need not be there. Without its cache, which
# would mix up the layers of two architectures. Only Docker's own format of images has health
# checks, and podman has another as its default.
export DOCKER_BUILDKIT=0 BUILDAH_FORMAT=docker
"$docker" build --quiet --no-cache --platform "linux/$arch" --build-arg "TARGETPLATFORM=linux/$arch" --tag "$tag" --file deploy/image/Dockerfile "$context"
