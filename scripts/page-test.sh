#!/usr/bin/env bash
# Looks at the status page and at reports in a real browser: Debian's Chromium, driven by
# e2e/page. The written states of internal/page/render, then the pages of a watcher over three
# databases, one of which has a hostile name, a report of their archives, and the documentation as a
# site.
#
#   scripts/page-test.sh            all of it
#   scripts/page-test.sh --install  only what it needs
#
# Needs Go. What else it needs (chromium, node, npm, curl) it installs with apt-get if it may, and
# with npm from e2e/page/package-lock.json. $CHROMIUM names another browser.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

need=()
[[ -n ${CHROMIUM:-} ]] || command -v chromium >/dev/null || need+=(chromium)
command -v node >/dev/null || need+=(nodejs)
command -v npm >/dev/null || need+=(npm)
command -v curl >/dev/null || need+=(curl)
[[ $(fc-list 2>/dev/null) == *DejaVu* ]] || need+=(fonts-dejavu-core fontconfig)
if ((${#need[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "page-test: missing: ${need[*]}. Install them, then run this again." >&2
    exit 1
  fi
  echo "page-test: installing ${need[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
fi
export CHROMIUM=${CHROMIUM:-$(command -v chromium)}

installed=e2e/page/node_modules/.package-lock.json
if [[ ! -f $installed || e2e/page/package-lock.json -nt $installed ]]; then
  (cd e2e/page && npm ci --no-audit --no-fund --loglevel=error)
  touch "$installed"
fi
[[ ${1:-} != --install ]] || exit 0

work=$(mktemp -d)
watcher=''
cleanup() {
  if [[ $watcher ]] && kill "$watcher" 2>/dev/null; then wait "$watcher" || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

mkdir "$work/states" "$work/databases"
go test ./internal/page/render -run '^TestPages$' -count=1 -args -states="$work/states"
go build -o "$work/gbak-s3" ./cmd/gbak-s3

for name in people shop '<script>alert("name")<!script>'; do
  cp examples/social.grafeo "$work/databases/$name.grafeo"
done
export GBAK_STATE=$work/state
"$work/gbak-s3" watch --root "$work/archives" --dir "$work/databases" --listen 127.0.0.1:0 --log-format json >"$work/events" 2>"$work/log" &
watcher=$!

# Until the watcher says where it answers, all is safe, and what can be restored was read.
address=''
until [[ $address ]] && curl -sf "http://$address/" >"$work/index" && grep -q 'All 3 databases are safe' "$work/index" &&
  curl -sf "http://$address/d/people" >"$work/one" && grep -q pic-all "$work/one"; do
  kill -0 "$watcher" 2>/dev/null || { echo "page-test: the watcher has ended" >&2; cat "$work/log" >&2; exit 1; }
  address=$(sed -nE 's/.*"address":"(127\.0\.0\.1:[0-9]+)".*/\1/p' "$work/log" | head -1)
  sleep 0.2
done
"$work/gbak-s3" drill "$work/archives/people" >/dev/null
"$work/gbak-s3" report -o "$work/report.html" "$work/archives"/* >/dev/null

bash scripts/site.sh "$work/site"
node e2e/page/site.js "$work/site"
node e2e/page/run.js "$work/states" "http://$address/" "file://$work/report.html"
echo "page-test: the pages are as they should be"
