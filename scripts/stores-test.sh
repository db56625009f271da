#!/usr/bin/env bash
# Tests S3 servers: what gbak-s3 doctor says about each, whether it passes the conformance
# suite, which of the guarantees that an archive needs it keeps, and whether databases of the
# real Grafeo can be backed up to it, restored and expired, or are refused. docs/stores.md has
# the results; the script fails if they differ from what it sees now.
#
#   scripts/stores-test.sh                    all servers: about half an hour the first time
#   scripts/stores-test.sh --quick            those that start within seconds and build fast
#   scripts/stores-test.sh minio rclone       these
#   scripts/stores-test.sh --update [NAME...] writes what it sees into docs/stores.md
#
# scripts/stores/NAME.sh says where a server comes from and how it is started: from the Go
# module proxy, npm or Debian, pinned, and kept in ${XDG_CACHE_HOME:-~/.cache}/gbak-s3/stores.
# Each listens on the loopback address alone, with its data in a temporary folder, and is
# stopped at the end, however the end comes.
#
# Needs Go, and what scripts/minio-test.sh needs; some servers need root on Debian.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { echo "stores-test: $*"; }
die() { say "$*" >&2; exit 1; }

quick='' update='' names=()
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    --update) update=1 ;;
    -*) die "unknown option $argument" ;;
    *)
      [[ -f scripts/stores/$argument.sh ]] || die "there is no scripts/stores/$argument.sh"
      names+=("$argument")
      ;;
  esac
