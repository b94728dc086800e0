#!/usr/bin/env bash
# Measures the product and writes docs/performance.md. Runs under internal/tools/testservices
# (make bench). Nothing in that page is written by hand.
#   BENCH_COUNT   rounds of the Go benchmarks (default 6)
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

echo "== budgets" >&2
go run ./internal/tools/budgets -bin bin/registry -packs "${PACKS_DIR:-../shared/packs}" > "$out/budgets.md"

echo "== search at 100,000 packs" >&2
go test ./internal/db/sqlcat -run '^$' -bench '^BenchmarkSearch$' -benchtime 200x -timeout 60m > "$out/search.txt"

echo "== Go benchmarks" >&2
go test -run '^$' -bench . -benchmem -count "${BENCH_COUNT:-6}" -benchtime 200ms -timeout 60m \
  ./internal/pack/... ./internal/storage/... ./internal/registry ./internal/auth ./internal/api > "$out/go.txt"
benchstat=$PWD/.tools/bin/benchstat
(cd "$out" && "$benchstat" go.txt) > "$out/benchstat.txt"

{
  cat <<'EOM'
# Performance

`make bench` writes this page; nothing in it is written by hand. Figures of another machine are other figures.

## Budgets

Real processes over loopback. CPU is user and system time of the server process, from `/proc`; memory is the peak resident set (`VmHWM`). The CPU of Postgres and
of the S3 server is not in it.

EOM
  cat "$out/budgets.md"
  cat <<'EOM'

## Search at 100,000 packs

One client, 200 searches of each kind through the catalogue. Budget: 60 ms at the 99th percentile for names, prefixes and typos, 300 ms for
common words.

| back end | search | p50 | p99 | budget | |
|---|---|---:|---:|---:|---|
EOM
  awk '
    /^BenchmarkSearch\// {
      split($1, path, "/"); kind = path[3]; with = path[4]; sub(/-[0-9]+$/, "", with); sub(/^facets=/, "", with)
      p50 = p99 = ""
      for (i = 2; i < NF; i++) { if ($(i+1) == "p50-ms") p50 = $i; if ($(i+1) == "p99-ms") p99 = $i }
      budget = (kind ~ /^(name|names|prefix|prefixes|typo|typos)$/) ? 60 : 300
      printf "| %s | %s%s | %s ms | %s ms | %d ms | %s |\n", path[2], kind, (with == "true" ? ", with facets" : ""), p50, p99, budget, (p99 <= budget ? "within" : "over")
      rows++
    }
    END { if (!rows) exit 1 }' "$out/search.txt"
  cat <<'EOM'

## Go benchmarks

`benchstat` over the rounds; local is a directory on this machine's disk, s3 is versitygw on loopback.

```
EOM
  grep -vE '^(goos|goarch|cpu):' "$out/benchstat.txt"
  echo '```'
} > docs/performance.md
echo "docs/performance.md is written" >&2
