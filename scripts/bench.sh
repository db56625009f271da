#!/usr/bin/env bash
# Measures gbak-s3 beside what one would use instead, in turn, in several rounds,
# and prints a markdown table of medians, with ratios to restic in the same round.
#
#   scripts/bench.sh [rounds]      default: 3
#
# GBAK_BENCH_SIZE   bytes of the image, default 2147483648
# GBAK_BENCH_WHERE  "minio" (default), "dir", or both
# GBAK_BENCH_DIR    where inputs are kept for the next run, default a temporary folder
#
# The steps: a full backup; a second one after 1 % of the image's pages changed,
# scattered, and a third one, clustered; reading and checking everything that is
# stored; restoring the first one, synced. And a log of 1,000 segments, 368 MB.
#
# The others: restic and borg (Debian's packages), zstd into rclone where that is
# there, cp. What is not installed is left out. MinIO is the pinned binary that
# scripts/minio-test.sh builds; it listens on the loopback address alone. Run it on
# a machine that does nothing else: walls are compared inside of a round only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-3}
size=${GBAK_BENCH_SIZE:-2147483648}
where=${GBAK_BENCH_WHERE:-minio}
say() { echo "bench: $*" >&2; }
die() { say "$*"; exit 1; }
[[ -x /usr/bin/time ]] || die "/usr/bin/time is missing (apt-get install time)"
have() { command -v "$1" >/dev/null; }

temp=$(mktemp -d)
inputs=${GBAK_BENCH_DIR:-$temp/inputs}
server=''
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ $server ]]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$temp"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$temp/bin" "$temp/db" "$inputs"
CGO_ENABLED=0 go build -trimpath -o "$temp/bin/" ./cmd/gbak-s3 ./scripts/benchdata
gbak=$temp/bin/gbak-s3
for change in '' scattered clustered; do
  [[ -e $inputs/image-$size-$change ]] || { say "making ${change:-the first} image"; "$temp/bin/benchdata" -out "$inputs/image-$size-$change" -size "$size" -changed "$change"; }
done
[[ -d $inputs/log.wal ]] || { say "making a log"; "$temp/bin/benchdata" -out "$inputs/log" -size 1048576 -segments 1000; }
db=$temp/db/db.grafeo
use() { rm -rf "$temp/db"; mkdir "$temp/db"; ln "$inputs/image-$size-$1" "$db" 2>/dev/null || cp "$inputs/image-$size-$1" "$db"; }

export RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$temp/restic-cache BORG_BASE_DIR=$temp/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
start_minio() {
  local version port try i
  version=$(sed -n 's/^minio_version=\([^ ]*\).*/\1/p' scripts/minio-test.sh)
  local binary=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3/minio-$version
  [[ -x $binary ]] || die "there is no $binary: run scripts/minio-test.sh once, with GBAK_MINIO_WAY=process"
  AWS_ACCESS_KEY_ID=bench-$RANDOM$RANDOM AWS_SECRET_ACCESS_KEY=secret-$RANDOM$RANDOM$RANDOM
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE
  for try in 1 2 3; do
    port=$((20000 + RANDOM))
    mkdir -p "$temp/minio/bench" "$temp/certs"
    MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off \
      MINIO_PROMETHEUS_AUTH_TYPE=public "$binary" server "$temp/minio" --certs-dir "$temp/certs" \
      --address "127.0.0.1:$port" --console-address "127.0.0.1:$((port + 1))" >"$temp/minio.log" 2>&1 &
    server=$!
    for ((i = 0; i < 100; i++)); do
      curl -fso /dev/null "http://127.0.0.1:$port/minio/health/ready" && break 2
      sleep 0.1
    done
    kill "$server" 2>/dev/null || true
  done
  ((i < 100)) || die "MinIO does not start (try $try)"
  endpoint=http://127.0.0.1:$port
  export RCLONE_CONFIG_B_TYPE=s3 RCLONE_CONFIG_B_PROVIDER=Minio RCLONE_CONFIG_B_ENDPOINT=$endpoint RCLONE_CONFIG_B_ENV_AUTH=true RCLONE_S3_NO_CHECK_BUCKET=true
}
requests() {
  [[ $place == minio ]] || { echo -; return; }
  curl -fs "$endpoint/minio/v2/metrics/cluster" | awk '/^minio_s3_requests_total/ { n += $NF } END { print n + 0 }'
}
stored() { du -sb "$1" 2>/dev/null | cut -f1 || echo 0; }

results=$temp/results.tsv
# step TOOL STEP COMMAND: measures it: wall, CPU of the client, peak memory, bytes
# that are stored more than before, requests.
step() {
  local tool=$1 name=$2 before after asked
  shift 2
  sync
  before=$(stored "$store") asked=$(requests)
  if ! /usr/bin/time -q -f '%e %U %S %M' -o "$temp/time" bash -c "set -o pipefail; $*" >"$temp/out" 2>&1; then
    say "$tool, $name failed: $(tail -3 "$temp/out")"
    return
  fi
  after=$(stored "$store")
  [[ $asked == - ]] || asked=$(($(requests) - asked))
  awk -v OFS='\t' -v p="$place" -v r="$round" -v t="$tool" -v n="$name" -v s=$((after - before)) -v q="$asked" \
    '{ print p, n, t, r, $1, $2 + $3, $4 / 1024, s / 1e6, q }' "$temp/time" >>"$results"
}
same() { cmp -s "$1" "$inputs/image-$size-" || say "what was restored is something else"; rm -rf "$temp/restored"; }

