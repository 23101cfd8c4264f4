/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Checks of all files of the server, and their reports. */
#ifndef OAP_TEST_CHECKS_H
#define OAP_TEST_CHECKS_H

#include "pair.h"

#define LONG		(60 * DAY)
#define SERVER		"srv/server/" NAME
#define CLIENT		"srv/client/" NAME

/* The reports, one line each. */
extern char check_said[8192];
extern unsigned int check_errors, check_warnings;
extern bool check_needs_lists;		/* crl = required, in the next check */

void check_report(void *arg, bool warning, const char *text);
void check_all(void);

/* Long-lived certificates, of both sides and of the root. */
struct test_crt check_root(void);
void check_good(const char *dir, const char *cn, long from, long to);
void check_good_all(void);

/**
 * struct problem - files with one problem
 * @name: name of the case
 * @make: introduces the problem into good files
 * @errors: number of errors
 * @warnings: number of warnings
 * @file: file that the report names
 * @words: part of the report
 */
struct problem {
	const char *name;
	void (*make)(void);
	unsigned int errors, warnings;
	const char *file, *words;
};

void check_problem(void **state);

#endif /* OAP_TEST_CHECKS_H */
