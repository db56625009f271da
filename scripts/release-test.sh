#!/usr/bin/env bash
# Makes a release and checks it: that all files are there, are what they are called, and can be
# made again with the same bytes; that the bills of materials name what is linked; and that the
# binaries for Linux back up and restore, in the image FROM scratch and, for arm64, under qemu
# (scripts/image-test.sh).
#
#   bash scripts/release-test.sh [--all] [DIST]
#
# DIST is a folder for the release, which stays; without it, it is a temporary one.
# What is made again, in another folder: everything with what Go has cached, and the binary for
# linux/amd64, which has C in it, from nothing. With --all, everything from nothing, and by
# GoReleaser (scripts/goreleaser-test.sh).
#
# Needs root on Debian: compilers, qemu and a container engine are installed where they are
# missing. What is started here is stopped, and removed, at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { echo "release-test: $*"; }
die() { say "$*" >&2; exit 1; }

fresh=(linux/amd64)
if [[ ${1:-} == --all ]]; then
  fresh=()
  shift
fi
temp=$(mktemp -d /tmp/gbak-s3-release.XXXXXX)
# What Go caches is without the right to be written.
trap 'chmod -R u+w "$temp"; rm -rf "$temp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

dist=${1:-$temp/dist}
bash scripts/release.sh "$dist"
dist=$(cd "$dist" && pwd)
version=$(bash scripts/release-version.sh)

say "the files"
want=("gbak-s3_${version}_licenses.txt")
for arch in amd64 arm64; do
  for binary in "linux_$arch" "darwin_$arch" "windows_$arch.exe"; do want+=("gbak-s3_${version}_$binary" "gbak-s3_${version}_$binary.sbom.json"); done
  for kind in deb rpm; do want+=("gbak-s3_${version}_$arch.$kind"); done
done
diff <(printf '%s\n' SHA256SUMS "${want[@]}" | sort) <(cd "$dist" && find . -mindepth 1 -printf '%P\n' | sort) || die "these are not the files of a release"
diff <(printf '%s\n' "${want[@]}" | sort) <(awk '{print $2}' "$dist/SHA256SUMS" | sort) || die "SHA256SUMS names other files"
(cd "$dist" && sha256sum --quiet --check SHA256SUMS)

say "the binaries"
home=$(cd ~ && pwd)
for file in "$dist/gbak-s3_${version}"_{linux_amd64,linux_arm64,darwin_amd64,darwin_arm64,windows_amd64.exe,windows_arm64.exe}; do
  name=${file##*/}
  IFS=_ read -r _ _ os arch <<<"${name%.exe}"
  facts=$(go version -m "$file")
  cgo=0
  [[ $os != linux ]] || cgo=1
  for fact in "CGO_ENABLED=$cgo" "GOOS=$os" "GOARCH=$arch" -trimpath=true; do
    grep -q "build.$fact\$" <<<"$facts" || die "$name is not built with $fact"
  done
  for folder in "$PWD/" "$home/go/" "$temp"; do ! grep -qaF "$folder" "$file" || die "$name has a path of this machine in it: $folder"; done
  # Macs with Apple's processors run nothing that is not signed: Go's linker does that, for itself (ad hoc).
  if [[ $os/$arch == darwin/arm64 ]] && ! LC_ALL=C grep -qaP '\xfa\xde\x0c\xc0' <(tail -c 400000 "$file"); then die "$name is not signed"; fi
  if [[ $os == linux ]]; then
    headers=$(readelf --program-headers --wide "$file")
    [[ $headers == *LOAD* && $headers != *INTERP* ]] || die "$name is not static"
  fi
  diff <(awk '$1 == "dep" {print $2, $3}' <<<"$facts" | sort) \
    <(jq -r '.components[] | select(.purl | startswith("pkg:golang/")) | select(.name != "std") | .name + " " + .version' "$file.sbom.json" | sort) ||
    die "$name.sbom.json names other modules than are linked"
  libraries=$(jq -r '[.components[] | select(.name == "std" or .name == "glibc") | .name] | sort | join(" ")' "$file.sbom.json")
  [[ $libraries == "$([[ $os != linux ]] || echo 'glibc ')std" ]] || die "$name.sbom.json has of libraries: $libraries"
  while read -r kind module at _; do
    [[ $kind != dep ]] || grep -qF "=== $module $at: " "$dist/gbak-s3_${version}_licenses.txt" || die "the licence of $module $at is missing"
  done <<<"$facts"
done
[[ $("$dist/gbak-s3_${version}_linux_amd64" version) == "gbak-s3 $version, $(go env GOVERSION), linux/amd64, archive format 1, zstd in C" ]] || die "amd64 says something else of itself"

say "installing it as docs/start.md says"
# shellcheck disable=SC2016 # these are the marks of a block of code
install=$(sed -n '/^sha256sum --check/,/^```$/{/^```$/!p}' docs/start.md)
[[ $install == *gbak-s3_${version}_linux_amd64* ]] || die "docs/start.md installs another version"
(cd "$dist" && bash -euc "${install//\/usr\/local\/bin/$temp}" >/dev/null)
"$temp/gbak-s3" version >/dev/null

say "the same again, from another folder, as docs/releasing.md says"
mkdir -p "$temp"/{elsewhere/some/source,tmp,home}
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents --no-dereference -t "$temp/elsewhere/some/source"
# again DIR [PLATFORM...] makes it there, with another clock, home and folder for temporary files.
modules=$(go env GOMODCACHE) built=$(go env GOCACHE) tools=${XDG_CACHE_HOME:-$home/.cache}
again() {
  env HOME="$temp/home" XDG_CACHE_HOME="$tools" TMPDIR="$temp/tmp" TZ=Asia/Tokyo LC_ALL=C.UTF-8 GOMODCACHE="$modules" GOCACHE="$built" \
    bash "$temp/elsewhere/some/source/scripts/release.sh" "$@"
}
again "$temp/again"
diff -r "$dist" "$temp/again" || die "the second release is another one"
built=$temp/built again "$temp/fresh" "${fresh[@]}"
for file in "$temp"/fresh/gbak-s3_*; do cmp "$file" "$dist/${file##*/}" || die "with nothing cached, ${file##*/} is another one"; done
((${#fresh[@]})) || bash scripts/goreleaser-test.sh "$dist"

say "the image, and arm64"
bash scripts/image-test.sh "$dist"
say "passed"
