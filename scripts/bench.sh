#!/usr/bin/env bash
# Measures gbak-s3 and its alternatives in turn, in several rounds, and prints
# markdown tables of medians, with ratios within a round.
#
#   scripts/bench.sh [rounds]      default: 3
#
# GBAK_BENCH_SIZE   bytes of the image, default 2147483648
# GBAK_BENCH_NODES  of the real database, of 300 bytes each, default 1000000
# GBAK_BENCH_WHERE  some of "minio dir small texts grafeo", default all
# GBAK_BENCH_DIR    where inputs are kept for the next run, default a temporary folder
#
# minio, dir   A full backup, the first one of an archive (so the store is tried);
#              another one that refers to nothing; one after 1 % of the image's pages
#              changed, scattered, and one more, clustered; reading and checking all
#              that is stored; restores, synced, which are compared byte by byte. And
#              a log of 1,000 segments, 368 MB, as one increment.
# small        A database of 20 MB, into a directory.
# texts        A full backup of a quarter of the size of sentences, not rows, and one
#              by a build without cgo, into a directory.
# grafeo       A database that the real Grafeo has made, and its own backupFull.
#
# The others: restic and borg (Debian's packages), zstd into rclone and into the aws
# command, cp. What is not installed is left out. MinIO is the pinned binary that
# scripts/minio-test.sh builds; it listens on the loopback address alone. Run it on
# a machine that does nothing else: times are only compared within a round.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-3}
size=${GBAK_BENCH_SIZE:-2147483648}
nodes=${GBAK_BENCH_NODES:-1000000}
where=${GBAK_BENCH_WHERE:-minio dir small texts grafeo}
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

export GBAK_STATE=/dev/null # each round begins its archives anew
mkdir -p "$temp/bin" "$temp/db" "$inputs"
go build -trimpath -o "$temp/bin/" ./cmd/gbak-s3 ./scripts/benchdata
CGO_ENABLED=0 go build -trimpath -o "$temp/bin/gbak-s3-pure" ./cmd/gbak-s3
gbak=$temp/bin/gbak-s3
for change in '' scattered clustered; do
  [[ -e $inputs/image-$size-$change ]] || { say "making ${change:-the first} image"; "$temp/bin/benchdata" -out "$inputs/image-$size-$change" -size "$size" -changed "$change"; }
done
[[ -d $inputs/log.wal ]] || { say "making a log"; "$temp/bin/benchdata" -out "$inputs/log" -size 1048576 -segments 1000; }
[[ -e $inputs/small ]] || "$temp/bin/benchdata" -out "$inputs/small" -size 20000000
[[ -e $inputs/texts-$size ]] || "$temp/bin/benchdata" -out "$inputs/texts-$size" -size $((size / 4)) -texts
real=$inputs/grafeo-$nodes.grafeo
if [[ " $where " == *' grafeo '* && ! -e $real ]]; then
  [[ -d e2e/grafeo/node_modules ]] || die "the real Grafeo is not there: run scripts/grafeo-install.sh once"
  say "making a real database of $nodes nodes"
  GRAFEO_VERSION=0.6.0 node e2e/grafeo/large.js "$inputs/new.grafeo" --nodes "$nodes"
  mv "$inputs/new.grafeo" "$real"
fi
db=$temp/db/db.grafeo
# use makes an image the database, and has it in memory: else who reads it first pays.
use() {
  rm -rf "$temp/db"
  mkdir "$temp/db"
  ln "$inputs/image-$size-$1" "$db" 2>/dev/null || cp "$inputs/image-$size-$1" "$db"
  cat "$db" >/dev/null
}

export RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$temp/restic-cache BORG_BASE_DIR=$temp/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
start_minio() {
  local binary port try i
  binary=$(bash scripts/minio-install.sh)
  AWS_ACCESS_KEY_ID=bench-$RANDOM$RANDOM AWS_SECRET_ACCESS_KEY=secret-$RANDOM$RANDOM$RANDOM
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE
  for try in 1 2 3; do
    port=$((20000 + RANDOM))
    mkdir -p "$temp/minio/bench" "$temp/certs"
    MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off \
      "$binary" server "$temp/minio" --certs-dir "$temp/certs" \
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
stored() { du -sb "$1" 2>/dev/null | cut -f1 || echo 0; }

results=$temp/results.tsv
# step TOOL STEP COMMAND: measures it: wall, CPU of the client, peak memory, bytes
# that are stored more than before, and requests as far as the tool counts them. What
# its wall and CPU are compared with is in the same round that of $base, which is a
# step and a tool.
step() {
  local tool=$1 name=$2 before after asked
  shift 2
  sync
  before=$(stored "$store")
  if ! /usr/bin/time -q -f '%e %U %S %M' -o "$temp/time" bash -c "set -o pipefail; $*" >"$temp/out" 2>&1; then
    say "$tool, $name failed: $(tail -3 "$temp/out")"
    return
  fi
  after=$(stored "$store")
  asked=$(sed -n 's/.*"requests":{\([^}]*\)}.*/\1/p' "$temp/out" | tr -c '0-9\n' ' ' | awk '{ for (i = 1; i <= NF; i++) n += $i } END { if (NR) print n }')
  awk -v OFS='\t' -v p="$place" -v n="$name" -v t="$tool" -v r="$round" -v b="${base:-$name restic}" -v s=$((after - before)) -v q="${asked:--}" \
    '{ print p, n, t, r, b, $1, $2 + $3, $4 / 1024, s / 1e6, q }' "$temp/time" >>"$results"
}
failed=0
same() {
  cmp -s "$1" "${2:-$inputs/image-$size-}" || { failed=1; say "WRONG: what was restored is something else"; }
  rm -rf "$temp/restored"
}

ours() {
  local archive=$store/gbak
  [[ $place == minio ]] && archive="s3://bench/gbak?endpoint=$endpoint"
  use ''; step gbak-s3 full "$gbak backup --json --no-hold $db '$archive'"
  use scattered; step gbak-s3 scattered "$gbak backup --json --no-hold --full $db '$archive'"
  use clustered; step gbak-s3 clustered "$gbak backup --json --no-hold --full $db '$archive'"
  step gbak-s3 check "$gbak verify --json --deep '$archive'"
  step gbak-s3 restore "$gbak restore --json --backup 1 '$archive' $temp/restored/db.grafeo"
  same "$temp/restored/db.grafeo"
  base='restore gbak-s3' step gbak-s3 'restore of scattered' "$gbak restore --json --backup 2 '$archive' $temp/restored/db.grafeo"
  same "$temp/restored/db.grafeo" "$inputs/image-$size-scattered"
  use ''
  step 'gbak-s3, without cgo' full "$gbak-pure backup --json --no-hold $db '${archive/gbak/gbak-pure}'"
  base='full gbak-s3' step gbak-s3 'full again' "$gbak backup --json --no-hold --full --fresh --segment-size 47MiB $db '$archive'"
  # The image of the log first, so that the log is an increment.
  rm -rf "$temp/db"; mkdir "$temp/db"; cp "$inputs/log" "$db"
  $gbak backup --no-hold "$db" "${archive/gbak/gbak-log}" >/dev/null
  cp -r "$inputs/log.wal" "$db.wal"
  step gbak-s3 log "$gbak backup --json --no-hold $db '${archive/gbak/gbak-log}'"
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
  [[ $place == minio ]] && have zstd || return 0
  stream 'zstd|rclone' rclone 'rclone rcat b:bench/stream.zst' 'rclone cat b:bench/stream.zst'
  local aws="aws --endpoint-url $endpoint s3 cp"
  stream 'zstd|aws' aws "$aws - s3://bench/stream.zst" "$aws s3://bench/stream.zst -"
  stream 'zstd -T0|aws' aws "$aws - s3://bench/stream.zst" "$aws s3://bench/stream.zst -" -T0
}
# stream NAME PROGRAM PUT GET [FLAG]: a database compressed into an object, and back.
stream() {
  have "$2" || return 0
  rm -rf "${store:?}"/*
  use ''; step "$1" full "zstd -3 ${5-} -c $db | $3"
  [[ $# == 4 ]] || return 0
  step "$1" check "$4 | zstd -t"
  mkdir "$temp/restored"
  step "$1" restore "$4 | zstd -d >$temp/restored/db && sync -f $temp/restored"
  same "$temp/restored/db"
}
copies() {
  [[ $place == dir ]] || return 0
  use ''; step cp full "cp $db $store/copy && sync -f $store"
  mkdir "$temp/restored"
  step cp restore "cp $store/copy $temp/restored/db && sync -f $temp/restored"
  same "$temp/restored/db"
}

small() {
  [[ $place == small ]] || return 0
  rm -rf "$temp/db"; mkdir "$temp/db"; cp "$inputs/small" "$db"
  step gbak-s3 full "$gbak backup --json $db $store/gbak"
  base='full gbak-s3' step gbak-s3 'nothing new' "$gbak backup --json $db $store/gbak"
  step gbak-s3 restore "$gbak restore --json $store/gbak $temp/restored/db.grafeo"
  same "$temp/restored/db.grafeo" "$inputs/small"
  have restic || return 0
  export RESTIC_REPOSITORY=$store/restic
  restic -q init >/dev/null
  step restic full "restic -q backup $temp/db"
  step restic restore "restic -q restore latest --target $temp/restored && sync -f $temp/restored"
  rm -rf "$temp/restored" "$RESTIC_CACHE_DIR"
}
texts() {
  [[ $place == texts ]] || return 0
  rm -rf "$temp/db"; mkdir "$temp/db"; cp "$inputs/texts-$size" "$db"
  step gbak-s3 full "$gbak backup --json --no-hold $db $store/gbak"
  step 'gbak-s3, without cgo' full "$gbak-pure backup --json --no-hold $db $store/pure"
  step 'gbak-s3, without cgo, --level default' full "$gbak-pure backup --json --no-hold --level default $db $store/pure-default"
  have restic || return 0
  export RESTIC_REPOSITORY=$store/restic
  restic -q init >/dev/null
  step restic full "restic -q backup $temp/db"
  rm -rf "$RESTIC_CACHE_DIR"
}
# Opening a database may change it, so each has a copy of its own.
grafeo() {
  [[ $place == grafeo ]] || return 0
  local tool base='full Grafeo'
  for tool in Grafeo gbak-s3 pure restic; do
    rm -rf "$temp/db"; mkdir "$temp/db"; cp "$real" "$db"
    case $tool in
    Grafeo)
      step Grafeo full "GRAFEO_VERSION=0.6.0 node e2e/grafeo/large.js $db --backup $store/grafeo"
      say "Grafeo's backupFull, without opening the database: $(cat "$temp/out")"
      ;;
    gbak-s3)
      step gbak-s3 full "$gbak backup --json --no-hold $db $store/gbak"
      base='' step gbak-s3 restore "$gbak restore --json $store/gbak $temp/restored/db.grafeo"
      # Pages that the image does not use come back as zeros, so no cmp.
      $gbak inspect "$temp/restored/db.grafeo" >/dev/null || { failed=1; say "WRONG: what was restored is not whole"; }
      rm -rf "$temp/restored"
      ;;
    pure)
      step 'gbak-s3, without cgo' full "$gbak-pure backup --json --no-hold $db $store/pure"
      ;;
    restic)
      have restic || continue
      RESTIC_REPOSITORY=$store/restic restic -q init >/dev/null
      step restic full "restic -q -r $store/restic backup $temp/db"
      rm -rf "$RESTIC_CACHE_DIR"
      ;;
    esac
  done
}

for place in $where; do
  store=$temp/minio/bench
  if [[ $place == minio ]]; then start_minio; else store=$temp/dir; fi
  for ((round = 1; round <= rounds; round++)); do
    say "$place, round $round of $rounds"
    case $place in small | texts | grafeo) tools=$place ;; *) tools='ours restics borgs streams copies' ;; esac
    for tool in $tools; do
      rm -rf "${store:?}"/* && mkdir -p "$store"
      $tool
    done
  done
done

echo "Medians of $rounds rounds, $(date -I): an image of $(numfmt --to=iec "$size"), $(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)."
echo "Ratios are to restic in the same round; of a restore of a changed image, and of other full backups, to gbak-s3's first one;"
echo "of the real database, to Grafeo."
for tool in 'restic version' 'borg --version' 'rclone version' 'zstd --version' 'aws --version'; do
  have "${tool% *}" && $tool 2>&1 | sed -n 1p
done
awk -F'\t' '
function median(list,   n, v, i, j, t) {
  n = split(list, v, " ")
  if (n == 0 || v[1] == "-") return "-"
  for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
  return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
function show(format, value) { return value == "-" ? "-" : sprintf(format, value) }
{
  k = $1 FS $2 FS $3
  if (!(k in rounds)) order[++count] = k
  rounds[k] = rounds[k] " " $4
  split($5, b, / [^ ]*$/); tool = $5; sub(/.* /, "", tool)
  base[k] = $1 FS b[1] FS tool
  for (i = 6; i <= 10; i++) { values[k, i] = values[k, i] " " $i; at[k, $4, i] = $i }
}
END {
  for (c = 1; c <= count; c++) {
    k = order[c]; split(k, part, FS)
    for (i = 6; i <= 7; i++) {
      list = ""
      n = split(rounds[k], r, " ")
      for (j = 1; j <= n; j++) if (at[base[k], r[j], i] > 0) list = list " " at[k, r[j], i] / at[base[k], r[j], i]
      ratio[i] = median(list)
    }
    if (part[1] FS part[2] != last) {
      last = part[1] FS part[2]
      printf "\n%s, %s\n\n| | wall s | ratio | CPU s | ratio | peak MiB | MB stored | requests |\n|---|---|---|---|---|---|---|---|\n", part[1], part[2]
    }
    printf "| %s | %.2f | %s | %.2f | %s | %.0f | %.1f | %s |\n", part[3], median(values[k, 6]), show("%.2f", ratio[6]),
      median(values[k, 7]), show("%.2f", ratio[7]), median(values[k, 8]), median(values[k, 9]), median(values[k, 10])
  }
}' <(sort -s -t$'\t' -k1,2 "$results")
((failed == 0))
