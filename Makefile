# Thin names for commands that also work by hand.

FUZZTIME ?= 30s
SOAKTIME ?= 3600
SOAKCALLS ?= 100000

# As root, test/install.sh installs what the tests need. Otherwise it says what is
# missing; the tests that need it are skipped, and say so.
install = [ ! -x test/install.sh ] || test/install.sh $(1) || { [ "$$(id -u)" != 0 ] && echo "going on without them" >&2; }

# The race detector needs a C compiler.
race = if command -v gcc >/dev/null; then CGO_ENABLED=1 go test -race $(1); \
	else echo "no gcc: testing without the race detector" >&2; CGO_ENABLED=0 go test $(1); fi

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

run: ## a call through Bifrons, here and now; needs nothing but Go
	CGO_ENABLED=0 go run ./cmd/bifrons demo

build: ## bin/bifrons, one static binary
	CGO_ENABLED=0 go build -trimpath -o bin/bifrons ./cmd/bifrons

deb: ## bin/bifrons_VERSION_ARCH.deb, with a systemd unit
	@configs/deb/build.sh

test: ## everything CI runs; as root it installs from Debian what the tests need
	@$(call install)
	@$(MAKE) --no-print-directory lint
	@$(call race,-timeout 12m ./...)

lint: ## gofmt, vet, staticcheck and the rules of the house
	@bad=$$(gofmt -l .); [ -z "$$bad" ] || { echo "run gofmt -w on these:"; echo "$$bad"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go test -count=1 ./internal/archtest

bench: ## Go benchmarks, then load against rivals (a quiet machine, please)
	@$(call install,bench)
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem ./...
	@if [ -x test/bench/run.sh ]; then test/bench/run.sh; fi

fuzz: ## every fuzz target for FUZZTIME (30s)
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		targets=$$(go test -list '^Fuzz' $$dir); \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "$$dir $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$dir; \
		done; \
	done

soak: ## SOAKCALLS (100000) calls that leave nothing behind, then ./test again and again for SOAKTIME seconds (3600)
	@$(call install)
	SOAK_CALLS=$(SOAKCALLS) FLOOD_SOURCES=100000 CGO_ENABLED=0 go test -count=1 -timeout 3h -v -run '^(TestSoak|TestReloadUnderLoad|TestFloodOfSources)$$' ./test
	@set -e; end=$$(($$(date +%s) + $(SOAKTIME))); round=0; \
	while [ $$(date +%s) -lt $$end ]; do \
		round=$$((round + 1)); echo "round $$round"; \
		$(call race,-count=1 -timeout 8m ./test/...); \
	done

.PHONY: help run build deb test lint bench fuzz soak
