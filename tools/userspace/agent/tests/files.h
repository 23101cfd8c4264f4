/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Files and folders of a test, below a folder of its own. */
#ifndef REKEYD_TEST_FILES_H
#define REKEYD_TEST_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <systemd/sd-event.h>

extern char top[64];		/* the folder; all names are relative to it */

/* Make the folder; @test is part of its name. */
void files_begin(const char *test);
/* Remove the folder and all in it; the result of rm. */
int files_end(void);

/* The path of a name; valid until the fourth call after this one. */
char *path(const char *name);
void put(const char *name);
void dir(const char *name);
void ln(const char *target, const char *name);
void mv(const char *from, const char *to);
void rm(const char *name);

/* Handle all events that have happened. */
void handle_all(sd_event *loop);

#endif /* REKEYD_TEST_FILES_H */
