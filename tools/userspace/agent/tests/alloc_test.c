// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Allocation: the state of both sides, and messages that are lost or late. */

#include <errno.h>
#include <string.h>

#include "world.h"

static void both_ends_agree_on_keys_and_names(void **state)
{
	struct fake_flow *f;
	struct blob blob;

	(void)state;
	f = good_flow();
	assert_true(allocated(f));
	check_same(f);
	assert_true(binding_blob_read(&blob, f->f.blob, f->f.blob_len));
	assert_int_equal(blob.role, ROLE_INITIATOR);
	assert_string_equal(blob.peer.name, BOB);
	assert_string_equal(blob.name, BOB);
	assert_int_equal(blob.cipher, 901);
	assert_true(binding_blob_read(&blob, peer_of(f)->f.blob,
				      peer_of(f)->f.blob_len));
	assert_int_equal(blob.role, ROLE_RESPONDER);
	assert_string_equal(blob.peer.name, ALICE);
	assert_true(f->f.authenticated);
	assert_string_equal(f->f.peer_name, BOB);
	assert_true(peer_of(f)->f.authenticated);
	assert_string_equal(peer_of(f)->f.peer_name, ALICE);
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
}

static void allocation_survives_loss_and_reordering(void **state)
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
	/* an attempt fails only if about ten round trips in a row are lost */
	assert_true(done >= 58);
}

/* Return a frame of this type in flight, or NULL. */
static struct packet *frame_on_wire(uint8_t type)
{
	unsigned int i;

	for (i = 0; i < on_wire; i++)
		if (wire[i]->p[1] == type)
			return wire[i];
	return NULL;
}

/*
 * Allocate with a timeout of one minute, until a frame of this type is in
 * flight.
 */
static struct fake_flow *alloc_until(uint8_t type)
{
	struct fake_flow *f;

	start_good();
	alice.conf->alloc_timeout = 60000;
	f = alloc(BOB, 0);
	while (!frame_on_wire(type))
		assert_true(step(clock_ms + 1000));
	return f;
}

/*
 * Lose all messages for longer than the maximum age of a request. The
 * allocation succeeds afterwards.
 */
static void outage_then_allocated(struct fake_flow *f)
{
	lose_all_on_wire();
	loss = 100;
	run_for(25000);
	loss = 0;
	run_for(5000);
	assert_true(allocated(f));
	check_same(f);
	assert_int_equal(flows_at(&bob), 1);
	assert_int_equal(bob.e->record.by[ALLOC_REFUSED].count, 0);
}

static void allocation_survives_an_outage_before_the_cookie(void **state)
{
	(void)state;
	outage_then_allocated(alloc_until(MSG_HELLO));
}

static void allocation_survives_an_outage_before_the_request(void **state)
{
	(void)state;
	outage_then_allocated(alloc_until(MSG_ALLOC));
}

static void allocation_survives_an_outage_before_the_answer(void **state)
{
	struct fake_flow *f = alloc_until(MSG_ALLOC_OK);
	uint32_t first = bob.flows[0].f.eid;

	(void)state;
	outage_then_allocated(f);
	/* the newer request has a flow of its own, which replaces the first */
	assert_int_not_equal(peer_of(f)->f.eid, first);
}

static void assert_none_refused(struct fake_flow *f)
{
	run_for(5000);
	assert_true(allocated(f));
	check_same(f);
	assert_int_equal(bob.e->record.by[ALLOC_REFUSED].count, 0);
}

/* The request is replaced: the peer would refuse its age, and blame the clocks. */
static void allocation_survives_a_suspend_after_the_request(void **state)
{
	struct fake_flow *f = alloc_until(MSG_ALLOC);

	(void)state;
	lose_all_on_wire();
	suspended_ms += 25000;
	assert_none_refused(f);
}

/* The cookie of the time before has expired. */
static void a_new_cookie_after_a_suspend_gets_a_new_request(void **state)
{
	struct fake_flow *f = alloc_until(MSG_ALLOC);
	struct message msg = { .type = MSG_COOKIE };
	struct ipcp_nl_peer from = { .addr = bob.addr, .socket = GROUP_SOCKET };
	struct packet *request = frame_on_wire(MSG_ALLOC);
	uint8_t buf[FRAME_MAX], cookie[COOKIE_LEN];

	(void)state;
	memset(&bob.e->jar, 0, sizeof(bob.e->jar));
	assert_true(cookie_make(&bob.e->jar, clock_ms, &request->from.addr,
				cookie));
	lose_all_on_wire();
	suspended_ms += 25000;
	/* wait, but not until the request is repeated anyway */
	clock_ms += REQUEST_REPEAT_MS;
	msg.token = TAILQ_FIRST(&alice.e->exchanges)->msg.token;
	engine_ctrl(alice.e, &from, buf, frame_write(buf, &msg, 0, cookie));
	assert_none_refused(f);
}

