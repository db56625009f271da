#!/usr/bin/env bash
# Builds the image gbak-s3:VERSION (deploy/image/Dockerfile) with the container engine of this
# machine, from the Linux binary that scripts/release.sh has left in DIR. Needs no registry.
#
#   bash scripts/image.sh [DIR]      default: dist
#
# $DOCKER names another command for the engine, such as podman.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
die() { echo "image: $*" >&2; exit 1; }

dist=${1:-dist}
docker=${DOCKER:-docker}
command -v "$docker" >/dev/null || die "please install docker.io or podman"
# Of a machine with another architecture than the engine's, nothing would run.
case $(uname -m) in x86_64) arch=amd64 ;; aarch64 | arm64) arch=arm64 ;; *) die "there is no binary for $(uname -m)" ;; esac
version=$(bash scripts/release-version.sh)
binary=$dist/gbak-s3_${version}_linux_$arch
[[ -e $binary ]] || die "$binary is not there: run scripts/release.sh $dist linux/$arch first"

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir -p "$context/linux/$arch" "$context/empty"
install -m 755 "$binary" "$context/linux/$arch/gbak-s3"
# The classic builder: the other one is a plugin that need not be there. Only Docker's own
# format of images has health checks, and podman has another as its default.
export DOCKER_BUILDKIT=0 BUILDAH_FORMAT=docker
"$docker" build --quiet --build-arg "TARGETPLATFORM=linux/$arch" --tag "gbak-s3:$version" --file deploy/image/Dockerfile "$context"
