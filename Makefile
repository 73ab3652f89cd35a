# What people and CI type. `make` lists it.
#
# Tests are laid out by what they need:
#   src/**            unit tests              no server     make check, make test
#   tests/*           a file or folder each   no server     make check, make test
#                     those on_postgresql     PostgreSQL    make test
#   tests/server/     ONE binary, a module    real servers  make test, make test-matrix
#                     per scenario            and browser
#   tests/storm/      the same, for minutes   real servers  make storm
#   fuzz/             no test: targets        no server     make fuzz
#   benches/speed/    no test: figures        real servers  make bench
# A test that needs a server goes to tests/server/ (tests/storm/ if it is about how much of something
# can be borne), and into no other place: `check` takes all others of tests/. All cargo calls but that of
# `bench` use the dev profile and the same features, so that `check`, `test` and `test-matrix` build each
# crate once to run and once (clippy, doc) to look at.
#
# XMPP_OAUTH_STORAGE=postgres has all of tests/http/ run on PostgreSQL: cargo test --test http.
#
# XMPP_OAUTH_SERVERS names the servers that tests/server/ runs against: `prosody` and `ejabberd` are the
# machine's own packages, `prosody@trixie` is the one of a Debian release (the machine's, or a tree made by
# tools/tree). One that is missing is a failure. Several are divided by commas.

CARGO ?= cargo
SERVER ?= prosody
XMPP_OAUTH_SERVERS ?= prosody,ejabberd
export XMPP_OAUTH_SERVERS

fast_tests := $(filter-out server storm,$(basename $(notdir $(wildcard tests/*.rs))) \
	$(notdir $(patsubst %/main.rs,%,$(wildcard tests/*/main.rs))))
# Tests of the fast programs that need a PostgreSQL: `make test` runs them.
on_postgresql := postgres:: pools:: databases::
lua_files := $(wildcard server-modules/prosody/*.lua)

.DEFAULT_GOAL := help
.PHONY: help demo test check test-matrix test-package storm fuzz bench deb install-deps

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## Log alice in by OAUTHBEARER on a real server (AUTO=1: without a person; SERVER=ejabberd)
	@tools/install build $(SERVER)
	@AUTO='$(AUTO)' SERVER='$(SERVER)' CARGO='$(CARGO)' tools/demo

test: ## Run every test, against real servers
	@tools/install build prosody ejabberd browser clients proxy database
	$(CARGO) test

check: ## Format, lints, docs, architecture and unit tests: fast, no servers
	@tools/install build lint
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --all-targets --test storm -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --document-private-items
	$(if $(lua_files),luacheck --no-color -q --config server-modules/prosody/.luacheckrc $(lua_files))
	$(CARGO) test --lib --bins
	$(CARGO) test $(addprefix --test ,$(fast_tests)) -- $(addprefix --skip ,$(on_postgresql))

test-matrix: ## Run the server scenarios on each supported release
	@CARGO='$(CARGO)' tools/test-matrix

deb: ## Build the Debian package
	@CARGO='$(CARGO)' tools/deb

test-package: ## Install, run, upgrade and purge the package on each Debian release
	@CARGO='$(CARGO)' tools/test-package

storm: ## Floods, kills, full disks: what it bears, with figures (some minutes)
	@tools/install build prosody ejabberd database network
	$(CARGO) test --test storm -- --test-threads 1 --nocapture

fuzz: ## Hand nonsense to all that strangers can reach (FUZZ_SECONDS=60 each; FUZZ='bearer jwts': only those)
	@tools/install build fuzz
	@CARGO='$(CARGO)' tools/fuzz $(FUZZ)

bench: ## Measure the release build beside its references (BENCH='web link': only those; BENCH_LONG=1)
	@tools/install build prosody ejabberd
	$(CARGO) bench --bench speed -- $(BENCH)

install-deps: ## Install all that the other targets would install
	@tools/install build prosody ejabberd browser clients trees lint package proxy fuzz database network
