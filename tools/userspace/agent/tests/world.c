// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Test environment of the engine. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "world.h"

#define DAY	86400L
#define LINES_MAX	1024

struct side alice, bob;
struct packet *wire[PACKETS];
unsigned int on_wire;
uint64_t clock_ms;
long wall_off;
unsigned int loss;
bool chaos;
uint64_t dice_state;
uint32_t replay_max;
char top[64];
struct test_crt ca, other_ca;

unsigned int dice(unsigned int n)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + 1;
	return (dice_state >> 33) % n;
}

/* The network */

static struct sockaddr_in *in4(struct sockaddr_storage *addr)
{
	return (struct sockaddr_in *)addr;
}

/* What the receiver sees of a packet from a socket to a port. */
static void address_packet(struct packet *pk, struct side *from,
			   uint32_t socket, uint16_t port)
{
	pk->from.addr = from->addr;
	if (socket >= SOURCE_SOCKET)
		in4(&pk->from.addr)->sin_port = htons(SOURCE_PORT);
	memcpy(pk->from.local, &in4(&pk->to->addr)->sin_addr, 4);
	pk->from.socket = port == SOURCE_PORT ? SOURCE_SOCKET : GROUP_SOCKET;
}

static void put_on_wire(struct side *from, uint32_t flow, const uint8_t *p,
			size_t len, uint32_t socket, uint16_t port)
{
	struct packet *pk;
	int copies = chaos && !dice(10) ? 2 : 1;

	assert_true(len <= FRAME_MAX);
	from->bytes_out += len;
	while (copies--) {
		if (dice(100) < loss || on_wire == PACKETS)
			continue;
		pk = calloc(1, sizeof(*pk));
		pk->to = from->other;
		pk->flow = flow;
		address_packet(pk, from, socket, port);
		pk->at = clock_ms + 5 + (chaos ? dice(100) : 0);
		pk->len = len;
		memcpy(pk->p, p, len);
		wire[on_wire++] = pk;
	}
}

static void deliver(struct packet *pk)
{
	uint8_t *exact = malloc(pk->len);

	/* exactly sized, so that the sanitizer sees an overrun */
	memcpy(exact, pk->p, pk->len);
	if (pk->to->e && pk->flow)
		engine_sealed(pk->to->e, pk->flow, exact, pk->len);
	else if (pk->to->e)
		engine_ctrl(pk->to->e, &pk->from, exact, pk->len);
	free(exact);
	free(pk);
}

/*
 * A question is answered soon if the peer has the keys and is heard, and ends
 * after 3 seconds if not.
 */
static uint64_t question_end(struct side *s, const struct fake_flow *f)
{
	if (!f->used || f->f.question != IPCP_REKEY_QUESTION_ASKED)
		return UINT64_MAX;
	return f->asked_at + (!s->answered && (s->other->no_keys || s->deaf) ?
			      3000 : 10);
}

/* Return: when the next question ends, and those that end now. */
static uint64_t end_questions(struct side *s)
{
	uint64_t at, next = UINT64_MAX;
	struct fake_flow *f;

	for (f = s->flows; f < s->flows + FLOWS; f++) {
		at = question_end(s, f);
		if (at > clock_ms) {
			next = at < next ? at : next;
			continue;
		}
		f->f.question = at == f->asked_at + 10 ?
				IPCP_REKEY_QUESTION_ANSWERED :
				IPCP_REKEY_QUESTION_SILENT;
		if (s->e && !s->no_events)
			engine_asked(s->e, f->f.id);
	}
	return next;
}

