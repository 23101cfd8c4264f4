// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * JSON on stdout, and files that are replaced.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "out.h"

/* Report once that stdout takes no more; return the exit status. */
static int cannot_print(void)
{
	static bool said;

	if (!said)
		fail("cannot write to stdout: %m");
	said = true;
	return EXIT_FAIL;
}

/**
 * out_json() - print a value in ASCII and drop its reference
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
	/* names may have control characters that a terminal obeys, even in UTF-8 */
	ret = json_dumpf(json, stdout, flags | JSON_ENSURE_ASCII |
			 JSON_REAL_PRECISION(15));
	json_decref(json);
	if (ret || putchar('\n') < 0 || (one_line && fflush(stdout)))
		return cannot_print();
	return EXIT_OK;
}

/* Write out what was printed; return the exit status. */
int out_flush(void)
{
	return fflush(stdout) || ferror(stdout) ? cannot_print() : EXIT_OK;
}

static int cannot_write(const char *file)
{
	return fail("cannot write %s: %m", file);
}

/* Write to what is no ordinary file, as /dev/stdout. */
static int write_special(const char *file,
			 void (*put)(FILE *out, const void *arg), const void *arg)
{
	FILE *out = fopen(file, "we");
	bool bad;

	if (!out)
		return cannot_write(file);
	put(out, arg);
	bad = ferror(out);
	bad |= fclose(out) != 0;
	return bad ? cannot_write(file) : EXIT_OK;
}

/**
 * out_replace() - write a file, which then has the new contents or the old ones
 * @file: the file
 * @mode: its mode
 * @put: prints the contents
 * @arg: for @put
 *
 * The name of the temporary file has another end than @file, so that a program
 * that looks for the end, as the collector of node_exporter, ignores it.
 *
 * Return: the exit status.
 */
int out_replace(const char *file, mode_t mode,
		void (*put)(FILE *out, const void *arg), const void *arg)
{
	char *temporary;
	struct stat st;
	FILE *out;
	int fd, status = EXIT_OK;

	if (!stat(file, &st) && !S_ISREG(st.st_mode))
		return write_special(file, put, arg);
	if (asprintf(&temporary, "%s.XXXXXX", file) < 0)
		return fail("out of memory");
	fd = mkostemp(temporary, O_CLOEXEC);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out) {
		status = cannot_write(file);
		if (fd >= 0)
			close(fd);
	} else {
		put(out, arg);
		if (fflush(out) || ferror(out) || fchmod(fd, mode) ||
		    rename(temporary, file))
			status = cannot_write(file);
		fclose(out);
	}
	if (status && fd >= 0)
		unlink(temporary);
	free(temporary);
	return status;
}