static void an_overtaken_request_changes_nothing(void **state)
{
	struct fake_flow *f = alloc_until(MSG_ALLOC);
	unsigned int i;

	(void)state;
	for (i = 0; i < on_wire; i++)
		wire[i]->at += 15000;
	loss = 100;
	run_for(11000);
	loss = 0;
	run_for(3500);
	assert_true(allocated(f));
	assert_true(on_wire > 0);
	run_for(5000);
	assert_int_equal(on_wire, 0);
	check_same(f);
	assert_int_equal(flows_at(&bob), 1);
	assert_int_equal(bob.e->record.by[ALLOC_REFUSED].count, 0);
}

/*
 * An endpoint id is not secret: a request with the endpoint id of another peer
 * removes no flow.
 */
static void another_peer_cannot_replace_a_flow_by_endpoint_id(void **state)
{
	struct ipcp_nl_upcall up = { .name = BOB };
	struct fake_flow *f = alloc_until(MSG_ALLOC_OK), *other;

	(void)state;
	run_for(1000);
	creds("carol.example", &ca, BOB, &ca);
	other = add_flow(&alice, BOB);
	other->f.state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	other->f.eid = f->f.eid;
	up.flow_id = other->f.id;
	up.eid = other->f.eid;
	up.generation = other->f.generation;
	engine_alloc(alice.e, &up);
	run_for(1000);
	assert_true(allocated(other));
	assert_int_equal(flows_at(&bob), 2);
	check_same(f);
}

/* Direct flows between programs of one host, if configured. */
static void direct_flows_need_configuration_and_a_local_server(void **state)
{
	static const struct {
		const char *extra;
		const char *serves;	/* name served at alice */
		bool full;
		bool direct;
		int error;
	} cases[] = {
		{ "direct = true", BOB, false, true, 0 },
		{ "direct = true", NULL, false, false, 0 },
		{ "direct = true", "other", false, false, 0 },
		{ "direct = true", BOB, true, false, EUSERS },
		{ "direct = false", BOB, false, false, 0 },
		{ "", BOB, false, false, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_flow *f;

		creds(ALICE, &ca, BOB, &ca);
		start(cases[i].extra, "");
		alice.serves = cases[i].serves;
		alice.full = cases[i].full;
		f = alloc(BOB, 0);
		run_for(1000);
		assert_int_equal(f->f.direct, cases[i].direct);
		assert_int_equal(allocated(f), !cases[i].error);
		assert_int_equal(f->error, cases[i].error);
		assert_string_equal(f->reason, cases[i].error ?
				    "said the registry" : "");
		assert_int_equal(flows_at(&bob),
				 !cases[i].direct && !cases[i].error);
		assert_true(TAILQ_EMPTY(&alice.e->exchanges));
		stop();
	}
}

/* Each user may cause a few log lines. Users beyond the table share a limit. */
static void log_lines_about_failures_are_limited_per_user(void **state)
{
	struct ipcp_nl_upcall up = {
		.type = IPCP_REKEY_UPCALL_TYPE_ALLOC, .name = "/",
		.cred.uid = 1000,
	};
	unsigned int i;

	(void)state;
	start_good();
	forget_lines();
	for (i = 0; i < 1000; i++)
		engine_alloc(alice.e, &up);
	assert_int_equal(lines_with(""), 5);
	up.cred.uid = 1001;
	engine_alloc(alice.e, &up);
	assert_int_equal(lines_with(""), 6);
	/* the users beyond the table cause five lines together */
	while (++up.cred.uid < 2000)
		engine_alloc(alice.e, &up);
	assert_int_equal(lines_with(""), 5 + 15 + 5);
	clock_ms += 20000;
	up.cred.uid = 1000;
	engine_alloc(alice.e, &up);
	assert_int_equal(lines_with("995 lines more were not logged"), 1);
	assert_int_equal(lines_with(""), 5 + 15 + 5 + 2);
}

/* Allocate many flows. */
static void succeed_often(unsigned int times)
{
	struct fake_flow *f;

	forget_lines();
	while (times--) {
		f = alloc(BOB, 0);
		run_for(50);
		assert_true(allocated(f));
	}
}

/* A program may allocate flows, and a peer may ask for them, without a pause. */
static void log_lines_about_allocations_are_limited(void **state)
{
	(void)state;
	start_good();
	succeed_often(LOG_MANY + 15);
	assert_int_equal(lines_with("at 10.0.0.2:3435: allocated, "), LOG_MANY);
	assert_int_equal(lines_with(" of " BOB " from 10.0.0.1:40009: "), LOG_MANY);
	assert_int_equal(lines_with(""), 2 * LOG_MANY);
	/* strangers and other users have limits of their own */
	assert_false(log_allowed_of(&bob.e->answered_peers, LOG_MANY, clock_ms));
	assert_true(log_allowed(&bob.e->answered_strangers, clock_ms));
	assert_false(user_limits_allow(&alice.e->done_allocs, 0, clock_ms));
	assert_true(user_limits_allow(&alice.e->done_allocs, 1, clock_ms));
	run_for(20000);
	succeed_often(1);
	assert_int_equal(lines_with("16 lines more were not logged"), 2);
	assert_int_equal(lines_with(""), 4);
}

static void log_lines_about_flows_of_strangers_are_limited(void **state)
{
	(void)state;
	start("auth = \"none\"", "auth = \"none\"");
	succeed_often(LOG_MANY + 15);
	assert_int_equal(lines_with("peer not authenticated"), 2 * LOG_MANY);
	assert_true(log_allowed(&bob.e->answered_peers, clock_ms));
}

/*
 * Lookups by token and by flow find each of many exchanges, until the exchange
 * ends.
 */
static void each_of_many_exchanges_is_found_until_it_ends(void **state)
{
	enum { MANY = 16 * EXCHANGES_PER_MS };
	static uint64_t tokens[MANY];
	struct exchange *x;
	uint32_t i;

	(void)state;
	start_good();
	for (i = 0; i < MANY; i++) {
		x = exchange_new(alice.e, 100 + i, EXCHANGE_ALLOC, 60000);
		assert_non_null(x);
		x->in_clear = true;
		x->resend_at = UINT64_MAX;
		assert_true(exchange_token(alice.e, x));
		tokens[i] = x->msg.token;
		assert_ptr_equal(exchange_find(alice.e, 0, tokens[i]), x);
		/* another token takes its place */
		assert_true(exchange_token(alice.e, x));
		assert_null(exchange_find(alice.e, 0, tokens[i]));
		tokens[i] = x->msg.token;
	}
	engine_tick(alice.e);
	/* the next tick is 16 ms away, even if an exchange is due earlier */
	exchange_due(alice.e, clock_ms + 1);
	assert_int_equal(engine_tick(alice.e), clock_ms + 16);
	for (i = 0; i < MANY; i++) {
		x = exchange_find(alice.e, 0, tokens[i]);
		assert_int_equal(x->flow, 100 + i);
		assert_ptr_equal(exchange_of_flow(alice.e, x->flow, x->kind), x);
		assert_null(exchange_of_flow(alice.e, x->flow, EXCHANGE_REKEY));
		engine_cancel(alice.e, x->flow);
		assert_null(exchange_find(alice.e, 0, tokens[i]));
		assert_null(exchange_of_flow(alice.e, 100 + i, EXCHANGE_ALLOC));
	}
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
}

static void an_unanswered_allocation_times_out(void **state)
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
	/*
	 * A shorter timeout of the program takes precedence. The kernel
	 * enforces it, too, and reports ETIMEDOUT.
	 */
	f = alloc(BOB, 1000);
	run_for(1100);
	assert_int_equal(f->error, ETIMEDOUT);
	assert_non_null(strstr(f->reason, "no agent answers at"));
	f = alloc(BOB, alice.conf->alloc_timeout);
	run_for(21000);
	assert_int_equal(f->error, ETIMEDOUT);
}

