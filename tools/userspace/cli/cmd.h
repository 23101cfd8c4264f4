/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * What all sub-commands share: their table, options, errors.
 */
#ifndef IPCP_CLI_CMD_H
#define IPCP_CLI_CMD_H

#include <stdbool.h>
#include <stdint.h>

#define PROG "ipcp-rekey"

/* Exit status. */
enum {
	EXIT_OK = 0,
	EXIT_FAIL = 1,
	EXIT_USAGE = 2,
};

/**
 * struct cmd - a sub-command
 * @name: what the user types
 * @summary: one line for the list
 * @run: gets its own name as argv[0], returns the exit status
 */
struct cmd {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

int cmd_dispatch(const char *prefix, const struct cmd *table, int argc,
		 char **argv);

enum opt_kind {
	OPT_FLAG,	/* bool */
	OPT_COUNT,	/* uint64_t, a whole number from min to max */
	OPT_SECONDS,	/* int64_t nanoseconds, from seconds with a fraction */
	OPT_TEXT,	/* const char *, any text */
};

/**
 * struct opt - an option of a sub-command; a table ends with an empty one
 * @name: long name
 * @letter: short name
 * @arg: name of its argument in the help, NULL for a flag
 * @help: what it does, one line
 * @kind: what @to points to
 * @to: where the value goes
 * @min: least value (OPT_COUNT)
 * @max: largest value (OPT_COUNT)
 */
struct opt {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
	enum opt_kind kind;
	void *to;
	uint64_t min;
	uint64_t max;
};

/**
 * struct use - how a sub-command is used
 * @name: with the words before it, "flow show"
 * @args: its arguments, for the help
 * @about: what it does, lines that end with a newline
 * @opts: its options
 * @min_args: least number of arguments
 * @max_args: largest number of arguments
 */
struct use {
	const char *name;
	const char *args;
	const char *about;
	const struct opt *opts;
	int min_args;
	int max_args;
};

char **use_parse(const struct use *use, int argc, char **argv);
int use_error(const struct use *use, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
uint32_t use_flow_id(const struct use *use, const char *word);

int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int cmd_agent(int argc, char **argv);
int cmd_flow(int argc, char **argv);
int cmd_netdev(int argc, char **argv);
int cmd_rekey(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_listen(int argc, char **argv);
int cmd_connect(int argc, char **argv);
int cmd_ping(int argc, char **argv);
int cmd_perf(int argc, char **argv);
int cmd_name(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_oap(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif /* IPCP_CLI_CMD_H */