bool step(uint64_t until)
{
	struct packet *pk = NULL;
	uint64_t at = until, t;
	unsigned int i;

	t = end_questions(&alice);
	if (t < at)
		at = t;
	t = end_questions(&bob);
	if (t < at)
		at = t;

	/* first, because messages sent now may be the next to arrive */
	t = alice.e ? engine_tick(alice.e) : UINT64_MAX;
	if (t < at)
		at = t;
	t = bob.e ? engine_tick(bob.e) : UINT64_MAX;
	if (t < at)
		at = t;
	for (i = 0; i < on_wire; i++) {
		if (wire[i]->at <= at && (!pk || wire[i]->at < pk->at))
			pk = wire[i];
	}
	if (pk)
		at = pk->at;
	if (at >= until) {
		clock_ms = until;
		return false;
	}
	if (at > clock_ms)
		clock_ms = at;
	if (pk) {
		for (i = 0; wire[i] != pk; i++)
			;
		wire[i] = wire[--on_wire];
		deliver(pk);
	}
	return true;
}

void run_for(uint64_t ms)
{
	uint64_t until = clock_ms + ms;

	while (step(until))
		;
}

void lose_all_on_wire(void)
{
	while (on_wire)
		free(wire[--on_wire]);
}

/* The registry */

struct fake_flow *flow_of(struct side *s, uint32_t id)
{
	if (!id || id > FLOWS || !s->flows[id - 1].used)
		return NULL;
	return &s->flows[id - 1];
}

/* The wall clock of both sides follows the simulated time. */
static uint64_t wall_clock(void *arg)
{
	static time_t began;

	(void)arg;
	if (!began)
		began = time(NULL);
	return (began + wall_off) * UINT64_C(1000000000) +
	       clock_ms * UINT64_C(1000000);
}

static uint64_t op_now(void *ctx)
{
	(void)ctx;
	return clock_ms;
}

static const char *op_reason(void *ctx)
{
	return ((struct side *)ctx)->reason;
}

/* The test provides the answers of the DNS with engine_resolved(). */
static int op_resolve(void *ctx, uint32_t flow, const char *name,
		      uint16_t port)
{
	struct side *s = ctx;

	(void)name;
	if (s->no_dns)
		return -ESRCH;
	s->asked = flow;
	s->asked_port = port;
	return 0;
}

static void op_resolve_cancel(void *ctx, uint32_t flow)
{
	struct side *s = ctx;

	if (s->asked == flow)
		s->asked = 0;
}

/* What the kernel says of a call that failed. */
static int failed(struct side *s, int status)
{
	strcpy(s->reason, "said the registry");
	return status;
}

static int op_ctrl_send(void *ctx, const struct ipcp_nl_peer *peer,
			const uint8_t *p, size_t len)
{
	struct side *s = ctx;
	struct sockaddr_storage to = peer->addr;
	uint16_t port = ntohs(in4(&to)->sin_port);

	s->reason[0] = '\0';	/* of the last call only */
	s->last_sent = *peer;
	s->to_source += port == SOURCE_PORT;
	if (peer->socket == SOURCE_SOCKET)
		s->other->forgotten = false;
	in4(&to)->sin_port = in4(&s->other->addr)->sin_port;
	if (peer_equal(&to, &s->other->addr) &&
	    (port == SOURCE_PORT ? !s->forgotten : port == AGENT_PORT))
		put_on_wire(s, 0, p, len, peer->socket, port);
	else
		s->bytes_out += len;
	return 0;
}

static int op_sealed_send(void *ctx, uint32_t id, const uint8_t *p, size_t len)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id), *g;
	uint32_t i;

	if (!f)
		return -ENOENT;
	if (s->no_keys)
		return -ENOKEY;
	for (i = 1; i <= FLOWS; i++) {
		g = flow_of(s->other, i);
		if (g && !s->other->no_keys && g->f.eid == f->f.peer_eid)
			put_on_wire(s, i, p, len, 0, AGENT_PORT);
	}
	return 0;
}

static int op_flow_get(void *ctx, uint32_t id, struct ipcp_nl_flow *flow)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f)
		return -ENOENT;
	*flow = f->f;
	if (!((struct side *)ctx)->no_keys)
		flow->has |= UINT64_C(1) << IPCP_REKEY_A_FLOW_TX_EPOCH;
	return 0;
}

static int op_flow_find(void *ctx, uint32_t eid, struct ipcp_nl_flow *flow)
{
	uint32_t i;

	((struct side *)ctx)->finds++;
	for (i = 1; i <= FLOWS; i++) {
		if (!op_flow_get(ctx, i, flow) && flow->eid == eid)
			return 0;
	}
	return -ENOENT;
}

