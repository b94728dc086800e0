#!/usr/bin/env bash
# Measures the registry and writes docs/performance.md (make bench). Nothing in that page is written by hand.
#   ROWS=1,2      only these rows of bench/ratios.yaml; the page goes to .run/bench
#   QUICK=1       small catalogues and short rounds, to see that everything works; the page goes to .run/bench
#   PROFILE=dir   keep CPU profiles of the server, of every row, there
#   RELAXED=1     run row 12 on fewer than four cores too; it stays inconclusive
#   ROUNDS=1      fewer rounds than five; then nothing counts
#   BENCH_COUNT   rounds of the Go benchmarks (default 6)
#   BENCH_WORK    where catalogues and stores go (default: the system's folder for temporary files); some 15 GB
# It goes on when something fails and ends with 1 then.
set -euo pipefail
cd "$(dirname "$0")/.."
out=.run/bench page=docs/performance.md results=bench/results.json
mkdir -p "$out"
flags=()
[ -z "${ROWS:-}" ] || { flags+=(-rows "$ROWS"); page=$out/performance.md results=$out/results.json; }
[ -z "${QUICK:-}" ] || { flags+=(-quick); page=$out/performance.md results=$out/results.json; }
[ -z "${ROUNDS:-}" ] || { flags+=(-rounds "$ROUNDS"); page=$out/performance.md results=$out/results.json; }
[ -z "${PROFILE:-}" ] || { mkdir -p "$PROFILE"; flags+=(-profile "$PROFILE"); }
[ -z "${RELAXED:-}" ] || flags+=(-relaxed)
[ -z "${BENCH_WORK:-}" ] || flags+=(-work "$BENCH_WORK")
status=0

scripts/peers.sh
(cd bench && CGO_ENABLED=0 go build -trimpath -o ../bin/registry-bench .)
bin/registry-bench run "${flags[@]}" -packs "${PACKS_DIR:-../shared/packs}" -results "$results" || status=1
[ -s "$results" ] || { echo "bench: there are no results" >&2; exit 1; }

more=()
with_services() { go run ./internal/tools/testservices -- "$@"; }

# Searches of 100,000 packs through the catalogue's own code, on both databases.
searches() {
  echo "== search at 100,000 packs" >&2
  with_services go test ./internal/db/sqlcat -run '^$' -bench '^BenchmarkSearch$' -benchtime 60x -timeout 60m > "$out/search.txt" || return 1
  {
    echo '## Search at 100,000 packs'
    echo
    echo 'One client, 60 searches of each kind through the catalogue, without HTTP. Budget: 60 ms at the 99th percentile for names, prefixes and typos, 300 ms for common words.'
    echo
    echo '| back end | search | p50 | p99 | budget | |'
    echo '|---|---|---:|---:|---:|---|'
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
  } > "$out/search.md"
}

# The budgets of one server, without a peer.
budgets() {
  echo "== budgets" >&2
  {
    echo '## Budgets'
    echo
    echo "Of one server, without a peer. CPU is of the server's process; memory is the peak resident set (\`VmHWM\`)."
    echo
    with_services go run ./internal/tools/budgets -bin bin/registry -packs "${PACKS_DIR:-../shared/packs}"
  } > "$out/budgets.md"
}

# Go benchmarks, for benchstat.
benchmarks() {
  echo "== Go benchmarks" >&2
  local count=${BENCH_COUNT:-6} time=100ms
  [ -z "${QUICK:-}" ] || { count=1; time=2x; }
  with_services go test -run '^$' -bench . -benchmem -count "$count" -benchtime "$time" -timeout 60m \
    ./internal/pack/... ./internal/storage/... ./internal/registry ./internal/auth ./internal/api > "$out/go.txt" || return 1
  {
    echo '## Go benchmarks'
    echo
    echo "\`benchstat\` over $count rounds; local is a directory on this machine's disk, s3 is versitygw on loopback."
    echo
    echo '```'
    (cd "$out" && "$OLDPWD/.tools/bin/benchstat" go.txt) | grep -vE '^(goos|goarch|cpu):'
    echo '```'
  } > "$out/go.md"
}

if [ -z "${ROWS:-}" ]; then
  parts=(budgets searches benchmarks)
  [ -z "${QUICK:-}" ] || parts=(benchmarks)
  for part in "${parts[@]}"; do
    file=$out/$part.md
    case $part in searches) file=$out/search.md ;; benchmarks) file=$out/go.md ;; esac
    if "$part"; then more+=("$file"); else echo "bench: $part failed" >&2; status=1; fi
  done
fi
bin/registry-bench report -results "$results" -out "$page" -more "$(IFS=,; echo "${more[*]}")"
echo "$page is written" >&2
exit $status
