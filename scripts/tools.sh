#!/usr/bin/env bash
# Installs the pinned tools that the Makefile uses into .tools/bin.
# Usage: scripts/tools.sh NAME... A tool that is there in its pinned version is left alone,
# so that a second run needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."

module() {
  case "$1" in
    gofumpt) echo mvdan.cc/gofumpt@v0.12.0 ;;
    golangci-lint) echo github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 ;;
    versitygw) echo github.com/versity/versitygw/cmd/versitygw@v1.8.0 ;;
    pebble) echo github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.1 ;;
    oapi-codegen) echo github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 ;;
    benchstat) echo golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da ;;
    conformance) echo github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111 ;;
    oras) echo oras.land/oras/cmd/oras@v1.3.6 ;;
    helm) echo helm.sh/helm/v3/cmd/helm@v3.22.0 ;;
    nfpm) echo github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0 ;;
    crane) echo github.com/google/go-containerregistry/cmd/crane@v0.22.1 ;;
    *) echo "tools.sh: no tool is called $1" >&2; return 2 ;;
  esac
}

mkdir -p .tools/bin .tools/pins
for tool in "$@"; do
  want=$(module "$tool")
  if [ -x ".tools/bin/$tool" ] && [ "$(cat ".tools/pins/$tool" 2>/dev/null)" = "$want" ]; then
    continue
  fi
  echo "installing $want" >&2
  GOBIN="$PWD/.tools/bin" GOFLAGS=-buildvcs=false CGO_ENABLED=0 go install "$want"
  echo "$want" > ".tools/pins/$tool"
done
