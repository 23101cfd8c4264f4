// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey top: show a table of the flows, periodically refreshed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "columns.h"
#include "fmt.h"
#include "io.h"
#include "terminal.h"

#define INTERVAL_MIN	(100 * NSEC_PER_MSEC)
#define HEAD_ROWS	3	/* the summary, an empty line, the heading */

#define HOME		"\033[H"
#define CLEAR_LINE	"\033[K"
#define CLEAR_REST	"\033[J"
#define REVERSE		"\033[7m"
#define NORMAL		"\033[0m"

/**
 * struct top - the state of the sub-command
 * @now: the displayed reading, sorted by @sort
 * @last: the previous reading, whose memory the next one reuses
 */
struct top {
	int64_t interval;
	uint64_t count;
	int sort;
	bool live;
	struct ipcp_nl *nl;
	struct reading now;
	struct reading last;
};

/* Read all flows, and compute the rates since the previous reading. */
static int read_flows(struct top *t)
{
	struct reading next = t->last;
	int err = reading_read(t->nl, &next);

	if (err) {
		t->last = next;
		t->last.n = 0;
		return err;
	}
	reading_sort(&t->now);
	reading_rates(&next, &t->now);
	t->last = t->now;
	t->now = next;
	columns_sort(&t->now, t->sort);
	return 0;
}

/* Print "12:34:56  3 flows, out 12k/s 1.2MB/s, in ..., 4 dropped". */
static void put_summary(const struct top *t, FILE *out)
{
	struct flow_rates sum = { 0 };
	char buf[4][FMT_LEN], drops[FMT_LEN];
	uint64_t dropped = 0;
	time_t now = time(NULL);
	struct tm tm;
	size_t i;

	for (i = 0; i < t->now.n; i++) {
		const struct flow_row *row = &t->now.rows[i];

		sum.tx_packets += row->rates.tx_packets;
		sum.tx_bytes += row->rates.tx_bytes;
		sum.rx_packets += row->rates.rx_packets;
		sum.rx_bytes += row->rates.rx_bytes;
		dropped += row->drops;
	}
	localtime_r(&now, &tm);
	fprintf(out, "%02d:%02d:%02d  %zu flow%s, out %s %s, in %s %s, %s dropped",
		tm.tm_hour, tm.tm_min, tm.tm_sec, t->now.n,
		t->now.n == 1 ? "" : "s",
		fmt_rate(sum.tx_packets, "", buf[0]),
		fmt_rate(sum.tx_bytes, "B", buf[1]),
		fmt_rate(sum.rx_packets, "", buf[2]),
		fmt_rate(sum.rx_bytes, "B", buf[3]),
		fmt_count(dropped, drops));
}

/* Print a table of all flows, for a pipe. */
static int print_plain(const struct top *t)
{
	char line[COLUMNS_LINE];
	struct columns c;
	size_t i;

	columns_fit(&c, 0, &t->now);
	put_summary(t, stdout);
	columns_head(&c, line);
	printf("\n\n%s\n", line);
	for (i = 0; i < t->now.n; i++) {
		columns_row(&c, &t->now.rows[i], line);
		puts(line);
	}
	putchar('\n');
	return out_flush();
}

static int no_memory(void)
{
	terminal_close();
	return fail("out of memory");
}

/*
 * Draw the page in one write, so that the terminal does not flicker. Clear each
 * line before writing it: after a full line, the cursor would still be in the
 * last column, and clearing would erase the last character.
 */
static int draw(const struct top *t)
{
	char line[COLUMNS_LINE], *page = NULL, *summary = NULL;
	unsigned int cols, rows;
	size_t i, len, summary_len;
	struct columns c;
	FILE *out = open_memstream(&summary, &summary_len);

	if (!out)
		return no_memory();
	put_summary(t, out);
	if (fclose(out))
		return no_memory();
	out = open_memstream(&page, &len);
	if (!out) {
		free(summary);
		return no_memory();
	}
	terminal_size(&cols, &rows);
	columns_fit(&c, cols, &t->now);
	columns_head(&c, line);
	fprintf(out, HOME CLEAR_LINE "%.*s", (int)cols, summary);
	free(summary);
	if (rows >= HEAD_ROWS)
		fprintf(out, "\r\n" CLEAR_LINE "\r\n" REVERSE "%-*.*s" NORMAL,
			(int)cols, (int)cols, line);
	for (i = 0; i < t->now.n && i + HEAD_ROWS < rows; i++) {
		columns_row(&c, &t->now.rows[i], line);
		fprintf(out, "\r\n" CLEAR_LINE "%.*s", (int)cols, line);
	}
	if (i + HEAD_ROWS < rows)
		fputs("\r\n" CLEAR_REST, out);
	if (fclose(out))
		return no_memory();
	fwrite(page, 1, len, stdout);
	free(page);
	return fflush(stdout) || ferror(stdout) ? EXIT_FAIL : EXIT_OK;
}

