#!/usr/bin/env bash
# Makes the pictures of the docs from the written states of the page: the same ones, each time.
#
#   scripts/screenshots.sh           writes docs/images/*.png
#   scripts/screenshots.sh FOLDER    writes them there
#
# Needs Go; scripts/page-test.sh --install installs the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-docs/images}

bash scripts/page-test.sh --install
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test ./internal/page/render -run '^TestPages$' -count=1 -args -states="$work" >/dev/null
mkdir -p "$folder"
node e2e/page/shoot.js "$work" "$folder"
ls -l "$folder"
