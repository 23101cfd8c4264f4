// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey doctor: check everything that a flow needs on this host, and give
 * advice. Nothing is changed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../agent/config.h"
#include "../agent/log.h"
#include "agent.h"
#include "cmd.h"
#include "doctor.h"
#include "io.h"
#include "nlcmd.h"
#include "out.h"

static const struct {
	const char *name;
	void (*run)(struct doctor *d);
} checks[] = {
	{ "module", doctor_module },
	{ "device", doctor_device },
	{ "agent", doctor_agent },
	{ "config", doctor_config },
	{ "certificates", doctor_certificates },
	{ "clock", doctor_clock },
	{ "port", doctor_port },
	{ "firewall", doctor_firewall },
	{ "mtu", doctor_mtu },
	{ "limits", doctor_limits },
	{ "names", doctor_names },
};

#define NCHECKS	(sizeof(checks) / sizeof(checks[0]))

static void ask_module(struct doctor *d)
{
	d->nl_err = nlcmd_open_loaded(&d->nl);
	if (!d->nl_err)
		d->nl_err = ipcp_nl_info_get(d->nl, &d->info);
	if (d->nl_err) {
		ipcp_nl_close(d->nl);
		d->nl = NULL;
	}
}

static void ask_agent(struct doctor *d)
{
	int fd;

	if (!d->socket) {
		d->agent_err = -ENOENT;
		return;
	}
	d->agent_err = agent_connect(d->socket, &fd);
	if (d->agent_err)
		return;
	d->agent = agent_read(fd);
	if (!d->agent)
		d->agent_err = -EPROTO;
}

/* Read the configuration silently: its own check reports errors later. */
static void read_config(struct doctor *d)
{
	log_quiet(true);
	d->conf = config_load(d->file);
	log_quiet(false);
	if (!d->socket)
		d->socket = d->conf ? d->conf->socket : CONFIG_SOCKET;
}

static int run_all(struct doctor *d, bool json)
{
	enum doctor_result worst = DOCTOR_OK, result;
	json_t *all = json ? json_array() : NULL;
	size_t i;

	for (i = 0; i < NCHECKS; i++) {
		d->check = checks[i].name;
		d->found = json_array();
		checks[i].run(d);
		result = doctor_print(d->found, !json);
		if (result > worst)
			worst = result;
		json_array_extend(all, d->found);
		json_decref(d->found);
		/* print now, since the last check may take seconds */
		if (!json)
			fflush(stdout);
	}
	if (json && out_json(all, false))
		return EXIT_FAIL;
	return worst == DOCTOR_ERROR ? EXIT_FAIL : EXIT_OK;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor d = { .file = CONFIG_FILE, .timeout = 5 * NSEC_PER_SEC };
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON, an array", OPT_FLAG, &json, 0, 0 },
		{ "config", 'c', "FILE", "the agent's configuration (default " CONFIG_FILE ")",
		  OPT_TEXT, &d.file, 0, 0 },
		{ "socket", 's', "PATH", "the agent's socket (default as configured)",
		  OPT_TEXT, &d.socket, 0, 0 },
		{ "timeout", 't', "S", "give up the flow to NAME after S seconds (default 5)",
		  OPT_SECONDS, &d.timeout, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"doctor", "[NAME]",
		"Looks at what flows need on this host: module, device, agent, configuration,\n"
		"certificates, clock, port, firewall, MTU, limits and names. Below each warning\n"
		"and error is what to do. Nothing is changed. Run it as root to see all.\n"
		"With NAME: also allocates a flow to NAME, and closes it.\n",
		opts, 0, 1
	};
	char **args = use_parse(&use, argc, argv);
	int status;

	d.name = args[0];
	if (d.name && !oap_name_ok(d.name))
		return use_error(&use, "'%s' is not a name: a name has 1 to 255 printable characters, no space and no '/', and does not begin with '.'",
				 d.name);
	read_config(&d);
	ask_module(&d);
	ask_agent(&d);
	status = run_all(&d, json);
	json_decref(d.agent);
	ipcp_nl_close(d.nl);
	config_free(d.conf);
	return status;
}
