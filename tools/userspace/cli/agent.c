// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey agent: show the status of the agent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"
#include "cmd.h"
#include "nlcmd.h"

#define PATIENCE_S	30

static bool is_absent(int err)
{
	return err == ENOENT || err == ECONNREFUSED;
}

static int is_silent(void)
{
	return fail("the agent has not answered within %d s; see its log",
		    PATIENCE_S);
}

static int cannot(const char *path, int err)
{
	if (is_absent(err))
		return fail("no agent listens on %s; start ipcp-rekeyd, or give its socket with --socket",
			    path);
	if (err == EACCES || err == EPERM)
		return fail("%s: permission denied; run this as root, or as a member of the agent's group",
			    path);
	if (err == EAGAIN)
		return is_silent();
	if (err == ENAMETOOLONG)
		return fail("%s: path too long for a socket", path);
	return fail("%s: %s", path, strerror(err));
}

/**
 * agent_connect() - connect to the agent
 * @path: its socket
 * @fd: set on success, for agent_read()
 *
 * Return: 0, or a negative errno; -ENAMETOOLONG if @path is too long for a
 * socket, -EAGAIN if the agent accepts no connection in time.
 */
int agent_connect(const char *path, int *fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return -errno;
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* connect() waits while the queue of the socket is full */
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(*fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	err = -errno;
	close(*fd);
	return err;
}

/* State of reading an answer. */
struct answer {
	int fd;
	size_t len;
	int err;
};

static size_t more(void *buf, size_t len, void *arg)
{
	struct answer *a = arg;
	ssize_t n = read(a->fd, buf, len);

	if (n < 0) {
		a->err = errno;
		return (size_t)-1;
	}
	a->len += n;
	return n;
}

/*
 * Report why reading failed. An agent that exits resets the connections still
 * in the queue of its socket. A complete answer ends with the last brace, so an
 * answer without that brace was cut off.
 */
static void cannot_read(const struct answer *a, const json_error_t *error)
{
	if (a->err == EAGAIN)
		is_silent();
	else if (a->err == ECONNRESET || !a->len ||
		 json_error_code(error) == json_error_premature_end_of_input)
		fail("the agent ended before it had answered; try again, and see its log if it does not start again");
	else if (a->err)
		fail("cannot read from the agent: %s", strerror(a->err));
	else
		fail("invalid answer from the agent: %s; is it of another version?",
		     error->text);
}

/**
 * agent_read() - read the status, and close the connection
 * @fd: socket from agent_connect()
 *
 * Return: the status; NULL after printing an error.
 */
json_t *agent_read(int fd)
{
	struct answer a = { .fd = fd };
	json_error_t error;
	json_t *json;

	json = json_load_callback(more, &a, 0, &error);
	close(fd);
	if (!json)
		cannot_read(&a, &error);
	return json;
}

/**
 * agent_ask() - get the status from the agent
 * @path: its socket
 * @silent: print no error if no agent runs
 *
 * Return: the status; NULL without one, after printing an error.
 */
json_t *agent_ask(const char *path, bool silent)
{
	int fd, err = agent_connect(path, &fd);

	if (!err)
		return agent_read(fd);
	if (!silent || !is_absent(-err))
		cannot(path, -err);
	return NULL;
}

/**
 * agent_at() - look up a member of the status
 * @json: the status
 * @path: path of the member, "a.b.c"
 *
 * Return: the member, borrowed; NULL if it is missing.
 */
json_t *agent_at(json_t *json, const char *path)
{
	char word[64];
	size_t len;

	while (json && *path) {
		len = strcspn(path, ".");
		snprintf(word, sizeof(word), "%.*s", (int)len, path);
		json = json_object_get(json, word);
		path += len + (path[len] == '.');
	}
	return json;
}

/* Return a number of the status, 0 if missing; str() returns "-". */
static long long num(json_t *json, const char *path)
{
	return json_integer_value(agent_at(json, path));
}

static const char *str(json_t *json, const char *path, char buf[NLCMD_TEXT_LEN])
{
	const char *s = json_string_value(agent_at(json, path));

	return s ? nlcmd_text(s, buf) : "-";
}

static const char *seconds(json_t *json, const char *path, char *buf, size_t len)
{
	if (json_is_integer(agent_at(json, path)))
		snprintf(buf, len, "%.3g s", num(json, path) / 1e3);
	else
		snprintf(buf, len, "-");
	return buf;
}

static void show_about(json_t *s)
{
	char buf[NLCMD_TEXT_LEN];

	printf("agent          version %s, pid %lld, uid %lld, up %.3f s\n",
	       str(s, "version", buf), num(s, "pid"), num(s, "uid"),
	       num(s, "up_ms") / 1e3);
	printf("configuration  %s, read %.3f s ago\n", str(s, "config.file", buf),
	       num(s, "config.read_ms_ago") / 1e3);
	printf("               port %lld, re-key every %g s, at most %lld at a time\n",
	       num(s, "config.port"), num(s, "config.rekey_interval_ms") / 1e3,
	       num(s, "config.max_exchanges"));
	if (json_is_string(agent_at(s, "config.keylog")))
		printf("key log        %s: whoever reads it can decrypt the flows\n",
		       str(s, "config.keylog", buf));
	printf("flows          %lld, %lld of them as initiator; %lld due, %lld being re-keyed; oldest keys %.3f s\n",
	       num(s, "flows.total"), num(s, "flows.initiator"),
	       num(s, "flows.due"), num(s, "flows.in_flight"),
	       num(s, "flows.oldest_epoch_ms") / 1e3);
	printf("messages       %lld cookies sent, %lld malformed, %lld of other versions; %lld re-keys attempted without keys\n",
	       num(s, "cookies"), num(s, "bad_messages"),
	       num(s, "other_versions"),
	       num(s, "rekeys_in_clear"));
}

static void show_exchanges(json_t *s, const char *kind)
{
	char last[32], mean[32], longest[32];
	json_t *of, *outcome;
	const char *name;

	of = json_object_get(json_object_get(s, "exchanges"), kind);
	json_object_foreach(of, name, outcome)
		printf("%-11s %-9s %10lld %10s %10s %10s\n", kind, name,
		       num(outcome, "count"),
		       seconds(outcome, "last_ms_ago", last, sizeof(last)),
		       seconds(outcome, "mean_ms", mean, sizeof(mean)),
		       seconds(outcome, "longest_ms", longest, sizeof(longest)));
}

static void show_lists(json_t *s)
{
	char buf[NLCMD_TEXT_LEN];
	json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(s, "under_way"), i, entry) {
		printf("under way: %s of flow %lld", str(entry, "kind", buf),
		       num(entry, "flow"));
		printf(" to %s", str(entry, "name", buf));
		printf(" at %s", str(entry, "peer", buf));
		printf(", for %.3f s, sent %lld times, waits for: %s\n",
		       num(entry, "for_ms") / 1e3, num(entry, "sent"),
		       str(entry, "waits_for", buf));
	}
	json_array_foreach(json_object_get(s, "due"), i, entry) {
		printf("due: flow %lld", num(entry, "flow"));
		printf(" to %s", str(entry, "name", buf));
		printf(" (%s)", str(entry, "role", buf));
		printf(": %s\n", str(entry, "reasons", buf));
	}
	json_array_foreach(json_object_get(s, "failed"), i, entry) {
		printf("%s: ", str(entry, "outcome", buf));
		printf("%s", str(entry, "kind", buf));
		printf(" to %s", str(entry, "name", buf));
		printf(" at %s", str(entry, "peer", buf));
		printf(", %lld times, last %.3f s ago: ", num(entry, "times"),
		       num(entry, "ms_ago") / 1e3);
		printf("%s\n", str(entry, "reason", buf));
	}
}

static int agent_status(int argc, char **argv)
{
	const char *path = AGENT_SOCKET;
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON", OPT_FLAG, &json, 0, 0 },
		{ "socket", 's', "PATH", "the agent's socket (default " AGENT_SOCKET ")",
		  OPT_TEXT, &path, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"agent status", "",
		"Shows the status of the agent: exchanges by outcome, with their times in\n"
		"seconds, those under way, flows that are due, and what failed and why.\n",
		opts, 0, 0
	};
	json_t *status;

	use_parse(&use, argc, argv);
	status = agent_ask(path, false);
	if (!status)
		return EXIT_FAIL;
	if (json)
		return out_json(status, false);
	show_about(status);
	printf("\n%-11s %-9s %10s %10s %10s %10s\n", "EXCHANGE", "OUTCOME",
	       "COUNT", "LAST", "MEAN", "LONGEST");
	show_exchanges(status, "allocation");
	show_exchanges(status, "rekey");
	show_lists(status);
	json_decref(status);
	return EXIT_OK;
}

int cmd_agent(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "status", "show the status of the agent", agent_status },
		{ 0 }
	};

	return cmd_dispatch("agent ", table, argc, argv);
}