done
if ((${#names[@]} == 0)); then
  for file in scripts/stores/*.sh; do
    if [[ ! $quick ]] || grep -q '^quick=1$' "$file"; then names+=("$(basename "$file" .sh)"); fi
  done
fi

stores_cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3/stores
mkdir -p "$stores_cache"
temp=$(mktemp -d)
group='' second_group='' # of the server that runs, with all its processes, and of a second one
policy=''                # a file that keeps Debian from starting services, if it is ours
stop() {
  if [[ $policy ]]; then rm -f "$policy"; fi
  policy=''
  stop_group "$second_group"
  stop_group "$group"
  group='' second_group=''
}
stop_group() {
  local group=$1
  [[ $group ]] || return 0
  kill -TERM -- "-$group" 2>/dev/null || true
  local i
  for ((i = 0; i < 100; i++)); do
    kill -0 -- "-$group" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$group" 2>/dev/null || true
  wait "$group" 2>/dev/null || true
}
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  stop
  rm -rf "$temp" || true
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What follows is for scripts/stores/*.sh.

# go_install PACKAGE VERSION: builds a command through the Go module proxy unless it was built
# before, and prints its path.
go_install() {
  local binary
  binary=$stores_cache/$(basename "$1")-$2
  if [[ ! -x $binary ]]; then
    say "building $1 $2, once" >&2
    mkdir -p "$temp/bin"
    (cd "$temp" && CGO_ENABLED=0 GOFLAGS='' GOBIN=$temp/bin go install -trimpath -ldflags '-s -w' "$1@$2") >&2 || return 1
    mv "$temp/bin/$(basename "$1")" "$binary.$$" # whole, so that others cannot see half of it
    mv "$binary.$$" "$binary"
  fi
  echo "$binary"
}

# go_build MODULE VERSION FOLDER: go_install for a module that can only be built in its own
# folder, since it replaces modules that it needs.
go_build() {
  local binary folder
  binary=$stores_cache/$(basename "$3")-$2
  if [[ ! -x $binary ]]; then
    say "building $1 $2, once" >&2
    folder=$(go mod download -json "$1@$2" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || return 1
    (cd "$folder" && CGO_ENABLED=0 GOFLAGS='' go build -trimpath -ldflags '-s -w' -o "$binary.$$" "./$3") >&2 || return 1
    mv "$binary.$$" "$binary"
  fi
  echo "$binary"
}

# npm_install PACKAGE VERSION: installs a package unless it was installed before, and prints
# the folder that has it.
npm_install() {
  local folder
  folder=$stores_cache/npm-${1//\//-}-$2
  if [[ ! -d $folder ]]; then
    say "installing $1 $2 from npm, once" >&2
    rm -rf "$temp/npm"
    mkdir -p "$temp/npm"
    (cd "$temp/npm" && echo '{}' >package.json && npm install --no-audit --no-fund --loglevel=error "$1@$2") >&2 || return 1
    mv "$temp/npm" "$folder"
  fi
  echo "$folder/node_modules/$1"
}

# debian_install COMMAND PACKAGE...: installs Debian packages unless the command is there. Their
# services are not started: a policy says no.
debian_install() {
  command -v "$1" >/dev/null && return
  shift
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "please install: $*"; fi
  say "installing $*"
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null || return 1 # and stop removes the policy
  if [[ $policy ]]; then rm -f "$policy"; fi
  policy=''
}

# is_up PORT: the server answers HTTP. A server that answers before it works has an is_up of its own.
is_up() {
  local line=''
  {
    printf 'GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    read -r -t 5 line <&3
  } 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || true
  [[ $line == HTTP/* ]]
} 2>/dev/null

# free_port: one that nobody listens on, nor on the few after it.
free_port() {
  local port i
  while true; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 20000))
    for ((i = 0; i < 5; i++)); do
      if (: 3<>"/dev/tcp/127.0.0.1/$((port + i))") 2>/dev/null; then continue 2; fi
    done
    echo "$port"
    return
  done
}
random_hex() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# start NAME: starts a server in a process group of its own.
start() {
  local try i
  for try in 1 2 3; do
    port=$(free_port)
    data=$temp/$1-$try
    mkdir "$data"
    set -m
    (serve) >"$temp/$1.log" 2>&1 </dev/null &
    group=$!
    set +m
    for ((i = 0; i < 600; i++)); do
      if is_up "$port" && kill -0 "$group" 2>/dev/null; then
        if declare -F serve_second >/dev/null; then start_second "$1" || break; fi
        return
      fi
      kill -0 "$group" 2>/dev/null || break
      sleep 0.2
    done
    say "$title did not come up on port $port (try $try):"
    tail -20 "$temp/$1.log"
    stop
  done
  return 1
}

# start_second NAME: starts another process in front of the same data.
start_second() {
  local try i
  for try in 1 2 3; do
    second=$(free_port)
    set -m
    (serve_second) >"$temp/$1-second.log" 2>&1 </dev/null &
    second_group=$!
    set +m
    for ((i = 0; i < 300; i++)); do
      # Another server of the same kind may have the port: only one that lives is ours.
      if is_up "$second" && kill -0 "$second_group" 2>/dev/null; then return; fi
      kill -0 "$second_group" 2>/dev/null || break
      sleep 0.2
    done
    say "the second process of $title did not come up (try $try):"
    tail -20 "$temp/$1-second.log"
    stop_group "$second_group"
  done
  return 1
}

# examine NAME: in a shell of its own, since each file defines the same names.
examine() (
  trap stop EXIT
  name=$1 options='' sometimes='' version='' title='' source='' second=''
  AWS_ACCESS_KEY_ID=test$(random_hex | head -c 12) AWS_SECRET_ACCESS_KEY=$(random_hex)
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE
  # shellcheck source=/dev/null
  source "scripts/stores/$name.sh"
  say "$title ($source)"
  install || die "$title cannot be installed"
  start "$name" || die "$title does not start"
  [[ $version ]] || die "scripts/stores/$name.sh does not say which version it is"
  export GBAK_TEST_S3_ENDPOINT=http://127.0.0.1:$port GBAK_STORE=$name
  export GBAK_STORE_FACTS=$title$'\n'$version$'\n'$source$'\n'$options$'\n'$sometimes
  [[ ! $second ]] || export GBAK_STORE_SECOND=http://127.0.0.1:$second
  code=0
  (cd e2e && "$temp/e2e.test" -test.run '^TestStore$' -test.v -test.timeout 30m) >"$temp/out" 2>&1 || code=$?
  mkdir -p "$stores_cache/logs"
  cp "$temp/out" "$stores_cache/logs/$name.log"
  cp "$temp/$name.log" "$stores_cache/logs/$name-server.log" 2>/dev/null || true
  grep -q -- '^--- PASS: TestStore ' "$temp/out" && ! grep -q -- '--- SKIP' "$temp/out" || code=1
  if ((code)); then
    cat "$temp/out"
    say "$title is not as docs/stores.md says; the server's last words:"
    tail -20 "$temp/$name.log"
    exit 1
  fi
  say "$title is as docs/stores.md says"
)

export GBAK_NO_SKIP=1 # here everything is there
[[ ! $update ]] || export GBAK_STORES_UPDATE=1
command -v go >/dev/null || die "Go is missing: see https://go.dev/dl"
bash scripts/grafeo-install.sh
go test -c -o "$temp/e2e.test" ./e2e
passed=0 failed=()
for name in "${names[@]}"; do
  if examine "$name"; then passed=$((passed + 1)); else failed+=("$name"); fi
done
(cd e2e && "$temp/e2e.test" -test.run '^(TestStoresPage|TestStoreSuite)$') >"$temp/out" 2>&1 || { cat "$temp/out"; failed+=(docs/stores.md); }
say "${#names[@]} servers: $passed are as docs/stores.md says"
((${#failed[@]} == 0)) || die "not: ${failed[*]}"
