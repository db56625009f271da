# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# s3rver, a fake for tests, on a folder. Its credentials are fixed.
title='s3rver'
source='npm: s3rver'
quick=1

install() {
  version=3.7.1
  folder=$(npm_install s3rver "$version")
  export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER
}

# It dies of a name that is too long for its file system.
serve() {
  while true; do
    node "$folder/bin/s3rver.js" --directory "$data" --address 127.0.0.1 --port "$port" --silent --no-vhost-buckets || sleep 0.1
  done
}
