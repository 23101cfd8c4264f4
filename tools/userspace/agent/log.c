// SPDX-License-Identifier: GPL-2.0
/* Lines on stderr. What comes from the network is made printable. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static bool is_verbose;
static bool for_journal;
static bool is_quiet;

void log_quiet(void)
{
	is_quiet = true;
}

void log_setup(bool verbose, bool journal)
{
	is_verbose = verbose;
	for_journal = journal;
}

static void line(int priority, const char *fmt, va_list ap)
{
	char buf[512];
	char *p;

	vsnprintf(buf, sizeof(buf), fmt, ap);
	for (p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	if (for_journal)
		fprintf(stderr, "<%d>%s\n", priority, buf);
	else
		fprintf(stderr, "ipcp-rekeyd: %s\n", buf);
}

#define LOG(name, priority, when)			\
	void name(const char *fmt, ...)			\
	{						\
		va_list ap;				\
							\
		if (is_quiet || !(when))				\
			return;				\
		va_start(ap, fmt);			\
		line(priority, fmt, ap);		\
		va_end(ap);				\
	}

LOG(log_err, 3, true)
LOG(log_warn, 4, true)
LOG(log_info, 6, true)
LOG(log_dbg, 7, is_verbose)
