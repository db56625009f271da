#!/usr/bin/env bash
# Tests what deploy/ has for containers: that Kubernetes accepts the manifests, that the containers
# of a pod do their work in their order, and that docs/compose.md works as written, from nothing
# to a restore. It runs the parts of docs/kubernetes.md that need no cluster.
#
#   bash scripts/deploy-test.sh [-test.run NAME ...]
#
# It starts a container engine of its own, in namespaces of its own: its networks exist nowhere
# else, and whatever was started ends with it. No registry of images is needed. The images that a
# recipe takes from one are made here: one with Node from Debian's packages, and MinIO from the Go
# module proxy. Both are made once, and kept in ${XDG_CACHE_HOME:-~/.cache}/gbak-s3.
#
# Linux on amd64, and root. On Debian it installs what is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { echo "deploy-test: $*"; }
die() { say "$*" >&2; exit 1; }

# In the namespaces: temp is what the other half of this script has prepared.
if [[ ${1:-} == --inside ]]; then
  temp=$2
  shift 2
  ip link set lo up
  dockerd --data-root "$temp/root" --exec-root "$temp/exec" --host "unix://$temp/docker.sock" --pidfile "$temp/pid" \
    --userland-proxy=false >"$temp/dockerd.log" 2>&1 &
  dockerd=$!
  # Told to end, it leaves no cgroups behind.
  trap 'kill "$dockerd" 2>/dev/null && wait "$dockerd" || true' EXIT
  # The classic builder: the other one is a plugin that need not be there.
  export DOCKER_HOST=unix://$temp/docker.sock DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0
  until docker info >/dev/null 2>&1; do
    kill -0 "$dockerd" 2>/dev/null || { tail -5 "$temp/dockerd.log"; die "dockerd does not start"; }
    sleep 0.1
  done
  docker import "$temp/node.tar" node:debian >/dev/null
  docker build --quiet --tag node:test "$temp/node" >/dev/null
  docker build --quiet --tag golang:test "$temp/golang" >/dev/null
  export NODE_IMAGE=node:test GO_IMAGE=golang:test
  cd "$temp/repository"
  bash scripts/image.sh "$temp/dist" >/dev/null
  docker build --quiet --tag people:1 --build-arg NODE_IMAGE deploy/app >/dev/null
  docker build --quiet --tag people-minio:1 --build-arg GO_IMAGE deploy/minio >/dev/null
  (cd deploy/test && "$temp/deploy.test" "$@")
  (($# == 0)) || exit 0

  say "docs/compose.md"
  mkdir "$temp/out" "$temp/home"
  (cd "$temp/home" && REPO=$temp/repository OUT=$temp/out timeout 600 bash "$temp/compose.sh")
  compared=0
  for want in "$temp"/out/*.want; do
    diff -u "$want" "${want%want}got" || die "docs/compose.md: a command prints something else"
    compared=$((compared + 1))
  done
  say "docs/compose.md is right: $compared commands print what it says"
  exit
fi

[[ $(uname -s) == Linux && $(id -u) == 0 ]] || die "this needs Linux and root"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gbak-s3
mkdir -p "$cache"

# Installs Debian packages for commands that are missing: need command package...
need() {
  command -v "$1" >/dev/null && return
  shift
  command -v apt-get >/dev/null || die "please install: $*"
  say "installing $*"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
command -v go >/dev/null || die "Go is missing: see https://go.dev/dl"
need dockerd docker.io
need docker docker-cli # a package of its own since Debian 13
need docker-compose docker-compose
need mmdebstrap mmdebstrap
need ip iproute2
need iptables iptables
need curl curl
need npm nodejs npm
# Debian's client fits to its engine, wherever another one may be.
PATH=/usr/bin:$PATH

# Paths of sockets are short, whatever $TMPDIR says.
temp=$(mktemp -d /tmp/gbak-s3-deploy.XXXXXX)
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  rm -rf --one-file-system "$temp" || true
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Built here, as the namespaces have no network to the outside.
validate=$cache/kubectl-validate-v0.0.4-$(go env GOVERSION)
if [[ ! -x $validate ]]; then
  say "building kubectl-validate, once"
  (cd "$temp" && GOFLAGS='' GOBIN=$temp/bin go install sigs.k8s.io/kubectl-validate@v0.0.4)
  mv "$temp/bin/kubectl-validate" "$validate.$$"
  mv "$validate.$$" "$validate"
fi
export KUBECTL_VALIDATE=$validate
(cd deploy/test && go mod tidy -diff && go vet ./... && go test -c -o "$temp/deploy.test" .)

# Node 20 of Debian 13, with npm as the registry has it: Debian's needs 400 packages.
suite=trixie
node=$cache/node-$suite.tar
if [[ ! -f $node ]]; then
  say "making an image with Node, once"
  # shellcheck disable=SC2016 # $1 is the hook's own
  mmdebstrap --quiet --variant=minbase --include=nodejs --dpkgopt='path-exclude=/usr/share/doc/*' \
    --customize-hook='mkdir -p "$1/usr/local" && npm install --global --prefix "$1/usr/local" --no-audit --no-fund --loglevel=error npm@10' \
    "$suite" "$temp/node.tar"
  mv "$temp/node.tar" "$node.$$"
  mv "$node.$$" "$node"
fi
ln -s "$node" "$temp/node.tar"
# With what npm needs for the application, as there is no registry in the namespaces.
grafeo=$(sed -n 's/.*"@grafeo-db\/js": "\([0-9.]*\)".*/\1/p' deploy/app/package.json)
mkdir "$temp/node"
npm cache add --cache "$temp/node/npm-cache" --loglevel=error "@grafeo-db/js@$grafeo" "@grafeo-db/js-linux-x64-gnu@$grafeo"
cat >"$temp/node/Dockerfile" <<END
FROM node:debian
COPY npm-cache /npm-cache
ENV npm_config_cache=/npm-cache npm_config_offline=true npm_config_registry=$(npm config get registry)
END

# In place of an image with Go, one whose go has built already what the Dockerfile asks for.
minio=$(bash scripts/minio-install.sh)
mkdir "$temp/golang"
cp "$minio" "$temp/golang/minio"
cat >"$temp/golang/go" <<END
#!/bin/sh
set -e
test "\$*" = "install -trimpath -ldflags -s -w github.com/minio/minio@${minio##*/minio-}"
mkdir -p "\$GOBIN" && cp /minio "\$GOBIN/minio"
END
chmod 755 "$temp/golang/go"
printf 'FROM node:test\nCOPY minio /minio\nCOPY go /usr/local/bin/go\n' >"$temp/golang/Dockerfile"

# The recipe is followed in a copy, as in a new clone.
mkdir "$temp/repository"
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - | tar --extract --directory "$temp/repository"
bash scripts/release.sh "$temp/dist" linux/amd64
go run ./tools/doctest docs/compose.md >"$temp/compose.sh"

timeout 1200 unshare --net --mount --pid --fork --mount-proc --kill-child bash "$PWD/scripts/deploy-test.sh" --inside "$temp" "$@"
