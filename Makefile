# A thin front: CMake builds (see CMakePresets.json), this names the jobs. `make help` lists them.

DIR ?= .
PORT ?= 8080
TIME ?= 60
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
PREFIX ?= /usr/local
N ?= 50
SEED ?= 1
MINUTES ?= 1

# The sanitizers want their shadow where address randomisation may have put something else.
plain_addresses = $(shell setarch -R true 2>/dev/null && echo setarch -R)

configure = cmake --preset $(1) >/dev/null && cmake --build --preset $(1) -j $(JOBS)

build: ## libraries, torcd, examples, tests and benchmarks, optimised, in build/
	$(call configure,release)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1#\2/p' Makefile | column -t -s '#' 2>/dev/null || \
	    sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1: \2/p' Makefile

serve: ## builds torcd and serves DIR (this folder) on http://127.0.0.1:PORT/ (8080)
	@tools/install-packages build
	cmake --preset release >/dev/null && cmake --build --preset release -j $(JOBS) --target torcd
	build/torcd web --listen tcp:$(PORT):interface=127.0.0.1 --path $(DIR)

test: ## builds and runs all tests
	@tools/install-packages test
	$(call configure,release)
	ctest --preset release

test-asan: ## the same under AddressSanitizer and UndefinedBehaviorSanitizer, in build-asan/
	@tools/install-packages test
	$(call configure,asan)
	$(plain_addresses) ctest --preset asan

test-tsan: ## the unit tests under ThreadSanitizer, in build-tsan/
	@tools/install-packages test
	$(call configure,tsan)
	$(plain_addresses) ctest --preset tsan -L unit

bench: ## measures Torc beside a bare loop, libuv, libevent, nginx and h2o
	@tools/install-packages bench
	$(call configure,release)
	bench/run

lint: ## layers, both compilers, clang-tidy, both analyzers, scripts, manual pages
	@tools/install-packages lint
	tools/lint

fuzz: ## each fuzz target for TIME seconds (60)
	@tools/install-packages lint
	$(call configure,fuzz)
	tools/fuzz $(TIME)

fuzz-afl: ## the same under AFL++ (Debian's afl++), in build-afl/
	@command -v afl-clang-fast >/dev/null || { echo "there is no afl-clang-fast: apt-get install afl++"; false; }
	$(call configure,afl)
	tools/fuzz --afl $(TIME)

coverage: ## lines and branches of src/ that the tests run, by folder
	@tools/install-packages test
	$(call configure,coverage)
	tools/coverage

mutate: ## breaks the core N times (50, drawn by SEED), and counts how often a test notices
	@tools/install-packages test
	tools/mutate --count $(N) --seed $(SEED)

soak: ## mixed load and faults against torcd for MINUTES (1)
	@tools/install-packages test
	$(call configure,release)
	tests/soak/run $(MINUTES)

install: build ## installs below PREFIX (/usr/local); DESTDIR is honoured
	cmake --install build --prefix $(PREFIX)

clean: ## removes what was built
	rm -rf build build-*

.PHONY: help build serve test test-asan test-tsan bench lint fuzz fuzz-afl coverage mutate soak install clean
