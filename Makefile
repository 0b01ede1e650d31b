# What one types in this repository; `make` alone lists it.
#
# `make provision env=NAME name=value...` runs `hoist provision` with these words. What is no `name=value` goes into
# args: `make provision env=prod args='--limit web1 --yes'`. It works the same for all words of that list below.

.DEFAULT_GOAL := help
.PHONY: help demo demo-down test slow lint bench soak docs install build check ping plan provision deploy secrets

HOIST := $(or $(CARGO_TARGET_DIR),target)/release/hoist

# The variables given on make's own command line, each as one shell word.
given = $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
quoted = '$(subst ','\'',$(value $(1)))'
words = $(foreach name,$(filter-out args do HOIST,$(given)),$(name)=$(call quoted,$(name))) $(args)

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { printf "  make %-34s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a real Debian host in a container, provisioned, and its page fetched
	@tests/demo up

demo-down: ## takes the demo's host away
	@tests/demo down

test: ## everything: format, lints, unit, case, CLI and host tests; installs what it misses
	@tests/run

slow: ## the tests that take many minutes each (20 deploys at full speed), and all on hosts whose sh is bash
	cargo test --locked --test host -- --ignored
	HOIST_HOST_SH=bash cargo test --locked --test host
	HOIST_EVERY_PLACE=1 cargo test --locked --test host -- points:: --nocapture

lint: ## format and lints alone
	@tests/run lint

bench: ## hoist against `ssh HOST true` on the web host of bench/
	@bench/run.sh all

soak: ## an hour of faults on a host, each followed by a run that must put it right (minutes=60)
	@tests/soak $(or $(minutes),60)

docs: ## writes the pages that are made from code
	BLESS=1 cargo test --quiet --test docs

install: ## hoist into ~/.cargo/bin
	cargo install --locked --path .

build: ## target/release/hoist
	@cargo build --release --quiet

# Hands on to hoist. `make secrets` edits them, `make secrets do=show` and so on does that.
check: build ## hoist check
	@$(HOIST) check $(words)
ping: build ## hoist ping env=...
	@$(HOIST) ping $(words)
plan: build ## hoist plan env=...
	@$(HOIST) plan $(words)
provision: build ## hoist provision env=... name=value...
	@$(HOIST) provision $(words)
deploy: build ## hoist deploy env=... name=value...
	@$(HOIST) deploy $(words)
secrets: build ## hoist secrets edit env=... (do=show: hoist secrets show)
	@$(HOIST) secrets $(or $(do),edit) $(words)
