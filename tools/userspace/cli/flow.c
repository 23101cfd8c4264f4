// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey flow: list flows, show one flow. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/addr.h"
#include "../common/cipher.h"
#include "cmd.h"
#include "nlcmd.h"

static const struct {
	uint32_t bit;
	const char *name;
} rb_names[] = {
	{ IPCP_REKEY_RB_FLAGS_RD, "rd" },
	{ IPCP_REKEY_RB_FLAGS_WR, "wr" },
	{ IPCP_REKEY_RB_FLAGS_FLOWDOWN, "flowdown" },
	{ IPCP_REKEY_RB_FLAGS_FLOWPEER, "flowpeer" },
	{ IPCP_REKEY_RB_FLAGS_REKEY, "rekey" },
};

#define RB_NAMES	(sizeof(rb_names) / sizeof(rb_names[0]))

static const char *rb_text(uint32_t flags, char *buf, size_t len)
{
	size_t i, used = 0;

	buf[0] = '\0';
	for (i = 0; i < RB_NAMES; i++)
		if ((flags & rb_names[i].bit) && used < len)
			used += snprintf(buf + used, len - used, "%s%s",
					 used ? "," : "", rb_names[i].name);
	return buf;
}

static json_t *rb_json(uint32_t flags)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < RB_NAMES; i++)
		if (flags & rb_names[i].bit)
			json_array_append_new(array, json_string(rb_names[i].name));
	return array;
}

/* Convert a set of reasons, "request,age", to an array. */
static json_t *due_json(uint32_t due)
{
	json_t *array = json_array();
	char buf[128], *word, *save;

	ipcp_nl_due_names(due, buf, sizeof(buf));
	for (word = strtok_r(buf, ",", &save); word;
	     word = strtok_r(NULL, ",", &save))
		json_array_append_new(array, json_string(word));
	return array;
}

static json_t *stats_json(const struct ipcp_nl_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "tx_packets", (json_int_t)s->tx_packets,
			 "tx_bytes", (json_int_t)s->tx_bytes,
			 "rx_packets", (json_int_t)s->rx_packets,
			 "rx_bytes", (json_int_t)s->rx_bytes,
			 "rekeys", (json_int_t)s->rekeys,
			 "tx_leaves", (json_int_t)s->tx_leaves,
			 "rx_leaves", (json_int_t)s->rx_leaves,
			 "linger_cut", (json_int_t)s->linger_cut,
			 "recoveries", (json_int_t)s->recoveries,
			 "recovery_age_ms", (json_int_t)s->recovery_age,
			 "drops", nlcmd_drops(&s->drops));
}

/* Return the state of the key schedule as JSON. */
static json_t *keys_json(const struct ipcp_nl_flow *f)
{
	return json_pack("{s:i, s:i, s:i, s:I, s:b, s:b, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "epoch", (int)f->epoch,
			 "newest_epoch", (int)f->newest_epoch,
			 "tx_epoch", (int)f->tx_epoch,
			 "exchange", (json_int_t)f->exchange,
			 "in_flight", !!f->in_flight,
			 "has_pending", !!f->has_pending,
			 "done", !!f->done,
			 "recoverable", !!f->recoverable,
			 "due", due_json(f->due),
			 "epoch_age_ms", (json_int_t)f->epoch_age,
			 "tx_leaf", (json_int_t)f->tx_leaf,
			 "rx_leaf", (json_int_t)f->rx_leaf,
			 "tx_left", (json_int_t)f->tx_left,
			 "rx_left", (json_int_t)f->rx_left,
			 "packets_per_leaf", (json_int_t)f->packets_per_leaf);
}

/* Return the address of this host that the peer sends to, or "-". */
static const char *local_text(const struct ipcp_nl_flow *f,
			      char buf[ADDR_HOST_LEN])
{
	static const uint8_t none[sizeof(f->peer.local)];
	struct sockaddr_storage addr = { .ss_family = f->peer.addr.ss_family };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;

	if (!memcmp(f->peer.local, none, sizeof(none))) {
		addr.ss_family = AF_UNSPEC;
	} else if (addr.ss_family == AF_INET) {
		memcpy(&in->sin_addr, f->peer.local, sizeof(in->sin_addr));
	} else if (addr.ss_family == AF_INET6) {
		memcpy(&in6->sin6_addr, f->peer.local, sizeof(in6->sin6_addr));
		/* the peer is on the same link then */
		if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
			in6->sin6_scope_id = ((const struct sockaddr_in6 *)
					      &f->peer.addr)->sin6_scope_id;
	}
	return addr_host_text(&addr, buf);
}

