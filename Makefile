# SPDX-License-Identifier: GPL-2.0
# Copyright (C) 2026 The ipcp_rekey contributors
# "make help" lists the targets.

KERNEL_RELEASE ?= $(shell uname -r)
KERNEL_SRC ?= /lib/modules/$(KERNEL_RELEASE)/build
DESTDIR ?=
KERNEL ?= 6.12
SECONDS ?= 60

VERSION := $(shell sed -n 's/.*VERSION_STRING[^"]*"\(.*\)"/\1/p' ipcp_rekey/version.h)
DKMS_DIR = $(DESTDIR)/usr/src/ipcp-rekey-$(VERSION)
# "dkms install" keeps what was built from earlier sources of the same version
DKMS_REMOVE = $(if $(wildcard /var/lib/dkms/ipcp-rekey/$(VERSION)),dkms remove \
	ipcp-rekey/$(VERSION) --all && )
DKMS_FILES := Kbuild Makefile COPYING LICENSES ipcp_rekey include samples
# leaves out files that a build creates beside the sources
DKMS_SOURCES := ! -name '.*' ! -name '*.mod.c' \( -name '*.[ch]' -o -name Kbuild \
	-o -name Makefile -o -name COPYING -o -path 'LICENSES/*' \)

# The release is that of a given KERNEL_SRC rather than that of this machine.
ifneq ($(filter command environment,$(firstword $(origin KERNEL_SRC))),)
ifeq ($(filter command environment,$(firstword $(origin KERNEL_RELEASE))),)
KERNEL_RELEASE := $(shell cat $(KERNEL_SRC)/include/config/kernel.release)
endif
endif

kbuild = $(MAKE) -C $(KERNEL_SRC) M=$(CURDIR)

install_options = INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=updates \
	INSTALL_MOD_STRIP=1 DEPMOD=true \
	$(if $(wildcard $(KERNEL_SRC)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=)

# Build a module with our suites, too, for a kernel that has KUnit. It is built from
# a copy, since both modules have objects in common.
HAS_KUNIT := $(and $(wildcard kunit),$(shell \
	grep -s "^CONFIG_KUNIT=" $(KERNEL_SRC)/include/config/auto.conf))
KUNIT_COPY := $(CURDIR)/build/kunit-module
kbuild_kunit = $(MAKE) -C $(KERNEL_SRC) M=$(KUNIT_COPY)/kunit \
	CONFIG_IPCP_REKEY_KUNIT_TEST=m

all: module tools ## module and tools (default)

module: check-kernel ## the module, for KERNEL_SRC or KERNEL_RELEASE
	+$(kbuild) modules
	$(if $(HAS_KUNIT),+$(MAKE) kunit-module)

kunit-module: check-kernel
	rm -rf $(KUNIT_COPY)
	mkdir -p $(KUNIT_COPY)/ipcp_rekey/compat
	cp -r include kunit $(KUNIT_COPY)
	cp ipcp_rekey/Kbuild ipcp_rekey/*.[ch] $(KUNIT_COPY)/ipcp_rekey
	cp ipcp_rekey/compat/*.h $(KUNIT_COPY)/ipcp_rekey/compat
	+$(kbuild_kunit) modules

tools: ## agent, command line tool, library, examples
	+$(MAKE) -C tools/userspace VERSION=$(VERSION)

install: install-module install-tools ## module and tools, below DESTDIR

install-module: check-kernel
	+$(kbuild) modules_install $(install_options)
	$(if $(HAS_KUNIT),+$(kbuild_kunit) modules_install $(install_options))
	$(if $(DESTDIR),,depmod $(KERNEL_RELEASE))

install-tools:
	+$(MAKE) -C tools/userspace install VERSION=$(VERSION) DESTDIR=$(DESTDIR)
	+$(MAKE) -C tools/wireshark install DESTDIR=$(DESTDIR)

# Install what DKMS builds the module from: the sources and the files that they need.
dkms: ## sources for DKMS into DESTDIR/usr/src; then: dkms install
	rm -rf $(DKMS_DIR)
	install -d $(DKMS_DIR)
	find $(DKMS_FILES) -type f $(DKMS_SOURCES) -print0 | \
		xargs -0 cp --parents -t $(DKMS_DIR)
	sed 's/#MODULE_VERSION#/$(VERSION)/' dkms.conf >$(DKMS_DIR)/dkms.conf
	@$(if $(DESTDIR),,echo 'Next, as root: $(DKMS_REMOVE)dkms install ipcp-rekey/$(VERSION)')

deb: ## packages for Debian 13 into build/deb
	debian/build-packages

demo: ## two hosts, one flow, a big file, many re-keys (KERNEL=6.12 or 7.3)
	tests/demo/run --kernel $(KERNEL)

test: ## KUnit, unit tests, end to end and whole machines on 6.12 and 7.3
	tests/run

kunit: ## only the KUnit suites, on User Mode Linux
	tests/run kunit

debug-test: ## KUnit and end-to-end tests on a kernel with KASAN, lockdep, ...
	tests/run debug

kcsan-test: ## KUnit and end-to-end tests on a kernel with KCSAN, for data races
	tests/run kcsan

check: ## style, sparse, warnings, docs, generated code, model
	tests/check/run

fuzz: ## the parsers of network input, SECONDS each; needs clang
	tests/fuzz/run --seconds $(SECONDS)

coverage: ## line coverage of the code that handles keys, by KUnit suites
	tests/check/coverage

packages-test: ## the Debian packages, on two plain Debian machines with systemd
	tests/packages/run --kernel $(KERNEL)

soak: ## long runs, and packages-test; the figures are in Documentation/
	tests/soak/run
	tests/machine/run --kernel 7.3 pair
	tests/machine/run --kernel debug memory
	tests/vm/kunit --arch arm64
	tests/vm/kunit --arch s390
	tests/packages/run --kernel $(KERNEL)

bench: ## instructions per message, and of interfaces, beside others
	tests/bench/run
	tests/bench/run --links 1

clean: ## remove what was built here
	rm -rf build
	+$(MAKE) -C tools/userspace clean
	+$(MAKE) -C tools/rust clean
	+$(if $(wildcard $(KERNEL_SRC)/Makefile),$(kbuild) clean)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16
	@echo
	@echo 'Variables: KERNEL_SRC=DIR KERNEL_RELEASE=R DESTDIR=DIR KERNEL=6.12|7.3 SECONDS=60'

check-kernel:
	@test -e $(KERNEL_SRC)/Makefile || { \
		echo "no kernel headers in $(KERNEL_SRC):" \
		"install linux-headers-$(KERNEL_RELEASE), or give KERNEL_SRC" >&2; \
		exit 1; }

.PHONY: all module tools kunit-module install install-module install-tools dkms deb demo test \
	kunit debug-test kcsan-test check fuzz coverage packages-test soak bench clean help check-kernel
