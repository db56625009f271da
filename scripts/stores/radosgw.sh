# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# Ceph's object gateway, with a cluster of one monitor and one OSD that keeps everything in
# memory. As Debian packages it, without a disk or a service of the system.
title='Ceph RADOS Gateway'
source='Debian: radosgw'

install() {
  debian_install radosgw radosgw ceph-mon ceph-osd ceph-common
  version=$(radosgw --version | sed -E 's/^ceph version ([0-9.]+).*/\1/')
}

serve() {
  local fsid osd conf=$data/ceph.conf
  fsid=$(cat /proc/sys/kernel/random/uuid)
  osd=$(cat /proc/sys/kernel/random/uuid)
  mkdir "$data/mon" "$data/osd" "$data/run"
  cat >"$conf" <<CONF
[global]
fsid = $fsid
mon host = v1:127.0.0.1:$((port + 1))
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr2 = false
auth cluster required = none
auth service required = none
auth client required = none
run dir = $data/run
admin socket = $data/run/\$name.asok
log file = $data/\$name.log
mon cluster log file = $data/cluster.log
mon data = $data/mon
osd data = $data/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
osd pg autoscale mode = off
osd pool default pg autoscale mode = off
rgw multi obj del max aio = 1
rgw data = $data/run
CONF
  export CEPH_CONF=$conf
  monmaptool --create --fsid "$fsid" --addv a "[v1:127.0.0.1:$((port + 1))]" "$data/monmap"
  ceph-mon --mkfs -i a --monmap "$data/monmap"
  ceph-mon -i a -f &
  ceph osd new "$osd" # waits for the monitor
  ceph-osd -i 0 --mkfs --osd-uuid "$osd"
  ceph-osd -i 0 -f &
  radosgw-admin user create --uid test --display-name test --access-key "$AWS_ACCESS_KEY_ID" --secret "$AWS_SECRET_ACCESS_KEY" >/dev/null
  gateway client.rgw "$port"
}

serve_second() {
  export CEPH_CONF=$data/ceph.conf
  gateway client.second "$second"
}

# It dies of several batch deletes at a time, and is started again, as its unit does.
gateway() {
  while true; do radosgw -n "$1" -f --rgw_frontends="beast endpoint=127.0.0.1:$2" || sleep 0.1; done
}