struct fake_flow *add_flow(struct side *s, const char *name)
{
	struct fake_flow *f;
	uint32_t i;

	for (i = 0; i < FLOWS && s->flows[i].used; i++)
		;
	assert_true(i < FLOWS);
	f = &s->flows[i];
	memset(f, 0, sizeof(*f));
	f->used = true;
	f->next_exchange = 1;
	f->f.id = i + 1;
	f->f.eid = 1 + dice(1 << 30);
	f->f.epoch_age = 100000;
	f->f.generation = 1 + dice(1 << 30);
	strcpy(f->f.name, name);
	return f;
}

static int op_flow_new(void *ctx, const char *name,
		       const struct ipcp_nl_peer *peer, uint32_t peer_eid,
		       const struct ipcp_nl_qos *qos, struct ipcp_nl_made *made)
{
	struct side *s = ctx;
	struct fake_flow *f;

	(void)qos;
	if (!s->serves || strcmp(s->serves, name))
		return -ENOENT;
	f = add_flow(s, name);
	f->f.state = IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING;
	f->f.peer = *peer;
	f->f.peer_eid = peer_eid;
	*made = (struct ipcp_nl_made) {
		.id = f->f.id, .eid = f->f.eid, .generation = f->f.generation,
	};
	return 0;
}

/*
 * Mix a seed with the chain that it is for, as the kernel does; false if this
 * end does not hold that chain.
 */
static bool mix(struct fake_flow *f, const struct ipcp_nl_seed *seed,
		bool no_keys)
{
	uint64_t named, held = f->chain, next;
	int i;

	memcpy(&named, seed->chain, sizeof(named));
	if (!named && !no_keys && !f->f.initiator &&
	    (f->f.question != IPCP_REKEY_QUESTION_SILENT ||
	     f->f.question_exchange != seed->exchange))
		return false;
	if (f->f.exchange && seed->epoch == f->f.newest_epoch)
		held = f->before;
	if (named && (no_keys || named != held))
		return false;
	next = named ^ UINT64_C(0xcbf29ce484222325);
	for (i = 0; i < 32; i++)
		next = (next ^ seed->seed[i]) * UINT64_C(0x100000001b3);
	if (seed->epoch != f->f.newest_epoch)
		f->before = f->chain;
	f->chain = next;
	return true;
}

static int op_flow_allocate(void *ctx, uint32_t id,
			    const struct ipcp_nl_peer *peer,
			    uint32_t peer_eid, uint32_t cipher,
			    const struct ipcp_nl_seed *seed,
			    const struct ipcp_nl_params *params)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id);

	if (!f || f->f.state == IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return -ENOENT;
	if (s->broken)
		return failed(s, s->broken);
	assert_int_equal(seed->epoch, 0);
	assert_int_equal(seed->generation, f->f.generation);
	f->f.initiator = f->f.state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	if (f->f.initiator)
		f->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	f->f.peer = *peer;
	f->f.peer_eid = peer_eid;
	f->f.cipher = cipher;
	f->f.recoverable = !!(params->set & IPCP_NL_P_RECOVERABLE);
	f->f.authenticated = !!(params->set & IPCP_NL_P_PEER_NAME);
	strcpy(f->f.peer_name, f->f.authenticated ? params->peer_name : "");
	assert_true(mix(f, seed, true));
	memcpy(f->seed, seed->seed, 32);
	memcpy(f->f.blob, params->blob, params->blob_len);
	f->f.blob_len = params->blob_len;
	return 0;
}

static int op_flow_set(void *ctx, uint32_t id,
		       const struct ipcp_nl_params *params)
{
	struct fake_flow *f = flow_of(ctx, id);

	memcpy(f->f.blob, params->blob, params->blob_len);
	f->f.blob_len = params->blob_len;
	return 0;
}

