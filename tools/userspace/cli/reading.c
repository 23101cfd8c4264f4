// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* A reading of all flows, and the rates between two readings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "io.h"

#define ROOM_MIN	64

static int make_room(struct reading *set)
{
	size_t room = set->room ? set->room * 2 : ROOM_MIN;
	struct flow_row *rows;

	if (set->n < set->room)
		return 0;
	rows = reallocarray(set->rows, room, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	set->rows = rows;
	set->room = room;
	return 0;
}

static void sum_drops(struct flow_row *row)
{
	const uint64_t *by = row->stats.drops.by;
	unsigned int i;

	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++) {
		row->drops += by[i];
		if (by[i] && (!row->worst || by[i] > by[row->worst]))
			row->worst = i;
	}
}

/**
 * reading_add() - add a flow to a reading
 * @set: the reading
 * @f: the flow
 *
 * Return: 0 or -ENOMEM.
 */
int reading_add(struct reading *set, const struct ipcp_nl_flow *f)
{
	int err = make_room(set);
	struct flow_row *row;

	if (err)
		return err;
	row = &set->rows[set->n++];
	*row = (struct flow_row) {
		.id = f->id, .eid = f->eid, .peer_eid = f->peer_eid,
		.initiator = f->initiator, .state = f->state,
		.sends = IPCP_NL_HAS(f, TX_EPOCH), .tx_epoch = f->tx_epoch,
		.keys = IPCP_NL_HAS(f, TX_LEFT),
		.epoch = f->epoch, .tx_leaf = f->tx_leaf,
		.tx_left = f->tx_left, .rx_left = f->rx_left,
		.epoch_age = f->epoch_age, .due = f->due,
		.mtu = f->mtu, .queued = f->queued, .stats = f->stats,
	};
	snprintf(row->name, sizeof(row->name), "%s", f->name);
	if (f->direct)
		strcpy(row->peer, "this host");
	else
		addr_text(&f->peer.addr, row->peer);
	sum_drops(row);
	return 0;
}

static int add_one(const struct ipcp_nl_flow *f, void *arg)
{
	return reading_add(arg, f);
}

static int by_id(const void *a, const void *b)
{
	const struct flow_row *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/**
 * reading_sort() - sort a reading by id
 * @set: the reading
 */
void reading_sort(struct reading *set)
{
	if (set->n)
		qsort(set->rows, set->n, sizeof(*set->rows), by_id);
}

/**
 * reading_read() - read all flows of this network namespace
 * @nl: the handle
 * @set: the reading; its memory is reused
 *
 * Return: 0, or a negative errno.
 */
int reading_read(struct ipcp_nl *nl, struct reading *set)
{
	int err;

	set->n = 0;
	set->at = now_ns();
	err = ipcp_nl_flow_dump(nl, add_one, set);
	reading_sort(set);
	return err;
}

/* Set the rates of a flow, unless its id belonged to another flow before. */
static void set_rates(struct flow_row *row, const struct flow_row *before,
		      double seconds)
{
	const struct ipcp_nl_stats *new = &row->stats, *old = &before->stats;

	if (row->eid != before->eid || new->tx_packets < old->tx_packets ||
	    new->tx_bytes < old->tx_bytes || new->rx_packets < old->rx_packets ||
	    new->rx_bytes < old->rx_bytes)
		return;
	row->rates = (struct flow_rates) {
		.known = true,
		.tx_packets = (new->tx_packets - old->tx_packets) / seconds,
		.tx_bytes = (new->tx_bytes - old->tx_bytes) / seconds,
		.rx_packets = (new->rx_packets - old->rx_packets) / seconds,
		.rx_bytes = (new->rx_bytes - old->rx_bytes) / seconds,
	};
}

/**
 * reading_rates() - compute the rates of a reading
 * @set: the reading, sorted by id
 * @before: the previous reading, sorted by id
 */
void reading_rates(struct reading *set, const struct reading *before)
{
	double seconds = (set->at - before->at) / (double)NSEC_PER_SEC;
	size_t i, j = 0;

	if (seconds <= 0)
		return;
	for (i = 0; i < set->n; i++) {
		while (j < before->n && before->rows[j].id < set->rows[i].id)
			j++;
		if (j < before->n && before->rows[j].id == set->rows[i].id)
			set_rates(&set->rows[i], &before->rows[j], seconds);
	}
}

/**
 * reading_free() - free the memory of a reading
 * @set: the reading
 */
void reading_free(struct reading *set)
{
	free(set->rows);
	*set = (struct reading) { 0 };
}
