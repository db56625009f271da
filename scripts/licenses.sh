#!/usr/bin/env bash
# Prints the licences of everything that is linked into the command, on whatever platform, as
# those who pass it on have to give them: gbak-s3 itself, Go and every module.
#
#   bash scripts/licenses.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C
die() { echo "licenses: $*" >&2; exit 1; }

# texts NAME FOLDER prints what of FOLDER is a licence or a notice.
texts() {
  local file found=''
  for file in "$2"/LICENSE* "$2"/LICENCE* "$2"/COPYING* "$2"/NOTICE*; do
    [[ -f $file ]] || continue
    found=1
    printf '=== %s: %s\n\n' "$1" "${file##*/}"
    cat "$file"
    printf '\n\n'
  done
  [[ $found ]] || die "$1 has no licence"
}

texts gbak-s3 .
# A module can be linked on one platform only. What is in C is linked with cgo only.
modules=$(for os in linux darwin windows; do
  CGO_ENABLED=1 GOOS=$os go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/gbak-s3 || exit 1
done | sort -u) || die "go list does not say what is linked"
[[ $modules ]] || die "no module is linked"

texts "Go $(go env GOVERSION)" "$(go env GOROOT)"
while read -r module version folder; do texts "$module $version" "$folder"; done <<<"$modules"
