#!/usr/bin/env bash
# Measures whether a database notices that it is watched: the time that commits take beside
# gbak-s3 watch --lag 1s and without it, in turn, with the ratio inside of each round.
#
#   scripts/bench-watch.sh [rounds]      default: 5
#
# GBAK_BENCH_COMMITS  commits a run, default 4000
# GBAK_BENCH_PACE     milliseconds between two, default 5
# GBAK_BENCH_ARCHIVE  the address below which the archives go, such as one of a MinIO that
#                     runs already; default a temporary folder
#
# It needs node, and the real Grafeo of scripts/grafeo-install.sh. Run it on a machine that
# does nothing else: the slowest hundredth of the commits is what the disk and the scheduler
# make of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-5}
commits=${GBAK_BENCH_COMMITS:-4000}
pace=${GBAK_BENCH_PACE:-5}

temp=$(mktemp -d)
archive=${GBAK_BENCH_ARCHIVE:-$temp/archives}
watch=''
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ $watch ]]; then kill "$watch" 2>/dev/null || true; wait "$watch" 2>/dev/null || true; fi
  rm -rf "$temp"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

export GBAK_STATE=/dev/null
bash scripts/grafeo-install.sh >&2
go build -trimpath -o "$temp/gbak-s3" ./cmd/gbak-s3

# measure VERSION NAME watched|alone prints the line of latency.js.
measure() {
  local db=$temp/$2/people.grafeo
  mkdir -p "$temp/$2"
  GRAFEO_VERSION=$1 node e2e/grafeo/latency.js "$db" 100 1 >/dev/null # makes the database
  if [[ $3 == watched ]]; then
    mkfifo "$temp/$2/ready"
    "$temp/gbak-s3" watch "$db" "$archive/$2" --lag 1s --ready-fd 3 3>"$temp/$2/ready" 2>"$temp/$2/log" >&2 &
    watch=$!
    read -r _ <"$temp/$2/ready"
  fi
  GRAFEO_VERSION=$1 node e2e/grafeo/latency.js "$db" "$commits" "$pace"
  if [[ $watch ]]; then
    kill "$watch"
    wait "$watch" || { echo "bench: the watcher failed" >&2; cat "$temp/$2/log" >&2; exit 1; }
    watch=''
    [[ $("$temp/gbak-s3" list "$archive/$2" --json | wc -l) -gt 2 ]] || { echo "bench: nothing was backed up meanwhile" >&2; exit 1; }
  fi
}
field() { sed -E "s/.*\"$1\":([0-9]+).*/\1/" <<<"$2"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

echo "| Grafeo | round | p50 alone | watched | p99 alone | watched | p99, ratio |"
echo "| --- | --- | --- | --- | --- | --- | --- |"
for version in 0.5.42 0.6.0; do
  ratios=()
  for ((n = 1; n <= rounds; n++)); do
    order=(alone watched)
    ((n % 2)) || order=(watched alone)
    for how in "${order[@]}"; do
      line=$(measure "$version" "$version-$n-$how" "$how")
      if [[ $how == alone ]]; then alone=$line; else watched=$line; fi
    done
    r=$(ratio "$(field p99_us "$watched")" "$(field p99_us "$alone")")
    ratios+=("$r")
    echo "| $version | $n | $(field p50_us "$alone") µs | $(field p50_us "$watched") µs | $(field p99_us "$alone") µs | $(field p99_us "$watched") µs | $r |"
  done
  echo "| $version | median | | | | | $(printf '%s\n' "${ratios[@]}" | sort -n | sed -n "$((rounds / 2 + 1))p") |"
done
