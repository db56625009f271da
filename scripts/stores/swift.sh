# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# OpenStack Swift with its S3 interface, as Debian packages it: one of each server, one copy.
title='OpenStack Swift'
source='Debian: swift'

install() {
  debian_install swift-proxy-server swift swift-proxy swift-account swift-container swift-object
  version=$(dpkg-query -W -f '${Version}' swift | sed 's/-.*//')
  export AWS_ACCESS_KEY_ID=test:tester
}

serve() {
  local kind n=1
  # They leave the process group of this shell for ones of their own, so it has to end them.
  trap 'for pid in $(jobs -p); do kill -KILL -- "-$pid" "$pid" 2>/dev/null; done; exit' TERM
  mkdir -p "$data/etc" "$data/srv/d1" "$data/run"
  printf '[swift-hash]\nswift_hash_path_suffix = test\n' >"$data/etc/swift.conf"
  for kind in account container object; do
    (
      cd "$data/etc" || exit
      swift-ring-builder "$kind.builder" create 4 1 0
      swift-ring-builder "$kind.builder" add "r1z1-127.0.0.1:$((port + n))/d1" 1
      swift-ring-builder "$kind.builder" rebalance
    )
    cat >"$data/etc/$kind-server.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $((port + n))
devices = $data/srv
mount_check = false
user = $(id -un)
swift_dir = $data/etc
workers = 1
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
CONF
    "swift-$kind-server" "$data/etc/$kind-server.conf" &
    n=$((n + 1))
  done
  cat >"$data/etc/proxy-server.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
user = $(id -un)
swift_dir = $data/etc
workers = 2
[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk slo versioned_writes symlink proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = $AWS_SECRET_ACCESS_KEY .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:symlink]
use = egg:swift#symlink
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
CONF
  swift-proxy-server "$data/etc/proxy-server.conf" &
  wait
}
