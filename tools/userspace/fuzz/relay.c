// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Fuzz target: frames arrive at two agents, an initiator and a responder. The
 * first byte of the input selects the exchanges that the initiator has begun:
 * bit 0 an allocation, bit 1 a re-key, bit 2 a re-key of a flow that lost its
 * keys. With bit 3 the responder asks for the latter. The frames follow, in
 * order of arrival:
 *
 *   byte 0	bit 0: at the initiator, else at the responder
 *		bit 1: under a flow's keys, else in the clear
 *		bits 2, 3: which flow
 *   byte 1, 2	length of the frame, which follows
 *
 * Random numbers are deterministic, so recorded cookies and tokens stay valid.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../agent/binding.h"
#include "../agent/engine.h"
#include "../agent/frame.h"
#include "../agent/log.h"
#include "world.h"

#define FLOWS		4
#define WANT		8	/* bit 3 of the first byte */
#define ALLOC		1	/* being allocated */
#define REKEY		2	/* re-keyed under its keys */
#define IN_CLEAR	3	/* has lost its keys */
#define AES256		901
#define SCRIPT_MAX	65536
#define FRAMES_MAX	256	/* per input */
#define QUEUE_MAX	64

#define TO_INITIATOR	1
#define SEALED		2
#define FLOW_SHIFT	2

struct side {
	bool initiator;
	struct engine *e;
	struct oap_env *oap;
	struct config *conf;
	struct ipcp_nl_peer addr;
	struct ipcp_nl_flow flows[FLOWS];
};

/* Frames in flight while a real exchange is being recorded. */
struct packet {
	uint8_t how;
	size_t len;
	uint8_t p[FRAME_MAX];
};

static struct side alice = { .initiator = true }, bob;
static struct packet queue[QUEUE_MAX];
static unsigned int queued;
static bool recording;
static uint64_t clock_ms;

/* Operations that the engines call */

static uint64_t op_now(void *ctx)
{
	(void)ctx;
	return clock_ms;
}

static const char *op_reason(void *ctx)
{
	(void)ctx;
	return "because";
}

static int op_resolve(void *ctx, uint32_t flow, uint32_t uid,
		      const char *name, uint16_t port)
{
	(void)ctx;
	(void)flow;
	(void)uid;
	(void)name;
	(void)port;
	return -ENOENT;
}

static void op_resolve_cancel(void *ctx, uint32_t flow)
{
	(void)ctx;
	(void)flow;
}

static int put(struct side *from, uint8_t how, const uint8_t *p, size_t len)
{
	struct packet *pk = &queue[queued];

	MUST(len <= FRAME_MAX);
	if (!recording)
		return 0;
	MUST(queued < QUEUE_MAX);
	pk->how = how | (from->initiator ? 0 : TO_INITIATOR);
	pk->len = len;
	memcpy(pk->p, p, len);
	queued++;
	return 0;
}

static int op_ctrl_send(void *ctx, const struct ipcp_nl_peer *peer,
			const uint8_t *p, size_t len)
{
	MUST(peer->addr.ss_family == AF_INET);
	return put(ctx, 0, p, len);
}

static int op_sealed_send(void *ctx, uint32_t id, const uint8_t *p, size_t len)
{
	return put(ctx, SEALED | id << FLOW_SHIFT, p, len);
}

static int op_flow_get(void *ctx, uint32_t id, struct ipcp_nl_flow *flow)
{
	struct side *s = ctx;

	if (id >= FLOWS || !s->flows[id].id)
		return -ENOENT;
	*flow = s->flows[id];
	return 0;
}

static int op_flow_find(void *ctx, uint32_t eid, struct ipcp_nl_flow *flow)
{
	struct side *s = ctx;
	uint32_t id;

	for (id = 1; id < FLOWS; id++)
		if (s->flows[id].id && s->flows[id].eid == eid)
			return op_flow_get(ctx, id, flow);
	return -ENOENT;
}

