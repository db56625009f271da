#!/usr/bin/env bash
# Prints a folder with prometheus and promtool, for tests: those that are installed, or else
# those of Debian's package, which is unpacked into the cache. It is not installed, so no service
# is started.
#
#   bash scripts/prometheus-install.sh
set -euo pipefail
say() { echo "prometheus-install: $*" >&2; }
die() { say "$*"; exit 1; }

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v prometheus)"
  exit
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
if [[ ! -x $cache/prometheus/promtool ]]; then
  if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then die "please install prometheus"; fi
  say "fetching Debian's package, once"
  mkdir -p "$cache"
  temp=$(mktemp -d "$cache/prometheus.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  # The lists of packages may be missing or old; only root can fetch them.
  (cd "$temp" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; }) >&2 ||
    die "please install prometheus: apt-get could not fetch it"
  dpkg-deb -x "$temp"/prometheus_*.deb "$temp/unpacked"
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv -T "$temp/unpacked/usr/bin" "$cache/prometheus" 2>/dev/null || [[ -x $cache/prometheus/promtool ]] || die "$cache/prometheus could not be made"
fi
echo "$cache/prometheus"
