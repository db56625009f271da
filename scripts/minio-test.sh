#!/usr/bin/env bash
# Runs the tests against a real MinIO and the real Grafeo database.
#
#   scripts/minio-test.sh [go test arguments]      default: -count=1 -parallel 4 -timeout 60m ./...
#
# What it prints are the packages that are done, how far the others are, and whatever
# fails or is skipped; with -v, -json or -bench among the arguments, all that go test prints.
#
# Where MinIO comes from, the first that applies; the script says which it used:
#
#   1. $GBAK_TEST_S3_ENDPOINT, with the credentials of the environment: a server
#      that runs already. Tests make and remove buckets of their own there.
#   2. A container, where a container engine answers `docker info` (Linux only):
#      from the image $GBAK_MINIO_IMAGE if that is set, else from an image built
#      FROM scratch around the pinned binary. No registry is needed for that.
#      No engine is started, since that is not a test's to decide:
#      `bash scripts/with-engine.sh bash scripts/minio-test.sh` does.
#   3. The pinned binary as a process. It is built once through the Go module
#      proxy (some minutes) and kept in ${XDG_CACHE_HOME:-~/.cache}/gbak-s3.
#
# GBAK_MINIO_WAY=container or =process insists on way 2 or 3.
#
# The server listens on a free port of the loopback address, with random
# credentials and its data in a temporary folder. Whatever was started here is
# stopped and removed at the end, however the end comes, except for the cached
# binary and the image built from it. The exit code is that of `go test`.
#
# Needs Go; node, npm and a C compiler (for cgo, and -race) are installed with apt-get
# where they are missing and that is possible, and so are age, jq, zstd, openssl and python3, for opening archives without gbak-s3.
# Prometheus is Debian's, unpacked. MinIO is AGPL: it is run here, and never part of gbak-s3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

way=${GBAK_MINIO_WAY:-}
say() { echo "minio-test: $*"; }
die() { say "$*" >&2; exit 1; }
case $way in '' | container | process) ;; *) die "GBAK_MINIO_WAY=$way: use container or process" ;; esac

