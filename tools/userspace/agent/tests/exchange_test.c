// SPDX-License-Identifier: GPL-2.0
/*
 * Two engines wired back to back over a network that loses, repeats and
 * reorders, with a clock of its own and the registry's rules about exchanges.
 * The cryptography is the real one.
 */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../oap/tests/certs.h"
#include "engine-int.h"
#include "log.h"

#define DAY	86400L
#define BOB	"bob.example"
#define ALICE	"alice.example"
#define FLOWS	8
#define PACKETS	4096

struct side;

/* A flow as the registry has it. */
struct fake_flow {
	bool used;
	struct ipcp_nl_flow f;
	uint8_t seed[32];		/* of newest_epoch */
	uint8_t claimed_epoch;
	uint32_t next_exchange;
	int error;			/* of flow_del */
	char reason[REASON_LEN];
};

struct packet {
	struct side *to;
	uint32_t flow;			/* 0: CTRL */
	struct sockaddr_storage from;
	uint64_t at;
	size_t len;
	uint8_t p[FRAME_MAX];
};

struct side {
	struct engine *e;
	struct config *conf;
	struct oap_env *oap;
	struct side *other;
	struct sockaddr_storage addr;
	struct fake_flow flows[FLOWS];
	const char *serves;
	bool busy;			/* the epoch before is not done */
	bool no_keys;			/* all keys are lost */
	uint64_t bytes_out;
	char reason[64];
};

static struct side alice, bob;
static struct packet *wire[PACKETS];
static unsigned int on_wire;
static uint64_t clock_ms;
static unsigned int loss;		/* per cent */
static bool chaos;			/* repeat and reorder */
static uint64_t dice_state;
static char top[64];
static struct test_crt ca, other_ca;

static unsigned int dice(unsigned int n)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) + 1;
	return (dice_state >> 33) % n;
}

/* The network */

static void put_on_wire(struct side *from, uint32_t flow, const uint8_t *p,
			size_t len)
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
		pk->from = from->addr;
		pk->at = clock_ms + 5 + (chaos ? dice(100) : 0);
		pk->len = len;
		memcpy(pk->p, p, len);
		wire[on_wire++] = pk;
	}
}

static void deliver(struct packet *pk)
{
	uint8_t *exact = malloc(pk->len);

	/* exactly as long, so that the sanitizer sees an overrun */
	memcpy(exact, pk->p, pk->len);
	if (pk->to->e && pk->flow)
		engine_sealed(pk->to->e, pk->flow, exact, pk->len);
	else if (pk->to->e)
		engine_ctrl(pk->to->e, &pk->from, exact, pk->len);
	free(exact);
	free(pk);
}

/* Lets time pass until something arrives or is due; false at @until. */
static bool step(uint64_t until)
{
	uint64_t at = until, t;
	unsigned int i, first = PACKETS;
	struct packet *pk;

	for (i = 0; i < on_wire; i++) {
		if (wire[i]->at < at) {
			at = wire[i]->at;
			first = i;
		}
	}
	t = alice.e ? engine_tick(alice.e) : UINT64_MAX;
	if (t < at) {
		at = t;
		first = PACKETS;
	}
	t = bob.e ? engine_tick(bob.e) : UINT64_MAX;
	if (t < at) {
		at = t;
		first = PACKETS;
	}
	if (at >= until) {
		clock_ms = until;
		return false;
	}
	if (at > clock_ms)
		clock_ms = at;
	if (first < PACKETS) {
		pk = wire[first];
		wire[first] = wire[--on_wire];
		deliver(pk);
	}
	return true;
}

static void run_for(uint64_t ms)
{
	uint64_t until = clock_ms + ms;

	while (step(until))
		;
}

/* The registry */

static struct fake_flow *flow_of(struct side *s, uint32_t id)
{
	if (!id || id > FLOWS || !s->flows[id - 1].used)
		return NULL;
	return &s->flows[id - 1];
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

static int op_ctrl_send(void *ctx, const struct sockaddr_storage *peer,
			const uint8_t *p, size_t len)
{
	struct side *s = ctx;

	if (same_peer(peer, &s->other->addr))
		put_on_wire(s, 0, p, len);
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
			put_on_wire(s, i, p, len);
	}
	return 0;
}