static json_t *flow_json(const struct ipcp_nl_flow *f)
{
	json_t *obj = json_object();
	json_t *more;
	char peer[ADDR_TEXT_LEN], local[ADDR_HOST_LEN];

	more = json_pack("{s:I, s:o, s:s, s:I, s:I, s:s, s:s, s:s, s:b, s:b}",
			 "id", (json_int_t)f->id, "name", nlcmd_json(f->name),
			 "state", ipcp_nl_state_name(f->state),
			 "eid", (json_int_t)f->eid,
			 "peer_eid", (json_int_t)f->peer_eid,
			 "peer", addr_text(&f->peer.addr, peer),
			 "cipher", cipher_name(f->cipher),
			 "role", f->initiator ? "initiator" : "responder",
			 "direct", !!f->direct, "encrypted", !!f->encrypted);
	json_object_update(obj, more);
	json_decref(more);
	more = json_pack("{s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:o}",
			 "pid", (json_int_t)f->cred.pid,
			 "uid", (json_int_t)f->cred.uid,
			 "mtu", (json_int_t)f->mtu,
			 "mtu_confirmed", !!f->mtu_confirmed,
			 "queued", (json_int_t)f->queued,
			 "peer_timeout_ms", (json_int_t)f->peer_timeout,
			 "grace_ms", (json_int_t)f->grace,
			 "linger_ms", (json_int_t)f->linger,
			 "rb_flags", rb_json(f->rb_flags));
	json_object_update(obj, more);
	json_decref(more);
	json_object_set_new(obj, "local", json_string(local_text(f, local)));
	json_object_set_new(obj, "socket", json_integer(f->peer.socket));
	json_object_set_new(obj, "peer_name", nlcmd_json(f->peer_name));
	json_object_set_new(obj, "authenticated", json_boolean(f->authenticated));
	json_object_set_new(obj, "max_epoch_age_ms", json_integer(f->max_epoch_age));
	json_object_set_new(obj, "keys", keys_json(f));
	json_object_set_new(obj, "stats", stats_json(&f->stats));
	return obj;
}

static const char *where(const struct ipcp_nl_flow *f, char buf[ADDR_TEXT_LEN])
{
	return f->direct ? "this host" : addr_text(&f->peer.addr, buf);
}

static int list_one(const struct ipcp_nl_flow *f, void *arg)
{
	struct listing *list = arg;
	char name[NLCMD_TEXT_LEN], peer[ADDR_TEXT_LEN], flags[64];

	if (list->json) {
		json_array_append_new(list->json, flow_json(f));
		return 0;
	}
	if (!list->head)
		printf("%-5s %-20s %-14s %-9s %-22s %-17s %5s %10s %10s %s\n",
		       "ID", "NAME", "STATE", "ROLE", "PEER", "CIPHER", "EPOCH",
		       "SENT", "RECEIVED", "FLAGS");
	list->head = true;
	printf("%-5u %-20s %-14s %-9s %-22s %-17s %5u %10llu %10llu %s\n", f->id,
	       nlcmd_text(f->name, name), ipcp_nl_state_name(f->state),
	       f->initiator ? "initiator" : "responder",
	       where(f, peer),
	       cipher_name(f->cipher), f->epoch,
	       (unsigned long long)f->stats.tx_packets,
	       (unsigned long long)f->stats.rx_packets,
	       rb_text(f->rb_flags, flags, sizeof(flags)));
	return 0;
}

static int dump_flows(struct ipcp_nl *nl, struct listing *list)
{
	return ipcp_nl_flow_dump(nl, list_one, list);
}

static int flow_list(int argc, char **argv)
{
	static const struct nlcmd_list of = {
		"flow list",
		"Lists the flows of this network namespace.\n",
		"cannot list flows", dump_flows
	};

	return nlcmd_list(&of, argc, argv);
}

static void show_stats(const struct ipcp_nl_stats *s)
{
	unsigned int i;

	printf("sent           %llu messages, %llu bytes, %llu leaf keys\n",
	       (unsigned long long)s->tx_packets, (unsigned long long)s->tx_bytes,
	       (unsigned long long)s->tx_leaves);
	printf("received       %llu messages, %llu bytes, %llu leaf keys\n",
	       (unsigned long long)s->rx_packets, (unsigned long long)s->rx_bytes,
	       (unsigned long long)s->rx_leaves);
	printf("rekeys         %llu\n", (unsigned long long)s->rekeys);
	if (s->recoveries)
		printf("recoveries     %llu, the last %.0f s ago\n",
		       (unsigned long long)s->recoveries,
		       s->recovery_age / 1e3);
	for (i = 1; i <= IPCP_REKEY_A_DROPS_MAX; i++)
		if (s->drops.by[i])
			printf("dropped        %llu: %s\n",
			       (unsigned long long)s->drops.by[i],
			       ipcp_nl_drop_name(i));
}

