// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Numbers as short text, for the cells of a table. */
#include <stdio.h>

#include "fmt.h"

#define PLAIN_MAX	99999	/* largest number without a prefix */

/* Format a number of at least 1000 with three digits and a decimal prefix. */
static void scaled(double n, const char *unit, char buf[FMT_LEN])
{
	static const char prefixes[] = "kMGTPE";
	const char *prefix = prefixes;

	/* Divide while three digits would be rounded up to "1000". */
	for (n /= 1000; n >= 999.5 && prefix[1]; prefix++)
		n /= 1000;
	snprintf(buf, FMT_LEN, "%.*f%c%s", n < 9.995 ? 2 : n < 99.95 ? 1 : 0,
		 n, *prefix, unit);
}

/**
 * fmt_count() - format a count in at most five characters
 * @n: the count
 * @buf: the buffer; receives "99999", "100k" or "1.23M"
 *
 * Return: @buf.
 */
const char *fmt_count(uint64_t n, char buf[FMT_LEN])
{
	if (n <= PLAIN_MAX)
		snprintf(buf, FMT_LEN, "%llu", (unsigned long long)n);
	else
		scaled((double)n, "", buf);
	return buf;
}

/**
 * fmt_rate() - format a rate
 * @per_second: the rate; negative if unknown
 * @unit: "" for messages, "B" for bytes
 * @buf: the buffer; receives "12.3k/s", "1.23MB/s" or "-"
 *
 * Return: @buf.
 */
const char *fmt_rate(double per_second, const char *unit, char buf[FMT_LEN])
{
	char per[8];

	snprintf(per, sizeof(per), "%s/s", unit);
	if (per_second < 0)
		snprintf(buf, FMT_LEN, "-");
	else if (per_second < 999.5)
		snprintf(buf, FMT_LEN, "%.*f%s",
			 per_second > 0 && per_second < 9.95 ? 1 : 0,
			 per_second, per);
	else
		scaled(per_second, per, buf);
	return buf;
}

/**
 * fmt_age() - format a time
 * @ms: milliseconds
 * @buf: the buffer; receives "9.9s", "59s", "59m59s", "23h59m", "99d23h" or
 *	"100d"
 *
 * The time is rounded down: an age of 60 s is never shown before it is reached.
 *
 * Return: @buf.
 */
const char *fmt_age(uint64_t ms, char buf[FMT_LEN])
{
	unsigned long long s = ms / 1000, m = s / 60, h = m / 60;

	if (s < 10)
		snprintf(buf, FMT_LEN, "%llu.%llus", s,
			 (unsigned long long)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(buf, FMT_LEN, "%llus", s);
	else if (m < 60)
		snprintf(buf, FMT_LEN, "%llum%02llus", m, s % 60);
	else if (h < 24)
		snprintf(buf, FMT_LEN, "%lluh%02llum", h, m % 60);
	else if (h < 2400)
		snprintf(buf, FMT_LEN, "%llud%02lluh", h / 24, h % 24);
	else
		snprintf(buf, FMT_LEN, "%llud", h / 24);
	return buf;
}