static void flows_without_certificates_rekey_unauthenticated(void **state)
{
	struct fake_flow *f;

	(void)state;
	start("auth = \"none\"", "auth = \"none\"");
	f = alloc(BOB, 0);
	run_for(1000);
	assert_true(allocated(f));
	check_same(f);
	assert_false(f->f.authenticated);
	assert_false(peer_of(f)->f.authenticated);
	claim(f);
	run_for(1000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

static void a_cancelled_allocation_frees_the_flow_of_the_peer(void **state)
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

/* An abort never removes a confirmed flow. */
static void an_abort_does_not_remove_a_confirmed_flow(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ends_agree_on_keys_and_names),
		TEST(allocation_survives_loss_and_reordering),
		TEST(allocation_survives_an_outage_before_the_cookie),
		TEST(allocation_survives_an_outage_before_the_request),
		TEST(allocation_survives_an_outage_before_the_answer),
		TEST(allocation_survives_a_suspend_after_the_request),
		TEST(a_new_cookie_after_a_suspend_gets_a_new_request),
		TEST(an_overtaken_request_changes_nothing),
		TEST(another_peer_cannot_replace_a_flow_by_endpoint_id),
		TEST(direct_flows_need_configuration_and_a_local_server),
		TEST(log_lines_about_failures_are_limited_per_user),
		TEST(log_lines_about_allocations_are_limited),
		TEST(log_lines_about_flows_of_strangers_are_limited),
		TEST(each_of_many_exchanges_is_found_until_it_ends),
		TEST(an_unanswered_allocation_times_out),
		TEST(flows_without_certificates_rekey_unauthenticated),
		TEST(a_cancelled_allocation_frees_the_flow_of_the_peer),
		TEST(an_abort_does_not_remove_a_confirmed_flow),
	};

	return WORLD_MAIN("alloc", tests);
}
