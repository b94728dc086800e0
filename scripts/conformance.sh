#!/usr/bin/env bash
# Runs the official OCI distribution conformance suite against bin/registry: spec versions 1.0, 1.1 and dev with the suite's own
# toggles, on SQLite with a directory and on Postgres with S3. Called by make conformance, under internal/tools/testservices.
#
# Three passes for each. "with": the suite has credentials. "without": it has none, and talks to a gateway before the server that signs
# in for its clients. "anonymous": it has none, and talks to the server itself; that never lets strangers write, so what is read is
# pushed before, and the suite runs as it does for a read-only registry (OCI_API_PUSH=false).
#
# Usage: scripts/conformance.sh [VERSION...]     REGISTRY_CONFORMANCE_DIR keeps the reports (default .run/conformance)
set -euo pipefail
cd "$(dirname "$0")/.."
reports=$PWD/${REGISTRY_CONFORMANCE_DIR:-.run/conformance}
versions=("$@")
[ $# -gt 0 ] || versions=(1.0 1.1 dev)
port=${REGISTRY_CONFORMANCE_PORT:-$((10000 + RANDOM % 20000))} # below those that systems give to connections
suite=${CONFORMANCE:-$PWD/.tools/bin/conformance}
user=admin password=conformance-password
url=http://127.0.0.1:$port
work=$(mktemp -d)
server='' gateway=''
failures=0

stop() {
  for process in $gateway $server; do
    kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
  done
  server='' gateway=''
}
trap 'stop; rm -rf "$work"' EXIT

go build -o "$work/gateway" ./internal/tools/gateway

# start NAME=VALUE...: a server with nothing in it, and a gateway before it.
start() {
  env REGISTRY_HTTP_ADDR="127.0.0.1:$port" REGISTRY_ADMIN_PASSWORD="$password" REGISTRY_AUTH_ANONYMOUS=pull REGISTRY_LOG_FORMAT=json \
    "$@" bin/registry serve >"$work/log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    curl -fs "$url/ready" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  # What answers must be this server, and not another one on the port.
  if ! curl -fs "$url/ready" >/dev/null || ! kill -0 "$server" 2>/dev/null; then
    echo "conformance: the server did not start:" >&2
    tail -n 20 "$work/log" >&2
    exit 1
  fi
  mkfifo "$work/address"
  GATEWAY_PASSWORD=$password "$work/gateway" -user "$user" -to "$url" >"$work/address" &
  gateway=$!
  read -r front <"$work/address"
  rm "$work/address"
}

# count WORD LOG: the number of test results that end so, from the summary; empty when there is none.
count() { sed -nE '/^OCI Conformance Result/,/^$/s/^  '"$1"'\.+: +([0-9]+)$/\1/p' "$2"; }

# run BACKEND VERSION PASS REGISTRY NAME=VALUE...: one run of the suite, with no other settings than these.
run() {
  local backend=$1 version=$2 pass=$3 registry=$4 dir="$reports/$1-$2-$3" tag=ok passed failed errors skipped
  shift 4
  rm -rf "$dir" && mkdir -p "$dir"
  # Its summary is what counts: of a read-only registry it prints that, and then breaks while writing results.yaml.
  env OCI_REGISTRY="$registry" OCI_TLS=disabled OCI_VERSION="$version" OCI_RESULTS_DIR="$dir" "$@" "$suite" >"$dir/log" 2>&1 || true
  passed=$(count Pass "$dir/log") failed=$(count FAIL "$dir/log") errors=$(count Error "$dir/log") skipped=$(count Skip "$dir/log")
  if [ "$failed$errors" != 00 ] || [ "${passed:-0}" -lt 10 ]; then
    tag=FAILED
    failures=$((failures + 1))
    grep -E 'failed test|panic:' "$dir/log" | head -n 20 || true
  fi
  printf '%-12s spec %-4s %-9s %5s passed %4s failed %4s errors %4s skipped  %s\n' \
    "$backend" "$version" "$pass" "${passed:--}" "${failed:--}" "${errors:--}" "${skipped:--}" "$tag"
}

# seed REPO: an image and something that refers to it, pushed with curl, for the anonymous pass. Sets the OCI_RO_DATA_* variables.
seed() {
  local repo=$1 config=$work/config layer=$work/layer manifest=$work/manifest referrer=$work/referrer
  printf '{}' >"$config"
  head -c 5000 /dev/urandom >"$layer"
  local c l m r
  blob() {
    local digest
    digest=sha256:$(sha256sum "$1" | cut -d' ' -f1)
    curl -fsS -o /dev/null -u "$user:$password" --data-binary "@$1" -H 'Content-Type: application/octet-stream' "$url/v2/$repo/blobs/uploads/?digest=$digest"
    echo "$digest"
  }
  put() { # FILE REFERENCE
    curl -fsS -o /dev/null -u "$user:$password" -X PUT --data-binary "@$1" -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' "$url/v2/$repo/manifests/$2"
  }
  c=$(blob "$config") l=$(blob "$layer")
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":5000}]}' "$c" "$l" >"$manifest"
  m=sha256:$(sha256sum "$manifest" | cut -d' ' -f1)
  put "$manifest" seeded
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.example.signature","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2}],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d}}' \
    "$c" "$c" "$m" "$(wc -c <"$manifest")" >"$referrer"
  r=sha256:$(sha256sum "$referrer" | cut -d' ' -f1)
  put "$referrer" "$r"
  # For content that it did not make itself the suite drops the answer before it looks for Docker-Content-Digest in it.
  if ! curl -fsSI "$url/v2/$repo/manifests/seeded" | grep -qi "^docker-content-digest: $m"; then
    echo "conformance: a manifest is served without its Docker-Content-Digest" >&2
    failures=$((failures + 1))
  fi
  ro=(OCI_API_MANIFESTS_DIGEST_HEADER=false OCI_API_BLOBS_DIGEST_HEADER=false OCI_API_PUSH=false OCI_API_BLOBS_DELETE=false OCI_API_MANIFESTS_DELETE=false OCI_API_TAGS_DELETE=false
    "OCI_RO_DATA_TAGS=seeded" "OCI_RO_DATA_MANIFESTS=$m $r" "OCI_RO_DATA_BLOBS=$c $l" "OCI_RO_DATA_REFERRERS=$m")
}