static int op_flow_get(void *ctx, uint32_t id, struct ipcp_nl_flow *flow)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f)
		return -ENOENT;
	*flow = f->f;
	return 0;
}

static int op_flow_find(void *ctx, uint32_t eid, struct ipcp_nl_flow *flow)
{
	uint32_t i;

	for (i = 1; i <= FLOWS; i++) {
		if (!op_flow_get(ctx, i, flow) && flow->eid == eid)
			return 0;
	}
	return -ENOENT;
}

static struct fake_flow *add_flow(struct side *s, const char *name)
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
	strcpy(f->f.name, name);
	return f;
}

static int op_flow_new(void *ctx, const char *name,
		       const struct sockaddr_storage *peer, uint32_t peer_eid,
		       const struct ipcp_nl_qos *qos, uint32_t *id,
		       uint32_t *eid)
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
	*id = f->f.id;
	*eid = f->f.eid;
	return 0;
}

static int op_flow_allocate(void *ctx, uint32_t id,
			    const struct sockaddr_storage *peer,
			    uint32_t peer_eid, uint32_t cipher,
			    const struct ipcp_nl_seed *seed,
			    const struct ipcp_nl_params *params)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f || f->f.state == IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return -ENOENT;
	assert_int_equal(seed->epoch, 0);
	f->f.initiator = f->f.state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	if (f->f.initiator)
		f->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	f->f.peer = *peer;
	f->f.peer_eid = peer_eid;
	f->f.cipher = cipher;
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
	struct fake_flow *f = flow_of(ctx, id);

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

	if (!f)
		return -ENOENT;
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
		/* a later exchange replaces an epoch not observed yet */
		if (seed->epoch != (uint8_t)(f->f.newest_epoch + 1) &&
		    !(seed->epoch == f->f.newest_epoch && f->f.exchange))
			return -EINVAL;
		f->f.exchange = seed->exchange;
	}
	f->f.newest_epoch = seed->epoch;
	memcpy(f->seed, seed->seed, 32);
	return 0;
}

static int op_rekey_clear(void *ctx, uint32_t id, uint32_t exchange)
{
	struct fake_flow *f = flow_of(ctx, id);

	if (!f || !f->f.in_flight || f->f.exchange != exchange)
		return -ENOENT;
	f->f.in_flight = 0;
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

static const struct engine_ops ops = {
	op_now, op_reason, op_ctrl_send, op_sealed_send, op_flow_get,
	op_flow_find, op_flow_new, op_flow_allocate, op_flow_set, op_flow_del, op_seed_set,
	op_rekey_clear, op_rekey_request,
};

/* What the program and the main loop do */

static struct fake_flow *alloc(const char *name, uint32_t timeout)
{
	struct ipcp_nl_upcall up = {
		.type = IPCP_REKEY_UPCALL_TYPE_ALLOC, .timeout = timeout,
	};
	struct fake_flow *f = add_flow(&alice, name);

	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	up.flow_id = f->f.id;
	up.eid = f->f.eid;
	strcpy(up.name, name);
	engine_alloc(alice.e, &up);
	return f;
}

static void claim(struct fake_flow *f)
{
	struct ipcp_nl_claim c = {
		.id = f->f.id, .eid = f->f.eid, .peer_eid = f->f.peer_eid,
		.cipher = f->f.cipher, .epoch = f->f.newest_epoch + 1,
		.exchange = f->next_exchange++, .blob_len = f->f.blob_len,
		.peer = f->f.peer,
	};

	if (alice.no_keys)
		c.due = IPCP_REKEY_DUE_NO_KEYS;

	memcpy(c.blob, f->f.blob, f->f.blob_len);
	f->f.in_flight = 1;
	f->f.exchange = c.exchange;
	f->claimed_epoch = c.epoch;
	engine_rekey(alice.e, &c);
}

static struct fake_flow *peer_of(struct fake_flow *f)
{
	uint32_t i;

	for (i = 1; i <= FLOWS; i++)
		if (flow_of(&bob, i) && bob.flows[i - 1].f.eid ==
					f->f.peer_eid)
			return &bob.flows[i - 1];
	return NULL;
}

static bool allocated(const struct fake_flow *f)
{
	return f->used && f->f.state == IPCP_REKEY_FLOW_STATE_ALLOCATED;
}

/* Both hold the same seed, and each the other's endpoint id. */
static void check_same(struct fake_flow *f)
{
	struct fake_flow *g = peer_of(f);

	assert_non_null(g);
	assert_int_equal(g->f.peer_eid, f->f.eid);
	assert_int_equal(g->f.cipher, f->f.cipher);
	assert_int_equal(g->f.newest_epoch, f->f.newest_epoch);
	assert_memory_equal(g->seed, f->seed, 32);
}

static unsigned int flows_at(struct side *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < FLOWS; i++)
		n += s->flows[i].used;
	return n;
}

