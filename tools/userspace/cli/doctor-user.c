// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Inspect files as the user of the agent, in a child process with that uid. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../agent/config.h"
#include "../agent/log.h"
#include "../agent/privs.h"
#include "agent.h"
#include "doctor.h"

/**
 * doctor_agent_uid() - find out which user the agent runs as
 * @d: the checks
 *
 * Return: the user of the running agent; else the user in the configuration,
 * else the owner of the keys, else the caller.
 */
uid_t doctor_agent_uid(const struct doctor *d)
{
	json_t *uid = agent_at(d->agent, "uid");
	const struct passwd *pw;
	struct stat st;

	if (json_is_integer(uid))
		return json_integer_value(uid);
	pw = d->conf && d->conf->user ? getpwnam(d->conf->user) : NULL;
	if (pw)
		return pw->pw_uid;
	if (!stat(d->conf ? d->conf->security : CONFIG_SECURITY, &st))
		return st.st_uid;
	return geteuid();
}

/* Return the name of a user, or the uid as text if the user has no name. */
const char *doctor_user_name(uid_t uid, char *buf, size_t len)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(buf, len, "%s", pw->pw_name);
	else
		snprintf(buf, len, "user %u", (unsigned int)uid);
	return buf;
}

/* In the child: change the user, run @look, and write the findings. */
static void look_as(struct doctor *d, uid_t uid, void (*look)(struct doctor *d),
		    int fd)
{
	const struct passwd *pw = getpwuid(uid);
	struct config as = { .user = pw ? pw->pw_name : NULL };

	json_array_clear(d->found);
	/*
	 * keys stay in memory, as in the agent; a failure to lock is no finding
	 */
	log_quiet(true);
	privs_lock_memory();
	log_quiet(false);
	if (!pw && uid != geteuid())
		_exit(EXIT_FAILURE);
	if (!geteuid() && privs_become_reader(&as))
		_exit(EXIT_FAILURE);
	look(d);
	_exit(json_dumpfd(d->found, fd, JSON_COMPACT) ? EXIT_FAILURE :
	      EXIT_SUCCESS);
}

/* Add the findings of the child. */
static bool take(struct doctor *d, pid_t child, int fd)
{
	json_t *found = json_loadfd(fd, 0, NULL);
	int status = 0;
	bool done;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	done = found && WIFEXITED(status) && !WEXITSTATUS(status);
	if (done)
		json_array_extend(d->found, found);
	json_decref(found);
	return done;
}

/**
 * doctor_as_agent() - run a part of a check as the user of the agent
 * @d: the checks
 * @look: reports findings
 *
 * Reports a note instead if the caller is neither that user nor root.
 *
 * Return: true if @look has run.
 */
bool doctor_as_agent(struct doctor *d, void (*look)(struct doctor *d))
{
	uid_t uid = doctor_agent_uid(d);
	char name[64];
	int fds[2];
	pid_t child;
	bool done;

	doctor_user_name(uid, name, sizeof(name));
	if (geteuid() && geteuid() != uid) {
		doctor_note(d, "not looked at: run as root, to see what %s can use",
			    name);
		return false;
	}
	if (pipe2(fds, O_CLOEXEC)) {
		doctor_note(d, "not looked at: %s", strerror(errno));
		return false;
	}
	child = fork();
	if (!child)
		look_as(d, uid, look, fds[1]);
	close(fds[1]);
	done = child > 0 && take(d, child, fds[0]);
	close(fds[0]);
	if (!done)
		doctor_note(d, "not looked at: cannot become %s", name);
	return done;
}
