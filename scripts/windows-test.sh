#!/usr/bin/env bash
# Runs the binary for Windows under Wine, as its users would: backups, restores whose bytes are compared
# with those of the binary for Linux, paths of all forms, runs that are killed, and the watcher. It also
# runs the Go tests about files, folders, locks and paths.
#
#   bash scripts/windows-test.sh [DIST]      DIST: a folder with the binaries of scripts/release.sh
#
# Wine is not Windows. docs/releasing.md says what that leaves untested. Wine needs two workarounds. Wine 8 lacks
# the library from which Go takes random numbers, so one is made that passes the call on. And tests are built with
# a change in one file of Go, because Wine answers differently when it does not know a way to delete.
#
# Wine, a linker for Windows and curl are installed with apt-get where they are missing and that is possible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "windows-test: $*" >&2; }
die() { say "$*"; exit 1; }

packages=()
command -v wine >/dev/null || packages+=(wine wine64)
command -v x86_64-w64-mingw32-ld >/dev/null || packages+=(binutils-mingw-w64-x86-64)
command -v curl >/dev/null || packages+=(curl)
if ((${#packages[@]})); then
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then die "please install: ${packages[*]}"; fi
  say "installing ${packages[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

# A disk that gets full is mounted where nobody else sees it.
if [[ ${1:-} != --inside ]]; then
  how=(--mount)
  [[ $(id -u) == 0 ]] || how+=(--user --map-root-user)
  exec unshare "${how[@]}" bash "$PWD/scripts/windows-test.sh" --inside "$@"
fi
shift

temp=$(mktemp -d)
export WINEPREFIX=$temp/prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml='
mkdir "$WINEPREFIX"
watcher=''
finish() {
  [[ ! $watcher ]] || kill -9 "$watcher" 2>/dev/null || true
  wineserver -k 2>/dev/null || true
  umount "$temp/full" 2>/dev/null || true
  rm -rf "$temp" || say "$temp could not be removed" # a process of Wine may still write there, which is no fault
}
trap finish EXIT

if [[ ${1:-} ]]; then
  dist=$(cd "$1" && pwd)
else
  dist=$temp/dist
  bash scripts/release.sh "$dist" windows/amd64
fi
exe=$(echo "$dist"/gbak-s3_*_windows_amd64.exe)
[[ -f $exe ]] || die "$exe does not exist"
go build -o "$temp/gbak-s3" ./cmd/gbak-s3

wine cmd /c ver >/dev/null 2>&1 || die "Wine does not start"
printf 'LIBRARY bcryptprimitives.dll\nEXPORTS\nProcessPrng = advapi32.SystemFunction036\n' >"$temp/prng.def"
x86_64-w64-mingw32-dlltool -d "$temp/prng.def" -e "$temp/prng.exp" -l "$temp/prng.lib"
x86_64-w64-mingw32-ld --shared --entry=0 -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" "$temp/prng.exp"

# The tests in Go.
goroot=$(go env GOROOT)
deleting=src/internal/syscall/windows/at_windows.go
sed 's/STATUS_NOT_SUPPORTED: .*/STATUS_NOT_SUPPORTED, NTStatus(0xC0000002):/' "$goroot/$deleting" >"$temp/at_windows.go"
cmp -s "$goroot/$deleting" "$temp/at_windows.go" && die "Go deletes in another way than this script knows: see $deleting"
echo "{\"Replace\": {\"$goroot/$deleting\": \"$temp/at_windows.go\"}}" >"$temp/overlay.json"
gotest() {
  local package=$1
  shift
  say "tests of $package"
  CGO_ENABLED=0 GOOS=windows go test -overlay "$temp/overlay.json" -c -o "$temp/tests.exe" "./$package"
  (cd "$package" && wine "$temp/tests.exe" "$@" >"$temp/tests.log" 2>&1) || { cat "$temp/tests.log"; die "a test of $package failed"; }
  grep -q '^PASS' "$temp/tests.log" || { cat "$temp/tests.log"; die "no test of $package was run"; }
}
gotest internal/errno
gotest internal/shared
gotest internal/disk -test.skip '^TestLook$' # Wine has no symbolic links
gotest archiver/internal/scratch
gotest archiver/internal/hold
gotest archiver/internal/record
gotest archiver/internal/resume
# Wine replaces no file that is open, which a forced restore of 0.5 and of directories needs.
gotest archiver/internal/staging -test.short -test.skip 'TestPublishIsAllOrNothing/(0.5|directory)'
gotest storage/local -test.run 'RaceWithoutHardLinks|Order|OpenCreatesNothing|Cancelled'
gotest storage/local -test.short -test.run '^TestConformance$/^existing_folder$' -test.skip '/./Put/IsNeverVisibleInPart' # which replaces open files
gotest archiver -test.run '^(TestCodesOnWindows|TestForceMovesAside)$'
gotest cmd/gbak-s3 -test.run Hint

# The command. What a person sees has neither colours nor carriage returns if it is written to a file.
gbak() { wine "$exe" "$@"; }
out=$temp/out
same() { cmp "$1" "$2" || die "$2 is not what was expected"; }
says() { grep -qF -- "$1" "$out" || { cat "$out"; die "this says nothing of: $1"; }; }
refuses() { # refuses WORDS COMMAND...
  local words=$1
  shift
  if gbak "$@" >"$out" 2>&1; then cat "$out"; die "this should fail: $*"; fi
  says "$words"
}
data=$WINEPREFIX/drive_c/data
mkdir -p "$data"
cp examples/social.grafeo "$data"
cd "$data"

say "backups and restores"
gbak version >"$out"
says windows/amd64
gbak backup social.grafeo archive >"$out" 2>&1
says 'gbak-s3 restore C:\data\archive C:\data\social.grafeo'
if grep -q $'[\x1b]' "$out"; then die "there are escape sequences in a file"; fi
"$temp/gbak-s3" verify --deep archive >/dev/null
"$temp/gbak-s3" restore archive "$temp/expected.grafeo" >/dev/null
for address in archive 'C:\data\archive' C:/data/archive '\\?\C:\data\archive' file:///C:/data/archive ARCHIVE '\data\archive'; do
  gbak restore "$address" 'C:\data\my data ü 日本\co py.grafeo' >"$out" 2>&1
  if grep -q WARN "$out"; then cat "$out"; die "the restore leaves something behind"; fi
  same "$temp/expected.grafeo" 'my data ü 日本/co py.grafeo'
  rm -r 'my data ü 日本'
done
deep=$(printf 'a%.0s' {1..100})
gbak restore archive "C:\\data\\$deep\\$deep\\$deep\\copy.grafeo" >/dev/null
same "$temp/expected.grafeo" "$deep/$deep/$deep/copy.grafeo"
gbak restore archive copy.grafeo >/dev/null
refuses 'exists' restore archive COPY.grafeo
for name in con.grafeo 'x?.grafeo' 'a<b' 'Q:\none\x.grafeo'; do refuses 'Check the path' restore archive "$name"; done
refuses 'not a file' restore archive NUL
gbak verify --deep archive >/dev/null
gbak drill archive >"$out" 2>&1
says 'proven restorable'
gbak export archive exported >/dev/null
gbak import exported imported >/dev/null
gbak restore imported imported.grafeo >/dev/null
same "$temp/expected.grafeo" imported.grafeo

say "a full disk"
mkdir "$temp/full"
mount -t tmpfs -o size=64k tmpfs "$temp/full"
ln -s "$temp/full" "$WINEPREFIX/dosdevices/f:"
refuses disk_full backup --json social.grafeo 'F:\archive'
refuses disk_full restore --json archive 'F:\copy.grafeo'
refuses 'Free some space' restore archive 'F:\copy.grafeo'
[[ ! -e $temp/full/copy.grafeo ]] || die "a part of a restore is taken for a database"
umount "$temp/full"

say "an encrypted archive"
gbak keys new -o key.txt >/dev/null 2>&1
gbak backup -r "$(grep -o 'age1[a-z0-9]*' key.txt)" social.grafeo encrypted >/dev/null
gbak restore -i key.txt encrypted opened.grafeo >/dev/null
same "$temp/expected.grafeo" opened.grafeo

say "runs that are killed"
for pause in 0.06 0.12 0.18 0.3; do
  killed=killed-$pause
  wine "$exe" backup social.grafeo "$killed" >/dev/null 2>&1 &
  sleep "$pause"
  kill -9 $! 2>/dev/null || true
  { wait $!; } 2>/dev/null || true
  gbak backup social.grafeo "$killed" >/dev/null
  gbak verify --deep "$killed" >/dev/null
  wine "$exe" restore "$killed" "$killed.grafeo" >/dev/null 2>&1 &
  sleep "$pause"
  kill -9 $! 2>/dev/null || true
  { wait $!; } 2>/dev/null || true
  [[ -e $killed.grafeo ]] || gbak restore "$killed" "$killed.grafeo" >/dev/null
  same "$temp/expected.grafeo" "$killed.grafeo"
done

say "two runs at once, and removed backups"
gbak backup social.grafeo both >"$temp/first" 2>&1 &
first=$!
gbak backup social.grafeo both >"$out" 2>&1 || { cat "$out"; die "the second of two runs failed"; }
wait "$first" || { cat "$temp/first"; die "the first of two runs failed"; }
gbak backup --full --fresh social.grafeo both >/dev/null
gbak expire --keep-last 1 --grace 0 both >"$out" 2>&1 || { cat "$out"; die "expire failed"; }
gbak verify --deep both >/dev/null
gbak restore both after.grafeo >/dev/null
same "$temp/expected.grafeo" after.grafeo

say "the watcher, and its page"
wine "$exe" watch social.grafeo both --listen 127.0.0.1:0 >"$temp/watch.log" 2>&1 &
watcher=$!
port=''
for ((i = 0; i < 600; i++)); do
  port=$(grep -o 'address=127.0.0.1:[0-9]*' "$temp/watch.log" | head -1 | grep -o '[0-9]*$') && grep -q ready "$temp/watch.log" && break
  kill -0 "$watcher" 2>/dev/null || break
  sleep 0.1
done
[[ $port ]] || { cat "$temp/watch.log"; die "the watcher does not listen"; }
for ((i = 0; i < 600; i++)); do # it looks at the archive first
  curl -sSf --max-time 30 "http://127.0.0.1:$port/" >"$out"
  grep -qF 'social is safe' "$out" && break
  sleep 0.1
done
says 'social is safe'
kill -INT "$watcher" # Ctrl-C
wait "$watcher" || { cat "$temp/watch.log"; die "the watcher did not end well"; }
watcher=''

say "everything passed"
