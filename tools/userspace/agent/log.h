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
 * log_divert() - redirect lines to a function
 * @to: called for each line, with its LOG_... priority; NULL to write lines
 *	again
 */
void log_divert(void (*to)(int priority, const char *text));

#define PRINTF_LIKE	__attribute__((format(printf, 1, 2)))

void log_err(const char *fmt, ...) PRINTF_LIKE;
void log_warn(const char *fmt, ...) PRINTF_LIKE;
void log_info(const char *fmt, ...) PRINTF_LIKE;
void log_dbg(const char *fmt, ...) PRINTF_LIKE;

/**
 * struct log_limit - limit on one kind of log line; initially zero
 * @since: time of the first line in this span, in monotonic milliseconds
 * @lines: lines in this span
 * @missed: lines that were not logged in this span
 */
struct log_limit {
	uint64_t since;
	unsigned int lines;
	unsigned int missed;
};

/**
 * log_allowed() - check whether a line that others can cause may be logged
 * @limit: limit of this kind of line
 * @now: monotonic milliseconds
 *
 * Logs once per span how many lines were left out before.
 *
 * Return: true for the first five lines in ten seconds.
 */
bool log_allowed(struct log_limit *limit, uint64_t now);

/* Lines in ten seconds about what has succeeded: an operator looks for each. */
#define LOG_MANY	100

/**
 * log_allowed_of() - check whether a line may be logged, for another number
 * @limit: limit of this kind of line
 * @most: number of lines in ten seconds
 * @now: monotonic milliseconds
 *
 * Return: as log_allowed(), for the first @most lines.
 */
bool log_allowed_of(struct log_limit *limit, unsigned int most, uint64_t now);

#endif /* REKEYD_LOG_H */
