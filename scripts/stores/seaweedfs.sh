# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# SeaweedFS, all its parts in one process.
title='SeaweedFS'
source='Go: github.com/seaweedfs/seaweedfs'

install() {
  version=v0.0.0-20261109003541-7506e5f91cd6
  binary=$(go_build github.com/seaweedfs/seaweedfs "$version" weed)
  version=2026-11-09
}

serve() {
  cat >"$data/s3.json" <<JSON
{"identities": [{"name": "test", "credentials": [{"accessKey": "$AWS_ACCESS_KEY_ID", "secretKey": "$AWS_SECRET_ACCESS_KEY"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
JSON
  exec "$binary" server -ip 127.0.0.1 -ip.bind 127.0.0.1 -dir "$data" -s3 -s3.config "$data/s3.json" \
    -s3.port "$port" -master.port "$((port + 1))" -volume.port "$((port + 2))" -filer.port "$((port + 3))" \
    -master.volumeSizeLimitMB 64 -volume.max 200
}

serve_second() {
  exec "$binary" s3 -ip.bind 127.0.0.1 -port "$second" -filer "127.0.0.1:$((port + 3))" -config "$data/s3.json"
}