static void make_flow(struct side *s, uint32_t id, const char *name)
{
	struct ipcp_nl_flow *flow = &s->flows[id];

	memset(flow, 0, sizeof(*flow));
	flow->id = id;
	flow->initiator = s->initiator;
	flow->eid = (s->initiator ? 100 : 200) + id;
	flow->peer_eid = (s->initiator ? 200 : 100) + id;
	flow->peer = s->initiator ? bob.addr : alice.addr;
	flow->cipher = AES256;
	flow->encrypted = 1;
	flow->epoch_age = 100000;
	snprintf(flow->name, sizeof(flow->name), "%s", name);
}

static int op_flow_new(void *ctx, const char *name,
		       const struct ipcp_nl_peer *peer, uint32_t peer_eid,
		       const struct ipcp_nl_qos *qos, struct ipcp_nl_made *made)
{
	struct side *s = ctx;

	(void)peer;
	(void)qos;
	MUST(oap_name_ok(name));
	if (s->flows[ALLOC].id)
		return -EUSERS;
	make_flow(s, ALLOC, name);
	s->flows[ALLOC].peer_eid = peer_eid;
	*made = (struct ipcp_nl_made) {
		.id = ALLOC, .eid = s->flows[ALLOC].eid,
	};
	return 0;
}

static int op_flow_allocate(void *ctx, uint32_t id,
			    const struct ipcp_nl_peer *peer,
			    uint32_t peer_eid, uint32_t cipher,
			    const struct ipcp_nl_seed *seed,
			    const struct ipcp_nl_params *params)
{
	struct side *s = ctx;

	(void)peer;
	MUST(id == ALLOC && cipher && seed->seed && !seed->epoch);
	MUST(params->blob_len <= IPCP_REKEY_BLOB_MAX);
	world_believed |= s->initiator;
	s->flows[id].peer_eid = peer_eid;
	s->flows[id].state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	return 0;
}

static int op_flow_set(void *ctx, uint32_t id,
		       const struct ipcp_nl_params *params)
{
	(void)ctx;
	MUST(id && id < FLOWS && params->blob_len <= IPCP_REKEY_BLOB_MAX);
	return 0;
}

static int op_flow_del(void *ctx, uint32_t id, uint32_t error,
		       const char *reason)
{
	struct side *s = ctx;

	(void)error;
	MUST(id && id < FLOWS && reason && reason[0]);
	s->flows[id].id = 0;
	return 0;
}

static int op_seed_set(void *ctx, uint32_t id, const struct ipcp_nl_seed *seed)
{
	struct side *s = ctx;

	MUST(id == REKEY || id == IN_CLEAR);
	MUST(!s->initiator || (seed->epoch == 1 && seed->exchange == 1));
	world_believed |= s->initiator;
	return 0;
}

static int op_rekey_clear(void *ctx, uint32_t id, uint32_t exchange,
			  uint32_t retry_after)
{
	(void)ctx;
	(void)retry_after;
	MUST((id == REKEY || id == IN_CLEAR) && exchange == 1);
	return 0;
}

/*
 * The flow re-keyed in the clear has no keys; questions of others stay pending.
 */
static int op_rekey_ask(void *ctx, uint32_t id, uint32_t exchange)
{
	(void)ctx;
	(void)exchange;
	MUST(id && id < FLOWS);
	world_believed = true;
	return id == IN_CLEAR ? -ENOKEY : 0;
}

static int op_rekey_claim_fresh(void *ctx, uint32_t id,
				const struct ipcp_nl_numbers *peer,
				struct ipcp_nl_claim *claim)
{
	(void)ctx;
	(void)peer;
	(void)claim;
	MUST(id == REKEY || id == IN_CLEAR);
	return -EAGAIN;
}

static int op_rekey_request(void *ctx, uint32_t id)
{
	(void)ctx;
	MUST(id && id < FLOWS);
	world_believed = true;
	return 0;
}

