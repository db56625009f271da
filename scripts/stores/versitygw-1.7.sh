# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# Versity S3 Gateway in front of a folder, before its conditional puts were atomic.
title='Versity S3 Gateway 1.7'
source='Go: github.com/versity/versitygw/cmd/versitygw'

install() {
  version=v1.7.0
  binary=$(go_install github.com/versity/versitygw/cmd/versitygw "$version")
}

serve() {
  mkdir "$data/buckets" "$data/versions"
  gateway "$port"
}

serve_second() { gateway "$second"; }

gateway() {
  exec "$binary" --port "127.0.0.1:$1" --access "$AWS_ACCESS_KEY_ID" --secret "$AWS_SECRET_ACCESS_KEY" --quiet \
    posix --versioning-dir "$data/versions" "$data/buckets"
}
