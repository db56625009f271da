#!/bin/sh
# What a drill runs on a database that it has restored, to copy and adapt:
#
#   gbak-s3 drill ARCHIVE --exec '/opt/check/check.sh {}'
#
# It opens either generation with the right binding, demands as many nodes as you expect
# (MIN_NODES), and hands on what check.js prints, so that the digest is the last line. The
# bindings are installed beside it, one of each generation, or the one that you use:
#
#   npm install grafeo-0.5@npm:@grafeo-db/js@0.5.42 @grafeo-db/js@0.6.0
set -eu
database=$1
here=$(cd "$(dirname "$0")" && pwd)

if [ -d "$database" ]; then
  binding=grafeo-0.5
else
  case $(od -An -tx1 -N5 "$database" | tr -d ' \n') in
  4752414601) binding=grafeo-0.5 ;;
  4752414603) binding=@grafeo-db/js ;;
  *) echo "$database is no Grafeo database" >&2; exit 1 ;;
  esac
fi

out=$(node "$here/check.js" --binding "${GRAFEO_BINDING:-$binding}" "$database")

# What a backup of the wrong database would not have: ask for it here.
nodes=$(printf '%s\n' "$out" | sed -n 's/^the graph: \([0-9]*\) nodes.*/\1/p')
if [ "$nodes" -lt "${MIN_NODES:-1}" ]; then
  echo "there are $nodes nodes, and at least ${MIN_NODES:-1} are expected" >&2
  exit 1
fi

printf '%s\n' "$out"
