#!/usr/bin/env bash
# Runs the image with as few rights as possible: read-only, as its own user, without
# capabilities, in a network of its own that contains only MinIO, which speaks https with a
# certificate from its own authority. There the image backs up, watches a database that the real
# Grafeo writes, reports that it is healthy, and restores.
#
#   bash scripts/image-test.sh [DIR]      the Linux binaries of DIR (scripts/release.sh), default: dist
#
# Root only. The container engine is the one that answers, or a private one
# (scripts/with-engine.sh). What is started here is removed at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { echo "image-test: $*"; }
die() { say "$*" >&2; exit 1; }

dist=$(cd "${1:-dist}" && pwd)
[[ $(id -u) == 0 ]] || die "only root can give files to the image's user"
if [[ ! ${GBAK_IN_ENGINE:-} ]]; then GBAK_IN_ENGINE=1 exec bash scripts/with-engine.sh bash scripts/image-test.sh "$dist"; fi
bash scripts/grafeo-install.sh
missing=()
for tool in openssl jq qemu-aarch64-static; do command -v "$tool" >/dev/null || missing+=("${tool/aarch64/user}"); done
if ((${#missing[@]})); then
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

temp=$(mktemp -d /tmp/gbak-s3-image.XXXXXX)
chmod 755 "$temp"
containers=() images=()
writer=''
cleanup() {
  local code=$?
  trap - EXIT INT TERM HUP
  if ((code)) && [[ ${watcher:-} ]]; then docker logs --tail 20 "$watcher" >&2 || true; fi
  if [[ $writer ]]; then kill "$writer" 2>/dev/null || true; fi
  ((${#containers[@]} == 0)) || docker rm --force --volumes "${containers[@]}" >/dev/null 2>&1 || true
  ((${#images[@]} == 0)) || docker rmi --force "${images[@]}" >/dev/null 2>&1 || true
  rm -rf "$temp"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "the image"
image=$(bash scripts/image.sh "$dist" 2>"$temp/build.log") || { cat "$temp/build.log" >&2; exit 1; }
version=$(bash scripts/release-version.sh)
[[ $(docker run --rm --network none --read-only "$image" version) == "gbak-s3 $version, "* ]] || die "it is of another version"
[[ $(docker inspect --format '{{.Config.User}}' "$image") == 65532:65532 ]] || die "it does not run as 65532"
mkdir "$temp/layers"
docker save "$image" | tar -x -C "$temp/layers"
inside=$(find "$temp/layers" -name '*.tar' -exec tar -tf {} \; | sort -u | tr '\n' ' ')
[[ $inside == 'data/ gbak-s3 ' ]] || die "it has other files: $inside"
# Which nothing else here would miss: the store's certificate is ours, and no policy is due.
for part in 'ISRG Root X1' Europe/Berlin; do grep -qaF "$part" "$dist/gbak-s3_${version}_linux_"*64 || die "$part is not inside"; done

say "MinIO, with a certificate of an authority of its own"
mkdir -p "$temp"/{certs,ca,minio/backups,data}
(
  cd "$temp/certs"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=nobody knows me' -keyout ca.key -out ../ca/ca.pem
  openssl req -newkey rsa:2048 -nodes -subj '/CN=minio' -keyout private.key -out minio.csr
  openssl x509 -req -in minio.csr -CA ../ca/ca.pem -CAkey ca.key -set_serial 1 -days 2 \
    -extfile <(echo 'subjectAltName=IP:127.0.0.1') -out public.crt
  mv ca.key minio.csr ..
) 2>"$temp/openssl.log" || { cat "$temp/openssl.log" >&2; exit 1; }
chown -R 65532:65532 "$temp"/{certs,minio,data}
mkdir "$temp/build"
cp "$(bash scripts/minio-install.sh)" "$temp/build/minio"
printf 'FROM scratch\nCOPY minio /minio\nENTRYPOINT ["/minio"]\n' >"$temp/build/Dockerfile"
minio_image=$(docker build --quiet "$temp/build" 2>/dev/null)
images+=("$minio_image")
AWS_ACCESS_KEY_ID=image-test AWS_SECRET_ACCESS_KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY
confined=(--read-only --user 65532:65532 --cap-drop ALL --security-opt no-new-privileges)
minio=$(docker run --detach --network none "${confined[@]}" --env MINIO_ROOT_USER --env MINIO_ROOT_PASSWORD --env MINIO_BROWSER=off --env MINIO_UPDATE=off \
  --volume "$temp/minio:/minio-data" --volume "$temp/certs:/certs:ro" "$minio_image" server /minio-data --certs-dir /certs --address 127.0.0.1:9000)
containers+=("$minio")

# Everything of gbak-s3 from here on is the image, in the network of that MinIO.
run=(docker run "${confined[@]}" --memory 256m --network "container:$minio" --env AWS_ACCESS_KEY_ID --env AWS_SECRET_ACCESS_KEY --env AWS_REGION=us-east-1
  --volume "$temp/data:/data" --volume "$temp/ca:/etc/gbak-s3:ro")
gbak() { "${run[@]}" --rm --env SSL_CERT_FILE=/etc/gbak-s3/ca.pem "$image" "$@"; }
archive='s3://backups/people?endpoint=https://127.0.0.1:9000'
tries=0
until gbak health https://127.0.0.1:9000/minio/health/ready >/dev/null 2>&1; do
  if ((++tries > 300)) || [[ $(docker inspect --format '{{.State.Running}}' "$minio") != true ]]; then docker logs "$minio" >&2; die "MinIO does not answer"; fi
  sleep 0.2
done

say "a database that Grafeo writes"
mkfifo "$temp/commands" "$temp/answers"
chown 65532:65532 "$temp/commands" "$temp/answers"
GRAFEO_VERSION=0.6.0 HOME=$temp setpriv --reuid 65532 --regid 65532 --clear-groups \
  node e2e/grafeo/live.js "$temp/data/people.grafeo" "$temp/data/commits" <"$temp/commands" >"$temp/answers" &
writer=$!
exec 3>"$temp/commands" 4<"$temp/answers"
tell() {
  local answer
  echo "$*" >&3
  read -r answer <&4 || die "Grafeo has ended"
  [[ $answer == '{"ok"'* ]] || die "Grafeo: $answer"
}
tell open
tell commit 3

say "a backup to a store whose certificate is not known is refused"
if "${run[@]}" --rm "$image" backup /data/people.grafeo "$archive" >"$temp/out" 2>&1; then die "it is trusted"; fi
grep -q 'certificate signed by unknown authority' "$temp/out" || { cat "$temp/out" >&2; die "it fails for another reason"; }

say "backups, with the authority named in the way of Go and in that of AWS"
gbak backup /data/people.grafeo "$archive"
tell commit 2
"${run[@]}" --rm --env AWS_CA_BUNDLE=/etc/gbak-s3/ca.pem "$image" backup /data/people.grafeo "$archive"

say "a watcher"
watcher=$("${run[@]}" --detach --env SSL_CERT_FILE=/etc/gbak-s3/ca.pem --health-interval 1s "$image" watch --lag 1s --listen 127.0.0.1:8484 /data/people.grafeo "$archive")
containers+=("$watcher")
running() { [[ $(docker inspect --format '{{.State.Running}}' "$watcher") == true ]]; }
until [[ $(docker inspect --format '{{.State.Health.Status}}' "$watcher") == healthy ]]; do running || die "it has ended"; sleep 0.2; done
tell commit 5
last=$(tail -n 1 "$temp/data/commits")
epoch=$(jq .epoch <<<"$last")
until gbak list --json "$archive" | jq -es "any(.[]; .restore_to == $epoch)" >/dev/null; do running || die "it has ended"; sleep 0.5; done
docker stop --time 60 "$watcher" >/dev/null
[[ $(docker inspect --format '{{.State.ExitCode}}' "$watcher") == 0 ]] || die "it does not end cleanly"
if gbak health >/dev/null; then die "nothing listens, and health says that all is well"; fi

say "a restore"
gbak verify --deep "$archive"
gbak restore "$archive" /data/copy.grafeo
say "a drill, and an encrypted archive, whose writer key is kept in the volume"
"${run[@]}" --rm --tmpfs /tmp --env SSL_CERT_FILE=/etc/gbak-s3/ca.pem "$image" drill "$archive" >/dev/null
recipient=age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p # of age's own documentation
for _ in 1 2; do gbak backup -r "$recipient" /data/copy.grafeo 's3://backups/sealed?endpoint=https://127.0.0.1:9000' >/dev/null; done
tell close
[[ $(GRAFEO_VERSION=0.6.0 node e2e/grafeo/inspect.js "$temp/data/copy.grafeo" | jq -r .digest) == "$(jq -r .digest <<<"$last")" ]] ||
  die "the restored database holds something else"

if [[ -e $dist/gbak-s3_${version}_linux_arm64 ]]; then
  say "the image for arm64, under qemu"
  arm64=$(bash scripts/image.sh "$dist" arm64 2>"$temp/build.log") || { cat "$temp/build.log" >&2; exit 1; }
  images+=("$arm64")
  [[ $(docker inspect --format '{{.Os}}/{{.Architecture}} {{.Config.User}} {{.Config.Entrypoint}}' "$arm64") == 'linux/arm64 65532:65532 [/gbak-s3]' ]] ||
    die "it is not an image for arm64"
  # The kernel of the tests need not know qemu, so it is named, and what it runs is the entrypoint.
  emulate() {
    "${run[@]}" --platform linux/arm64 --rm --env SSL_CERT_FILE=/etc/gbak-s3/ca.pem --volume "$(command -v qemu-aarch64-static):/qemu:ro" \
      --entrypoint /qemu "$arm64" /gbak-s3 "$@"
  }
  [[ $(emulate version) == "gbak-s3 $version, $(go env GOVERSION), linux/arm64, archive format 1, zstd in C" ]] || die "it says something else of itself"
  emulate restore "$archive" /data/arm64.grafeo
  emulate drill "$archive" --scratch /data >/dev/null
  cmp "$temp/data/copy.grafeo" "$temp/data/arm64.grafeo"
  emulate backup /data/arm64.grafeo 's3://backups/arm64?endpoint=https://127.0.0.1:9000' >/dev/null
  gbak restore 's3://backups/arm64?endpoint=https://127.0.0.1:9000' /data/back.grafeo >/dev/null
  diff -r --exclude 'backup_cursor*' "$temp/data/copy.grafeo" "$temp/data/back.grafeo"
  diff -r --exclude 'backup_cursor*' "$temp/data/copy.grafeo.wal" "$temp/data/back.grafeo.wal"
fi
say "passed"