# backend NAME NAME=VALUE...: the passes of all versions on a fresh server.
backend() {
  local name=$1 repo direct=127.0.0.1:$port
  shift
  start "$@"
  for version in "${versions[@]}"; do
    repo=${version//./-}
    run "$name" "$version" with "$direct" OCI_USERNAME="$user" OCI_PASSWORD="$password" OCI_REPO1="with/$repo/one" OCI_REPO2="with/$repo/two"
    run "$name" "$version" without "$front" OCI_REPO1="without/$repo/one" OCI_REPO2="without/$repo/two"
    seed "seeded/$repo"
    run "$name" "$version" anonymous "$direct" OCI_REPO1="seeded/$repo" OCI_REPO2="seeded/other" "${ro[@]}"
  done
  if grep -E '"level":"ERROR"|"status":5[0-9][0-9]' "$work/log" | head -n 5; then
    echo "conformance: $name: the server logged errors" >&2
    failures=$((failures + 1))
  fi
  stop
}

backend embedded REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$work/data"
if [ -n "${REGISTRY_TEST_POSTGRES_URL:-}" ] && [ -n "${REGISTRY_TEST_S3_ENDPOINT:-}" ]; then
  backend postgres-s3 REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="$work/spool" REGISTRY_DATABASE_URL="$REGISTRY_TEST_POSTGRES_URL" REGISTRY_STORAGE=s3 \
    REGISTRY_STORAGE_S3_ENDPOINT="$REGISTRY_TEST_S3_ENDPOINT" REGISTRY_STORAGE_S3_ACCESSKEY="$REGISTRY_TEST_S3_ACCESS_KEY" \
    REGISTRY_STORAGE_S3_SECRETKEY="$REGISTRY_TEST_S3_SECRET_KEY" REGISTRY_STORAGE_S3_REGION=us-east-1 REGISTRY_STORAGE_S3_BUCKET=conformance \
    REGISTRY_STORAGE_S3_FORCEPATHSTYLE=true
else
  echo "conformance: no Postgres or no S3 server; that half is skipped" >&2
  [ "${CI:-}" != true ] || failures=$((failures + 1))
fi
if [ "$failures" != 0 ]; then
  echo "conformance: $failures runs failed; reports are in $reports" >&2
  exit 1
fi
echo "conformance: 0 failed; reports are in $reports"
