#!/usr/bin/env bash
# Builds the documentation as a site, from the Markdown of this repository.
#
#   scripts/site.sh [FOLDER]        default: dist/site
#
# The site is built twice, and must be the same both times. A link or an anchor that leads
# nowhere fails the build. The pages work on any web server, below any path, and from a disk;
# they load nothing from elsewhere.
#
# Needs Node 18 or later and npm, which are installed with apt-get where they are missing and that
# is possible. After the first time it needs no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-dist/site}

need=()
command -v node >/dev/null || need+=(nodejs)
command -v npm >/dev/null || need+=(npm)
if ((${#need[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "site: missing: ${need[*]}. Install Node 18 or later with npm, then run this again." >&2
    exit 1
  fi
  echo "site: installing ${need[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi

# npm writes .package-lock.json last, so it tells a whole installation from one that was
# interrupted, and its age tells whether the lock changed since.
installed=site/node_modules/.package-lock.json
if [[ ! -f $installed || site/package-lock.json -nt $installed ]]; then
  (cd site && npm ci --no-audit --no-fund --loglevel=error)
  touch "$installed"
fi

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
for build in first second; do
  (cd site && SITE_OUTPUT=$temp/$build node node_modules/@11ty/eleventy/cmd.cjs --quiet)
done
diff -r "$temp/first" "$temp/second" || { echo "site: a second build differs" >&2; exit 1; }
if [[ -e $folder ]]; then # an older site, and nothing else
  [[ -f $folder/assets/minisearch.js ]] || { echo "site: $folder exists, and is no site" >&2; exit 1; }
  rm -r "$folder"
fi
mkdir -p "$folder"
cp -r "$temp/first/." "$folder"
echo "site: $folder/index.html"
