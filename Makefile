# Everything a developer or an operator does with this repository. `make help` lists it.

CARGO ?= cargo
DATA ?= data
comma := ,
# More arguments of skynet-bench, such as --rounds 5 or --keep FOLDER.
BENCH ?=
DOMAIN := -p kernel -p eav -p lead -p auth
PRODUCTION := store-mysql queue-rabbitmq cache-redis
# Tests that run over the family that SKYNET_TEST_FAMILY names; over reference adapters without it.
# Of the whole workspace, since dependencies would be built again for a package alone.
BEHAVIOUR := --workspace --test leads --test platform
# In all other crates, what needs a server stands in a module of this name.
SERVERS := production::
# The product under faults of its servers, its processes and its leads.
FAULTS := --workspace --tests
FAULTS_KILLS ?= 100
# They take minutes of their own: `make test-faults` runs them, all other targets leave them out.
NO_FAULTS := --skip production::faults

.DEFAULT_GOAL := help
.PHONY: help run test test-domain test-embedded test-production test-faults check fmt bench guard guard-record load toolchain valgrind

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: toolchain ## Build and start skynet: API and worker in one process, no server needed
	@echo "==> building skynet (the first build takes a few minutes)"
	@$(CARGO) build --release --locked -p skynet
	@echo "==> starting skynet; its data is kept in $(DATA)/, Ctrl-C stops it"
	@SKYNET_DATA_DIR=$(DATA) exec "$${CARGO_TARGET_DIR:-target}/release/skynet" serve

test: toolchain test-domain ## Run every test but those of faults; starts the servers that are not there
	@echo "==> the whole workspace; a first build takes some minutes"
	@scripts/with-servers $(CARGO) test --locked --workspace -- $(NO_FAULTS)
	@echo "==> what the HTTP API promises, over files and over servers (what it promises under faults: make test-faults)"
	@SKYNET_TEST_FAMILY=embedded $(CARGO) test --locked $(BEHAVIOUR)
	@SKYNET_TEST_FAMILY=production scripts/with-servers $(CARGO) test --locked $(BEHAVIOUR)

test-domain: toolchain ## Build and test the domain crates alone
	@echo "==> the domain crates alone: no database, no queue, no network"
	@$(CARGO) test --locked --quiet $(DOMAIN)

test-embedded: toolchain ## Run the tests of the whole workspace over the embedded family
	@echo "==> the whole workspace over the embedded family (SQLite, no server needed); a first build takes some minutes"
	@$(CARGO) test --locked --workspace $(PRODUCTION:%=--exclude %) -- --skip $(SERVERS)
	@SKYNET_TEST_FAMILY=embedded $(CARGO) test --locked $(BEHAVIOUR)

test-production: toolchain ## Run the tests that need MySQL, RabbitMQ and Redis
	@echo "==> the production family, on real servers"
	@scripts/with-servers sh -c '$(CARGO) test --locked $(PRODUCTION:%=-p %) && \
	  $(CARGO) test --locked --workspace $(PRODUCTION:%=--exclude %) -- $(SERVERS) $(NO_FAULTS) && \
	  SKYNET_TEST_FAMILY=production $(CARGO) test --locked $(BEHAVIOUR)'

test-faults: toolchain ## Hurt every server and process under load, many times, and print what became of the leads
	@echo "==> faults of servers, processes and leads, on private servers"
	@table=$$(mktemp) && status=0; \
	  SKYNET_FAULTS_KILLS=$(FAULTS_KILLS) SKYNET_FAULTS_TABLE=$$table scripts/with-servers --programs \
	    $(CARGO) test --locked $(FAULTS) -- production::faults --test-threads 3 || status=$$?; \
	  awk -F '\t' 'BEGIN { line = "%-42s %8s %8s %8s %10s %5s %12s\n"; \
	    printf line, "fault", "sent", "accepted", "stored", "duplicates", "dead", "recovery ms" } \
	    { printf line, $$1, $$2, $$3, $$4, $$5, $$6, $$7 }' $$table; \
	  rm -f $$table; exit $$status

check: toolchain ## Format, lints as errors, and the licence and source rules where cargo-deny is there
	@echo "==> format"
	@$(CARGO) fmt --all --check
	@echo "==> lints"
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
	  echo "==> bans, licences, sources"; $(CARGO) deny --offline check bans licenses sources; \
	else \
	  echo "==> bans, licences, sources: not checked here, since cargo-deny is not installed (cargo install cargo-deny)"; \
	fi

fmt: ## Format all code
	@$(CARGO) fmt --all

bench: toolchain ## Measure the system beside raw limits, on private servers (QUICK=1: under 5 minutes; ONLY=p1,p3: some)
	@echo "==> building in release mode (the first build takes some minutes)"
	@$(CARGO) build --release --locked -p skynet -p skynet-api -p skynet-worker -p skynet-bench
	@"$${CARGO_TARGET_DIR:-target}/release/skynet-bench" $(subst $(comma), ,$(ONLY)) $(if $(QUICK),--quick) $(BENCH)

guard: toolchain valgrind ## Count the instructions of the hot paths and compare with the baseline
	@echo "==> building in release mode (the first build takes some minutes)"
	@$(CARGO) build --release --locked -p skynet-guard
	@"$${CARGO_TARGET_DIR:-target}/release/skynet-guard" check

guard-record: toolchain valgrind ## Record the counts as the new baseline
	@$(CARGO) build --release --locked -p skynet-guard
	@"$${CARGO_TARGET_DIR:-target}/release/skynet-guard" record

load: toolchain ## Run the k6 scripts against a server of their own, or the one at BASE_URL
	@echo "==> building in release mode (the first build takes some minutes)"
	@$(CARGO) build --release --locked -p skynet
	@scripts/load

toolchain:
	@command -v $(CARGO) >/dev/null || { \
	  echo "cargo is missing: install Rust $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or later with rustup (https://rustup.rs)" >&2; exit 1; }
	@command -v cc >/dev/null || { \
	  echo "a C compiler is missing: install gcc or clang (Debian: apt-get install build-essential)" >&2; exit 1; }

valgrind:
	@command -v valgrind >/dev/null || { \
	  echo "valgrind is missing (Debian: apt-get install valgrind)" >&2; exit 1; }
