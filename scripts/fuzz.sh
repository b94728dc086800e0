#!/usr/bin/env bash
# Runs every native fuzz target for a while, one after another. What a target finds is kept by go under
# testdata/fuzz beside it, and belongs into the commit that mends it.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-20s}
found=0
while IFS=: read -r file target; do
  found=1
  echo "fuzz $(dirname "$file") $target"
  go test "./$(dirname "$file")" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5x
done < <(git ls-files '*_test.go' | xargs grep -oE '^func (Fuzz[A-Za-z0-9]+)' | sed 's/:func /:/')
[ "$found" = 1 ] || { echo "no fuzz target found" >&2; exit 1; }
