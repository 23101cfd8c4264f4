# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The ipcp_rekey contributors
# For a directory that builds one static library for our own programs, which is
# not installed. Set ARCHIVE and OBJS, and PKGS and TESTS if required, then include
# this.

include $(dir $(lastword $(MAKEFILE_LIST)))flags.mk

CFLAGS_ALL += $(if $(PKGS),$(shell $(PKG_CONFIG) --cflags $(PKGS)))

all: $(ARCHIVE)

$(ARCHIVE): $(OBJS)
	rm -f $@
	$(AR) rcs $@ $^

%.o: %.c $(if $(PKGS),| libraries)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<

install: all

tests: all $(TESTS)

test: tests
	set -e; for t in $(TESTS); do $(run-test) $$t; done

clean:
	rm -f $(OBJS) $(OBJS:.o=.d) $(ARCHIVE) $(TESTS) $(TESTS:=.o) $(TESTS:=.d)

-include $(OBJS:.o=.d) $(TESTS:=.d)
.PRECIOUS: tests/%.o
.PHONY: all install test tests clean