static int op_flow_del(void *ctx, uint32_t id, uint32_t error,
		       const char *reason)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id);

	s->reason[0] = '\0';

	if (!f)
		return -ENOENT;
	f->used = false;
	f->error = error;
	snprintf(f->reason, sizeof(f->reason), "%s", reason);
	return 0;
}

static int op_seed_set(void *ctx, uint32_t id, const struct ipcp_nl_seed *seed)
{
	struct side *s = ctx;
	struct fake_flow *f = flow_of(s, id);

	failed(s, 0);	/* if it does */
	if (!f)
		return -ENOENT;
	if (seed->generation != f->f.generation)
		return -ESTALE;
	if (f->f.initiator) {
		if (!f->f.in_flight || seed->exchange != f->f.exchange ||
		    seed->epoch != f->claimed_epoch)
			return -EINVAL;
		f->f.in_flight = 0;
	} else {
		if (seed->exchange == f->f.exchange)
			return -EALREADY;
		if (s->busy)
			return -EBUSY;
		if (seed->exchange < f->f.exchange)
			return -EINVAL;
		/*
		 * a later exchange replaces an epoch that was not observed yet
		 */
		if (seed->epoch != (uint8_t)(f->f.newest_epoch + 1) &&
		    !(seed->epoch == f->f.newest_epoch && f->f.exchange))
			return -EINVAL;
	}
	if (!mix(f, seed, s->no_keys))
		return -ESTALE;
	f->f.exchange = seed->exchange;
	f->f.newest_epoch = seed->epoch;
	f->f.due = 0;
	memcpy(f->seed, seed->seed, 32);
	return 0;
}

static int op_rekey_clear(void *ctx, uint32_t id, uint32_t exchange,
			  uint32_t retry_after)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f || !f->f.in_flight || f->f.exchange != exchange)
		return -ENOENT;
	f->f.in_flight = 0;
	f->retry_after = retry_after;
	return 0;
}

static struct ipcp_nl_claim make_claim(struct fake_flow *f, uint64_t chain)
{
	struct ipcp_nl_claim c = {
		.id = f->f.id, .eid = f->f.eid, .peer_eid = f->f.peer_eid,
		.cipher = f->f.cipher, .epoch = f->f.newest_epoch + 1,
		.exchange = f->next_exchange++, .blob_len = f->f.blob_len,
		.peer = f->f.peer, .generation = f->f.generation,
	};

	memcpy(c.chain, &chain, sizeof(c.chain));
	memcpy(c.blob, f->f.blob, f->f.blob_len);
	f->f.in_flight = 1;
	f->f.exchange = c.exchange;
	f->claimed_epoch = c.epoch;
	return c;
}

static int op_rekey_ask(void *ctx, uint32_t id, uint32_t exchange)
{
	struct fake_flow *f = flow_of(ctx, id);
	struct side *s = ctx;

	if (!f)
		return -ENOENT;
	s->questions++;
	if (!f->f.recoverable)
		return failed(s, -EOPNOTSUPP);
	if (s->no_keys)
		return failed(s, -ENOKEY);
	if (f->f.question == IPCP_REKEY_QUESTION_ASKED &&
	    f->f.question_exchange != exchange)
		return failed(s, -EBUSY);
	f->f.question = IPCP_REKEY_QUESTION_ASKED;
	f->f.question_exchange = exchange;
	f->asked_at = clock_ms;
	return 0;
}

static int op_rekey_claim_fresh(void *ctx, uint32_t id,
				const struct ipcp_nl_numbers *peer,
				struct ipcp_nl_claim *claim)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f || f->f.in_flight)
		return -EAGAIN;
	if (!((struct side *)ctx)->no_keys &&
	    (peer || f->f.question != IPCP_REKEY_QUESTION_SILENT))
		return -EPERM;
	if (peer) {
		f->f.newest_epoch = peer->epoch;
		f->next_exchange = peer->exchange + 1;
	}
	f->f.question = IPCP_REKEY_QUESTION_NONE;
	*claim = make_claim(f, 0);
	return 0;
}

static int op_rekey_request(void *ctx, uint32_t id)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f)
		return -ENOENT;
	f->f.due |= IPCP_REKEY_DUE_REQUEST;
	return 0;
}