static int op_flow_direct(void *ctx, uint32_t id)
{
	(void)ctx;
	(void)id;
	return -ENOENT;
}

static const struct engine_ops ops = {
	.now = op_now,
	.uptime = op_now,
	.reason = op_reason,
	.resolve = op_resolve,
	.resolve_cancel = op_resolve_cancel,
	.ctrl_send = op_ctrl_send,
	.sealed_send = op_sealed_send,
	.flow_get = op_flow_get,
	.flow_find = op_flow_find,
	.flow_new = op_flow_new,
	.flow_allocate = op_flow_allocate,
	.flow_set = op_flow_set,
	.flow_del = op_flow_del,
	.seed_set = op_seed_set,
	.rekey_clear = op_rekey_clear,
	.rekey_ask = op_rekey_ask,
	.rekey_claim_fresh = op_rekey_claim_fresh,
	.rekey_request = op_rekey_request,
	.flow_direct = op_flow_direct,
};

/* Initial state */

static void load(struct side *s, const char *dir, const char *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->addr.addr;
	FILE *file = fopen(world_path("%s.conf", dir), "w");

	in->sin_family = AF_INET;
	in->sin_port = htons(3435);
	inet_pton(AF_INET, addr, &in->sin_addr);
	MUST(file);
	fprintf(file, "auth = \"optional\"\nsecurity = \"%s\"\nname \"%s\" { address = \"10.0.0.2\" }\n",
		world_path("%s", dir), WORLD_NAME);
	fclose(file);
	s->conf = config_load(world_path("%s.conf", dir));
	MUST(s->conf);
	s->oap = world_env(dir);
}

/*
 * Set up an allocated flow. The peer of a flow in the clear proved a
 * certificate.
 */
static void allocated(struct side *s, uint32_t id)
{
	struct blob blob = {
		.role = s->initiator ? ROLE_INITIATOR : ROLE_RESPONDER,
		.auth = OAP_AUTH_OPTIONAL,
		.cipher = AES256,
		.name = WORLD_NAME,
	};

	make_flow(s, id, WORLD_NAME);
	s->flows[id].state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	if (id == IN_CLEAR) {
		s->flows[id].recoverable = 1;
		blob.peer.authenticated = true;
		strcpy(blob.peer.name, s->initiator ? WORLD_NAME : WORLD_US);
	}
	s->flows[id].blob_len = binding_blob_write(&blob, s->flows[id].blob);
}

static void ask(void)
{
	struct ipcp_nl_upcall up = {
		.type = IPCP_REKEY_UPCALL_TYPE_ALLOC, .flow_id = ALLOC,
		.eid = 100 + ALLOC, .name = WORLD_NAME,
	};

	make_flow(&alice, ALLOC, WORLD_NAME);
	engine_alloc(alice.e, &up);
}

static void rekey(uint32_t id)
{
	struct ipcp_nl_flow *flow = &alice.flows[id];
	struct ipcp_nl_claim claim = {
		.id = id, .eid = flow->eid, .peer_eid = flow->peer_eid,
		.cipher = flow->cipher, .epoch = 1, .exchange = 1,
		.peer = flow->peer, .blob_len = flow->blob_len,
		.due = id == IN_CLEAR ? IPCP_REKEY_DUE_NO_KEYS : 0,
	};

	claim.chain[0] = id == REKEY;	/* no keys, no chain */
	memcpy(claim.blob, flow->blob, flow->blob_len);
	engine_rekey(alice.e, &claim);
}

/* Make the responder ask for a re-key, after it has lost the keys as well. */
static void want(void)
{
	bob.flows[IN_CLEAR].peer = alice.addr;
	bob.flows[IN_CLEAR].due = IPCP_REKEY_DUE_NO_KEYS;
	engine_want(bob.e, &bob.flows[IN_CLEAR]);
}

static void begin_side(struct side *s)
{
	memset(s->flows, 0, sizeof(s->flows));
	world_forget(s->oap);
	s->e = engine_new(&ops, s, s->conf, s->oap);
	MUST(s->e);
	allocated(s, REKEY);
	allocated(s, IN_CLEAR);
}

