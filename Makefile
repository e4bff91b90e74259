# make build | run | test | sanitize | lint | format | fuzz | bench | bench-check | soak | install | deb | deb-test | image
#      sbom | deps | clean
#
# Each target installs the Debian packages it needs and misses, and asks nothing.

PREFIX    ?= /usr/local
LIBDIR    ?= $(PREFIX)/lib
DESTDIR   ?=
BUILD_DIR ?= .build
SWIFT     ?= swift
MINUTES   ?= 5

# A module may import only what Package.swift says it depends on: the layering of docs/architecture.md.
swift_options := --quiet --scratch-path $(BUILD_DIR) --explicit-target-dependency-import-check error
release        = $(swift_options) -c release --static-swift-stdlib $(shell scripts/link-options $(BUILD_DIR))
release_dir   := $(BUILD_DIR)/release

version       := $(shell sed -n 's/.*text = "\(.*\)".*/\1/p' Sources/ControlProtocol/Version.swift)

# Where shells look for completions.
BASH_COMPLETIONS ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS  ?= $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS ?= $(PREFIX)/share/fish/vendor_completions.d

c_library      = $(MAKE) --no-print-directory -C Libraries/c BUILD=$(abspath $(BUILD_DIR))/c \
    PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) DESTDIR=$(DESTDIR) VERSION=$(version)

swift_sources  := Package.swift $(wildcard Sources Tests Fuzz examples Benchmarks)

.PHONY: build run test sanitize lint format fuzz bench bench-check soak install deb deb-test image sbom deps clean
.DEFAULT_GOAL := build

build:
	@scripts/install-missing build
	@$(SWIFT) build $(release) --product batond
	@$(SWIFT) build $(release) --product baton
	@scripts/check-symbols $(release_dir)/batond
	@$(c_library)
	@echo "built $(release_dir)/batond and $(release_dir)/baton"

run: build
	@scripts/install-missing run
	@$(SWIFT) build $(release) --product baton-example-handler
	@scripts/run-example $(release_dir)

test:
	@scripts/install-missing build test
	@$(SWIFT) test $(swift_options) --disable-xctest

# All tests once more under the address and undefined-behaviour sanitizers: some minutes to build, some to run.
sanitize:
	@scripts/install-missing build test
	@scripts/sanitize $(BUILD_DIR)/sanitize

lint:
	@scripts/install-missing build lint
	@$(SWIFT) format lint --strict --parallel --recursive $(swift_sources)
	@scripts/lint
	@$(SWIFT) build $(swift_options) --build-tests
	@scripts/check-symbols $(BUILD_DIR)/debug/batond
	@echo "lint: nothing to complain about"

format:
	@$(SWIFT) format --in-place --parallel --recursive $(swift_sources)

# Each parser for ten minutes, three hours in all. SECONDS_EACH=60 is a quick look, TARGET=table one of them.
SECONDS_EACH ?= 600
TARGET       ?=

fuzz:
	@scripts/install-missing build
	@scripts/fuzz $(BUILD_DIR) $(SECONDS_EACH) $(TARGET)

# Half an hour, on a machine that is quiet. The peers are fetched into the build directory and not installed;
# without network those that are installed stand beside.
bench: build
	@scripts/install-missing bench
	@scripts/fetch-peers $(BUILD_DIR)/bench/peers
	@$(SWIFT) build $(release) --product baton-example-handler
	@for each in compare scale idle storm flood relay bridge handoff courier pool reload upgrade; do \
	    echo; echo "$$each:"; Benchmarks/$$each.py || exit; \
	done

# Whether a connection costs more instructions than it did: seconds after a build, on a busy machine too.
bench-check:
	@scripts/install-missing build bench_check
	@$(SWIFT) build $(release) --product batond
	@Benchmarks/instructions.py

# Everything that can go wrong, at once: make soak MINUTES=30 SEED=1. As root it can do more: SUPERVISOR_USER=nobody, and
# with KILL_WORKER=1 the process that decides dies now and then.
soak: build
	@scripts/install-missing build soak
	@Benchmarks/soak.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
	    $(if $(SUPERVISOR_USER),--supervisor-user $(SUPERVISOR_USER)) $(if $(KILL_WORKER),--kill-worker)

# Builds only when nothing has been built, so that `sudo make install` after `make` compiles nothing as root.
install: | $(release_dir)/baton
	@$(c_library) install
	@install -D -m 755 $(release_dir)/baton $(DESTDIR)$(PREFIX)/bin/baton
	@install -D -m 755 $(release_dir)/batond $(DESTDIR)$(PREFIX)/libexec/baton/batond
	@install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	@sed 's|/usr/local/|$(PREFIX)/|' packaging/systemd/baton.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/baton.service
	@for page in docs/man/*; do \
	    install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit; \
	done
	@install -d $(DESTDIR)$(PREFIX)/share/baton $(addprefix $(DESTDIR),$(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS))
	@$(release_dir)/baton schema >$(DESTDIR)$(PREFIX)/share/baton/baton.schema.json
	@$(release_dir)/baton --generate-completion-script bash | sed '1{/^#!/d}' >$(DESTDIR)$(BASH_COMPLETIONS)/baton
	@$(release_dir)/baton --generate-completion-script zsh >$(DESTDIR)$(ZSH_COMPLETIONS)/_baton
	@$(release_dir)/baton --generate-completion-script fish >$(DESTDIR)$(FISH_COMPLETIONS)/baton.fish
	@echo "installed in $(DESTDIR)$(PREFIX): baton, batond, a unit for systemd, manuals, completions, libbaton-handler"

# Debian packages in the build directory, of the programs that are there or are built first.
deb: build
	@scripts/install-missing deb
	@packaging/debian/build $(BUILD_DIR) $(version)
	@lintian --allow-root --fail-on error,warning $(BUILD_DIR)/deb/baton_$(version)-0.1_*.changes
	@ls $(BUILD_DIR)/deb/*_$(version)-0.1_*.deb

# Installs, starts, upgrades and purges them in namespaces of its own.
deb-test: deb
	@packaging/debian/build $(BUILD_DIR) $(version) 0.2
	@packaging/debian/test $(BUILD_DIR)/deb $(version)-0.1 $(version)-0.2

# The root of a container image that holds the programs and what they need; packaging/container/test serves from it.
image: build
	@packaging/container/root $(BUILD_DIR)/image $(release_dir)

# What the programs are made of, as CycloneDX JSON; asks nobody.
sbom: build
	@scripts/sbom.py $(version) $(release_dir) >$(BUILD_DIR)/baton.cdx.json
	@echo "wrote $(BUILD_DIR)/baton.cdx.json"

$(release_dir)/baton:
	@$(MAKE) --no-print-directory build

deps:
	@scripts/install-missing build lint run test bench_check

clean:
	@rm -rf $(BUILD_DIR)
