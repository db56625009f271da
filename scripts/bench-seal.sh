#!/usr/bin/env bash
# Measures what encryption costs: each step into a plain and into an encrypted archive, one
# right after the other, in several rounds, of which every second one begins with the
# encrypted archive. Prints a markdown table of medians, and of the ratios inside of rounds.
#
#   scripts/bench-seal.sh [rounds]      default: 5
#
# GBAK_BENCH_SIZE   bytes of the image, default 2147483648
# GBAK_BENCH_WHERE  some of "minio dir", default both
# GBAK_BENCH_DIR    where inputs are kept for the next run, default a temporary folder
#
# A full backup, the first one of an archive; one after 1 % of the image's pages changed,
# scattered; an increment of one log segment; reading and checking all that is stored; a
# restore, synced, which is compared byte by byte. MinIO is the pinned binary that
# scripts/minio-test.sh builds; it listens on the loopback address alone. Run it on a
# machine that does nothing else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rounds=${1:-5}
size=${GBAK_BENCH_SIZE:-2147483648}
where=${GBAK_BENCH_WHERE:-minio dir}
say() { echo "bench-seal: $*" >&2; }
die() { say "$*"; exit 1; }
[[ -x /usr/bin/time ]] || die "/usr/bin/time is missing (apt-get install time)"

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

export GBAK_STATE=$temp/state # where a backup keeps its writer key
unset GBAK_RECIPIENTS GBAK_IDENTITY GBAK_WRITER_KEY
mkdir -p "$temp/bin" "$temp/db" "$inputs"
go build -trimpath -o "$temp/bin/" ./cmd/gbak-s3 ./scripts/benchdata
gbak=$temp/bin/gbak-s3
for change in '' scattered; do
  [[ -e $inputs/image-$size-$change ]] || { say "making ${change:-the first} image"; "$temp/bin/benchdata" -out "$inputs/image-$size-$change" -size "$size" -changed "$change"; }
done
[[ -d $inputs/one.wal ]] || { say "making a log"; "$temp/bin/benchdata" -out "$inputs/one" -size 1048576 -segments 1; }
"$gbak" keys new -o "$temp/identity" 2>/dev/null >/dev/null
recipient=$(sed -n 's/^# public key: //p' "$temp/identity")
[[ $recipient == age1* ]] || die "keys new has made no identity"
db=$temp/db/db.grafeo
# use makes an image the database, and has it in memory: else who reads it first pays.
use() {
  rm -rf "$temp/db"
  mkdir "$temp/db"
  ln "$1" "$db" 2>/dev/null || cp "$1" "$db"
  cat "$db" >/dev/null
}

start_minio() {
  local binary port try i
  binary=$(bash scripts/minio-install.sh)
  AWS_ACCESS_KEY_ID=bench-$RANDOM$RANDOM AWS_SECRET_ACCESS_KEY=secret-$RANDOM$RANDOM$RANDOM
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE
  for try in 1 2 3; do
    port=$((20000 + RANDOM % 12000))
    mkdir -p "$temp/minio/bench" "$temp/certs"
    MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off \
      "$binary" server "$temp/minio" --certs-dir "$temp/certs" \
      --address "127.0.0.1:$port" --console-address "127.0.0.1:$((port + 1))" >"$temp/minio.log" 2>&1 &
    server=$!
    for ((i = 0; i < 300; i++)); do
      curl -fso /dev/null "http://127.0.0.1:$port/minio/health/ready" && break 2
      sleep 0.1
    done
    kill "$server" 2>/dev/null || true
  done
  ((i < 300)) || die "MinIO does not start (try $try)"
  endpoint=http://127.0.0.1:$port
}

