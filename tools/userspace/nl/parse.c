// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Convert attributes to plain structures, and enum values to names. */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "nl-int.h"

void nl_get_str(char *dst, size_t room, struct nlattr *attr)
{
	size_t len;

	dst[0] = '\0';
	if (!attr)
		return;
	len = strnlen(nla_data(attr), nla_len(attr));
	if (len >= room)
		len = room - 1;
	memcpy(dst, nla_data(attr), len);
	dst[len] = '\0';
}

uint32_t nl_get_bin(uint8_t *dst, size_t room, struct nlattr *attr)
{
	size_t len;

	if (!attr)
		return 0;
	len = nla_len(attr);
	if (len > room)
		len = room;
	memcpy(dst, nla_data(attr), len);
	return len;
}

uint32_t nl_get_u32(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

uint64_t nl_get_u64(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 8 ? nla_get_u64(attr) : 0;
}

uint8_t nl_get_u8(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 1 ? nla_get_u8(attr) : 0;
}

const struct nl_peer_attrs nl_upcall_peer = {
	.addr = IPCP_REKEY_A_UPCALL_PEER,
	.local = IPCP_REKEY_A_UPCALL_LOCAL,
	.socket = IPCP_REKEY_A_UPCALL_SOCKET,
	.provider = IPCP_REKEY_A_UPCALL_PROVIDER,
};

const struct nl_peer_attrs nl_flow_peer = {
	.addr = IPCP_REKEY_A_FLOW_PEER,
	.local = IPCP_REKEY_A_FLOW_LOCAL,
	.socket = IPCP_REKEY_A_FLOW_SOCKET,
	.provider = IPCP_REKEY_A_FLOW_PROVIDER,
};

const struct nl_peer_attrs nl_claimed_peer = {
	.addr = IPCP_REKEY_A_CLAIMED_PEER,
	.local = IPCP_REKEY_A_CLAIMED_LOCAL,
	.socket = IPCP_REKEY_A_CLAIMED_SOCKET,
	.provider = IPCP_REKEY_A_CLAIMED_PROVIDER,
};

void nl_get_peer(struct ipcp_nl_peer *peer, struct nlattr **tb,
		 const struct nl_peer_attrs *attrs)
{
	uint32_t provider = nl_get_u32(tb[attrs->provider]);
	struct nlattr *addr = tb[attrs->addr];

	memset(peer, 0, sizeof(*peer));
	if (provider) {
		addr_set_provider(&peer->addr, provider);
		return;
	}
	if (addr && nla_len(addr) >= IPCP_REKEY_ENDPOINT_MIN)
		nl_get_bin((uint8_t *)&peer->addr, IPCP_REKEY_ENDPOINT_MAX, addr);
	if (peer->addr.ss_family == AF_INET6 &&
	    nla_len(addr) < (int)sizeof(struct sockaddr_in6))
		memset(peer, 0, sizeof(*peer));
	/* This family has a meaning in this library only. */
	if (addr_provider(&peer->addr))
		memset(peer, 0, sizeof(*peer));
	nl_get_bin(peer->local, sizeof(peer->local), tb[attrs->local]);
	peer->socket = nl_get_u32(tb[attrs->socket]);
}

void nl_get_qos(struct ipcp_nl_qos *qos, struct nlattr *attr)
{
	struct nlattr *tb[IPCP_REKEY_A_QOS_MAX + 1];

	memset(qos, 0, sizeof(*qos));
	if (!attr || nla_parse_nested(tb, IPCP_REKEY_A_QOS_MAX, attr, NULL) < 0)
		return;
	qos->delay = nl_get_u32(tb[IPCP_REKEY_A_QOS_DELAY]);
	qos->bandwidth = nl_get_u64(tb[IPCP_REKEY_A_QOS_BANDWIDTH]);
	qos->availability = nl_get_u32(tb[IPCP_REKEY_A_QOS_AVAILABILITY]);
	qos->loss = nl_get_u32(tb[IPCP_REKEY_A_QOS_LOSS]);
	qos->ber = nl_get_u32(tb[IPCP_REKEY_A_QOS_BER]);
	qos->in_order = nl_get_u32(tb[IPCP_REKEY_A_QOS_IN_ORDER]);
	qos->max_gap = nl_get_u32(tb[IPCP_REKEY_A_QOS_MAX_GAP]);
	qos->timeout = nl_get_u32(tb[IPCP_REKEY_A_QOS_TIMEOUT]);
}

void nl_get_cred(struct ipcp_nl_cred *cred, struct nlattr *attr)
{
	struct nlattr *tb[IPCP_REKEY_A_CRED_MAX + 1];

	/* zero: the kernel may send no credentials */
	memset(cred, 0, sizeof(*cred));
	cred->uid = UINT32_MAX;
	cred->gid = UINT32_MAX;
	if (!attr || nla_parse_nested(tb, IPCP_REKEY_A_CRED_MAX, attr, NULL) < 0)
		return;
	if (tb[IPCP_REKEY_A_CRED_UID])
		cred->uid = nl_get_u32(tb[IPCP_REKEY_A_CRED_UID]);
	if (tb[IPCP_REKEY_A_CRED_GID])
		cred->gid = nl_get_u32(tb[IPCP_REKEY_A_CRED_GID]);
	cred->pid = nl_get_u32(tb[IPCP_REKEY_A_CRED_PID]);
	cred->exe_dev = nl_get_u64(tb[IPCP_REKEY_A_CRED_EXE_DEV]);
	cred->exe_ino = nl_get_u64(tb[IPCP_REKEY_A_CRED_EXE_INO]);
	nl_get_str(cred->comm, sizeof(cred->comm), tb[IPCP_REKEY_A_CRED_COMM]);
	cred->ngroups = nl_get_bin((uint8_t *)cred->groups,
				   sizeof(cred->groups),
				   tb[IPCP_REKEY_A_CRED_GROUPS]) / 4;
}

void nl_get_drops(struct ipcp_nl_drops *drops, struct nlattr *attr)
{
	struct nlattr *tb[IPCP_REKEY_A_DROPS_MAX + 1];
	int i;

	memset(drops, 0, sizeof(*drops));
	if (!attr ||
	    nla_parse_nested(tb, IPCP_REKEY_A_DROPS_MAX, attr, NULL) < 0)
		return;
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		drops->by[i] = nl_get_u64(tb[i]);
}

static void get_stats(struct ipcp_nl_stats *stats, struct nlattr *attr)
{
	struct nlattr *tb[IPCP_REKEY_A_STATS_MAX + 1];

	memset(stats, 0, sizeof(*stats));
	if (!attr ||
	    nla_parse_nested(tb, IPCP_REKEY_A_STATS_MAX, attr, NULL) < 0)
		return;
	stats->tx_packets = nl_get_u64(tb[IPCP_REKEY_A_STATS_TX_PACKETS]);
	stats->tx_bytes = nl_get_u64(tb[IPCP_REKEY_A_STATS_TX_BYTES]);
	stats->rx_packets = nl_get_u64(tb[IPCP_REKEY_A_STATS_RX_PACKETS]);
	stats->rx_bytes = nl_get_u64(tb[IPCP_REKEY_A_STATS_RX_BYTES]);
	stats->rekeys = nl_get_u64(tb[IPCP_REKEY_A_STATS_REKEYS]);
	stats->tx_leaves = nl_get_u64(tb[IPCP_REKEY_A_STATS_TX_LEAVES]);
	stats->rx_leaves = nl_get_u64(tb[IPCP_REKEY_A_STATS_RX_LEAVES]);
	stats->linger_cut = nl_get_u64(tb[IPCP_REKEY_A_STATS_LINGER_CUT]);
	stats->recoveries = nl_get_u64(tb[IPCP_REKEY_A_STATS_RECOVERIES]);
	stats->recovery_age = nl_get_u64(tb[IPCP_REKEY_A_STATS_RECOVERY_AGE]);
	nl_get_drops(&stats->drops, tb[IPCP_REKEY_A_STATS_DROPS]);
}

#define GET32(obj, field, set, attr) \
	((obj)->field = nl_get_u32(tb[IPCP_REKEY_A_##set##_##attr]))

static void get_flow_keys(struct ipcp_nl_flow *flow, struct nlattr **tb)
{
	flow->epoch = nl_get_u8(tb[IPCP_REKEY_A_FLOW_EPOCH]);
	flow->newest_epoch = nl_get_u8(tb[IPCP_REKEY_A_FLOW_NEWEST_EPOCH]);
	flow->tx_epoch = nl_get_u8(tb[IPCP_REKEY_A_FLOW_TX_EPOCH]);
	GET32(flow, exchange, FLOW, EXCHANGE);
	GET32(flow, in_flight, FLOW, IN_FLIGHT);
	GET32(flow, has_pending, FLOW, HAS_PENDING);
	GET32(flow, done, FLOW, DONE);
	GET32(flow, due, FLOW, DUE);
	flow->epoch_age = nl_get_u64(tb[IPCP_REKEY_A_FLOW_EPOCH_AGE]);
	GET32(flow, tx_leaf, FLOW, TX_LEAF);
	GET32(flow, rx_leaf, FLOW, RX_LEAF);
	flow->tx_left = nl_get_u64(tb[IPCP_REKEY_A_FLOW_TX_LEFT]);
	flow->rx_left = nl_get_u64(tb[IPCP_REKEY_A_FLOW_RX_LEFT]);
	GET32(flow, packets_per_leaf, FLOW, PACKETS_PER_LEAF);
	GET32(flow, peer_timeout, FLOW, PEER_TIMEOUT);
	GET32(flow, grace, FLOW, GRACE);
	GET32(flow, linger, FLOW, LINGER);
	GET32(flow, max_epoch_age, FLOW, MAX_EPOCH_AGE);
}

void nl_get_flow(struct ipcp_nl_flow *flow, struct nlattr **tb)
{
	int i;

	memset(flow, 0, sizeof(*flow));
	for (i = 1; i <= IPCP_REKEY_A_FLOW_MAX; i++)
		if (tb[i])
			flow->has |= UINT64_C(1) << i;
	GET32(flow, id, FLOW, ID);
	nl_get_str(flow->name, sizeof(flow->name), tb[IPCP_REKEY_A_FLOW_NAME]);
	GET32(flow, state, FLOW, STATE);
	GET32(flow, eid, FLOW, EID);
	GET32(flow, peer_eid, FLOW, PEER_EID);
	nl_get_peer(&flow->peer, tb, &nl_flow_peer);
	GET32(flow, cipher, FLOW, CIPHER);
	GET32(flow, initiator, FLOW, INITIATOR);
	GET32(flow, direct, FLOW, DIRECT);
	GET32(flow, encrypted, FLOW, ENCRYPTED);
	nl_get_qos(&flow->qos, tb[IPCP_REKEY_A_FLOW_QOS]);
	nl_get_cred(&flow->cred, tb[IPCP_REKEY_A_FLOW_CRED]);
	GET32(flow, n_1_pid, FLOW, N_1_PID);
	get_flow_keys(flow, tb);
	GET32(flow, rb_flags, FLOW, RB_FLAGS);
	GET32(flow, mtu, FLOW, MTU);
	GET32(flow, mtu_confirmed, FLOW, MTU_CONFIRMED);
	flow->blob_len = nl_get_bin(flow->blob, sizeof(flow->blob),
				    tb[IPCP_REKEY_A_FLOW_BLOB]);
	get_stats(&flow->stats, tb[IPCP_REKEY_A_FLOW_STATS]);
	GET32(flow, queued, FLOW, QUEUED);
	GET32(flow, generation, FLOW, GENERATION);
	GET32(flow, recoverable, FLOW, RECOVERABLE);
	GET32(flow, question, FLOW, QUESTION);
	GET32(flow, question_exchange, FLOW, QUESTION_EXCHANGE);
	nl_get_str(flow->peer_name, sizeof(flow->peer_name),
		   tb[IPCP_REKEY_A_FLOW_PEER_NAME]);
	GET32(flow, authenticated, FLOW, AUTHENTICATED);
	GET32(flow, error, FLOW, ERROR);
	nl_get_str(flow->reason, sizeof(flow->reason),
		   tb[IPCP_REKEY_A_FLOW_REASON]);
}

void nl_get_claim(struct ipcp_nl_claim *claim, struct nlattr **tb)
{
	memset(claim, 0, sizeof(*claim));
	GET32(claim, id, CLAIMED, ID);
	nl_get_str(claim->name, sizeof(claim->name),
		   tb[IPCP_REKEY_A_CLAIMED_NAME]);
	GET32(claim, eid, CLAIMED, EID);
	GET32(claim, peer_eid, CLAIMED, PEER_EID);
	nl_get_peer(&claim->peer, tb, &nl_claimed_peer);
	claim->epoch = nl_get_u8(tb[IPCP_REKEY_A_CLAIMED_EPOCH]);
	nl_get_bin(claim->chain, sizeof(claim->chain),
		   tb[IPCP_REKEY_A_CLAIMED_CHAIN]);
	GET32(claim, generation, CLAIMED, GENERATION);
	GET32(claim, exchange, CLAIMED, EXCHANGE);
	GET32(claim, cipher, CLAIMED, CIPHER);
	GET32(claim, n_pid, CLAIMED, N_PID);
	GET32(claim, n_1_pid, CLAIMED, N_1_PID);
	GET32(claim, due, CLAIMED, DUE);
	claim->blob_len = nl_get_bin(claim->blob, sizeof(claim->blob),
				     tb[IPCP_REKEY_A_CLAIMED_BLOB]);
}

#define WORDS(names, i) \
	((i) < sizeof(names) / sizeof((names)[0]) && (names)[i] ? (names)[i] : "?")

const char *ipcp_nl_state_name(uint32_t state)
{
	static const char * const names[] = {
		"init", "alloc-pending", "accept-pending", "allocated",
		"dealloc-pending", "deallocated",
	};

	return WORDS(names, state);
}

const char *ipcp_nl_event_name(uint32_t event)
{
	static const char * const names[] = {
		"none", "created", "allocated", "failed", "closed", "down",
		"peer-lost", "peer-back", "roamed", "due", "claimed",
		"cleared", "parked", "taken", "observed", "promoted", "done",
		"wiped", "replaced", "expired", "answered", "silent",
		"recovered", "copied", "mtu",
	};

	return WORDS(names, event);
}

const char *ipcp_nl_drop_name(unsigned int attr)
{
	static const char * const names[IPCP_REKEY_A_DROPS_MAX + 1] = {
		NULL, "short", "version", "type", "checksum", "eid", "state",
		"epoch", "late", "replay", "ahead", "auth", "ring-full",
		"malformed", "ctrl-full", "nomem", "tx-route", "tx-nokey",
		"closed",
	};

	return attr <= IPCP_REKEY_A_DROPS_MAX ? names[attr] : NULL;
}

char *ipcp_nl_due_names(uint32_t due, char *buf, size_t len)
{
	static const char * const names[] = {
		"request", "watermark", "auth-failures", "not-done", "no-keys",
		"age",
	};
	size_t i, at = 0;

	if (len)
		buf[0] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(due & (1U << i)) || at >= len)
			continue;
		at += snprintf(buf + at, len - at, "%s%s", at ? "," : "",
			       names[i]);
	}
	return buf;
}
