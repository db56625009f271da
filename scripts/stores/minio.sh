# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# MinIO, the one that all other tests use, on a single disk.
title='MinIO'
source='Go: github.com/minio/minio, its last commit'

install() {
  binary=$(bash scripts/minio-install.sh)
  version=$(sed -E 's/.*-v0\.0\.0-(....)(..)(..)[0-9]*-.*/\1-\2-\3/' <<<"$binary")
}

serve() {
  export MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off
  exec "$binary" server "$data" --address "127.0.0.1:$port" --console-address "127.0.0.1:$((port + 1))"
}
