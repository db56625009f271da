#!/usr/bin/env bash
# Makes the pictures of the docs from the written states of the page: the same ones, each time.
#
#   scripts/screenshots.sh           writes docs/images/*.png
#   scripts/screenshots.sh FOLDER    writes them there
#
# Needs Go; scripts/page-test.sh --install installs the rest except pngquant, which makes them small.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-docs/images}

bash scripts/page-test.sh --install
if ! command -v pngquant >/dev/null; then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "screenshots: pngquant is missing: install it, then run this again." >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends pngquant >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test ./internal/page/render -run '^TestPages$' -count=1 -args -states="$work" >/dev/null
mkdir -p "$folder"
node e2e/page/shoot.js "$work" "$folder"
pngquant --force --ext .png --strip --speed 1 --nofs 128 "$folder"/page*.png
ls -l "$folder"
