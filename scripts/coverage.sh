#!/usr/bin/env bash
# The coverage of packages in a profile of go test -coverpkg: how many of their
# statements any test runs. Fails if one of them is below so many percent.
#
#   scripts/coverage.sh PROFILE PERCENT PACKAGE...
#
# A PACKAGE that ends in /... is all below it, taken together.
set -euo pipefail
profile=$1 least=$2
shift 2
module=$(go list -m)
# With -coverpkg every block is there once for each test binary; it is covered if
# one of them has run it.
awk -v least="$least" -v wanted="${*/#/$module/}" '
  /^mode:/ { next }
  { statements[$1] = $2; if ($3 > 0) run[$1] = 1 }
  END {
    for (block in statements) {
      package = block
      sub(/\/[^\/]*$/, "", package)
      all[package] += statements[block]
      if (block in run) covered[package] += statements[block]
    }
    n = split(wanted, names, " ")
    for (i = 1; i <= n; i++) {
      below = names[i]
      if (!sub(/\.\.\.$/, "", below)) continue
      for (package in all) {
        if (index(package, below) != 1 || package == names[i]) continue
        all[names[i]] += all[package]
        covered[names[i]] += covered[package]
      }
    }
    for (i = 1; i <= n; i++) {
      percent = all[names[i]] ? 100 * covered[names[i]] / all[names[i]] : 0
      low = percent < least
      failed = failed || low
      printf "%5.1f %%  %s%s\n", percent, names[i], low ? "  (less than " least " %)" : ""
    }
    exit failed
  }' "$profile"
