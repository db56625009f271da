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
    inside journalctl --no-pager -n 30 -u 'gbak-s3-*' -u people || true
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
must_have() { has "$@" || die "$2 of $1 is $(property "$1" "$2"), and not $3"; }
# logged UNIT TEXT prints the lines with it that the newest start of the unit has logged.
logged() { inside journalctl --no-pager "_SYSTEMD_INVOCATION_ID=$(property "$1" InvocationID)" + "INVOCATION_ID=$(property "$1" InvocationID)" | grep -F -- "$2"; }

boot() {
  mkdir "$root"
  tar -C "$root" -xf "$base"
  echo '127.0.0.1 minio.example.com' >>"$root/etc/hosts"
  mkdir -p "$root/test/out" "$root/opt/people"
  cp "$deb" "$root/"
  cp -r e2e/grafeo/node_modules "$root/opt/people/"
  systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --private-network --resolv-conf=off --timezone=off --console=pipe --boot \
    </dev/null >"$temp/boot" 2>&1 &
  container=$!
  # The first child of nspawn only makes the one that stays, so it is asked for each time.
  is_up() { leader=$(pgrep -P "$container") && [[ $(inside systemctl is-system-running) == running ]]; }
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
  go run ./tools/doctest docs/systemd.md >"$root/test/page.sh"
  # Its files are in the root folder, as a page names none with a slash in front.
  inside env --chdir=/ OUT=/test/out REPO=/repo bash /test/page.sh </dev/null >"$temp/out" 2>&1 ||
    { tail -60 "$temp/out"; die "the page does not do what it says"; }
  # Which of its sections did what, in the words of the program.
  says 'people: /srv/people/people.grafeo to /mnt/backups/people'
  says 'restored from backup'
  says 'it is safe to commit backups here'
}

archive=/mnt/backups/people unit=gbak-s3-watch@people.service
install_again() { inside dpkg -i "/${deb##*/}" >"$temp/out" 2>&1 || { cat "$temp/out"; die "it cannot be installed"; }; }

units() {
  say "what systemd says of the units"
  local all=(gbak-s3-{watch,backup,drill}@people.service gbak-s3-{backup,drill}@people.timer) service
  # Recursively: what they name must be there, man pages, too.
  inside systemd-analyze verify "${all[@]}" >"$temp/out" 2>&1 || { cat "$temp/out"; die "a unit is wrong"; }
  [[ ! -s $temp/out ]] || { cat "$temp/out"; die "systemd has something to say about a unit"; }
  for service in watch backup drill; do
    inside systemd-analyze security --no-pager --offline=true --threshold=20 "gbak-s3-$service@people.service" >"$temp/out" 2>&1 ||
      { cat "$temp/out"; die "gbak-s3-$service@ can do more than it needs"; }
  done
  inside man -w gbak-s3-watch >/dev/null
}

# The watcher is the database's own user, and stays it whatever happens.
watcher() {
  say "the watcher: killed, stuck, reloaded, with a wrong file, upgraded"
  inside systemctl enable --now --quiet "$unit"
  until_true has "$unit" ActiveState active
  [[ $(inside stat -c '%U %a' /srv/people/people.grafeo.wal/backup_cursor.meta) == people* ]] || die "the hold is not the database's"
  [[ $(inside stat -c '%U %a' /var/lib/gbak-s3/people) == 'people 700' ]] || die "others see what is noted of archives"
  local pid
  pid=$(property "$unit" MainPID)
  [[ $(inside stat -c %U "/proc/$pid") == people ]] || die "the watcher is somebody else"

  inside systemctl kill --kill-who=main -s KILL "$unit"
  is_another() { [[ $(property "$unit" MainPID) != "$pid" ]] && has "$unit" ActiveState active; }
  until_true is_another

  # A file with a mistake: reload says so, and the watcher goes on.
  pid=$(property "$unit" MainPID)
  inside cp /etc/gbak-s3/watch.yaml /test/right.yaml
  inside sh -c 'echo "lagg: 1s" >>/etc/gbak-s3/watch.yaml'
  ! inside systemctl reload "$unit" 2>"$temp/out" || die "a wrong file was taken"
  must_have "$unit" MainPID "$pid"
  must_have "$unit" ActiveState active
  # Started with it, it fails, and is not tried again and again.
  inside systemctl stop "$unit"
  ! inside systemctl start "$unit" 2>"$temp/out" || die "it has started with a wrong file"
  must_have "$unit" ExecMainStatus 2
  must_have "$unit" ActiveState failed
  until_true logged "$unit" 'watch.yaml:'
  inside cp /test/right.yaml /etc/gbak-s3/watch.yaml
  inside systemctl reset-failed "$unit"

  # A watcher that does not turn any more is ended by systemd, and started again.
  inside mkdir -p "/run/systemd/system/$unit.d"
  inside sh -c "printf '[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\n' >/run/systemd/system/$unit.d/stuck.conf"
  inside systemctl daemon-reload
  inside systemctl start "$unit"
  pid=$(property "$unit" MainPID)
  inside systemctl kill --kill-who=main -s STOP "$unit"
  until_true is_another
  inside journalctl --no-pager -u "$unit" | grep -F 'Watchdog timeout' >/dev/null || die "it was not the watchdog that has ended it"
  inside rm -r "/run/systemd/system/$unit.d"
  inside systemctl daemon-reload
  inside systemctl restart "$unit"

  # An upgrade starts it again; what does not run is not started.
  pid=$(property "$unit" MainPID)
  install_again
  until_true is_another
  must_have gbak-s3-drill@people.timer ActiveState inactive
}

