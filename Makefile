# Pack Registry. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
export GOFLAGS ?= -buildvcs=false

TOOLS   := .tools/bin
GODIRS  := cmd internal migrations bench
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
PACKS_DIR ?= $(abspath ../shared/packs)
export PACKS_DIR

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## Running

.PHONY: run
run: bin/registry ## start the registry on :5000, with SQLite and a directory under ./data
	@exec bin/registry serve

.PHONY: run-postgres
run-postgres: bin/registry ## start it on a Postgres and an S3 server that this starts too (data in .run)
	@scripts/services.sh postgres s3
	@exec go run ./internal/tools/testservices -dir .run/services -bucket registry -- scripts/run-postgres.sh

## Building

.PHONY: build
build: bin/registry bin/spectro ## build bin/registry and bin/spectro, static
.PHONY: bin/registry bin/spectro
bin/registry bin/spectro:
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/$(@F)

.PHONY: install
install: ## install both into GOBIN
	@CGO_ENABLED=0 go install -trimpath -ldflags '$(LDFLAGS)' ./cmd/registry ./cmd/spectro

TARGETS ?= registry-{linux,darwin}-{amd64,arm64} spectro-{linux,darwin,windows}-{amd64,arm64}

.PHONY: dist
dist: ## static binaries in dist/: registry for linux and darwin, spectro for windows too, amd64 and arm64 (TARGETS=spectro-darwin-arm64)
	@for target in $(TARGETS); do \
	  IFS=- read -r program os arch <<< "$$target"; \
	  [ "$$os" != windows ] || target=$$target.exe; \
	  echo "dist/$$target"; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o "dist/$$target" "./cmd/$$program"; \
	done

# What packages call the version: a number in front whatever git says, and no hyphen. Commits after a release sort behind it, a
# release candidate before.
PACKAGE_VERSION := $(shell echo '$(VERSION)' | sed -E 's/^v//; s/-dirty$$/.dirty/; s/-([0-9]+)-g/+\1.g/; s/-/~/g; /^[0-9]+\.[0-9]+\.[0-9]+/! s/^/0.0.0+/')

.PHONY: packages
packages: $(TOOLS)/nfpm ## deb and rpm of the registry in dist/, amd64 and arm64
	@export PACKAGE_VERSION='$(PACKAGE_VERSION)' SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct 2>/dev/null || date +%s)"; \
	rm -f dist/*.deb dist/*.rpm; \
	for ARCH in $(or $(ARCH),amd64 arm64); do \
	  export ARCH BINARY="dist/registry-linux-$$ARCH"; \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$ARCH go build -trimpath -ldflags '$(LDFLAGS)' -o "$$BINARY" ./cmd/registry; \
	  for kind in deb rpm; do $(TOOLS)/nfpm package --config deploy/packages/nfpm.yaml --packager $$kind --target dist/; done; \
	done

## Testing

# The race detector looks at our code and our libraries, not into SQLite, which is C translated to Go: every access to memory
# of that was instrumented, and the tests of the embedded catalogue took four times as long. The driver around it is looked at.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc/...=-race=false

.PHONY: test
test: services ## all tests with the race detector, on a real Postgres and a real S3 server
	@go run ./internal/tools/testservices -- go test $(RACE) -timeout 30m $(TESTFLAGS) ./...

.PHONY: test-full
test-full: services ## the same, and what is slow: soak, plans of large tables, long fuzzing, a fresh machine by debootstrap
	@REGISTRY_TEST_FULL=1 go run ./internal/tools/testservices -- go test $(RACE) -timeout 60m $(TESTFLAGS) ./...
	@go run ./internal/tools/testservices -- go test -timeout 20m -count=1 -run TestSearchPlans ./internal/db/sqlcat
	@$(MAKE) fuzz FUZZTIME=60s
	@scripts/fresh-machine.sh
	@scripts/package-machine.sh
	@$(MAKE) vcenter

.PHONY: vcenter
vcenter: ## import the appliance's OVA into a simulated vCenter
	@cd deploy/vmware/vcenter && go test -count=1 ./...

.PHONY: services
services:
	@scripts/services.sh

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (default 20s)
	@scripts/fuzz.sh $(or $(FUZZTIME),20s)

.PHONY: conformance
conformance: services bin/registry $(TOOLS)/conformance ## the official OCI conformance suite, on both back ends; fails when anything fails
	@go run ./internal/tools/testservices -bucket conformance -- scripts/conformance.sh

.PHONY: cover
cover: services ## test coverage, as coverage.html
	@go run ./internal/tools/testservices -- go test -timeout 20m -coverpkg=./... -coverprofile=coverage.out ./...
	@go tool cover -html=coverage.out -o coverage.html
	@go tool cover -func=coverage.out | tail -n 1

.PHONY: bench
bench: bin/registry $(TOOLS)/benchstat ## beside other servers, and Go benchmarks; writes docs/performance.md (ROWS=1,2 QUICK=1 PROFILE=dir)
	@scripts/services.sh postgres s3
	@scripts/bench.sh

.PHONY: bench-check
bench-check: ## compare the results of make bench with the targets in bench/ratios.yaml
	@cd bench && go run . check -ratios ratios.yaml -results $(or $(RESULTS),results.json)

## Keeping the house

.PHONY: check
check: ## what CI runs
	@.ci/run

.PHONY: lint
lint: $(TOOLS)/golangci-lint $(TOOLS)/gofumpt ## gofumpt, go vet, staticcheck and the law of imports
	@out=$$($(TOOLS)/gofumpt -l $(GODIRS)); [ -z "$$out" ] || { echo "gofumpt would change (make fmt):"; echo "$$out"; exit 1; }
	@$(TOOLS)/golangci-lint run --allow-serial-runners ./...
	@cd bench && GOOS=linux go vet ./...

.PHONY: fmt
fmt: $(TOOLS)/gofumpt ## format the code
	@$(TOOLS)/gofumpt -l -w $(GODIRS)

.PHONY: generate
generate: $(TOOLS)/oapi-codegen ## write generated code anew
	@PATH="$(abspath $(TOOLS)):$$PATH" go generate ./...

.PHONY: generated
generated: generate ## fail when generated code is not what generate writes
	@scripts/unchanged.sh

.PHONY: schema
schema: services ## dump the schemas of both databases into migrations/
	@go run ./internal/tools/testservices -- go test ./internal/db/sqlite ./internal/db/postgres -run TestSchemaDump -count=1 -update

.PHONY: migration
migration: ## start a migration: make migration NAME=add_labels
	@scripts/migration.sh "$(NAME)"

.PHONY: vulncheck
vulncheck: ## known vulnerabilities in what is compiled in (needs the network)
	@go run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

.PHONY: clean
clean: ## remove what was built (not ./data)
	@rm -rf bin dist coverage.out coverage.html

$(TOOLS)/%: scripts/tools.sh
	@scripts/tools.sh $*
