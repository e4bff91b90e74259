# make build | run | test | sanitize | lint | format | bench | bench-check | install | deps | clean
#
# Each target installs the Debian packages it needs and misses, and asks nothing.

PREFIX    ?= /usr/local
DESTDIR   ?=
BUILD_DIR ?= .build
SWIFT     ?= swift

# A module may import only what Package.swift says it depends on: the layering of docs/architecture.md.
swift_options := --quiet --scratch-path $(BUILD_DIR) --explicit-target-dependency-import-check error
release        = $(swift_options) -c release --static-swift-stdlib $(shell scripts/link-options $(BUILD_DIR))
release_dir   := $(BUILD_DIR)/release

c_library      = $(MAKE) --no-print-directory -C Libraries/c BUILD=$(abspath $(BUILD_DIR))/c \
    PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) VERSION=$(shell sed -n 's/.*text = "\(.*\)".*/\1/p' Sources/ControlProtocol/Version.swift)

swift_sources  := Package.swift $(wildcard Sources Tests examples Benchmarks)

.PHONY: build run test sanitize lint format bench bench-check install deps clean
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

# Builds only when nothing has been built, so that `sudo make install` after `make` compiles nothing as root.
install: | $(release_dir)/baton
	@$(c_library) install
	@install -D -m 755 $(release_dir)/baton $(DESTDIR)$(PREFIX)/bin/baton
	@install -D -m 755 $(release_dir)/batond $(DESTDIR)$(PREFIX)/libexec/baton/batond
	@install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	@sed 's|/usr/local/|$(PREFIX)/|' packaging/systemd/baton.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/baton.service
	@install -D -m 644 docs/man/baton-handler.7 $(DESTDIR)$(PREFIX)/share/man/man7/baton-handler.7
	@echo "installed $(DESTDIR)$(PREFIX)/bin/baton, $(DESTDIR)$(PREFIX)/libexec/baton/batond, a unit for systemd and libbaton-handler"

$(release_dir)/baton:
	@$(MAKE) --no-print-directory build

deps:
	@scripts/install-missing build lint run test bench_check

clean:
	@rm -rf $(BUILD_DIR)
