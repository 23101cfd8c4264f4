// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The table of "top": columns, their order and their widths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "columns.h"
#include "fmt.h"

#define BY_RATE		COLUMNS		/* all messages: not a column */
#define NAME_MOST	64		/* longest name without a limit */

enum {
	COL_ID, COL_NAME, COL_PEER, COL_EPOCH, COL_LEAF, COL_LEFT, COL_AGE,
	COL_OUT, COL_OUT_BYTES, COL_IN, COL_IN_BYTES, COL_DROPS, COL_REASON,
};

/**
 * struct column - a column
 * @head: heading; in lower case also the word for --sort
 * @width: needed characters; names and peers can use more
 * @rank: columns with a higher rank are left out first; ranks are unique
 * @left: align to the left
 * @upwards: sort in ascending order
 */
struct column {
	const char *head;
	unsigned int width;
	unsigned int rank;
	bool left;
	bool upwards;
};

static const struct column columns[COLUMNS] = {
	[COL_ID] = { "ID", 5, 0, false, true },
	[COL_NAME] = { "NAME", 12, 1, true, true },
	[COL_PEER] = { "PEER", 21, 9, true, true },
	[COL_EPOCH] = { "EPOCH", 5, 4, false, false },
	[COL_LEAF] = { "LEAF", 4, 12, false, false },
	[COL_LEFT] = { "LEFT", 5, 5, false, true },
	[COL_AGE] = { "AGE", 6, 8, false, false },
	[COL_OUT] = { "OUT", 7, 2, false, false },
	[COL_OUT_BYTES] = { "OUT-BYTES", 9, 6, false, false },
	[COL_IN] = { "IN", 7, 3, false, false },
	[COL_IN_BYTES] = { "IN-BYTES", 9, 7, false, false },
	[COL_DROPS] = { "DROPS", 5, 10, false, false },
	[COL_REASON] = { "REASON", 9, 11, true, true },
};

/**
 * columns_by_name() - look up a column
 * @name: heading in any case, or "rate" for all messages of a flow
 *
 * Return: a number for columns_sort(); -1 if there is no such column.
 */
int columns_by_name(const char *name)
{
	int i;

	for (i = 0; i < COLUMNS; i++)
		if (!strcasecmp(columns[i].head, name))
			return i;
	return strcasecmp(name, "rate") ? -1 : BY_RATE;
}

/**
 * columns_names() - list the words that columns_by_name() knows
 * @buf: the buffer; receives "rate id name ..."
 * @len: its size
 *
 * Return: @buf.
 */
const char *columns_names(char *buf, size_t len)
{
	size_t used = snprintf(buf, len, "rate");
	const char *p;
	int i;

	for (i = 0; i < COLUMNS; i++) {
		if (used + strlen(columns[i].head) + 2 > len)
			break;
		buf[used++] = ' ';
		for (p = columns[i].head; *p; p++)
			buf[used++] = *p >= 'A' && *p <= 'Z' ? *p + 32 : *p;
		buf[used] = '\0';
	}
	return buf;
}

/* The value of a column that is sorted as a number. */
static double number(const struct flow_row *row, int by)
{
	const struct flow_rates *r = &row->rates;

	switch (by) {
	case COL_ID:		return row->id;
	case COL_EPOCH:		return row->keys ? (double)row->epoch : -1;
	case COL_LEAF:		return row->keys ? (double)row->tx_leaf : -1;
	case COL_LEFT:		return row->keys ? (double)row->tx_left : 1e30;
	case COL_AGE:		return row->keys ? (double)row->epoch_age : -1;
	case COL_OUT:		return r->known ? r->tx_packets : -1;
	case COL_OUT_BYTES:	return r->known ? r->tx_bytes : -1;
	case COL_IN:		return r->known ? r->rx_packets : -1;
	case COL_IN_BYTES:	return r->known ? r->rx_bytes : -1;
	case COL_DROPS:		return row->drops;
	default:		return r->known ? r->tx_packets + r->rx_packets : -1;
	}
}

