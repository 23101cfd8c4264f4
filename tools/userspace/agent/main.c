// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekeyd: command line. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "check.h"
#include "control.h"
#include "log.h"
#include "privs.h"

struct options {
	const char *file;
	bool test;
	bool verbose;
	enum log_where where;
};

static void usage(FILE *to)
{
	fputs("Usage: ipcp-rekeyd [OPTION]...\n"
	      "Agent of the ipcp_rekey module: allocates flows and re-keys them.\n"
	      "\n"
	      "  -c, --config FILE  configuration (default " CONFIG_FILE ")\n"
	      "  -t, --test         check the configuration and its files, and exit\n"
	      "  -l, --log WHERE    stderr or syslog; by default stderr if that is\n"
	      "                     a terminal or the journal, else syslog\n"
	      "  -v, --verbose      print debug messages\n"
	      "  -h, --help\n"
	      "\n"
	      "It stays in the foreground. SIGHUP reads the configuration again,\n"
	      "SIGTERM ends it; flows go on without it. \"ipcp-rekey agent status\"\n"
	      "shows its status.\n",
	      to);
}

static bool get_where(const char *word, enum log_where *where)
{
	if (!strcmp(word, "stderr"))
		*where = LOG_TO_STDERR;
	else if (!strcmp(word, "syslog"))
		*where = LOG_TO_SYSLOG;
	else
		return false;
	return true;
}

/* Return: -1 to continue, or the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "log", required_argument, NULL, 'l' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool ok = true;
	int c;

	while ((c = getopt_long(argc, argv, "c:tl:vh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 't':
			o->test = true;
			break;
		case 'l':
			ok &= get_where(optarg, &o->where);
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			ok = false;
		}
	}
	if (ok && optind == argc)
		return -1;
	usage(stderr);
	return 2;
}

static int start(const struct options *o, struct config *conf)
{
	struct oap_env *oap;

	/* first the steps that need the privileges of the starting user */
	if (conf->socket)
		control_prepare(conf->socket, conf->user);
	oap = privs_drop(conf) ? NULL : agent_oap(conf);
	if (!oap) {
		config_free(conf);
		return EXIT_FAILURE;
	}
	return agent_run(o->file, conf, oap) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int test(struct config *conf)
{
	int err = check_files(conf);

	config_free(conf);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * A SIGHUP that arrives during the start, which may take long with many files,
 * would kill the agent: keep it for the loop. SIGTERM and SIGINT still end the
 * start, whatever it waits for. The agent starts no process that would inherit
 * the mask.
 */
static void hold_reloads(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
	struct options o = { .file = CONFIG_FILE };
	int status = parse(argc, argv, &o);
	struct config *conf;

	if (status >= 0)
		return status;
	if (!o.test)
		hold_reloads();
	log_setup(o.verbose, o.test ? LOG_TO_STDERR : o.where);
	/* a test that cannot lock memory is no finding: the agent may */
	log_quiet(o.test);
	privs_lock_memory();
	log_quiet(false);
	conf = config_load(o.file);
	if (!conf)
		return EXIT_FAILURE;
	return o.test ? test(conf) : start(&o, conf);
}
