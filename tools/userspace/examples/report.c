// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Show progress, one line per second, and write a summary in JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../common/cipher.h"
#include "block.h"

#define LEAVES_PER_NODE	64

void report_start(struct report *rep, const char *role, int flow)
{
	memset(rep, 0, sizeof(*rep));
	rep->role = role;
	rep->flow = flow;
	rep->start = rep->shown = now_ms();
	report_sample(rep);
}

/* Query the kernel. The counts of an epoch that has ended are final. */
void report_sample(struct report *rep)
{
	struct ipcp_info info;

	if (ipcp_dev_info(rep->flow, &info))
		return;		/* --fd: a socket, not a flow */
	if (info.tx_epoch != rep->last.tx_epoch) {
		rep->leaves_seen += rep->last.tx_leaf;
		rep->nodes_seen += rep->last.tx_leaf / LEAVES_PER_NODE;
	}
	rep->last = info;
}

static void show(const struct report *rep)
{
	const struct ipcp_info *i = &rep->last;
	double mb = rep->bytes / 1e6;

	printf("%s %3lld s %8.1f MB", rep->role,
	       (long long)(now_ms() - rep->start) / 1000, mb);
	if (rep->total)
		printf(" %3llu %%", (unsigned long long)(100 * rep->bytes /
							 rep->total));
	printf("  epoch %3u  leaf %4u  rekeys %llu  lost %llu  %s %llu\n",
	       i->epoch, rep->role[0] == 's' ? i->tx_leaf : i->rx_leaf,
	       (unsigned long long)i->rekeys, (unsigned long long)i->drop_key,
	       rep->role[0] == 's' ? "repeated" : "twice",
	       (unsigned long long)rep->repeated);
	fflush(stdout);
}

/* Print a progress line if a second has passed. */
void report_tick(struct report *rep)
{
	if (now_ms() < rep->shown + 1000)
		return;
	rep->shown += 1000;
	report_sample(rep);
	show(rep);
}

void report_sum(struct report *rep, const uint8_t sum[BLOCK_SUM_LEN])
{
	int i;

	for (i = 0; i < BLOCK_SUM_LEN; i++)
		sprintf(rep->sum + 2 * i, "%02x", sum[i]);
}

static json_t *flow_json(const struct ipcp_info *i)
{
	return json_pack("{s:I, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "id", (json_int_t)i->id, "name", i->name,
			 "cipher", cipher_name(i->cipher),
			 "epoch", (int)i->epoch,
			 "mtu", (json_int_t)i->mtu,
			 "packets_per_leaf", (json_int_t)i->packets_per_leaf,
			 "rekeys", (json_int_t)i->rekeys,
			 "leaves", (json_int_t)i->leaves,
			 "tx_packets", (json_int_t)i->tx_packets,
			 "rx_packets", (json_int_t)i->rx_packets,
			 "drop_key", (json_int_t)i->drop_key,
			 "drop_auth", (json_int_t)i->drop_auth,
			 "drop_replay", (json_int_t)i->drop_replay,
			 "drop_full", (json_int_t)i->drop_full,
			 "drop_other", (json_int_t)i->drop_other,
			 "error", (json_int_t)i->error);
}

static json_t *summary(struct report *rep, double seconds)
{
	json_t *flow = rep->last.id ? flow_json(&rep->last) : json_null();
	uint64_t leaves = rep->leaves_seen + rep->last.tx_leaf;
	uint64_t nodes = rep->nodes_seen + rep->last.tx_leaf / LEAVES_PER_NODE;

	return json_pack("{s:s, s:I, s:I, s:I, s:f, s:s, s:b, s:I, s:I, s:o}",
			 "role", rep->role,
			 "bytes", (json_int_t)rep->bytes,
			 "messages", (json_int_t)rep->messages,
			 "repeated", (json_int_t)rep->repeated,
			 "seconds", seconds,
			 "sha256", rep->sum,
			 "sha256_match", rep->match,
			 "leaf_boundaries", (json_int_t)leaves,
			 "node_boundaries", (json_int_t)nodes,
			 "flow", flow);
}

/* Print the last line and write the JSON file; return the exit status. */
int report_end(struct report *rep, const char *json_path)
{
	double seconds = (now_ms() - rep->start) / 1e3;
	json_t *json;
	int ret = 0;

	report_sample(rep);
	show(rep);
	if (json_path) {
		json = summary(rep, seconds);
		ret = json ? json_dump_file(json, json_path, JSON_INDENT(2) |
				     JSON_REAL_PRECISION(9)) : -1;
		json_decref(json);
	}
	if (ret)
		return die("cannot write %s", json_path);
	return rep->match ? EXIT_SUCCESS : die("the sums of the file differ");
}