static const char *reason(const struct flow_row *row)
{
	return row->worst ? ipcp_nl_drop_name(row->worst) : "-";
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct flow_row *x = a, *y = b;
	int by = *(int *)arg;
	double left, right;
	int order;

	if (by == COL_NAME || by == COL_PEER) {
		order = by == COL_NAME ? strcmp(x->name, y->name) :
					 strcmp(x->peer, y->peer);
	} else if (by == COL_REASON) {
		order = strcmp(reason(x), reason(y));
	} else {
		left = number(x, by);
		right = number(y, by);
		order = (left > right) - (left < right);
		if (by == BY_RATE || !columns[by].upwards)
			order = -order;
	}
	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/**
 * columns_sort() - sort flows
 * @set: the flows
 * @by: number from columns_by_name(); flows with equal values are sorted by id
 */
void columns_sort(struct reading *set, int by)
{
	if (set->n)
		qsort_r(set->rows, set->n, sizeof(*set->rows), compare, &by);
}

static unsigned int total_width(const struct columns *c)
{
	unsigned int sum = 0;
	int i;

	for (i = 0; i < COLUMNS; i++)
		if (c->width[i])
			sum += c->width[i] + 1;
	return sum ? sum - 1 : 0;
}

/* Choose the columns that fit, in the order of their ranks; always the id. */
static void choose_columns(struct columns *c, unsigned int cols)
{
	struct columns all = *c;
	unsigned int rank;
	int i;

	memset(c, 0, sizeof(*c));
	for (rank = 0; rank < COLUMNS; rank++) {
		for (i = 0; columns[i].rank != rank; i++)
			;
		c->width[i] = all.width[i];
		if (total_width(c) > cols && i != COL_ID)
			c->width[i] = 0;
	}
}

static unsigned int wider(unsigned int width, unsigned int len)
{
	return len > width ? len : width;
}

/*
 * Set the width that each column needs for these flows. A flow number is never
 * cut off, since the remaining digits would name another flow.
 */
static void needed_widths(struct columns *c, const struct reading *set)
{
	char id[FMT_LEN];
	unsigned int len;
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		c->width[i] = columns[i].width;
	c->width[COL_NAME] = strlen(columns[COL_NAME].head);
	c->width[COL_PEER] = strlen(columns[COL_PEER].head);
	for (i = 0; i < set->n; i++) {
		len = snprintf(id, sizeof(id), "%u", set->rows[i].id);
		c->width[COL_ID] = wider(c->width[COL_ID], len);
		len = strlen(set->rows[i].name);
		c->width[COL_NAME] = wider(c->width[COL_NAME], len);
		len = strlen(set->rows[i].peer);
		c->width[COL_PEER] = wider(c->width[COL_PEER], len);
	}
}

/* Limit the width of a column. Return how many more characters it could use. */
static unsigned int cut_column(struct columns *c, int col)
{
	unsigned int needed = c->width[col];

	if (needed <= columns[col].width)
		return 0;
	c->width[col] = columns[col].width;
	return needed - columns[col].width;
}

static void widen(struct columns *c, int col, unsigned int cols,
		  unsigned int wanted)
{
	unsigned int total = total_width(c);
	unsigned int room = cols > total ? cols - total : 0;

	if (c->width[col])
		c->width[col] += wanted < room ? wanted : room;
}

/**
 * columns_fit() - choose the columns and their widths
 * @c: the layout
 * @cols: width of the terminal; 0 for no limit
 * @set: the flows
 *
 * A narrow terminal gets fewer columns, but always the id. A wide terminal gets
 * wider names, then wider peers. Without a limit only very long names are cut.
 */
void columns_fit(struct columns *c, unsigned int cols,
		 const struct reading *set)
{
	unsigned int names, peers;

	needed_widths(c, set);
	if (!cols) {
		if (c->width[COL_NAME] > NAME_MOST)
			c->width[COL_NAME] = NAME_MOST;
		return;
	}
	names = cut_column(c, COL_NAME);
	peers = cut_column(c, COL_PEER);
	choose_columns(c, cols);
	widen(c, COL_NAME, cols, names);
	widen(c, COL_PEER, cols, peers);
}

/* Append a cell; text that is too long is cut off and ends in '+'. */
static size_t put_cell(const struct columns *c, int col, const char *text,
		       char *line, size_t used)
{
	unsigned int width = c->width[col], len = strlen(text), i;

	if (used)
		line[used++] = ' ';
	for (i = len; i < width && !columns[col].left; i++)
		line[used++] = ' ';
	for (i = 0; i < len && i < width; i++)
		line[used++] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	if (len > width)
		line[used - 1] = '+';
	for (i = len; i < width && columns[col].left; i++)
		line[used++] = ' ';
	return used;
}

static void trim(char *line, size_t used)
{
	while (used && line[used - 1] == ' ')
		used--;
	line[used] = '\0';
}

/**
 * columns_head() - format the heading line
 * @c: the layout
 * @line: the buffer
 */
void columns_head(const struct columns *c, char line[COLUMNS_LINE])
{
	size_t used = 0;
	int i;

	for (i = 0; i < COLUMNS; i++)
		if (c->width[i])
			used = put_cell(c, i, columns[i].head, line, used);
	trim(line, used);
}

static const char *cell(const struct flow_row *row, int col, char buf[FMT_LEN])
{
	const struct flow_rates *r = &row->rates;

	if (!row->keys && col >= COL_EPOCH && col <= COL_AGE)
		return "-";
	switch (col) {
	case COL_NAME:	return row->name;
	case COL_PEER:	return row->peer;
	case COL_LEFT:	return fmt_count(row->tx_left, buf);
	case COL_AGE:	return fmt_age(row->epoch_age, buf);
	case COL_DROPS:	return fmt_count(row->drops, buf);
	case COL_OUT:
	case COL_IN:
		return fmt_rate(number(row, col), "", buf);
	case COL_OUT_BYTES:
		return fmt_rate(r->known ? r->tx_bytes : -1, "B", buf);
	case COL_IN_BYTES:
		return fmt_rate(r->known ? r->rx_bytes : -1, "B", buf);
	case COL_REASON: return reason(row);
	default:
		snprintf(buf, FMT_LEN, "%u", col == COL_ID ? row->id :
			 col == COL_EPOCH ? row->epoch : row->tx_leaf);
		return buf;
	}
}

/**
 * columns_row() - format the line of a flow
 * @c: the layout
 * @row: the flow
 * @line: the buffer; receives printable ASCII only
 */
void columns_row(const struct columns *c, const struct flow_row *row,
		 char line[COLUMNS_LINE])
{
	char buf[FMT_LEN];
	size_t used = 0;
	int i;

	for (i = 0; i < COLUMNS; i++)
		if (c->width[i])
			used = put_cell(c, i, cell(row, i, buf), line, used);
	trim(line, used);
}