# What is removed and installed again is not started, and says so; what belongs to others goes on.
removal() {
  say "the package is removed, beside a unit of somebody else, and installed again"
  inside sh -c "printf '[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/gbak-s3-exporter.service"
  inside systemctl daemon-reload
  inside systemctl start gbak-s3-exporter
  must_have "$unit" ActiveState active
  inside dpkg -r gbak-s3 >"$temp/out" 2>&1 || { cat "$temp/out"; die "it cannot be removed"; }
  must_have gbak-s3-exporter.service ActiveState active
  must_have "$unit" ActiveState inactive
  install_again
  says "gbak-s3: $unit is enabled and does not run: systemctl start $unit"
  inside systemctl start "$unit"
}

# Databases in other places: the log says what the page has an answer to.
places() {
  say "databases elsewhere, and drills with Grafeo"
  local where user=ada why
  inside useradd --create-home ada
  for where in /home/ada /opt/other; do
    why='read-only file system'
    [[ $where != /home/* ]] || why='permission denied'
    inside install -d -o "$user" -g "$user" "$where"
    inside sh -c "cp /srv/people/people.grafeo $where/other.grafeo && cp -r /srv/people/people.grafeo.wal $where/other.grafeo.wal && rm $where/other.grafeo.wal/backup_cursor.meta*; chown -R $user: $where"
    inside sh -c "printf 'version: 1\ndatabases:\n  - {path: $where/other.grafeo, archive: \"s3://backups$where?endpoint=http://minio.example.com:9000\"}\n' >/etc/gbak-s3/other.yaml"
    inside mkdir -p /etc/systemd/system/gbak-s3-watch@ada.service.d
    inside sh -c 'printf "[Service]\nEnvironment=CONFIG=/etc/gbak-s3/other.yaml\n" >/etc/systemd/system/gbak-s3-watch@ada.service.d/override.conf'
    inside systemctl daemon-reload
    inside systemctl start gbak-s3-watch@ada
    until_true logged gbak-s3-watch@ada "$why"
    [[ $(grep -cF "| \`$why\` |" docs/systemd.md) == 1 ]] || die "docs/systemd.md has no answer to: $why"
    # From outside of /home it can be read, and was backed up although it keeps no log.
    [[ $where == /home/* ]] || until_true logged gbak-s3-watch@ada "archive=s3://backups$where kind=full"
    inside sh -c "printf '[Service]\nProtectHome=no\nReadWritePaths=$where\n' >>/etc/systemd/system/gbak-s3-watch@ada.service.d/override.conf"
    inside systemctl daemon-reload
    inside systemctl restart gbak-s3-watch@ada
    [[ $where != /home/* ]] || until_true logged gbak-s3-watch@ada "archive=s3://backups$where kind=full"
    [[ $(property gbak-s3-watch@ada ReadWritePaths) == *"$where" ]] || die "the drop-in does not count"
    inside systemctl stop gbak-s3-watch@ada
  done

  # A drill under the unit lets node and Grafeo open what it has restored.
  inside mkdir -p /opt/check
  cp tools/check/check.js "$root/opt/check/"
  inside ln -s /opt/people/node_modules /opt/check/node_modules
  inside sh -c "echo \"DRILL_ARGS=\\\"--exec 'node /opt/check/check.js {}'\\\"\" >>/etc/gbak-s3/drill/people.env"
  inside systemctl start gbak-s3-drill@people || die "the drill has failed"
  logged gbak-s3-drill@people 'exec       ok' >/dev/null || die "no command has opened what was restored"
  [[ -z $(inside find /var/cache/gbak-s3 -mindepth 1) ]] || die "the drill has left something"
}

# The host goes down: the application stops first, and the watcher stores what it wrote last.
poweroff() {
  say "the host goes down"
  inside mkdir -p "/etc/systemd/system/$unit.d"
  inside sh -c "printf '[Unit]\nBefore=people.service\n' >/etc/systemd/system/$unit.d/override.conf"
  inside systemctl daemon-reload
  inside systemctl restart people "$unit"
  inside systemctl poweroff
  wait "$container" || true
  container='' leader=''
  dpkg-deb --fsys-tarfile "$deb" | tar -C "$temp" -xf - ./usr/bin/gbak-s3
  GBAK_STATE=$temp/state "$temp/usr/bin/gbak-s3" status "$root$archive" "$root/srv/people/people.grafeo" >"$temp/out" 2>&1 || { cat "$temp/out"; die "the archive cannot be read"; }
  says 'behind         nothing'
}

boot
store
page
install_again
units
watcher
removal
places
poweroff
say "all is well"