static int op_flow_direct(void *ctx, uint32_t id)
{
	struct fake_flow *f = flow_of(ctx, id);
	struct side *s = ctx;

	if (!f || !s->serves || strcmp(s->serves, f->f.name))
		return -ENOENT;
	if (s->full)
		return failed(s, -EUSERS);
	f->f.direct = 1;
	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	return 0;
}

static const struct engine_ops ops = {
	op_now, op_reason, op_resolve, op_resolve_cancel, op_ctrl_send, op_sealed_send, op_flow_get,
	op_flow_find, op_flow_new, op_flow_allocate, op_flow_set, op_flow_del, op_seed_set,
	op_rekey_clear, op_rekey_ask, op_rekey_claim_fresh, op_rekey_request, op_flow_direct,
};

/* The program and the main loop */

struct fake_flow *alloc(const char *name, uint32_t timeout)
{
	struct ipcp_nl_upcall up = {
		.type = IPCP_REKEY_UPCALL_TYPE_ALLOC, .timeout = timeout,
		.peer.socket = SOURCE_SOCKET,
	};
	struct fake_flow *f = add_flow(&alice, name);

	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	up.flow_id = f->f.id;
	up.eid = f->f.eid;
	up.generation = f->f.generation;
	strcpy(up.name, name);
	engine_alloc(alice.e, &up);
	return f;
}

void claim(struct fake_flow *f)
{
	struct ipcp_nl_claim c = make_claim(f, alice.no_keys ? 0 : f->chain);

	/* and never a reason: an agent must go by what the seed is mixed with */
	engine_rekey(alice.e, &c);
}

struct fake_flow *peer_of(struct fake_flow *f)
{
	uint32_t i;

	for (i = 1; i <= FLOWS; i++)
		if (flow_of(&bob, i) && bob.flows[i - 1].f.eid ==
					f->f.peer_eid)
			return &bob.flows[i - 1];
	return NULL;
}

bool allocated(const struct fake_flow *f)
{
	return f->used && f->f.state == IPCP_REKEY_FLOW_STATE_ALLOCATED;
}

void check_same(struct fake_flow *f)
{
	struct fake_flow *g = peer_of(f);

	assert_non_null(g);
	assert_int_equal(g->f.peer_eid, f->f.eid);
	assert_int_equal(g->f.cipher, f->f.cipher);
	assert_int_equal(g->f.newest_epoch, f->f.newest_epoch);
	assert_memory_equal(g->seed, f->seed, 32);
}

unsigned int flows_at(struct side *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < FLOWS; i++)
		n += s->flows[i].used;
	return n;
}

/* The log of both agents */

static char lines[LINES_MAX][512];
static unsigned int nlines;

static void keep_line(int priority, const char *text)
{
	(void)priority;
	if (getenv("VERBOSE"))
		fprintf(stderr, "# %s\n", text);
	if (nlines < LINES_MAX)
		snprintf(lines[nlines++], sizeof(lines[0]), "%s", text);
}

unsigned int lines_with(const char *part)
{
	unsigned int i, n = 0;

	assert_true(nlines < LINES_MAX);
	for (i = 0; i < nlines; i++)
		n += !!strstr(lines[i], part);
	return n;
}

void forget_lines(void)
{
	nlines = 0;
}

/* Set-up */

void make_creds(const char *dir, const char *cn, const char *type,
		       const struct test_crt *by)
{
	struct test_crt c = test_crt_make(type, cn, NULL, by, 0, -DAY, DAY);

	test_crt_write(dir, &c);
	test_crt_free(&c);
}

static struct config *make_conf(const char *name, const char *extra)
{
	char path[256], text[1024];
	struct config *conf;

	snprintf(text, sizeof(text),
		 "security = \"%s/%s\"\nname \"" BOB "\" { address = \"10.0.0.2\"\n%s }\n",
		 top, name, extra);
	snprintf(path, sizeof(path), "%s.conf", name);
	test_file(top, path, text);
	snprintf(path, sizeof(path), "%s/%s.conf", top, name);
	conf = config_load(path);
	assert_non_null(conf);
	return conf;
}

