# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 The ipcp_rekey contributors
# Flags shared by the directories of tools/userspace. Include this file, then use
# $(CFLAGS_ALL) and $(LDFLAGS_ALL). $(TOP) is the root of the checkout.

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)

PREFIX ?= /usr
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
# where Debian's python3 looks for modules of all its versions
PYTHONDIR ?= $(PREFIX)/lib/python3/dist-packages
UDEVRULESDIR ?= $(PREFIX)/lib/udev/rules.d
COMPLETIONSDIR ?= $(PREFIX)/share/bash-completion/completions

PKG_CONFIG ?= pkg-config
INSTALL ?= install

# Debian's packages of libraries; README.md and debian/control list them, too.
PACKAGES := jansson=libjansson-dev libcap=libcap-dev libcares=libc-ares-dev \
	libconfuse=libconfuse-dev libcrypto=libssl-dev libnl-genl-3.0=libnl-genl-3-dev \
	libsystemd=libsystemd-dev
packages = $(foreach p,$(PKGS),$(or $(patsubst $p=%,%,$(filter $p=%,$(PACKAGES))),$p))

.DEFAULT_GOAL := all

# Print one clear error for missing libraries, before the compiler prints many.
libraries:
	@$(PKG_CONFIG) --exists $(PKGS) || { \
		echo "libraries are missing: install pkg-config $(packages)" >&2; exit 1; }

.PHONY: libraries

CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
	-Wshadow -Wformat=2 -Wno-format-nonliteral
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIC

ifeq ($(SAN),1)
HARDEN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -fPIC
LDFLAGS_SAN := -fsanitize=address,undefined
endif

CFLAGS_ALL = -std=gnu11 $(WARN) $(HARDEN) -D_GNU_SOURCE -MMD -MP \
	-I$(TOP)/include/uapi $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL = $(LDFLAGS_SAN) $(LDFLAGS)

# Run one test program; print its name first, so that a failure can be located.
run-test = CMOCKA_MESSAGE_OUTPUT=TAP sh -c 'echo "\# Subtest: $${0\#\#*/}"; exec "$$0"'
