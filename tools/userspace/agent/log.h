/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Log messages: to the terminal, the journal or syslog. */
#ifndef REKEYD_LOG_H
#define REKEYD_LOG_H

#include <stdbool.h>
#include <stdint.h>

/**
 * enum log_where - destination of log messages
 * @LOG_TO_AUTO: stderr if it is a terminal or the journal, else syslog
 * @LOG_TO_STDERR: stderr
 * @LOG_TO_SYSLOG: syslog, and stderr until log_settled()
 */
enum log_where { LOG_TO_AUTO, LOG_TO_STDERR, LOG_TO_SYSLOG };

void log_setup(bool verbose, enum log_where where);

/**
 * log_settled() - end of start-up: stop logging to stderr besides syslog
 */
void log_settled(void);
void log_quiet(bool quiet);	/* log nothing */

/**
 * log_divert() - hand lines over instead of writing them
 * @to: called for each line that would be written, with its LOG_... priority; NULL
 *	to write them
 */
void log_divert(void (*to)(int priority, const char *text));

#define PRINTF_LIKE	__attribute__((format(printf, 1, 2)))

void log_err(const char *fmt, ...) PRINTF_LIKE;
void log_warn(const char *fmt, ...) PRINTF_LIKE;
void log_info(const char *fmt, ...) PRINTF_LIKE;
void log_dbg(const char *fmt, ...) PRINTF_LIKE;

/**
 * struct log_limit - how much of one kind is logged; initially zero
 * @since: monotonic milliseconds when the first line of this span was logged
 * @lines: lines in this span
 * @missed: what was not logged in it
 */
struct log_limit {
	uint64_t since;
	unsigned int lines;
	unsigned int missed;
};

/**
 * log_allowed() - may a line that others can cause be logged?
 * @limit: of this kind of line
 * @now: monotonic milliseconds
 *
 * Says once in a span how many lines were left out before.
 *
 * Return: true for the first five in ten seconds.
 */
bool log_allowed(struct log_limit *limit, uint64_t now);

#endif /* REKEYD_LOG_H */
