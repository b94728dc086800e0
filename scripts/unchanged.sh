#!/usr/bin/env bash
# Fails when a generated file differs from what is committed.
set -euo pipefail
cd "$(dirname "$0")/.."
files=$(git ls-files '*.go' '*.md' | xargs grep -lE '^(//|<!--) Code generated .* DO NOT EDIT' -- 2>/dev/null || true)
[ -n "$files" ] || { echo "no generated file is committed: this check checks nothing" >&2; exit 1; }
# shellcheck disable=SC2086
if ! git diff --exit-code --stat -- $files; then
  echo "generated files are not up to date: run make generate and commit" >&2
  exit 1
fi
