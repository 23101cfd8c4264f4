// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * JSON on stdout.
 */
#include <stdio.h>

#include "cmd.h"
#include "out.h"

/**
 * out_json() - print a value and drop its reference
 * @json: the value; NULL counts as out of memory
 * @one_line: print one line and flush, for a stream of values
 *
 * Return: the exit status.
 */
int out_json(json_t *json, bool one_line)
{
	size_t flags = one_line ? JSON_COMPACT : JSON_INDENT(2);
	int ret;

	if (!json)
		return fail("out of memory");
	ret = json_dumpf(json, stdout, flags | JSON_REAL_PRECISION(15));
	json_decref(json);
	if (ret || putchar('\n') < 0 || (one_line && fflush(stdout)))
		return fail("cannot write to stdout: %m");
	return EXIT_OK;
}
