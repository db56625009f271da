#!/usr/bin/env bash
# Prints a tar of a small Debian with systemd, for tests that need a host of their own: made
# once by mmdebstrap, and kept in the cache. Root only, like the scripts that use it.
#
#   bash scripts/debian-root.sh
set -euo pipefail
die() { echo "debian-root: $*" >&2; exit 1; }

# What Debian's installer always has, as far as it matters here, and node for an application.
packages=systemd,systemd-sysv,dbus,man-db,bash-completion,nodejs
suite=bookworm
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
tar=$cache/debian-$suite-1.tar # counted up when the list of packages changes
if [[ ! -f $tar ]]; then
  [[ $(id -u) == 0 ]] || die "only root can make it"
  if ! command -v mmdebstrap >/dev/null; then
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
  fi
  echo "debian-root: making a Debian $suite, once" >&2
  mkdir -p "$cache"
  temp=$(mktemp -d "$cache/debian.XXXXXX")
  trap 'rm -rf "$temp"' EXIT
  mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$temp/root.tar" >&2
  # Moved there whole, so that runs at the same time cannot see half of it.
  mv "$temp/root.tar" "$tar"
fi
echo "$tar"
