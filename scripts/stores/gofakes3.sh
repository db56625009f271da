# shellcheck shell=bash disable=SC2034,SC2154 # sourced by scripts/stores-test.sh, which sets and reads these
# gofakes3, a fake for tests, in memory. It accepts any credentials.
title='gofakes3'
source='Go: github.com/johannesboyne/gofakes3/cmd/gofakes3'
quick=1

install() {
  version=v1.2.0
  binary=$(go_install github.com/johannesboyne/gofakes3/cmd/gofakes3 "$version")
}

serve() { exec "$binary" -backend memory -host "127.0.0.1:$port"; }
