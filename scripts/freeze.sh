#!/usr/bin/env bash
# Makes frozen archives: small ones with every feature of the format, which every later version reads
# for ever (testdata/frozen/README.md). It adds a folder testdata/frozen/NAME with archives of the
# gbak-s3 that is here, and its files to SHA256SUMS. It changes nothing that is there.
#
#   bash scripts/freeze.sh 0.1.0
#   bash scripts/freeze.sh 0.2.0 locked-0.6 encrypted-keys      only these
#
# It takes the real Grafeo and a MinIO with its credentials in the environment, as
# scripts/minio-test.sh has them, and root, for a host name that is nobody's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
name=${1:?usage: freeze.sh NAME [ARCHIVE...]}
shift
frozen=$PWD/testdata/frozen
mkdir -p "$frozen"
FREEZE=$name FREEZE_ONLY="$*" unshare --uts sh -c 'hostname db1 && exec "$@"' sh \
  go test -tags freeze ./e2e -run '^TestFreeze$' -count=1 -timeout 30m
cd "$frozen"
find . -mindepth 2 -type f | sed 's|^\./||' | LC_ALL=C sort | while read -r file; do
  if ! grep -qF "  $file" SHA256SUMS 2>/dev/null; then sha256sum "$file" >> SHA256SUMS; fi
done
sha256sum --quiet -c SHA256SUMS
echo "$(wc -l < SHA256SUMS) files, $(find . -mindepth 2 -type f -printf '%s\n' | awk '{n += $1} END {print n}') bytes" >&2