static void make_side(struct side *s, const char *name, const char *addr,
		      const char *extra)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->addr;

	memset(s, 0, sizeof(*s));
	in->sin_family = AF_INET;
	in->sin_port = htons(AGENT_PORT);
	inet_pton(AF_INET, addr, &in->sin_addr);
	s->conf = make_conf(name, extra);
}

void reload_bob(const char *extra)
{
	struct config *conf = make_conf("bob", extra);

	engine_set_config(bob.e, conf, bob.oap);
	config_free(bob.conf);
	bob.conf = conf;
}

static void open_side(struct side *s)
{
	struct oap_settings set = {
		.dir = s->conf->security, .now = wall_clock,
		.replay_max = replay_max,
	};
	struct oap_err err;

	set.slack_ms = 2000;
	if (oap_env_open(&s->oap, &set, &err))
		fail_msg("%s", err.text);
	s->e = engine_new(&ops, s, s->conf, s->oap);
	assert_non_null(s->e);
}

void restart(struct side *s)
{
	unsigned int i;

	engine_free(s->e);
	oap_env_close(s->oap);
	open_side(s);
	for (i = 0; i < FLOWS; i++)
		s->flows[i].f.in_flight = 0;
}

static void make_dirs(void)
{
	static const char * const dirs[] = {
		"alice", "alice/cacert", "alice/client", "alice/server",
		"bob", "bob/cacert", "bob/client", "bob/server",
	};
	char path[256];
	size_t i;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, dirs[i]);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/alice/cacert/ca.pem", top);
	test_crt_write_as(path, &ca);
	snprintf(path, sizeof(path), "%s/bob/cacert/ca.pem", top);
	test_crt_write_as(path, &ca);
}

static void ignore(void *arg, bool warning, const char *text)
{
	(void)arg;
	(void)warning;
	(void)text;
}

/* Replace a pair, also by one that no peer accepts: what was there is forgotten. */
static void replace_creds(struct side *s, const char *dir, const char *cn,
			  const struct test_crt *by)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/crt.pem", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	unlink(path);
	if (s->oap)
		oap_env_renew(s->oap, ignore, NULL);
	make_creds(dir, cn, "EC", by);
}

void creds(const char *alice_cn, const struct test_crt *alice_ca,
		  const char *bob_cn, const struct test_crt *bob_ca)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/alice/client/" BOB, top);
	if (alice_cn)
		replace_creds(&alice, path, alice_cn, alice_ca);
	snprintf(path, sizeof(path), "%s/bob/server/" BOB, top);
	if (bob_cn)
		replace_creds(&bob, path, bob_cn, bob_ca);
}

int world_setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/exchange-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	make_dirs();
	clock_ms = 1000000;
	wall_off = 0;
	replay_max = 0;
	loss = 0;
	chaos = false;
	forget_lines();
	dice_state = 1;
	return 0;
}

void start(const char *alice_extra, const char *bob_extra)
{
	make_side(&alice, "alice", "10.0.0.1", alice_extra);
	make_side(&bob, "bob", "10.0.0.2", bob_extra);
	alice.other = &bob;
	bob.other = &alice;
	bob.serves = BOB;
	open_side(&alice);
	open_side(&bob);
}

void start_good(void)
{
	creds(ALICE, &ca, BOB, &ca);
	start("", "");
}

struct fake_flow *good_flow(void)
{
	struct fake_flow *f;

	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	return f;
}

static void close_side(struct side *s)
{
	engine_free(s->e);
	oap_env_close(s->oap);
	config_free(s->conf);
	memset(s, 0, sizeof(*s));
}

void stop(void)
{
	lose_all_on_wire();
	close_side(&alice);
	close_side(&bob);
}

int world_teardown(void **state)
{
	char cmd[128];

	(void)state;
	stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

int world_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
	int failed;

	log_divert(keep_line);
	ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	other_ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	test_crt_free(&ca);
	test_crt_free(&other_ca);
	return failed;
}