/* Show the keys. A flow between two programs on this host has none. */
static void show_keys(const struct ipcp_nl_flow *f)
{
	char buf[128];

	printf("cipher         %s\n", cipher_name(f->cipher));
	printf("epoch          %u, sending in %u, newest %u (%s), exchange %u\n",
	       f->epoch, f->tx_epoch, f->newest_epoch,
	       f->done ? "confirmed" : "not confirmed", f->exchange);
	printf("epoch age      %.3f s\n", f->epoch_age / 1e3);
	printf("rekey          %s%s", f->in_flight ? "in flight " : "",
	       f->has_pending ? "pending " : "");
	printf("%s\n", f->due ? ipcp_nl_due_names(f->due, buf, sizeof(buf)) :
	       f->in_flight || f->has_pending ? "" : "not due");
	printf("if keys lost   %s\n", f->recoverable ?
	       "fresh ones, as both ends have certificates" :
	       "the flow ends: not both ends have certificates, or recover = no");
	printf("leaf           sending %u, receiving %u, %u packets each\n",
	       f->tx_leaf, f->rx_leaf, f->packets_per_leaf);
	printf("packets left   sending %llu, receiving %llu\n",
	       (unsigned long long)f->tx_left, (unsigned long long)f->rx_left);
}

static void show_text(const struct ipcp_nl_flow *f)
{
	char name[NLCMD_TEXT_LEN], peer[ADDR_TEXT_LEN], flags[64];
	char local[ADDR_HOST_LEN];

	printf("id             %u\nname           %s\nstate          %s\n", f->id,
	       nlcmd_text(f->name, name), ipcp_nl_state_name(f->state));
	printf("role           %s\n", f->initiator ? "initiator" : "responder");
	printf("owner          pid %u, uid %u\n", f->cred.pid, f->cred.uid);
	printf("eid            %08x, peer %08x\n", f->eid, f->peer_eid);
	printf("peer           %s\n", where(f, peer));
	printf("peer name      %s\n", f->authenticated ?
	       nlcmd_text(f->peer_name, name) : "none, the peer did not prove any");
	if (!f->direct) {
		printf("local          %s, socket %u\n", local_text(f, local),
		       f->peer.socket);
		show_keys(f);
	}
	printf("flags          %s\n", rb_text(f->rb_flags, flags, sizeof(flags)));
	printf("mtu            %u bytes%s\n", f->mtu,
	       f->mtu_confirmed ? ", confirmed" : "");
	printf("queued         %u\n", f->queued);
	printf("timeouts       peer %u ms, grace %u ms, linger %u ms, epoch %u ms\n",
	       f->peer_timeout, f->grace, f->linger, f->max_epoch_age);
	show_stats(&f->stats);
}

static int flow_show(int argc, char **argv)
{
	bool json = false;
	const struct opt opts[] = {
		{ "json", 'j', NULL, "print JSON", OPT_FLAG, &json, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"flow show", "ID", "Shows the details of the flow ID.\n",
		opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);
	uint32_t id = use_flow_id(&use, args[0]);
	static struct ipcp_nl_flow flow;
	struct ipcp_nl *nl;
	int err, status;

	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	err = ipcp_nl_flow_get(nl, id, &flow);
	if (err == -ENOENT)
		status = fail("there is no flow %u; '" PROG " flow list' shows them", id);
	else if (err)
		status = nlcmd_fail(nl, "cannot show the flow", err);
	else if (json)
		status = out_json(flow_json(&flow), false);
	else
		status = EXIT_OK;
	if (!err && !json)
		show_text(&flow);
	ipcp_nl_close(nl);
	return status;
}

static int flow_del(int argc, char **argv)
{
	const char *why = "the operator ended the flow";
	const struct opt opts[] = {
		{ "why", 'w', "TEXT", "what the program is told",
		  OPT_TEXT, &why, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"flow del", "ID",
		"Takes the flow ID down, or fails its allocation. The peer is not told\n"
		"before the program closes the flow.\n",
		opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);
	uint32_t id = use_flow_id(&use, args[0]);
	int err, status = EXIT_OK;
	struct ipcp_nl *nl;

	if (nlcmd_open(&nl))
		return EXIT_FAIL;
	err = ipcp_nl_flow_del(nl, id, ECONNABORTED, why);
	if (err == -ENOENT)
		status = fail("there is no flow %u; '" PROG " flow list' shows them", id);
	else if (err)
		status = nlcmd_fail(nl, "cannot end the flow", err);
	ipcp_nl_close(nl);
	return status;
}

int cmd_flow(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "list", "list the flows of this network namespace", flow_list },
		{ "show", "show the details of a flow", flow_show },
		{ "del", "end a flow", flow_del },
		{ 0 }
	};

	return cmd_dispatch("flow ", table, argc, argv);
}