/* Set-up */

static void make_creds(const char *dir, const char *cn, const char *type,
		       const struct test_crt *by)
{
	struct test_crt c = test_crt_make(type, cn, NULL, by, 0, -DAY, DAY);

	test_crt_write(dir, &c);
	test_crt_free(&c);
}

static void make_side(struct side *s, const char *name, const char *addr,
		      const char *extra)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->addr;
	char path[256], text[1024];

	memset(s, 0, sizeof(*s));
	strcpy(s->reason, "said the registry");
	in->sin_family = AF_INET;
	in->sin_port = htons(3435);
	inet_pton(AF_INET, addr, &in->sin_addr);
	snprintf(text, sizeof(text),
		 "security = \"%s/%s\"\nname \"" BOB "\" { address = \"10.0.0.2\"\n%s }\n",
		 top, name, extra);
	snprintf(path, sizeof(path), "%s.conf", name);
	test_file(top, path, text);
	snprintf(path, sizeof(path), "%s/%s.conf", top, name);
	s->conf = config_load(path);
	assert_non_null(s->conf);
}

static void open_side(struct side *s)
{
	struct oap_settings set = { .dir = s->conf->security };
	struct oap_err err;

	set.slack_ms = 2000;
	if (oap_env_open(&s->oap, &set, &err))
		fail_msg("%s", err.text);
	s->e = engine_new(&ops, s, s->conf, s->oap);
	assert_non_null(s->e);
}

/* As after SIGKILL: all that the agent knew is gone, its claims lapse. */
static void restart(struct side *s)
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

static void creds(const char *alice_cn, const struct test_crt *alice_ca,
		  const char *bob_cn, const struct test_crt *bob_ca)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/alice/client/" BOB, top);
	if (alice_cn)
		make_creds(path, alice_cn, "EC", alice_ca);
	snprintf(path, sizeof(path), "%s/bob/server/" BOB, top);
	if (bob_cn)
		make_creds(path, bob_cn, "EC", bob_ca);
}

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/exchange-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	make_dirs();
	clock_ms = 1000000;
	loss = 0;
	chaos = false;
	dice_state = 1;
	return 0;
}

static void start(const char *alice_extra, const char *bob_extra)
{
	make_side(&alice, "alice", "10.0.0.1", alice_extra);
	make_side(&bob, "bob", "10.0.0.2", bob_extra);
	alice.other = &bob;
	bob.other = &alice;
	bob.serves = BOB;
	open_side(&alice);
	open_side(&bob);
}

static void start_good(void)
{
	creds(ALICE, &ca, BOB, &ca);
	start("", "");
}

static void close_side(struct side *s)
{
	engine_free(s->e);
	oap_env_close(s->oap);
	config_free(s->conf);
	memset(s, 0, sizeof(*s));
}