results=$temp/results.tsv
# step NAME COMMAND: measures it for $kind: wall, CPU, peak memory, bytes that are stored more
# than before, requests.
step() {
  local name=$1 before after asked
  shift
  sync
  before=$(du -sb "$store" | cut -f1)
  /usr/bin/time -q -f '%e %U %S %M' -o "$temp/time" "$@" >"$temp/out" 2>"$temp/err" || die "$kind, $name failed: $(tail -3 "$temp/err" "$temp/out")"
  after=$(du -sb "$store" | cut -f1)
  asked=$(sed -n 's/.*"requests":{\([^}]*\)}.*/\1/p' "$temp/out" | tr -c '0-9\n' ' ' | awk '{ for (i = 1; i <= NF; i++) n += $i } END { print n + 0 }')
  awk -v OFS='\t' -v p="$place" -v n="$name" -v k="$kind" -v r="$round" -v s=$((after - before)) -v q="$asked" \
    '{ print p, n, k, r, $1, $2 + $3, $4 / 1024, s / 1e6, q }' "$temp/time" >>"$results"
}
failed=0
# each STEP: makes a step into one archive and the other.
each() {
  local order='plain sealed' kind
  ((round % 2)) || order='sealed plain'
  for kind in $order; do
    archive=$store/$kind with=() identity=()
    [[ $place == minio ]] && archive="s3://bench/$kind?endpoint=$endpoint"
    [[ $kind == sealed ]] && with=(-r "$recipient") identity=(-i "$temp/identity")
    "$1"
  done
}
full() { step full "$gbak" backup --json --no-hold "${with[@]}" "$db" "$archive"; }
scattered() { step 'full, 1 % scattered' "$gbak" backup --json --no-hold --full "$db" "$archive"; }
check() { step 'verify --deep' "$gbak" verify --json --deep "${identity[@]}" "$archive"; }
restore() {
  step restore "$gbak" restore --json --backup 1 "${identity[@]}" "$archive" "$temp/restored/db.grafeo"
  cmp -s "$temp/restored/db.grafeo" "$inputs/image-$size-" || { failed=1; say "WRONG: what was restored is something else"; }
  rm -rf "$temp/restored"
}
# The image of the log first, so that the log is an increment.
first_of_log() { "$gbak" backup --no-hold "${with[@]}" "$db" "${archive/$kind/$kind-log}" >"$temp/out" 2>&1 || die "$(cat "$temp/out")"; }
increment() { step increment "$gbak" backup --json --no-hold "$db" "${archive/$kind/$kind-log}"; }

for place in $where; do
  store=$temp/minio/bench
  if [[ $place == minio ]]; then start_minio; else store=$temp/dir; fi
  for ((round = 1; round <= rounds; round++)); do
    say "$place, round $round of $rounds"
    rm -rf "${store:?}"/* "$GBAK_STATE"
    mkdir -p "$store"
    use "$inputs/image-$size-"; each full
    use "$inputs/image-$size-scattered"; each scattered
    each check
    each restore
    rm -rf "$temp/db"; mkdir "$temp/db"; cp "$inputs/one" "$db"
    each first_of_log
    cp -r "$inputs/one.wal" "$db.wal"
    each increment
  done
done

echo "Medians of $rounds rounds, $(date -I): an image of $(numfmt --to=iec "$size"), $(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)."
echo "Ratios are those of encrypted to plain in the same round, with the least and the greatest."
awk -F'\t' '
function sorted(list, v,   n, i, j, t) {
  n = split(list, v, " ")
  for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] + 0 < v[j-1] + 0; j--) { t = v[j]; v[j] = v[j-1]; v[j-1] = t }
  return n
}
function median(list,   v, n) { n = sorted(list, v); return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2 }
function spread(list,   v, n) { n = sorted(list, v); return sprintf("%.2f (%.2f to %.2f)", median(list), v[1], v[n]) }
{
  k = $1 FS $2
  if (!(k in rounds)) order[++count] = k
  if ($3 == "plain") rounds[k] = rounds[k] " " $4
  for (i = 5; i <= 9; i++) { values[k, $3, i] = values[k, $3, i] " " $i; at[k, $3, $4, i] = $i }
}
END {
  for (c = 1; c <= count; c++) {
    k = order[c]; split(k, part, FS)
    n = split(rounds[k], r, " ")
    for (i = 5; i <= 7; i++) {
      ratio[i] = ""; more[i] = ""
      for (j = 1; j <= n; j++) {
        if (at[k, "plain", r[j], i] > 0) ratio[i] = ratio[i] " " at[k, "sealed", r[j], i] / at[k, "plain", r[j], i]
        more[i] = more[i] " " at[k, "sealed", r[j], i] - at[k, "plain", r[j], i]
      }
    }
    if (part[1] != last) {
      last = part[1]
      printf "\n| %s | wall s | ratio | CPU s | ratio | peak MiB | more | MB stored | requests |\n|---|---|---|---|---|---|---|---|---|\n", last
    }
    printf "| %s | %.2f, %.2f | %s | %.2f, %.2f | %s | %.0f, %.0f | %+.1f | %.1f, %.1f | %d, %d |\n", part[2],
      median(values[k, "plain", 5]), median(values[k, "sealed", 5]), ratio[5] == "" ? "-" : spread(ratio[5]),
      median(values[k, "plain", 6]), median(values[k, "sealed", 6]), ratio[6] == "" ? "-" : spread(ratio[6]),
      median(values[k, "plain", 7]), median(values[k, "sealed", 7]), median(more[7]),
      median(values[k, "plain", 8]), median(values[k, "sealed", 8]),
      median(values[k, "plain", 9]), median(values[k, "sealed", 9])
  }
}' "$results"
((failed == 0))
