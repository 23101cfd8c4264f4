/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A reading of all flows, and the rates between two readings. */
#ifndef IPCP_CLI_READING_H
#define IPCP_CLI_READING_H

#include "../common/addr.h"
#include "nlcmd.h"

/**
 * struct flow_rates - events per second since the previous reading
 * @known: false for a flow that is not in the previous reading
 */
struct flow_rates {
	bool known;
	double tx_packets;
	double tx_bytes;
	double rx_packets;
	double rx_bytes;
};

/**
 * struct flow_row - a flow in a reading
 * @eid: endpoint id on this side, since another flow may get the same @id later
 * @sends: true if the flow has a sending epoch, @tx_epoch
 * @keys: true if the flow has keys; else the members up to @due are 0
 */
struct flow_row {
	uint32_t id;
	uint32_t eid;
	uint32_t peer_eid;
	bool initiator;
	bool sends;
	uint8_t tx_epoch;
	char name[IPCP_REKEY_NAME_MAX + 1];
	char peer[ADDR_TEXT_LEN];
	uint32_t state;
	bool keys;
	uint32_t epoch;
	uint32_t tx_leaf;
	uint64_t tx_left;
	uint64_t rx_left;
	uint64_t epoch_age;		/* ms */
	uint32_t due;
	uint32_t mtu;
	uint32_t queued;
	struct ipcp_nl_stats stats;
	uint64_t drops;			/* sum of all reasons */
	unsigned int worst;		/* most frequent reason; 0 for none */
	struct flow_rates rates;
};

/**
 * struct reading - one reading
 * @rows: the flows, by ascending id after reading_sort()
 * @n: number of flows
 * @room: capacity of @rows
 * @at: time of the reading, by now_ns()
 */
struct reading {
	struct flow_row *rows;
	size_t n;
	size_t room;
	int64_t at;
};

int reading_read(struct ipcp_nl *nl, struct reading *set);
int reading_add(struct reading *set, const struct ipcp_nl_flow *f);
void reading_sort(struct reading *set);
void reading_rates(struct reading *set, const struct reading *before);
void reading_free(struct reading *set);

#endif /* IPCP_CLI_READING_H */
