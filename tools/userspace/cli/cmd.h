/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by all sub-commands: command table, options, errors. */
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
 * @name: name on the command line
 * @summary: one line for the list
 * @run: called with the name as argv[0]; returns the exit status
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
 * struct opt - an option of a sub-command; an empty one terminates a table
 * @name: long name
 * @letter: short name
 * @arg: name of the argument in the help; NULL for a flag
 * @help: description, one line
 * @kind: type of the value
 * @to: where to store the value
 * @min: minimum (OPT_COUNT)
 * @max: maximum (OPT_COUNT)
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
 * struct use - usage of a sub-command
 * @name: full name, "flow show"
 * @args: its arguments, for the help
 * @about: description; each line ends with a newline
 * @opts: its options
 * @min_args: minimum number of arguments
 * @max_args: maximum number of arguments
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
bool use_given(const struct use *use, const struct opt *o);
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
int cmd_timeline(int argc, char **argv);
int cmd_listen(int argc, char **argv);
int cmd_connect(int argc, char **argv);
int cmd_ping(int argc, char **argv);
int cmd_perf(int argc, char **argv);
int cmd_name(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_oap(int argc, char **argv);
int cmd_setup(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif /* IPCP_CLI_CMD_H */