static void begin(uint8_t what)
{
	uint32_t id;

	clock_ms = 1000000;
	queued = 0;
	begin_side(&alice);
	begin_side(&bob);
	for (id = ALLOC; id < FLOWS; id++) {
		if (!(what & 1 << (id - 1)))
			continue;
		world_dice(id);
		if (id == ALLOC)
			ask();
		else
			rekey(id);
	}
	world_dice(FLOWS);
	if (what & WANT)
		want();
}

static void end_side(struct side *s)
{
	engine_tick(s->e);
	engine_free(s->e);
}

static void end(void)
{
	clock_ms += 3600000;
	end_side(&alice);
	end_side(&bob);
}

static void deliver(uint8_t how, const uint8_t *p, size_t len)
{
	struct side *s = how & TO_INITIATOR ? &alice : &bob;
	uint8_t *exact = malloc(len ? len : 1);

	MUST(exact);
	memcpy(exact, p, len);
	if (how & SEALED)
		engine_sealed(s->e, how >> FLOW_SHIFT & 3, exact, len);
	else
		engine_ctrl(s->e, s->initiator ? &bob.addr : &alice.addr,
			    exact, len);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	unsigned int n;
	size_t frame;

	if (!len)
		return 0;
	recording = false;
	begin(*p++);
	len--;
	for (n = 0; n < FRAMES_MAX && len >= 3; n++) {
		frame = p[1] << 8 | p[2];
		if (frame > len - 3)
			frame = len - 3;
		deliver(p[0], p + 3, frame);
		p += 3 + frame;
		len -= 3 + frame;
	}
	end();
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_quiet(true);
	world_open();
	load(&alice, WORLD_CLIENT, "10.0.0.1");
	load(&bob, WORLD_SERVER, "10.0.0.2");
	return 0;
}

/* Recording of real exchanges */

/*
 * Deliver frames until none is in flight, and record them. With @spoil, damage
 * the longer frames, so that they are refused.
 */
static void record_one(const char *dir, const char *name, uint8_t what,
		       bool spoil)
{
	static uint8_t script[SCRIPT_MAX];
	struct packet pk;
	size_t len = 1;
	unsigned int i;

	recording = true;
	script[0] = what;
	begin(what);
	for (i = 0; i < queued; i++) {
		pk = queue[i];
		MUST(len + 3 + pk.len <= sizeof(script));
		/*
		 * damage a certificate, or the data behind it: the peer refuses
		 * it
		 */
		if (spoil && pk.len > 400)
			pk.p[pk.len - 70] ^= 1;
		script[len] = pk.how;
		script[len + 1] = pk.len >> 8;
		script[len + 2] = pk.len & 0xff;
		memcpy(script + len + 3, pk.p, pk.len);
		len += 3 + pk.len;
		deliver(pk.how, pk.p, pk.len);
	}
	end();
	record_file(dir, name, script, len);
}

/* Record a re-key that the responder requests. */
static void record_wanted(const char *dir)
{
	struct message msg = { .type = MSG_REKEY_WANTED, .token = 5 };
	uint8_t script[4 + FRAME_MAX];
	size_t len = frame_write(script + 4, &msg, 0, NULL);

	script[0] = 0;
	script[1] = SEALED | TO_INITIATOR | REKEY << FLOW_SHIFT;
	script[2] = len >> 8;
	script[3] = len & 0xff;
	record_file(dir, "wanted", script, 4 + len);
}

void record(const char *dir)
{
	record_one(dir, "alloc", 1, false);
	record_one(dir, "rekey", 2, false);
	record_one(dir, "in-clear", 4, false);
	record_one(dir, "all", 7, false);
	record_one(dir, "wanted-in-clear", WANT, false);
	record_one(dir, "refused-wanted", WANT, true);
	record_one(dir, "refused", 1, true);
	record_wanted(dir);
}
