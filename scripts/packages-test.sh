#!/usr/bin/env bash
# Checks the packages: by Debian's and Fedora's linters, by installing, upgrading, removing and
# purging them in a Debian of their own, and by booting that and doing in it what
# docs/systemd.md says (scripts/systemd-test.sh).
#
#   bash scripts/packages-test.sh [DIST]
#
# DIST has what scripts/release.sh has made; without it, packages for amd64 are made of this
# source. Root only, on Debian; what is missing is installed with apt-get. Takes a minute, and the
# first time three more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8

say() { echo "packages-test: $*"; }
die() { say "$*" >&2; exit 1; }
[[ $(id -u) == 0 ]] || die "only root can install packages"

missing=()
for tool in lintian rpm rpmlint systemd-nspawn mmdebstrap curl; do command -v "$tool" >/dev/null || missing+=("${tool/systemd-nspawn/systemd-container}"); done
if ((${#missing[@]})); then
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

temp=$(mktemp -d)
# Nothing may be mounted below it any more: a folder of the host would be emptied.
cleanup() {
  local code=$?
  trap - EXIT
  ! grep -q " $temp/" /proc/mounts || { say "something is still mounted below $temp, which is left"; exit "$code"; }
  rm -rf "$temp"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

version=$(bash scripts/release-version.sh)
dist=${1:-}
if [[ ! $dist ]]; then
  dist=$temp/dist
  mkdir "$dist"
  CGO_ENABLED=0 GOARCH=amd64 go build -trimpath -ldflags "-s -w -X main.stamped=$version" -o "$dist/gbak-s3_${version}_linux_amd64" ./cmd/gbak-s3
  bash scripts/packages.sh "$dist" 2>/dev/null
fi
deb=$dist/gbak-s3_${version}_amd64.deb rpm=$dist/gbak-s3_${version}_amd64.rpm
base=$(bash scripts/debian-root.sh)

# new NAME makes a fresh Debian in $temp/NAME, and sets $root.
new() {
  root=$temp/$1
  mkdir "$root"
  tar -C "$root" -xf "$base"
}
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
there() { local path; for path; do [[ -e $root$path ]] || die "$path is not there"; done; }
absent() { local path; for path; do [[ ! -e $root$path && ! -L $root$path ]] || die "$path is there"; done; }
says() { grep -qF -- "$1" "$temp/out" || { cat "$temp/out"; die "it does not say: $1"; }; }
# Whether a folder, a unit or a database is not what it was is seen by its files.
state() { (cd "$root" && find "$@" -type f -exec sha256sum {} + | sort); }

lint() {
  say "lintian and rpmlint"
  lintian --fail-on error,warning --allow-root "$dist"/*.deb
  rpmlint -c deploy/packages/rpmlint.toml "$dist"/*.rpm >"$temp/out" 2>&1 || { cat "$temp/out"; die "rpmlint has found something"; }
  says '0 errors, 0 warnings'
  local file
  for file in "$dist"/*.rpm; do rpm -K "$file" >/dev/null || die "$file is damaged"; done
  # Both have the same files, but for where zsh looks, and what each wants for itself.
  diff <(dpkg-deb -c "$deb" | awk '$1 !~ /^d/ { sub(/^\./, "", $6); print $6 }' | grep -vE '^/usr/share/(zsh|lintian|doc/gbak-s3/(copyright|changelog.Debian.gz))' | sort) \
    <(rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" | awk '$1 !~ /^d/ { print $2 }' | grep -vE '^/usr/share/(zsh|licenses)' | sort) ||
    die "the packages have different files"
}

# What every installation has.
installed() {
  there /usr/bin/gbak-s3 /usr/share/man/man1/gbak-s3-watch.1.gz /etc/gbak-s3/watch.yaml /etc/gbak-s3/drill \
    /usr/lib/systemd/system/gbak-s3-{watch@.service,backup@.service,backup@.timer,drill@.service,drill@.timer} \
    /usr/lib/systemd/system/gbak-s3-.service.d/10-hardening.conf
  [[ $(stat -c '%a %U' "$root/etc/gbak-s3/env") == '600 root' ]] || die "others can read /etc/gbak-s3/env"
  inside id gbak-s3 >/dev/null || die "there is no user gbak-s3"
  inside gbak-s3 version | grep -F "$version" >/dev/null || die "it is not version $version"
  inside bash -c '. /usr/share/bash-completion/bash_completion && _comp_load gbak-s3 2>/dev/null || __load_completion gbak-s3; complete -p gbak-s3' >/dev/null ||
    die "bash does not complete it"
  # Nothing is enabled, so nothing ever starts by itself.
  [[ -z $(find "$root/etc/systemd/system" -name 'gbak-s3*') ]] || die "a unit is enabled"
}

# The example is an example: as it is, it is refused, and after the one edit it is right.
example() {
  ! inside gbak-s3 watch --config /etc/gbak-s3/watch.yaml --check >"$temp/out" 2>&1 || die "the placeholders were taken for a configuration"
  says 'watch.yaml:'
  sed -i 's|/path/to/people.grafeo|/srv/people/people.grafeo|; s|s3://BUCKET/people|s3://backups/people|' "$root/etc/gbak-s3/watch.yaml"
  inside gbak-s3 watch --config /etc/gbak-s3/watch.yaml --check >"$temp/out" || die "the edited example is refused"
  says 'people: /srv/people/people.grafeo to s3://backups/people'
}

# changed VERSION EDIT repacks the .deb as another version, with other files.
changed() {
  rm -rf "$temp/re"
  dpkg-deb -R "$deb" "$temp/re"
  sed -i "s/^Version: .*/Version: $1/" "$temp/re/DEBIAN/control"
  (cd "$temp/re" && eval "$2")
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$temp/re" "$root/tmp/$1.deb" >/dev/null
}

# What only people may remove.
mine() {
  mkdir -p "$root/var/lib/gbak-s3/people" "$root/etc/systemd/system/gbak-s3-watch@people.service.d" "$root/etc/systemd/system/multi-user.target.wants" \
    "$root/srv/people/people.grafeo.wal" "$root/mnt/archive/manifests"
  echo key >"$root/var/lib/gbak-s3/people/writer.key"
  echo '# mine' >"$root/etc/systemd/system/gbak-s3-watch@people.service.d/override.conf"
  echo GBAK_ARCHIVE=s3://backups/people >"$root/etc/gbak-s3/drill/people.env"
  echo hold >"$root/srv/people/people.grafeo.wal/backup_cursor.meta"
  echo '{}' >"$root/mnt/archive/manifests/0000000001.json"
  ln -s /usr/lib/systemd/system/gbak-s3-watch@.service "$root/etc/systemd/system/multi-user.target.wants/gbak-s3-watch@people.service"
  kept=(var/lib/gbak-s3 srv mnt etc/gbak-s3/drill etc/systemd/system/gbak-s3-watch@people.service.d)
}

deb() {
  say "the .deb: installation, upgrade, removal, purge"
  new deb
  cp "$deb" "$root/tmp/gbak-s3.deb"
  inside dpkg -i /tmp/gbak-s3.deb >"$temp/out" 2>&1 || { cat "$temp/out"; die "dpkg -i failed"; }
  installed
  example
  mine
  echo AWS_ACCESS_KEY_ID=mine >>"$root/etc/gbak-s3/env"
  local before link=/etc/systemd/system/multi-user.target.wants/gbak-s3-watch@people.service
  before=$(state etc/gbak-s3 "${kept[@]}")
  changed 9.0.0-1 true
  inside dpkg -i /tmp/9.0.0-1.deb >"$temp/out" 2>&1 </dev/null || { cat "$temp/out"; die "the upgrade failed"; }
  [[ $(state etc/gbak-s3 "${kept[@]}") == "$before" ]] || die "the upgrade has changed a file that was edited"
  # A new version of an example that was edited: dpkg asks, and without an answer keeps what was edited.
  changed 9.0.1-1 'echo "# new" >>etc/gbak-s3/watch.yaml'
  inside dpkg --force-confdef --force-confold -i /tmp/9.0.1-1.deb >"$temp/out" 2>&1 </dev/null || { cat "$temp/out"; die "the upgrade failed"; }
  there /etc/gbak-s3/watch.yaml.dpkg-dist
  rm "$root/etc/gbak-s3/watch.yaml.dpkg-dist"
  [[ $(state etc/gbak-s3 "${kept[@]}") == "$before" ]] || die "the upgrade has changed a file that was edited"
  inside dpkg -r gbak-s3 >"$temp/out" 2>&1 || { cat "$temp/out"; die "dpkg -r failed"; }
  says 'go on keeping'
  absent /usr/bin/gbak-s3
  [[ $(state etc/gbak-s3 "${kept[@]}") == "$before" && -L $root$link ]] || die "the removal took something along"
  # What was there comes back with the package.
  inside dpkg -i /tmp/9.0.1-1.deb >"$temp/out" 2>&1 </dev/null || { cat "$temp/out"; die "it cannot be installed again"; }
  [[ $(state etc/gbak-s3 "${kept[@]}") == "$before" && -L $root$link ]] || die "installing it again has changed something"
  inside dpkg -P gbak-s3 >"$temp/out" 2>&1 || { cat "$temp/out"; die "dpkg -P failed"; }
  for path in /var/lib/gbak-s3 /etc/gbak-s3 /etc/systemd/system/gbak-s3-watch@people.service.d; do says "gbak-s3: $path was kept"; done
  absent /etc/gbak-s3/watch.yaml /etc/gbak-s3/env /var/cache/gbak-s3 $link
  [[ $(state "${kept[@]}") == "$(grep -vE ' etc/gbak-s3/(watch.yaml|env)$' <<<"$before" | sort -u)" ]] || die "the purge took something along"
}

rpm() { command rpm --define '_pkgverify_level none' "$@"; } # it is not signed
rpms() {
  say "the .rpm: installation, removal"
  new rpm
  mkdir "$root/rpm"
  cp "$rpm" "$root/rpm/gbak-s3.rpm"
  # A Debian beneath has no packages of rpm that one could depend on. It has what they have.
  rpm --root "$root" --nodeps -i /rpm/gbak-s3.rpm >"$temp/out" 2>&1 || rpm --root "$root" --nodeps -i "$rpm" >"$temp/out" 2>&1 || { cat "$temp/out"; die "rpm -i failed"; }
  installed
  example
  mine
  local before
  before=$(state etc/gbak-s3/watch.yaml "${kept[@]}" | sed 's/watch.yaml$/&.rpmsave/')
  rpm --root "$root" --nodeps -U --replacepkgs "$rpm" >"$temp/out" 2>&1 || { cat "$temp/out"; die "rpm -U failed"; }
  grep -q s3://backups/people "$root/etc/gbak-s3/watch.yaml" || die "the upgrade has changed a file that was edited"
  rpm --root "$root" -e gbak-s3 >"$temp/out" 2>&1 || { cat "$temp/out"; die "rpm -e failed"; }
  says 'go on keeping'
  absent /usr/bin/gbak-s3
  [[ $(state etc/gbak-s3/watch.yaml.rpmsave "${kept[@]}") == "$before" ]] || die "the removal took something along"
}

# The steps of the page for hosts that take neither.
bare() {
  say "without a package"
  new bare
  mkdir "$root/source"
  cp -r deploy "$root/source/"
  cp "$dist/gbak-s3_${version}_linux_amd64" "$root/source/gbak-s3"
  # But for the last: no systemd runs here that could be told.
  awk '/^install gbak-s3/ { on = 1 } /^systemctl daemon-reload$/ { on = 0 } on' docs/systemd.md >"$root/source/steps"
  inside env --chdir=/source sh -e steps >"$temp/out" 2>&1 || { cat "$temp/out"; die "the steps of the page fail"; }
  there /etc/systemd/system/gbak-s3-{watch@.service,backup@.timer,drill@.timer} /etc/systemd/system/gbak-s3-.service.d/10-hardening.conf
  [[ $(stat -c '%a %U' "$root/etc/gbak-s3/env") == '600 root' ]] || die "others can read /etc/gbak-s3/env"
  inside id gbak-s3 >/dev/null || die "there is no user gbak-s3"
  inside gbak-s3 version >/dev/null
  example
}

lint
deb
rpms
bare
bash scripts/systemd-test.sh "$deb"
say "all is well"
