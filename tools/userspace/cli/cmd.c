// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Options, help and errors of the sub-commands. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "plain.h"

#define MAX_OPTS	16
#define LONG_ONLY	256	/* getopt value of an option without a letter */

static bool given[MAX_OPTS];	/* options on the command line */

/* Parts of a message may come from the kernel, other programs, peers and files. */
static void say(const char *fmt, va_list ap)
{
	char *line;

	if (vasprintf(&line, fmt, ap) < 0) {
		fputs(PROG ": out of memory\n", stderr);
		return;
	}
	plain_make(line);
	fprintf(stderr, PROG ": %s\n", line);
	free(line);
}

/* Print a line on stderr. */
void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

/* Print an error; return the exit status. */
int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return EXIT_FAIL;
}

/* Report incorrect usage; return the exit status. */
int use_error(const struct use *use, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, PROG " %s: ", use->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see " PROG " %s --help\n", use->name);
	return EXIT_USAGE;
}

static void print_help(const struct use *use)
{
	const struct opt *o;
	char left[64];

	printf("Usage: " PROG " %s [OPTION]...%s%s\n\n%s\nOptions:\n",
	       use->name, use->args[0] ? " " : "", use->args, use->about);
	for (o = use->opts; o->name; o++) {
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s",
			 o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			 o->letter ? "," : " ", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-22s %s\n", left, o->help);
	}
	printf("  %-22s %s\n", "-h, --help", "show this help");
}

/* Print "unknown option --foo; use one of: --count --help". */
static int unknown_option(const struct use *use, const char *word)
{
	const struct opt *o;

	fprintf(stderr, PROG " %s: unknown option '%s'; use one of:", use->name,
		word);
	for (o = use->opts; o->name; o++)
		fprintf(stderr, " --%s", o->name);
	fputs(" --help\n", stderr);
	return EXIT_USAGE;
}

static int get_count(const struct use *use, const struct opt *o)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(optarg, &end, 10);
	if (errno || end == optarg || *end || !isdigit((unsigned char)optarg[0]) ||
	    value < o->min || value > o->max)
		return use_error(use, "--%s needs a whole number from %llu to %llu, not '%s'",
				 o->name, (unsigned long long)o->min,
				 (unsigned long long)o->max, optarg);
	*(uint64_t *)o->to = value;
	return EXIT_OK;
}

static int get_seconds(const struct use *use, const struct opt *o)
{
	double value;
	char *end;

	value = strtod(optarg, &end);
	if (end == optarg || *end || !isfinite(value) || value < 0.001 ||
	    value > 1e6)
		return use_error(use, "--%s needs seconds from 0.001 to 1000000, not '%s'",
				 o->name, optarg);
	*(int64_t *)o->to = (int64_t)(value * 1e9);
	return EXIT_OK;
}

static int get_value(const struct use *use, const struct opt *o)
{
	switch (o->kind) {
	case OPT_COUNT:
		return get_count(use, o);
	case OPT_SECONDS:
		return get_seconds(use, o);
	case OPT_TEXT:
		*(const char **)o->to = optarg;
		return EXIT_OK;
	default:
		*(bool *)o->to = true;
		return EXIT_OK;
	}
}

static int opt_value(const struct use *use, int i)
{
	return use->opts[i].letter ? use->opts[i].letter : LONG_ONLY + i;
}

/* Build the tables for getopt_long(); return the number of options. */
static int make_tables(const struct use *use, struct option *longs,
		       char *shorts)
{
	const struct opt *o;
	int n = 0;

	*shorts++ = ':';	/* report a missing argument with ':' */
	for (o = use->opts; o->name && n < MAX_OPTS; o++, n++) {
		longs[n] = (struct option) {
			o->name, o->arg ? required_argument : no_argument,
			NULL, opt_value(use, n)
		};
		if (o->letter)
			*shorts++ = o->letter;
		if (o->letter && o->arg)
			*shorts++ = ':';
	}
	longs[n] = (struct option) { "help", no_argument, NULL, 'h' };
	longs[n + 1] = (struct option) { 0 };
	*shorts++ = 'h';
	*shorts = '\0';
	return n;
}