/* True if the user pressed q, or the terminal is gone. */
static bool wants_to_quit(short revents)
{
	int key;

	while ((key = terminal_key()) > 0)
		if (key == 'q' || key == 'Q')
			return true;
	return key < 0 || (revents & (POLLHUP | POLLERR));
}

/* Wait until @until. Return: false if the program has to end. */
static bool wait_until(struct top *t, int64_t until, int *status)
{
	struct pollfd fds[2] = {
		{ .fd = STDOUT_FILENO },	/* POLLERR: no reader */
		{ .fd = t->live && terminal_reads() ? STDIN_FILENO : -1,
		  .events = POLLIN },
	};

	while (!stopped && !*status && now_ns() < until) {
		if (wait_poll(fds, 2, until) < 0) {
			terminal_close();
			*status = fail("poll: %m");
			break;
		}
		if (fds[0].revents & (POLLERR | POLLHUP))
			return false;
		if (fds[1].revents && wants_to_quit(fds[1].revents))
			return false;
		if (t->live && !stopped && terminal_changed())
			*status = draw(t);
	}
	return !stopped && !*status;
}

/*
 * Show tables. A plain table is printed at the end of an interval, so that all
 * rates are known; a terminal shows its first table at once.
 */
static int run(struct top *t)
{
	int64_t next = now_ns();
	uint64_t shown = 0;
	int err, status = EXIT_OK;
	bool first = true;

	for (;;) {
		err = read_flows(t);
		if (err) {
			terminal_close();
			return nlcmd_fail(t->nl, "cannot read the flows", err);
		}
		if (t->live)
			status = draw(t);
		else if (!first)
			status = print_plain(t);
		if (t->live || !first)
			shown++;
		first = false;
		if (status || (t->count && shown >= t->count))
			return status;
		next += t->interval;
		if (next < now_ns())	/* after a long reading, or a pause */
			next = now_ns() + t->interval;
		if (!wait_until(t, next, &status))
			return status;
	}
}

static int check_options(const struct use *use, struct top *t, const char *sort)
{
	char names[256];

	t->sort = columns_by_name(sort);
	if (t->sort < 0)
		return use_error(use, "--sort does not know '%s'; use one of: %s",
				 sort, columns_names(names, sizeof(names)));
	if (t->interval < INTERVAL_MIN)
		return use_error(use, "--interval needs at least 0.1 seconds");
	return EXIT_OK;
}

int cmd_top(int argc, char **argv)
{
	static struct top t = { .interval = NSEC_PER_SEC };
	const char *sort = "rate";
	const struct opt opts[] = {
		{ "interval", 'i', "S", "seconds between two tables (default 1)",
		  OPT_SECONDS, &t.interval, 0, 0 },
		{ "sort", 's', "COLUMN", "sort by this column, or by rate (default)",
		  OPT_TEXT, &sort, 0, 0 },
		{ "count", 'c', "N", "print N tables without a terminal, then exit",
		  OPT_COUNT, &t.count, 1, UINT64_MAX },
		{ 0 }
	};
	const struct use use = {
		"top", "",
		"Shows a table of the flows of this network namespace, and refreshes it;\n"
		"q quits. Without a terminal, or with --count, prints one table after\n"
		"the other.\n",
		opts, 0, 0
	};
	int status;

	use_parse(&use, argc, argv);
	status = check_options(&use, &t, sort);
	if (status)
		return status;
	if (nlcmd_open(&t.nl))
		return EXIT_FAIL;
	t.live = !t.count && terminal_open();
	if (!t.live)
		stop_catch();
	status = run(&t);
	terminal_close();
	reading_free(&t.now);
	reading_free(&t.last);
	ipcp_nl_close(t.nl);
	return status;
}
