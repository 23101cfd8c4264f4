// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Check of "doctor": which process uses the UDP port of the agent. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../agent/config.h"
#include "doctor.h"

/* Sockets bound to the port in this network namespace. */
struct sockets {
	unsigned long inodes[64];
	size_t n;
	char holder[64];	/* a process that has one of the sockets */
};

/* Read /proc/net/udp or /proc/net/udp6. */
static bool read_sockets(const char *file, unsigned int port, struct sockets *s)
{
	FILE *table = fopen(file, "re");
	unsigned int bound;
	unsigned long inode;
	char line[512];

	if (!table)
		return false;
	while (fgets(line, sizeof(line), table) &&
	       s->n < sizeof(s->inodes) / sizeof(s->inodes[0]))
		if (sscanf(line, "%*s %*[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %*s %lu",
			   &bound, &inode) == 2 && bound == port)
			s->inodes[s->n++] = inode;
	fclose(table);
	return true;
}

static bool is_one_of(const struct sockets *s, const char *link)
{
	unsigned long inode;
	size_t i;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (i = 0; i < s->n; i++)
		if (s->inodes[i] == inode)
			return true;
	return false;
}

/* True if a process has one of the sockets open. */
static bool has_one(const char *pid, struct sockets *s)
{
	char path[PATH_MAX], to[64];
	struct dirent *entry;
	bool found = false;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (!found && dir && (entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, to, sizeof(to) - 1);
		to[len > 0 ? len : 0] = '\0';
		found = is_one_of(s, to);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void name_holder(const char *pid, struct sockets *s)
{
	char path[PATH_MAX], comm[32] = "a program\n";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(comm, sizeof(comm), file))
			comm[0] = '\0';
		fclose(file);
	}
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(s->holder, sizeof(s->holder), "%s, process %.10s", comm, pid);
}

/* Find a process with one of the sockets. Sockets of the module have none. */
static void find_holder(struct sockets *s)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && !s->holder[0] && (entry = readdir(proc)))
		if (entry->d_name[0] > '0' && entry->d_name[0] <= '9' &&
		    has_one(entry->d_name, s))
			name_holder(entry->d_name, s);
	if (proc)
		closedir(proc);
}

static void check_port(struct doctor *d, unsigned int port)
{
	struct sockets s = { 0 };
	bool known;

	known = read_sockets("/proc/self/net/udp", port, &s);
	known |= read_sockets("/proc/self/net/udp6", port, &s);
	find_holder(&s);
	if (s.holder[0]) {
		doctor_error(d, "UDP port %u is in use by %s", port, s.holder);
		doctor_advise(d, "ss -ulpn 'sport = :%u' shows all programs on it: stop them, or set another port in %s, on the peers, too",
			      port, d->file);
	} else if (!known) {
		doctor_note(d, "whether UDP port %u is free cannot be told: %s", port,
			    strerror(errno));
	} else if (!s.n && d->nl && d->info.has_agent) {
		doctor_warning(d, "UDP port %u is not open, although an agent runs",
			       port);
		doctor_advise(d, "systemctl restart ipcp-rekeyd, if the port of %s has changed since it was started",
			      d->file);
	} else if (!s.n) {
		doctor_ok(d, "UDP port %u is free, the agent will open it", port);
	} else if (d->nl && d->info.has_agent) {
		doctor_ok(d, "UDP port %u is open", port);
	} else if (geteuid()) {
		doctor_note(d, "UDP port %u is in use: run as root, to see by whom",
			    port);
	} else {
		doctor_ok(d, "UDP port %u is in use by no process: the kernel has it",
			  port);
	}
}

void doctor_port(struct doctor *d)
{
	if (d->conf)
		check_port(d, d->conf->port);
	else
		doctor_note(d, "not looked at: the configuration has to be usable first");
}