/* Return the word that getopt_long() rejected. */
static const char *bad_word(char **argv, char buf[3])
{
	if (optopt && optopt < LONG_ONLY && strncmp(argv[optind - 1], "--", 2)) {
		snprintf(buf, 3, "-%c", optopt);
		return buf;
	}
	return argv[optind - 1];
}

static int parse_one(const struct use *use, int c, int n, char **argv)
{
	char buf[3];
	int i;

	if (c == 'h') {
		print_help(use);
		exit(EXIT_OK);
	}
	if (c == ':')
		return use_error(use, "option '%s' needs a value",
				 bad_word(argv, buf));
	for (i = 0; i < n; i++)
		if (c == opt_value(use, i)) {
			given[i] = true;
			return get_value(use, &use->opts[i]);
		}
	return unknown_option(use, bad_word(argv, buf));
}

/**
 * use_parse() - parse the command line of a sub-command
 * @use: usage of the sub-command
 * @argc: argument count
 * @argv: arguments
 *
 * Exits for --help and for incorrect usage.
 *
 * Return: the arguments that are not options, terminated by NULL.
 */
char **use_parse(const struct use *use, int argc, char **argv)
{
	struct option longs[MAX_OPTS + 2];
	char shorts[2 * MAX_OPTS + 3];
	int n = make_tables(use, longs, shorts);
	int c, status = EXIT_OK;

	optind = 0;
	opterr = 0;
	while (!status && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
		status = parse_one(use, c, n, argv);
	if (!status && argc - optind < use->min_args)
		status = use_error(use, "too few arguments, need %s", use->args);
	if (!status && argc - optind > use->max_args)
		status = use_error(use, "unexpected argument '%s'",
				   argv[optind + use->max_args]);
	if (status)
		exit(status);
	return argv + optind;
}

/**
 * use_given() - check whether use_parse() has found an option
 * @use: usage of the sub-command
 * @o: the option, one of @use
 *
 * Return: true if the option was given.
 */
bool use_given(const struct use *use, const struct opt *o)
{
	return given[o - use->opts];
}

/**
 * use_flow_id() - parse a flow id
 * @use: usage of the sub-command, for errors
 * @word: the argument
 *
 * Exits if the argument is not a flow id.
 *
 * Return: the id.
 */
uint32_t use_flow_id(const struct use *use, const char *word)
{
	unsigned long long id;
	char *end;

	errno = 0;
	id = strtoull(word, &end, 10);
	if (errno || *end || !isdigit((unsigned char)word[0]) || !id ||
	    id > UINT32_MAX)
		exit(use_error(use, "'%s' is not a flow number; '" PROG " flow list' shows them",
			       word));
	return id;
}

static void print_table(FILE *out, const char *prefix, const struct cmd *table)
{
	const struct cmd *c;

	fprintf(out, "Usage: " PROG " %sCOMMAND [OPTION]... [ARGUMENT]...\n\n",
		prefix);
	for (c = table; c->name; c++)
		fprintf(out, "  %-9s %s\n", c->name, c->summary);
	fprintf(out, "\nRun '" PROG " %sCOMMAND --help' for details.\n", prefix);
}

static int unknown_command(const char *prefix, const struct cmd *table,
			   const char *word)
{
	const struct cmd *c;

	fprintf(stderr, PROG ": unknown command '%s%s'; use one of:", prefix,
		word);
	for (c = table; c->name; c++)
		fprintf(stderr, " %s", c->name);
	fprintf(stderr, "; see " PROG " %s--help\n", prefix);
	return EXIT_USAGE;
}

/**
 * cmd_dispatch() - run the sub-command named by argv[1]
 * @prefix: preceding words, each followed by a space
 * @table: the sub-commands, terminated by an empty one
 * @argc: argument count of the caller
 * @argv: arguments of the caller
 *
 * Return: the exit status.
 */
int cmd_dispatch(const char *prefix, const struct cmd *table, int argc,
		 char **argv)
{
	const struct cmd *c;

	if (argc < 2) {
		print_table(stderr, prefix, table);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		print_table(stdout, prefix, table);
		return EXIT_OK;
	}
	for (c = table; c->name; c++)
		if (!strcmp(argv[1], c->name))
			return c->run(argc - 1, argv + 1);
	return unknown_command(prefix, table, argv[1]);
}
