#!/usr/bin/env bash
# Prints the version of this source: that of the newest entry in CHANGELOG.md. With --date,
# prints its date.
#
#   bash scripts/release-version.sh [--date]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

read -r version day < <(sed -nE 's/^## ([0-9]+\.[0-9]+\.[0-9]+) - ([0-9]{4}-[0-9]{2}-[0-9]{2})$/\1 \2/p' CHANGELOG.md) ||
  { echo "release-version: CHANGELOG.md has no version" >&2; exit 1; }
if [[ ${1:-} == --date ]]; then echo "$day"; else echo "$version"; fi