temp=$(mktemp -d)
server='' # pid of MinIO, way 3
container='' # id of its container, way 2
# Processes and containers are stopped by the id they got here, so that nothing
# else can be hit.
stop() {
  [[ $1 ]] || return 0
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ $container ]]; then docker rm --force --volumes "$container" >/dev/null 2>&1 || true; fi
  stop "$server"
  rm -rf "$temp" || true
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Installs Debian packages for commands that are missing: need command package...
need() {
  command -v "$1" >/dev/null && return
  shift
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "please install: $*"; fi
  say "installing $*"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

command -v go >/dev/null || die "Go is missing: see https://go.dev/dl"
need cc gcc libc6-dev
need mandoc mandoc
need tmux tmux

random_port() { echo $((20000 + (RANDOM * 32768 + RANDOM) % 40000)); }
random_hex() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# True when MinIO at 127.0.0.1:$1 says that it is ready for requests.
ready() {
  local line=''
  {
    printf 'GET /minio/health/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    read -r -t 5 line <&3
  } 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || true
  [[ $line == *' 200 '* ]]
} 2>/dev/null

# Static on purpose: there is no C library FROM scratch.
build_image() {
  local image binary
  binary=$(bash scripts/minio-install.sh)
  image=gbak-s3-minio-test:${binary##*/minio-}
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    mkdir "$temp/image"
    ln "$binary" "$temp/image/minio" 2>/dev/null || cp "$binary" "$temp/image/minio"
    printf 'FROM scratch\nCOPY minio /minio\nVOLUME /data\nENTRYPOINT ["/minio"]\n' >"$temp/image/Dockerfile"
    # The classic builder: the other one is a plugin that need not be there.
    DOCKER_BUILDKIT=0 docker build --quiet --tag "$image" "$temp/image" >/dev/null 2>"$temp/build.log" ||
      { cat "$temp/build.log" >&2; return 1; }
  fi
  echo "$image"
}

have_engine() {
  [[ $way != process && $(uname -s) == Linux ]] || return 1
  command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1
}

# Starts MinIO on a free port of the loopback address and sets $port. Host network
# for the container, since a private dockerd has no other; the console's address
# too, or it would listen on every interface.
start_minio() {
  local how=$1 what=$2 i try
  export MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off
  for try in 1 2 3 4 5; do
    port=$(random_port)
    local listen=(--address "127.0.0.1:$port" --console-address "127.0.0.1:$((port + 1))")
    if [[ $how == container ]]; then
      container=$(docker run --detach --network host --env MINIO_ROOT_USER --env MINIO_ROOT_PASSWORD \
        --env MINIO_BROWSER --env MINIO_UPDATE "$what" server /data "${listen[@]}") || return 1
    else
      mkdir -p "$temp/data" "$temp/certs"
      "$what" server "$temp/data" --certs-dir "$temp/certs" "${listen[@]}" >"$temp/minio.log" 2>&1 &
      server=$!
    fi
    for ((i = 0; i < 300; i++)); do
      ready "$port" && return
      if [[ $how == container ]]; then
        [[ $(docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null) == true ]] || break
      else
        kill -0 "$server" 2>/dev/null || break
      fi
      sleep 0.1
    done
    # Most likely somebody took the port in between.
    say "MinIO did not come up on port $port (try $try):"
    if [[ $how == container ]]; then
      docker logs --tail 5 "$container" || true
      docker rm --force --volumes "$container" >/dev/null 2>&1 || true
      container=''
    else
      tail -5 "$temp/minio.log" || true
      stop "$server"
      server=''
    fi
  done
  return 1
}

if [[ ${GBAK_TEST_S3_ENDPOINT:-} && ! $way ]]; then
  [[ ${AWS_ACCESS_KEY_ID:-} && ${AWS_SECRET_ACCESS_KEY:-} ]] ||
    die "GBAK_TEST_S3_ENDPOINT is set: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, too"
  say "using the given endpoint $GBAK_TEST_S3_ENDPOINT"
else
  AWS_ACCESS_KEY_ID=test-$(random_hex)
  AWS_SECRET_ACCESS_KEY=$(random_hex)
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  # These would win over the credentials above, or send tests elsewhere.
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CA_BUNDLE
  port=''
  if have_engine; then
    image=${GBAK_MINIO_IMAGE:-}
    [[ $image ]] || image=$(build_image)
    start_minio container "$image" || die "MinIO does not start in a container of $image"
    say "using a container of $image on 127.0.0.1:$port ($(docker version --format '{{.Server.Version}}'))"
  elif [[ $way == container ]]; then
    die "GBAK_MINIO_WAY=container, and no container engine answers"
  else
    binary=$(bash scripts/minio-install.sh)
    start_minio process "$binary" || die "MinIO does not start"
    say "using the MinIO ${binary##*/minio-} binary as a process on 127.0.0.1:$port"
  fi
  export GBAK_TEST_S3_ENDPOINT=http://127.0.0.1:$port
fi
export AWS_REGION=${AWS_REGION:-us-east-1} AWS_EC2_METADATA_DISABLED=true
# Here everything is there, so a test that finds something missing must fail.
export GBAK_NO_SKIP=1

bash scripts/grafeo-install.sh
GBAK_PROMETHEUS=$(bash scripts/prometheus-install.sh)
GBAK_AGE=$(bash scripts/age-install.sh)
export GBAK_PROMETHEUS GBAK_AGE

if (($# == 0)); then
  set -- -count=1 -parallel 4 -timeout 60m ./... # many tests of e2e wait for something
  say "all tests take about 7 minutes on two cores"
fi
say "go test $*"
for argument in "$@"; do
  case $argument in -v | -json | -bench* | -fuzz* | -list*) go test "$@"; exit ;; esac
done
go build -o "$temp/testsum" ./scripts/testsum
go test -json "$@" 2>&1 | "$temp/testsum" # with pipefail, the exit code is that of go test
