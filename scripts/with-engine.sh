#!/usr/bin/env bash
# Runs a command with a container engine: the one that answers `docker info`, or else a private
# dockerd that ends with the command.
#
#   bash scripts/with-engine.sh COMMAND [ARGUMENT...]
#
# The private one needs root; Debian's docker.io is installed where it is missing. It keeps all
# it has in a temporary folder and leaves the machine's network alone: there are no bridges, so
# containers run with `--network host` or `--network none`. It has no registry either: images are
# built FROM scratch. The exit code is the command's.
set -euo pipefail
say() { echo "with-engine: $*" >&2; }
die() { say "$*"; exit 1; }

(($#)) || die "which command?"
# The classic builder: the other one is a plugin that need not be there.
export DOCKER_BUILDKIT=0
if command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then exec "$@"; fi

[[ $(id -u) == 0 ]] || die "no container engine answers, and only root can start one"
# Installs Debian's package for a command that is missing: need command package
need() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || die "please install $2"
  say "installing $2"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}
need dockerd docker.io
need docker docker-cli # a package of its own since Debian 13
# Paths of sockets are short, whatever $TMPDIR says.
folder=$(mktemp -d /tmp/gbak-s3-engine.XXXXXX)
daemon=''
end() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ $daemon ]]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  # It leaves the network namespaces of its containers mounted.
  for mount in "$folder"/exec/netns/*; do umount "$mount" 2>/dev/null || true; done
  rm -rf "$folder" || true
  exit "$code"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

dockerd --data-root "$folder/root" --exec-root "$folder/exec" --host "unix://$folder/docker.sock" --pidfile "$folder/pid" \
  --iptables=false --ip6tables=false --bridge=none >"$folder/log" 2>&1 &
daemon=$!
export DOCKER_HOST=unix://$folder/docker.sock
until docker info >/dev/null 2>&1; do
  kill -0 "$daemon" 2>/dev/null || { tail -n 20 "$folder/log" >&2; die "dockerd did not start"; }
  sleep 0.2
done
"$@"
