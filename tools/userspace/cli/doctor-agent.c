// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Checks of "doctor": the running agent, and its configuration. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "../agent/config.h"
#include "../agent/log.h"
#include "agent.h"
#include "doctor.h"

#define UNIT	"ipcp-rekeyd.service"

/* Return the command that starts the agent on this host. */
static const char *start_command(void)
{
	if (access("/run/systemd/system", F_OK) ||
	    (access("/usr/lib/systemd/system/" UNIT, F_OK) &&
	     access("/etc/systemd/system/" UNIT, F_OK)))
		return "ipcp-rekeyd";
	return "systemctl enable --now ipcp-rekeyd; if it does not stay: journalctl -u ipcp-rekeyd";
}

static void no_answer(struct doctor *d)
{
	int err = -d->agent_err;

	if (err == EACCES || err == EPERM) {
		doctor_note(d, "not asked: run as root, or as a member of the group ipcp-rekey, to ask it on %s",
			    d->socket);
	} else if (err == EPROTO || err == EAGAIN) {
		doctor_error(d, "it listens on %s, but does not answer", d->socket);
		doctor_advise(d, "journalctl -u ipcp-rekeyd");
	} else if (d->nl && d->info.has_agent) {
		doctor_warning(d, "an agent runs in this network namespace, but not on the socket %s: %s",
			       d->socket ? d->socket : "of the configuration, which has none",
			       strerror(err));
		doctor_advise(d, "ipcp-rekey doctor --socket PATH, with the socket of its configuration");
	} else {
		doctor_error(d, "no agent runs in this network namespace; %s: %s",
			     d->socket ? d->socket : "its socket", strerror(err));
		doctor_advise(d, "%s%s", d->nl_err == -ENOENT ?
			      "modprobe ipcp_rekey, then " : "", start_command());
	}
}

void doctor_agent(struct doctor *d)
{
	const char *version = json_string_value(agent_at(d->agent, "version"));
	char user[64];

	if (!d->agent) {
		no_answer(d);
		return;
	}
	if (d->nl && !d->info.has_agent) {
		doctor_error(d, "the agent on %s is of another network namespace, and this one has none",
			     d->socket);
		doctor_advise(d, "ipcp-rekeyd --config FILE, in this network namespace, with a file that has another socket");
		return;
	}
	if (!version || strcmp(version, VERSION)) {
		doctor_warning(d, "it runs, version %s, but these tools are version %s",
			       version ? version : "unknown", VERSION);
		doctor_advise(d, "systemctl restart ipcp-rekeyd");
		return;
	}
	doctor_ok(d, "it runs, version %s, as %s, process %lld", version,
		  doctor_user_name(doctor_agent_uid(d), user, sizeof(user)),
		  (long long)json_integer_value(agent_at(d->agent, "pid")));
}

/* The checks that on_message() reports to: log_divert() passes no argument. */
static struct doctor *reader;

/* Report a configuration that the user of the agent cannot read. */
static void unreadable_config(const char *text)
{
	int err = access(reader->file, R_OK) ? errno : 0;

	doctor_error(reader, "%s", text);
	if (err == EACCES)
		doctor_advise(reader, "chmod a+r %s, and let its user enter the folders of the file",
			      reader->file);
	else if (err == ENOENT && !strcmp(reader->file, CONFIG_FILE))
		doctor_advise(reader, "ipcp-rekey setup host NAME, with the name of this host, writes a commented one");
	else
		doctor_advise(reader, "write the file, or give another one with --config; ipcp-rekeyd.conf(5) explains the keys");
}

static void on_message(int priority, const char *text)
{
	char otherwise[256];

	if (priority > LOG_WARNING)
		return;
	if (doctor_unreadable(text)) {
		unreadable_config(text);
		return;
	}
	snprintf(otherwise, sizeof(otherwise),
		 "edit %s; ipcp-rekeyd.conf(5) explains the keys", reader->file);
	doctor_problem(reader, priority == LOG_WARNING ? DOCTOR_WARNING :
		       DOCTOR_ERROR, text, otherwise);
}

static void look_at_config(struct doctor *d)
{
	struct config *conf;
	char user[64];

	reader = d;
	log_divert(on_message);
	conf = config_load(d->file);
	log_divert(NULL);
	if (conf)
		doctor_ok(d, "%s can be used by %s", d->file,
			  doctor_user_name(geteuid(), user, sizeof(user)));
	else if (!json_array_size(d->found))
		doctor_problem(d, DOCTOR_ERROR, "it cannot be used",
			       "ipcp-rekeyd --test says more");
	config_free(conf);
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat of_a, of_b;

	return !stat(a, &of_a) && !stat(b, &of_b) && of_a.st_dev == of_b.st_dev &&
	       of_a.st_ino == of_b.st_ino;
}

/* Warn if the file is newer than the configuration that the agent has read. */
static void check_age(struct doctor *d)
{
	const char *used = json_string_value(agent_at(d->agent, "config.file"));
	json_t *ago = agent_at(d->agent, "config.read_ms_ago");
	struct timespec now;
	struct stat st;
	int64_t read, written;

	if (!used || !json_is_integer(ago) || stat(d->file, &st))
		return;
	if (!is_same_file(used, d->file)) {
		doctor_note(d, "the agent that runs uses another file: ipcp-rekey doctor --config %s",
			    used);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	read = now.tv_sec * 1000LL + now.tv_nsec / 1000000 - json_integer_value(ago);
	written = st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1000000;
	if (written > read && written <= read + json_integer_value(ago)) {
		doctor_warning(d, "%s has changed since the agent read it", d->file);
		doctor_advise(d, "systemctl reload ipcp-rekeyd, or kill -HUP %lld",
			      (long long)json_integer_value(agent_at(d->agent, "pid")));
	}
}

void doctor_config(struct doctor *d)
{
	doctor_as_agent(d, look_at_config);
	check_age(d);
}
