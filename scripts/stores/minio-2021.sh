# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# MinIO as it was shortly before its licence became the AGPL, which some products still have
# for that reason. It had no conditional puts. On a single disk.
title='MinIO of April 2021'
source='Go: github.com/minio/minio'

install() {
  binary=$(go_install github.com/minio/minio v0.0.0-20210407225602-2899cc92b45f)
  version=2021-04-07
}

serve() {
  export MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY MINIO_BROWSER=off MINIO_UPDATE=off
  exec "$binary" server "$data" --address "127.0.0.1:$port"
}
