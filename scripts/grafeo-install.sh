#!/usr/bin/env bash
# Installs the real Grafeo database, both generations, for the end-to-end tests:
# `npm ci` in e2e/grafeo when what is there is not what the lock file says.
#
#   scripts/grafeo-install.sh
#
# Needs Node 20 or later (18 is known to work) and npm. Where they are missing it
# installs them with apt-get if it may, else it says what to install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../e2e/grafeo"

need=()
command -v node >/dev/null || need+=(nodejs)
command -v npm >/dev/null || need+=(npm)
if ((${#need[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "grafeo-install: missing: ${need[*]}. Install Node 20 or later with npm, then run this again." >&2
    exit 1
  fi
  echo "grafeo-install: installing ${need[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

# npm writes .package-lock.json last, so it tells a whole installation from one
# that was interrupted, and its age tells whether the lock changed since.
installed=node_modules/.package-lock.json
if [[ ! -f $installed || package-lock.json -nt $installed ]]; then
  npm ci --no-audit --no-fund --loglevel=error
  touch "$installed"
fi
for version in 0.5.42 0.6.0; do
  GRAFEO_VERSION=$version node -e 'require("./lib").binding()'
done
echo "grafeo-install: Grafeo 0.5.42 and 0.6.0 are there (node $(node --version))"
