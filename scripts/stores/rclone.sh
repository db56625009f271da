# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# rclone serve s3 in front of a folder.
title='rclone serve s3'
source='Go: github.com/rclone/rclone'
# Both read or list an object while it is replaced, and it depends on the moment what comes.
sometimes='Put/IsNeverVisibleInPart Storage/MethodsMayBeCalledConcurrently'

install() {
  version=v1.76.0
  binary=$(go_install github.com/rclone/rclone "$version")
}

serve() { gateway "$port"; }
serve_second() { gateway "$second"; }

gateway() {
  export RCLONE_CONFIG=/dev/null
  exec "$binary" serve s3 --addr "127.0.0.1:$1" --auth-key "$AWS_ACCESS_KEY_ID,$AWS_SECRET_ACCESS_KEY" "$data"
}
