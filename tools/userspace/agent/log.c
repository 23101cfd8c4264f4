// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Log messages. A message may contain text from peers and local programs, so
 * each byte that is not printable ASCII becomes '?'.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

/* Maximum number of lines of one kind within a time span, unless given. */
#define LIMIT_LINES	5
#define LIMIT_MS	10000

static bool is_verbose;
static bool is_quiet;
static bool to_stderr = true;
static bool to_syslog;
static bool for_journal;	/* prefix lines with their priority */
static void (*diverted)(int priority, const char *text);

void log_quiet(bool quiet)
{
	is_quiet = quiet;
}

void log_divert(void (*to)(int priority, const char *text))
{
	diverted = to;
}

/* $JOURNAL_STREAM holds the device and inode of the socket of the journal. */
static bool is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(fd, &st) && st.st_dev == dev && st.st_ino == ino;
}

void log_setup(bool verbose, enum log_where where)
{
	is_verbose = verbose;
	for_journal = where == LOG_TO_AUTO && is_journal(STDERR_FILENO);
	to_syslog = where == LOG_TO_SYSLOG ||
		    (where == LOG_TO_AUTO && !for_journal &&
		     !isatty(STDERR_FILENO));
	if (to_syslog)
		openlog("ipcp-rekeyd", LOG_PID, LOG_DAEMON);
}

void log_settled(void)
{
	to_stderr = !to_syslog;
}

static void line(int priority, const char *fmt, va_list ap)
{
	char buf[512];
	char *p;

	vsnprintf(buf, sizeof(buf), fmt, ap);
	for (p = buf; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (diverted) {
		diverted(priority, buf);
		return;
	}
	if (to_syslog)
		syslog(priority, "%s", buf);
	if (for_journal)
		fprintf(stderr, "<%d>%s\n", priority, buf);
	else if (to_stderr)
		fprintf(stderr, "ipcp-rekeyd: %s\n", buf);
}

#define LOG(name, priority, when)		\
	void name(const char *fmt, ...)		\
	{					\
		va_list ap;			\
						\
		if (is_quiet || !(when))	\
			return;			\
		va_start(ap, fmt);		\
		line(priority, fmt, ap);	\
		va_end(ap);			\
	}

LOG(log_err, LOG_ERR, true)
LOG(log_warn, LOG_WARNING, true)
LOG(log_info, LOG_INFO, true)
LOG(log_dbg, LOG_DEBUG, is_verbose)

bool log_allowed(struct log_limit *limit, uint64_t now)
{
	return log_allowed_of(limit, LIMIT_LINES, now);
}

bool log_allowed_of(struct log_limit *limit, unsigned int most, uint64_t now)
{
	unsigned int missed = limit->missed;

	if (!limit->lines || now - limit->since >= LIMIT_MS) {
		*limit = (struct log_limit) { .since = now };
		if (missed)
			log_warn("%u lines more were not logged", missed);
	}
	if (limit->lines >= most) {
		limit->missed++;
		return false;
	}
	limit->lines++;
	return true;
}