static void stop(void)
{
	while (on_wire)
		free(wire[--on_wire]);
	close_side(&alice);
	close_side(&bob);
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* Allocation */

static void test_alloc(void **state)
{
	struct fake_flow *f;
	struct blob blob;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	assert_true(allocated(f));
	check_same(f);
	assert_true(blob_read(&blob, f->f.blob, f->f.blob_len));
	assert_int_equal(blob.role, ROLE_INITIATOR);
	assert_string_equal(blob.peer.name, BOB);
	assert_string_equal(blob.name, BOB);
	assert_int_equal(blob.cipher, 901);
	assert_true(blob_read(&blob, peer_of(f)->f.blob,
			      peer_of(f)->f.blob_len));
	assert_int_equal(blob.role, ROLE_RESPONDER);
	assert_string_equal(blob.peer.name, ALICE);
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
}

static void test_alloc_lossy(void **state)
{
	struct fake_flow *f;
	int i, done = 0;

	(void)state;
	start_good();
	chaos = true;
	loss = 30;
	for (i = 0; i < 60; i++) {
		dice_state = 1000 + i;
		f = alloc(BOB, 0);
		run_for(25000);
		if (allocated(f)) {
			done++;
			check_same(f);
			f->used = false;
		} else {
			assert_int_equal(f->error, EHOSTUNREACH);
		}
		memset(bob.flows, 0, sizeof(bob.flows));
	}
	/* a try fails only if it loses about ten round trips in a row */
	assert_true(done >= 58);
}

static void refused_alloc(int error, const char *words, bool half_open_goes)
{
	struct fake_flow *f = alloc(BOB, 0);

	run_for(900);
	assert_false(f->used);
	assert_int_equal(f->error, error);
	if (!strstr(f->reason, words))
		fail_msg("'%s' does not say '%s'", f->reason, words);
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
	if (half_open_goes)
		assert_int_equal(flows_at(&bob), 0);
}

static void test_not_served(void **state)
{
	(void)state;
	start_good();
	bob.serves = NULL;
	refused_alloc(ECONNREFUSED, "not served", true);
}

static void test_alice_wrong_ca(void **state)
{
	(void)state;
	creds(ALICE, &other_ca, BOB, &ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "certificate was refused", true);
}

static void test_alice_unsigned(void **state)
{
	(void)state;
	creds(NULL, NULL, BOB, &ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "not signed", true);
}

static void test_bob_wrong_ca(void **state)
{
	(void)state;
	creds(ALICE, &ca, BOB, &other_ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "certificate was refused", true);
	assert_int_equal(bob.e->stats.alloc_answered, 1);
}

static void test_bob_wrong_name(void **state)
{
	(void)state;
	creds(ALICE, &ca, "mallory.example", &ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "mallory.example", true);
}

static void test_bob_unsigned(void **state)
{
	(void)state;
	creds(ALICE, &ca, NULL, NULL);
	start("", "");
	refused_alloc(EKEYREJECTED, "not signed", true);
}

static void test_bob_no_key(void **state)
{
	char path[256];

	(void)state;
	start_good();
	snprintf(path, sizeof(path), "%s/bob/server/" BOB "/key.pem", top);
	unlink(path);
	refused_alloc(EKEYREJECTED, "cannot read", true);
}

static void test_peers(void **state)
{
	(void)state;
	creds(ALICE, &ca, BOB, &ca);
	start("", "peers = {\"carol.example\"}");
	refused_alloc(EACCES, "may not allocate", true);
}

static void test_alloc_policy(void **state)
{
	struct ipcp_nl_upcall up = { .cred.uid = 1000, .name = BOB };
	struct fake_flow *f;

	(void)state;
	start_good();
	f = add_flow(&alice, BOB);
	up.flow_id = f->f.id;
	engine_alloc(alice.e, &up);
	assert_int_equal(f->error, EACCES);
	stop();
	start("alloc-users = {\"1000\"}", "");
	f = add_flow(&alice, BOB);
	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	up.flow_id = f->f.id;
	up.eid = f->f.eid;
	engine_alloc(alice.e, &up);
	run_for(900);
	assert_true(allocated(f));
}

static void test_unknown_name(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc("carol.example", 0);
	assert_int_equal(f->error, EHOSTUNREACH);
	f = alloc("../carol", 0);
	assert_int_equal(f->error, EHOSTUNREACH);
}

static void test_nobody_answers(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	loss = 100;
	f = alloc(BOB, 0);
	run_for(19000);
	assert_true(f->used);
	run_for(2000);
	assert_false(f->used);
	assert_int_equal(f->error, EHOSTUNREACH);
	/* the program's patience counts if it is less */
	f = alloc(BOB, 1000);
	run_for(1100);
	assert_int_equal(f->error, EHOSTUNREACH);
}

static void test_no_auth(void **state)
{
	struct fake_flow *f;

	(void)state;
	start("auth = \"none\"", "auth = \"none\"");
	f = alloc(BOB, 0);
	run_for(1000);
	assert_true(allocated(f));
	check_same(f);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

static void test_cancel(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	while (!flows_at(&bob))
		assert_true(step(clock_ms + 1000));
	f->used = false;
	engine_cancel(alice.e, f->f.id);
	run_for(500);
	assert_int_equal(flows_at(&bob), 0);
}

/* An abort takes down nothing that was confirmed. */
static void test_late_abort(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	while (!flows_at(&bob))
		assert_true(step(clock_ms + 1000));
	bob.flows[0].f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	engine_cancel(alice.e, f->f.id);
	run_for(500);
	assert_int_equal(flows_at(&bob), 1);
}

/* Who does not get the cookie gets nothing for his bytes. */
static void test_amplification(void **state)
{
	struct sockaddr_storage victim = bob.addr;
	struct sockaddr_in *in = (struct sockaddr_in *)&victim;
	uint8_t payload[FRAME_PAYLOAD] = { 0 }, buf[FRAME_MAX];
	struct message msg = { .type = MSG_ALLOC, .p = payload };
	uint64_t sent = 0;
	size_t len;
	int i;

	(void)state;
	start_good();
	in->sin_family = AF_INET;
	inet_pton(AF_INET, "203.0.113.9", &in->sin_addr);
	for (i = 0; i < 500; i++) {
		msg.type = i % 2 ? MSG_ALLOC : i % 4 ? MSG_HELLO : MSG_ABORT;
		msg.token = i;
		msg.len = i % 3 ? sizeof(payload) : (size_t)i % 7;
		memset(payload, i, 8);
		len = frame_write(buf, &msg, 0, i % 5 ? payload : NULL);
		sent += len;
		engine_ctrl(bob.e, &victim, buf, len);
		assert_true(bob.bytes_out <= sent);
	}
	assert_true(TAILQ_EMPTY(&bob.e->incomings));
	assert_true(TAILQ_EMPTY(&bob.e->answers));
}

static void test_cookie(void **state)
{
	struct cookie_jar jar = { .ready = false };
	struct sockaddr_storage a = { .ss_family = AF_INET }, b = a;
	uint8_t cookie[COOKIE_LEN];
	int i;

	(void)state;
	((struct sockaddr_in *)&a)->sin_port = 1;
	((struct sockaddr_in *)&b)->sin_port = 2;
	assert_true(cookie_make(&jar, 60000, &a, cookie));
	assert_true(cookie_ok(&jar, 60000, &a, cookie));
	assert_true(cookie_ok(&jar, 179999, &a, cookie));
	assert_false(cookie_ok(&jar, 179999, &b, cookie));
	assert_false(cookie_ok(&jar, 180000, &a, cookie));
	assert_true(cookie_make(&jar, 300000, &a, cookie));
	for (i = 0; i < COOKIE_LEN * 8; i++) {
		cookie[i / 8] ^= 1 << i % 8;
		assert_false(cookie_ok(&jar, 300000, &a, cookie));
		cookie[i / 8] ^= 1 << i % 8;
	}
	assert_true(cookie_ok(&jar, 300000, &a, cookie));
}

/* Every bit of every frame, both ways: no flow with keys that differ. */
static void test_tampering(void **state)
{
	struct fake_flow *f;
	unsigned int i;
	int done = 0;

	(void)state;
	start_good();
	for (i = 0; i < 300; i++) {
		f = alloc(BOB, 2000);
		while (f->used && !allocated(f) && step(clock_ms + 3000)) {
			if (on_wire && dice(3) == 0)
				wire[0]->p[dice(wire[0]->len)] ^= 1 << dice(8);
		}
		if (allocated(f)) {
			check_same(f);
			done++;
		}
		engine_cancel(alice.e, f->f.id);
		memset(alice.flows, 0, sizeof(alice.flows));
		memset(bob.flows, 0, sizeof(bob.flows));
		while (on_wire)
			free(wire[--on_wire]);
	}
	assert_true(done > 0 && done < 300);
}

/* Re-keying */

static void test_rekey(void **state)
{
	struct fake_flow *f;
	uint8_t before[32];
	int i;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	for (i = 1; i <= 600; i++) {
		memcpy(before, f->seed, 32);
		claim(f);
		run_for(100);
		assert_int_equal(f->f.newest_epoch, i & 0xff);
		assert_memory_not_equal(before, f->seed, 32);
		check_same(f);
	}
}

static void test_rekey_lossy(void **state)
{
	struct fake_flow *f, *g;
	int i, done = 0;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	g = peer_of(f);
	chaos = true;
	loss = 40;
	for (i = 0; i < 200; i++) {
		dice_state = 77 + i;
		claim(f);
		while (f->f.in_flight && step(clock_ms + 60000)) {
			/* one of the agents dies now and then */
			if (dice(100) == 0)
				restart(dice(2) ? &alice : &bob);
		}
		/* what the initiator has, the responder has */
		if (f->f.newest_epoch == f->claimed_epoch) {
			done++;
			assert_int_equal(g->f.newest_epoch,
					 f->f.newest_epoch);
			assert_memory_equal(g->seed, f->seed, 32);
		}
	}
	assert_true(done >= 150);
}

static void test_busy(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	bob.busy = true;
	claim(f);
	run_for(100);
	assert_false(f->f.in_flight);
	assert_true(engine_claim_at(alice.e) < clock_ms + BUSY_RETRY_MS);
	bob.busy = false;
	claim(f);
	run_for(100);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* The responder parked, its answer got lost, and so did its agent. */
static void test_anew(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	g = peer_of(f);
	claim(f);
	while (g->f.newest_epoch != 1)
		assert_true(step(clock_ms + 1000));
	restart(&bob);
	while (on_wire)
		free(wire[--on_wire]);
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

static void test_rekey_timeout(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	loss = 100;
	claim(f);
	run_for(29000);
	assert_true(f->f.in_flight);
	run_for(2000);
	assert_false(f->f.in_flight);
	assert_true(allocated(f));
	loss = 0;
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* Without the flow's keys the certificates must do. */
static void test_keys_lost(void **state)
{
	struct fake_flow *f;
	int i;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	for (i = 1; i < 4; i++) {
		alice.no_keys = i & 1;
		bob.no_keys = i & 2;
		claim(f);
		run_for(i == 2 ? 10000 : 1000);
		assert_int_equal(f->f.newest_epoch, i);
		check_same(f);
	}
	assert_int_equal(alice.e->stats.rekey_in_clear, 3);
	/* another identity is refused there, too */
	creds("mallory.example", &ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 3);
	assert_int_equal(bob.e->stats.rekey_refused, 1);
	assert_true(allocated(f));
}

static void test_keys_lost_unsigned(void **state)
{
	struct fake_flow *f;

	(void)state;
	start("auth = \"none\"", "auth = \"none\"");
	f = alloc(BOB, 0);
	run_for(1000);
	bob.no_keys = true;
	claim(f);
	run_for(40000);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_int_equal(bob.e->stats.rekey_answered, 0);
	assert_false(f->f.in_flight);
	assert_true(allocated(f));
	alice.no_keys = true;
	claim(f);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYEXPIRED);
}

/* Another name may not take over; a new certificate of the same name may. */
static void test_rekey_identity(void **state)
{
	struct fake_flow *f;
	struct blob before, after;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	creds("mallory.example", &ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	assert_int_equal(bob.e->stats.rekey_refused, 1);
	creds(ALICE, &ca, "mallory.example", &ca);
	claim(f);
	run_for(1000);
	assert_false(f->f.in_flight);
	assert_int_equal(f->f.newest_epoch, 0);
	blob_read(&before, f->f.blob, f->f.blob_len);
	creds(NULL, NULL, BOB, &ca);
	/* bob parked the exchange that alice refused; the next replaces it */
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
	blob_read(&after, f->f.blob, f->f.blob_len);
	assert_memory_not_equal(before.peer.fingerprint,
				after.peer.fingerprint, OAP_FP_LEN);
}

/* Nobody re-keys a flow from its wrong end. */
static void test_wrong_end(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	g = peer_of(f);
	claim(f);
	/* alice's request comes back to her as if bob had sent it */
	assert_true(on_wire > 0);
	wire[0]->to = &alice;
	wire[0]->flow = f->f.id;
	run_for(100);
	assert_int_equal(f->f.newest_epoch, g->f.newest_epoch);
	assert_int_equal(alice.e->stats.rekey_answered, 0);
}

/* Nor another flow of the same two than the one that was claimed. */
static void test_wrong_flow(void **state)
{
	struct fake_flow *f, *other;
	unsigned int i;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	other = alloc(BOB, 0);
	run_for(1000);
	claim(f);
	assert_true(on_wire > 0);
	for (i = 0; i < on_wire; i++)
		wire[i]->flow = peer_of(other)->f.id;
	run_for(100);
	assert_int_equal(peer_of(other)->f.newest_epoch, 0);
	assert_int_equal(bob.e->stats.rekey_refused, 1);
	check_same(other);
}

static void test_wanted(void **state)
{
	struct fake_flow *f, *g;
	struct ipcp_nl_flow low;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	g = peer_of(f);
	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	low = g->f;
	engine_want(bob.e, &low);
	assert_int_equal(on_wire, 0);
	low.due = IPCP_REKEY_DUE_WATERMARK;
	engine_want(bob.e, &low);
	run_for(100);
	assert_int_equal(f->f.due, IPCP_REKEY_DUE_REQUEST);
	assert_true(engine_claim_at(alice.e) <= clock_ms);
}

static void test_bad_blob(void **state)
{
	struct fake_flow *f;
	struct blob blob;
	unsigned int i;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	for (i = 0; i < f->f.blob_len; i++)
		assert_false(blob_read(&blob, f->f.blob, i));
	f->f.blob_len = 3;
	claim(f);
	assert_false(f->f.in_flight);
	assert_true(allocated(f));
}

static void test_big_message(void **state)
{
	struct fake_flow *f;
	char path[256];

	(void)state;
	if (OPENSSL_VERSION_NUMBER < 0x30500000L)
		skip();
	snprintf(path, sizeof(path), "%s/alice/client/" BOB, top);
	make_creds(path, ALICE, "ML-DSA-65", &ca);
	test_file(path, "enc.conf", "kex = X448MLKEM1024\n");
	snprintf(path, sizeof(path), "%s/bob/server/" BOB, top);
	make_creds(path, BOB, "ML-DSA-65", &ca);
	start("", "");
	chaos = true;
	loss = 10;
	f = alloc(BOB, 0);
	run_for(15000);
	assert_true(allocated(f));
	check_same(f);
	claim(f);
	run_for(15000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

static void test_rubbish(void **state)
{
	uint8_t buf[FRAME_MAX + 8];
	size_t i, n, len;

	(void)state;
	start_good();
	for (n = 0; n < 200000; n++) {
		len = dice(64) ? dice(80) : dice(sizeof(buf));
		for (i = 0; i < len; i++)
			buf[i] = dice(256);
		if (dice(2) && len > 8) {
			buf[0] = FRAME_VERSION;
			buf[1] = dice(20);
			buf[2] = dice(4);
			buf[3] = dice(5);
			memset(buf + 4, 0, 4);
		}
		if (dice(2))
			engine_ctrl(bob.e, &alice.addr, buf, len);
		else
			engine_sealed(bob.e, 1 + dice(3), buf, len);
	}
	assert_int_equal(flows_at(&bob), 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alloc), TEST(test_alloc_lossy),
		TEST(test_not_served), TEST(test_alice_wrong_ca),
		TEST(test_alice_unsigned), TEST(test_bob_wrong_ca),
		TEST(test_bob_wrong_name), TEST(test_bob_unsigned),
		TEST(test_bob_no_key), TEST(test_peers),
		TEST(test_alloc_policy), TEST(test_unknown_name),
		TEST(test_nobody_answers), TEST(test_no_auth),
		TEST(test_cancel), TEST(test_late_abort),
		TEST(test_amplification), TEST(test_cookie),
		TEST(test_tampering), TEST(test_rekey),
		TEST(test_rekey_lossy), TEST(test_busy), TEST(test_anew),
		TEST(test_rekey_timeout), TEST(test_keys_lost),
		TEST(test_keys_lost_unsigned), TEST(test_rekey_identity),
		TEST(test_wrong_end), TEST(test_wrong_flow),
		TEST(test_wanted), TEST(test_bad_blob),
		TEST(test_big_message), TEST(test_rubbish),
	};
	int failed;

	if (!getenv("VERBOSE"))
		log_quiet();
	ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	other_ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	failed = cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
	test_crt_free(&ca);
	test_crt_free(&other_ca);
	return failed;
}
