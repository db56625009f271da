#!/usr/bin/env bash
# Boots a small Debian with systemd, does there what docs/systemd.md says, step by step, beside a
# real MinIO and the real Grafeo, and then what may go wrong: scripts/packages-test.sh calls it.
#
#   bash scripts/systemd-test.sh DEB
#
# Root only, with systemd-nspawn. The Debian has a network of its own, with loopback alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "systemd-test: $*"; }
die() { say "$*" >&2; exit 1; }
deb=${1:?which package is to be tested?}
base=$(bash scripts/debian-root.sh)
minio=$(bash scripts/minio-install.sh)
bash scripts/grafeo-install.sh >/dev/null

temp=$(mktemp -d)
root=$temp/root
container='' leader='' server=''
# Only what was started here is stopped, by its id.
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  if ((code)) && [[ $leader ]]; then
    inside journalctl --no-pager -n 60 -u 'gbak-s3-*' -u people || true
    say "failed"
  fi
  for process in $server $container; do kill "$process" 2>/dev/null || true; done
  for process in $server $container; do wait "$process" 2>/dev/null || true; done
  ! grep -q " $temp/" /proc/mounts || { say "something is still mounted below $temp, which is left"; exit "$code"; }
  rm -rf "$temp"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# inside COMMAND... runs a command in the booted Debian, as root.
inside() {
  nsenter -t "$leader" -m -u -i -n -p -C -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
# until_true COMMAND... waits for a condition, for two minutes at most.
until_true() {
  local i
  for ((i = 0; i < 600; i++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  die "it never happened: $*"
}
says() { grep -qF -- "$1" "$temp/out" || { cat "$temp/out"; die "it does not say: $1"; }; }
property() { inside systemctl show --property="$2" --value "$1"; }
has() { [[ $(property "$1" "$2") == "$3" ]]; }
logged() { inside journalctl --no-pager -u "$1" | grep -F -- "$2"; }

boot() {
  mkdir "$root"
  tar -C "$root" -xf "$base"
  echo '127.0.0.1 minio.example.com' >>"$root/etc/hosts"
  mkdir -p "$root/root/out" "$root/opt/people"
  cp "$deb" "$root/"
  cp -r e2e/grafeo/node_modules "$root/opt/people/"
  systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --resolv-conf=off --timezone=off --console=pipe --boot \
    </dev/null >"$temp/boot" 2>&1 &
  container=$!
  has_leader() { leader=$(pgrep -P "$container"); }
  until_true has_leader
  is_up() { [[ $(inside systemctl is-system-running) == running ]]; }
  until_true is_up
}

store() {
  MINIO_ROOT_USER=people-backup MINIO_ROOT_PASSWORD=a-long-secret MINIO_BROWSER=off MINIO_UPDATE=off \
    nsenter -t "$leader" -n -- "$minio" server "$temp/minio" --certs-dir "$temp/certs" --address 127.0.0.1:9000 --console-address 127.0.0.1:9001 >"$temp/minio.log" 2>&1 &
  server=$!
  until_true nsenter -t "$leader" -n -- curl -sf http://127.0.0.1:9000/minio/health/ready
  nsenter -t "$leader" -n -- curl -sf -X PUT --aws-sigv4 aws:amz:us-east-1:s3 --user people-backup:a-long-secret http://127.0.0.1:9000/backups
}

page() {
  say "what docs/systemd.md says"
  go run ./tools/doctest docs/systemd.md >"$root/root/page.sh"
  # Its files are in the root folder, as a page names none with a slash in front.
  inside env --chdir=/ OUT=/root/out REPO=/repo bash /root/page.sh </dev/null >"$temp/out" 2>&1 ||
    { tail -60 "$temp/out"; die "the page does not do what it says"; }
  # Which of its sections did what, in the words of the program.
  says 'people: /srv/people/people.grafeo to /mnt/backups/people'
  says 'restored from backup'
  says 'it is safe to commit backups here'
}

boot
store
page
say "all is well"
