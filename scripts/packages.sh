#!/usr/bin/env bash
# Makes the .deb and the .rpm of each binary for Linux in DIST, where it also puts them.
# scripts/release.sh calls it. The same binaries give the same packages.
#
#   bash scripts/packages.sh DIST
#
# Their version is that of scripts/release-version.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C TZ=UTC
unset GOOS GOARCH CGO_ENABLED CC # what is built here runs here; GoReleaser sets them

dist=$(cd "${1:?which folder has the binaries?}" && pwd)
VERSION=$(bash scripts/release-version.sh)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date -d "$(bash scripts/release-version.sh --date)" +%s)}
export VERSION SOURCE_DATE_EPOCH
nfpm=$(bash scripts/nfpm-install.sh)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
umask 022

# What is the same for both architectures: what this host's binary says of itself, and files.
own=$temp/gbak-s3
CGO_ENABLED=0 go build -trimpath -o "$own" ./cmd/gbak-s3
root=$temp/root
man=$root/usr/share/man/man1 doc=$root/usr/share/doc/gbak-s3
mkdir -p "$root"/usr/{bin,lib/sysusers.d,lib/systemd/system} "$root"/usr/share/{bash-completion/completions,fish/vendor_completions.d} "$man" "$doc"
cp -r deploy/systemd/gbak-s3-* "$root/usr/lib/systemd/system"
cp deploy/systemd/sysusers.conf "$root/usr/lib/sysusers.d/gbak-s3.conf"
"$own" completion bash >"$root/usr/share/bash-completion/completions/gbak-s3"
"$own" completion fish >"$root/usr/share/fish/vendor_completions.d/gbak-s3.fish"
"$own" completion zsh >"$temp/gbak-s3.zsh"
go run -tags man ./cmd/gbak-s3 man "$man"
gzip -9n "$man"/*
cp docs/systemd.md docs/watch.md "$doc"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
bash scripts/licenses.sh | gzip -9n >"$doc/licenses.gz"

cp deploy/systemd/{watch.yaml,env} deploy/packages/* LICENSE "$temp"
gzip -9nc >"$temp/changelog.Debian.gz" <<END
gbak-s3 ($VERSION-1) unstable; urgency=medium

  * See changelog.gz.

 -- $(sed -n 's/^maintainer: //p' deploy/packages/nfpm.yaml)  $(date -R -d "@$SOURCE_DATE_EPOCH")
END

# The trees of a clone may have other modes.
chmod -R u=rwX,go=rX "$root"
for arch in amd64 arm64; do
  [[ -f $dist/gbak-s3_${VERSION}_linux_$arch ]] || continue
  install -m 755 "$dist/gbak-s3_${VERSION}_linux_$arch" "$root/usr/bin/gbak-s3"
  # nfpm takes the times of folders and files from the disk.
  find "$temp" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  for kind in deb rpm; do
    (cd "$temp" && ARCH=$arch "$nfpm" package --config nfpm.yaml --packager $kind --target "$dist/gbak-s3_${VERSION}_$arch.$kind") >&2
  done
done