ours() {
  local archive=$store/gbak
  [[ $place == minio ]] && archive="s3://bench/gbak?endpoint=$endpoint"
  use ''; step gbak-s3 full "$gbak backup --no-hold $db '$archive'"
  use scattered; step gbak-s3 scattered "$gbak backup --no-hold --full $db '$archive'"
  use clustered; step gbak-s3 clustered "$gbak backup --no-hold --full $db '$archive'"
  step gbak-s3 check "$gbak verify --deep '$archive'"
  step gbak-s3 restore "$gbak restore --backup 1 '$archive' $temp/restored/db.grafeo"
  same "$temp/restored/db.grafeo"
  step gbak-s3 restore-of-scattered "$gbak restore --backup 2 '$archive' $temp/restored/db.grafeo"
  rm -rf "$temp/restored"
  # The image of the log first, so that the log is an increment.
  rm -rf "$temp/db"; mkdir "$temp/db"; cp "$inputs/log" "$db"
  $gbak backup --no-hold "$db" "${archive/gbak/gbak-log}" >/dev/null
  cp -r "$inputs/log.wal" "$db.wal"
  step gbak-s3 log "$gbak backup --no-hold $db '${archive/gbak/gbak-log}'"
}
restics() {
  have restic || return 0
  export RESTIC_REPOSITORY=$store/restic
  [[ $place == minio ]] && RESTIC_REPOSITORY=s3:$endpoint/bench/restic
  restic -q init >/dev/null
  use ''; step restic full "restic -q backup $temp/db"
  first=$(restic snapshots --json | sed -n 's/.*"short_id":"\([0-9a-f]*\)".*/\1/p')
  use scattered; step restic scattered "restic -q backup $temp/db"
  use clustered; step restic clustered "restic -q backup $temp/db"
  step restic check "restic -q check --read-data"
  step restic restore "restic -q restore $first --target $temp/restored && sync -f $temp/restored"
  same "$temp/restored/$db"
  rm -rf "$temp/db"; mkdir "$temp/db"; cp -r "$inputs/log.wal" "$db.wal"
  step restic log "restic -q backup $temp/db"
  rm -rf "$RESTIC_CACHE_DIR"
}
borgs() {
  [[ $place == dir ]] && have borg || return 0
  export BORG_REPO=$store/borg
  borg init -e none
  local c
  for c in '' scattered clustered; do
    use "$c"; step borg "${c:-full}" "borg create -C zstd,3 ::${c:-full} $temp/db"
  done
  step borg check "borg check --verify-data"
  mkdir "$temp/restored"
  step borg restore "cd $temp/restored && borg extract ::full && sync -f ."
  same "$temp/restored/$db"
  rm -rf "$temp/db"; mkdir "$temp/db"; cp -r "$inputs/log.wal" "$db.wal"
  step borg log "borg create -C zstd,3 ::log $temp/db"
  rm -rf "$BORG_BASE_DIR"
}
streams() {
  [[ $place == minio ]] && have rclone && have zstd || return 0
  use ''; step 'zstd|rclone' full "zstd -3 -T0 -c $db | rclone rcat b:bench/stream.zst"
  use scattered; step 'zstd|rclone' scattered "zstd -3 -T0 -c $db | rclone rcat b:bench/stream2.zst"
  step 'zstd|rclone' check "rclone cat b:bench/stream.zst | zstd -t"
  mkdir "$temp/restored"
  step 'zstd|rclone' restore "rclone cat b:bench/stream.zst | zstd -d >$temp/restored/db && sync -f $temp/restored"
  same "$temp/restored/db"
}
copies() {
  [[ $place == dir ]] || return 0
  use ''; step cp full "cp $db $store/copy && sync -f $store"
  mkdir "$temp/restored"
  step cp restore "cp $store/copy $temp/restored/db && sync -f $temp/restored"
  same "$temp/restored/db"
}

for place in $where; do
  store=$temp/minio/bench
  if [[ $place == minio ]]; then start_minio; else store=$temp/dir; fi
  for ((round = 1; round <= rounds; round++)); do
    say "$place, round $round of $rounds"
    for tool in ours restics borgs streams copies; do
      rm -rf "${store:?}"/* && mkdir -p "$store"
      $tool
    done
  done
done

echo "Median of $rounds rounds of $(numfmt --to=iec "$size"), $(nproc) cores. Ratios are to restic in the same round."
awk -F'\t' '
function median(key,   n, v, i, j, t) {
  n = split(values[key], v, " ")
  for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
  return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
{
  k = $1 FS $2 FS $3
  if (!(k in seen)) { seen[k] = 1; order[++count] = k }
  wall[k FS $4] = $5; cpu[k FS $4] = $6
  for (i = 5; i <= 9; i++) values[k FS i] = values[k FS i] " " $i
  rounds[k] = rounds[k] " " $4
}
END {
  for (c = 1; c <= count; c++) {
    k = order[c]; split(k, part, FS)
    n = split(rounds[k], r, " ")
    for (i = 1; i <= n; i++) {
      other = part[1] FS part[2] FS "restic" FS r[i]
      if (other in wall && wall[other] > 0) { values[k FS "w"] = values[k FS "w"] " " wall[k FS r[i]] / wall[other]; values[k FS "c"] = values[k FS "c"] " " cpu[k FS r[i]] / cpu[other] }
    }
    if (part[1] FS part[2] != last) { last = part[1] FS part[2]; printf "\n%s, %s\n\n| | wall s | ratio | CPU s | ratio | peak MiB | MB stored | requests |\n|---|---|---|---|---|---|---|---|\n", part[1], part[2] }
    printf "| %s | %.2f | %.2f | %.2f | %.2f | %.0f | %.1f | %s |\n", part[3], median(k FS 5), median(k FS "w"), median(k FS 6), median(k FS "c"), median(k FS 7), median(k FS 8), median(k FS 9)
  }
}' <(sort -s -t$'\t' -k1,2 "$results")
