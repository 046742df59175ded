# Everything that is done to this project, by people, by CI and by the git hook.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TOOL    := go tool -modfile=tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# test/torture and test/cluster are not in here: they break things for minutes
# (make torture).
PACKAGES := $$(go list ./... | grep -vE '/test/(torture|cluster)$$')
# Packages whose tests take seconds under the race detector. SQLite in pure Go
# is 16 to 50 times slower there, so of the store's suite only a part runs.
RACED := ./internal/desk ./internal/number ./internal/intake ./internal/sorting ./internal/handling ./internal/password ./internal/readers ./internal/search ./internal/auth ./internal/web ./internal/aicc ./internal/chain ./internal/config
RACED_STORE := EveryEngineMust/(one_key_is_one_message|two_changes_of_one_thread|a_batch_is_there_whole|messages_show_before)

FUZZTIME ?= 30s
ROUNDS   ?= 3
BENCH    ?=
VULNDB   ?= https://vuln.go.dev

.PHONY: help build run test race torture bench fuzz lint vuln hooks clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

build: ## build bin/afterbeep, static and without cgo
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/afterbeep ./cmd/afterbeep

run: build ## build and run the demo; Ctrl-C ends it and its data
	bin/afterbeep demo

test: ## everything that must pass before a push: format, vet, all tests but torture, races
	tools/needs
	@unformatted=$$(gofmt -l cmd internal test bench); if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go vet -tags teeth ./internal/... ./cmd/...
	tools/gotest -timeout 25m $(PACKAGES)
	@$(MAKE) --no-print-directory race

race: ## the tests of the small packages, and some of the store's, under the race detector
	tools/gotest -race -timeout 20m $(RACED)
	tools/gotest -race -timeout 20m -run '$(RACED_STORE)' ./internal/store/sqlite

torture: ## kill, cut, corrupt, flood, one node and many (short; AFTERBEEP_TORTURE=long takes hours)
	tools/needs
	go test ./test/torture -count=1 -timeout 12h -v
	go test ./test/cluster -count=1 -timeout 12h -v

bench: ## measure against the ceiling; BENCH=-quick for a look, BENCH=-help for more
	go run ./bench -rounds $(ROUNDS) $(BENCH)

fuzz: ## every fuzz target for FUZZTIME (30s)
	@grep -rEo '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' internal cmd test | sed -E 's|/[^/]*:func | |' | while read -r dir target; do \
		echo "$$dir $$target"; go test "./$$dir" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME); done

lint: ## golangci-lint and gofumpt, pinned in tools/go.mod (the first run compiles them: a minute or two)
	$(TOOL) golangci-lint run ./...
	@unformatted=$$($(TOOL) gofumpt -l cmd internal test bench); if [ -n "$$unformatted" ]; then echo "not formatted (gofumpt -w):"; echo "$$unformatted"; exit 1; fi

vuln: ## known vulnerabilities in what the binary calls
	$(TOOL) govulncheck -db $(VULNDB) ./...

hooks: ## let git run .githooks/pre-commit
	git config core.hooksPath .githooks

clean: ## remove what was built and measured
	rm -rf bin bench/results
