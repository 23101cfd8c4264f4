/* SPDX-License-Identifier: GPL-2.0 */
/* Lines on stderr, with the priority prefixes that the journal knows. */
#ifndef REKEYD_LOG_H
#define REKEYD_LOG_H

#include <stdbool.h>

void log_setup(bool verbose, bool journal);
void log_quiet(void);	/* nothing at all, for tests */

#define PRINTF_LIKE	__attribute__((format(printf, 1, 2)))

void log_err(const char *fmt, ...) PRINTF_LIKE;
void log_warn(const char *fmt, ...) PRINTF_LIKE;
void log_info(const char *fmt, ...) PRINTF_LIKE;
void log_dbg(const char *fmt, ...) PRINTF_LIKE;

#endif /* REKEYD_LOG_H */
