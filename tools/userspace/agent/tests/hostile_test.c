// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Messages from attackers: floods, forgeries, garbage. */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* A sender without a cookie gets no more bytes than it sent. */
static void replies_without_a_cookie_do_not_amplify(void **state)
{
	struct ipcp_nl_peer victim = { .addr.ss_family = AF_INET };
	struct sockaddr_in *in = (struct sockaddr_in *)&victim.addr;
	uint8_t payload[FRAME_PAYLOAD] = { 0 }, buf[FRAME_MAX];
	struct message msg = { .type = MSG_ALLOC, .p = payload };
	uint64_t sent = 0;
	size_t len;
	int i;

	(void)state;
	start_good();
	in->sin_port = htons(AGENT_PORT);
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

static void a_cookie_is_bound_to_address_and_time(void **state)
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

/* Flip random bits of frames in both directions: the keys never differ. */
static void tampered_frames_never_make_the_keys_differ(void **state)
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
		lose_all_on_wire();
	}
	assert_true(done > 0 && done < 300);
}

static void random_frames_create_no_flow(void **state)
{
	struct ipcp_nl_peer from = { 0 };
	uint8_t buf[FRAME_MAX + 8];
	size_t i, n, len;

	(void)state;
	start_good();
	from.addr = alice.addr;
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
			engine_ctrl(bob.e, &from, buf, len);
		else
			engine_sealed(bob.e, 1 + dice(3), buf, len);
	}
	assert_int_equal(flows_at(&bob), 0);
}

/* Refused strangers are counted, and a few of them logged; no state is kept. */
static void refused_strangers_are_counted_but_leave_no_state(void **state)
{
	unsigned int i;

	(void)state;
	start_good();
	creds(ALICE, &other_ca, NULL, NULL);
	for (i = 1; i <= 20; i++) {
		alloc(BOB, 0);
		run_for(100);
		assert_int_equal(bob.e->record.by[ALLOC_REFUSED].count, i);
		assert_true(TAILQ_EMPTY(&bob.e->answers));
		assert_true(TAILQ_EMPTY(&bob.e->record.failures));
	}
	assert_int_equal(bob.e->refusals.lines, 5);
	assert_int_equal(bob.e->refusals.missed, 15);
}

/*
 * However many strangers there are, five lines are logged in ten seconds, and
 * the number of lines left out.
 */
static void log_lines_about_strangers_are_limited(void **state)
{
	unsigned int i;

	(void)state;
	start_good();
	creds(ALICE, &other_ca, NULL, NULL);
	for (i = 0; i < 180; i++) {
		alloc(BOB, 0);
		run_for(333);
	}
	assert_int_equal(bob.e->record.by[ALLOC_REFUSED].count, 180);
	assert_in_range(lines_with("10.0.0.1:40009 refused: "), 30, 35);
	/* alice's program has failed as often */
	assert_in_range(lines_with("lines more were not logged"), 2 * 5, 2 * 6);
}

/* Known peers and strangers have separate limits of log lines. */
static void known_peers_and_strangers_have_separate_log_limits(void **state)
{
	unsigned int i;

	(void)state;
	creds(ALICE, &ca, BOB, &ca);
	start("", "peers = {\"carol.example\"}");
	for (i = 0; i < 180; i++) {
		alloc(BOB, 0);
		run_for(333);
	}
	assert_int_equal(bob.e->record.by[ALLOC_REFUSED].count, 180);
	assert_in_range(lines_with("10.0.0.1:40009 refused: "), 30, 35);
	run_for(10000);
	creds(ALICE, &other_ca, NULL, NULL);
	for (i = 0; i < 20; i++) {
		alloc(BOB, 0);
		run_for(100);
	}
	creds(ALICE, &ca, NULL, NULL);
	forget_lines();
	alloc(BOB, 0);
	run_for(100);
	/* at bob; alice has logged other failures of her program just now */
	assert_int_equal(lines_with("see its peers"), 1);
}

/*
 * A request in the clear can be replayed with another token, and hence without
 * the kept answer. The replay gets no reply and changes nothing.
 */
static void a_replayed_request_is_ignored(void **state)
{
	struct packet old;
	struct fake_flow *f;
	struct record before;
	uint64_t sent;
	uint8_t token, i;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	while (!on_wire || wire[0]->p[1] != MSG_ALLOC)
		assert_true(step(clock_ms + 1000));
	assert_int_equal(wire[0]->p[3], 1);	/* one frame */
	old = *wire[0];
	token = old.p[15];
	run_for(1000);
	assert_true(allocated(f));
	before = bob.e->record;
	sent = bob.bytes_out;
	forget_lines();
	for (i = 0; i < 100; i++) {
		old.p[15] = token ^ (1 + i);
		engine_ctrl(bob.e, &old.from, old.p, old.len);
		run_for(100);
	}
	assert_true(bob.bytes_out == sent);
	assert_int_equal(lines_with(""), 0);
	assert_int_equal(bob.e->nanswers, 1);
	assert_int_equal(bob.e->record.nfailures, 0);
	assert_memory_equal(bob.e->record.by, before.by, sizeof(before.by));
	assert_int_equal(flows_at(&bob), 1);
	check_same(f);
}

/*
 * A peer that has used up its share of the replay cache can still re-key its
 * flows, and other peers can still allocate new ones.
 */
static void a_peer_at_its_request_limit_still_rekeys_its_flows(void **state)
{
	struct fake_flow *f, *other;
	unsigned int i;

	(void)state;
	replay_max = 200;
	f = good_flow();
	for (i = 0; i < 200; i++) {
		other = alloc(BOB, 0);
		run_for(50);
		if (!other->used)
			break;
		engine_cancel(alice.e, other->f.id);
		other->used = false;
		memset(&bob.flows[1], 0, sizeof(bob.flows) - sizeof(bob.flows[0]));
	}
	assert_in_range(i, 1, 199);
	assert_int_equal(other->error, ECONNREFUSED);
	assert_non_null(strstr(other->reason, "no more are taken"));
	for (i = 1; i <= 100; i++) {
		claim(f);
		run_for(100);
		assert_int_equal(f->f.newest_epoch, i);
		check_same(f);
	}
	creds("carol.example", &ca, NULL, NULL);
	other = alloc(BOB, 0);
	run_for(100);
	assert_true(allocated(other));
}

/*
 * The most expensive key exchanges are refused unless bob's configuration names
 * them. The first one is refused even then, since it is weaker than bob's own.
 */
static void expensive_key_exchanges_are_refused_unless_configured(void **state)
{
	static const char * const dear[] = { "ffdhe2048", "ffdhe3072", "ffdhe4096" };
	static const char * const auth[] = { "none", "optional", "required" };
	char dir[128], conf[32];
	struct fake_flow *f;
	size_t i, named;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/alice/client/" BOB, top);
	for (i = 0; i < 18; i++) {
		named = i / 9;
		creds(ALICE, &ca, BOB, &ca);
		snprintf(conf, sizeof(conf), "kex = %s\n", dear[i % 3]);
		test_file(dir, "enc.conf", conf);
		snprintf(conf, sizeof(conf), "auth = \"%s\"", auth[i / 3 % 3]);
		start("", conf);
		assert_null(strstr(bob.conf->kex_accept, "ffdhe"));
		if (named) {
			free(bob.conf->kex_accept);
			bob.conf->kex_accept = strdup(dear[i % 3]);
		}
		f = alloc(BOB, 0);
		run_for(1000);
		assert_int_equal(allocated(f), named && i % 3);
		if (!named)
			assert_non_null(strstr(f->reason,
					       "or choose another kex in enc.conf"));
		stop();
	}
}

/* The certificate is verified before the flow is looked up. */
static void strangers_cause_no_flow_lookup(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	alice.no_keys = true;
	creds(ALICE, &other_ca, NULL, NULL);
	claim(f);
	run_for(1000);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	assert_int_equal(bob.finds, 0);
	creds(ALICE, &ca, NULL, NULL);
	claim(f);
	run_for(4000);
	assert_int_equal(bob.finds, 1);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* The initiator does not repeat its request for each different cookie. */
static void a_flood_of_cookies_does_not_multiply_requests(void **state)
{
	struct ipcp_nl_peer from = { 0 };
	struct message msg = { .type = MSG_COOKIE };
	uint8_t cookie[COOKIE_LEN] = { 0 }, buf[FRAME_MAX];
	uint64_t before, request;
	struct fake_flow *f;
	size_t len;
	int i;

	(void)state;
	start_good();
	from.addr = bob.addr;
	f = alloc(BOB, 0);
	while (!TAILQ_FIRST(&alice.e->exchanges)->sent)
		assert_true(step(clock_ms + 1000));
	lose_all_on_wire();
	request = alice.bytes_out;
	before = clock_ms;
	msg.token = TAILQ_FIRST(&alice.e->exchanges)->msg.token;
	for (i = 0; i < 1000; i++) {
		cookie[0] = i;
		cookie[1] = i >> 8;
		len = frame_write(buf, &msg, 0, cookie);
		engine_ctrl(alice.e, &from, buf, len);
		run_for(1);
		lose_all_on_wire();
	}
	assert_int_equal(clock_ms - before, 1000);
	assert_in_range(alice.bytes_out, 5 * request, 12 * request);
	/* the real cookie still works */
	run_for(5000);
	assert_true(allocated(f));
}

static void keep_answers(const char *who, unsigned int count)
{
	struct answer a = { .msg = { .type = MSG_ALLOC_OK, .p = (uint8_t *)"x",
				     .len = 1 } };

	strcpy(a.who, who);
	a.peer.addr = alice.addr;
	while (count--) {
		a.msg.token++;
		answers_send(bob.e, &a);
	}
	lose_all_on_wire();
}

static unsigned int answers_to(const char *who)
{
	unsigned int count = 0;
	struct answer *a;

	TAILQ_FOREACH(a, &bob.e->answers, entry)
		count += !strcmp(a->who, who);
	return count;
}

/* One peer cannot evict the answers to others. */
static void one_peer_cannot_evict_the_answers_to_others(void **state)
{
	(void)state;
	start_good();
	keep_answers("carol", 3);
	keep_answers("mallory", ANSWERS_MAX);
	assert_int_equal(answers_to("carol"), 3);
	assert_int_equal(answers_to("mallory"), ANSWERS_EACH);
}

/* Add one of the two frames of a request; true if the request is complete. */
static bool add_frame(uint32_t flow, const struct sockaddr_storage *from,
		      uint64_t token, int index)
{
	static const uint8_t payload[FRAME_PAYLOAD];
	struct frame frame = {
		.type = MSG_REKEY, .token = token, .index = index, .count = 2,
		.payload = payload, .len = sizeof(payload),
	};
	struct ipcp_nl_peer peer = { 0 };
	struct assembly msg;

	if (from)
		peer.addr = *from;
	if (!incoming_add(bob.e, flow, from ? &peer : NULL, &frame, &msg))
		return false;
	assembly_free(&msg);
	return true;
}

/* Add first frames of requests of strangers, 8 from each address. */
static void add_of_strangers(unsigned int count)
{
	struct sockaddr_storage from = alice.addr;
	unsigned int i;

	for (i = 0; i < count; i++) {
		((struct sockaddr_in *)&from)->sin_port = htons(1 + i / 8);
		add_frame(0, &from, i + 1, 0);
	}
}

static unsigned int count_incomings(bool sealed)
{
	unsigned int count = 0;
	struct incoming *in;

	TAILQ_FOREACH(in, &bob.e->incomings, entry)
		count += !!in->flow == sealed;
	return count;
}

/* Senders with a cookie cannot evict frames that arrived under the keys. */
static void strangers_do_not_evict_frames_under_the_keys(void **state)
{
	unsigned int i;

	(void)state;
	start_good();
	assert_false(add_frame(7, NULL, 77, 0));
	add_of_strangers(2 * ASSEMBLIES_MAX);
	assert_int_equal(count_incomings(false), ASSEMBLIES_MAX);
	assert_true(add_frame(7, NULL, 77, 1));
	/* peers with flows cannot evict the frames of strangers */
	for (i = 1; i <= 2 * ASSEMBLIES_MAX; i++)
		assert_false(add_frame(i, NULL, i, 0));
	assert_int_equal(count_incomings(true), ASSEMBLIES_MAX);
	assert_int_equal(count_incomings(false), ASSEMBLIES_MAX);
	/* the oldest of each kind are gone */
	assert_false(add_frame(1, NULL, 1, 1));
	assert_true(add_frame(2 * ASSEMBLIES_MAX, NULL, 2 * ASSEMBLIES_MAX, 1));
}

/* Foreign text, such as the name of a program, cannot control a terminal. */
static void unprintable_characters_are_replaced_in_the_log(void **state)
{
	(void)state;
	start_good();
	log_warn("%s", "a\x1b[31m\x7f\n");
	assert_int_equal(lines_with("a?[31m??"), 1);
	/* U+009B begins a control sequence as ESC [ does, on some terminals */
	log_warn("%s", "b\xc2\x9b" "31m\x9b");
	assert_int_equal(lines_with("b??31m?"), 1);
	log_warn("%s", "c ~");
	assert_int_equal(lines_with("c ~"), 1);
}

/* Nothing limits how often a peer repeats a request under the keys. */
static void a_request_for_a_wrong_epoch_causes_no_key_exchange(void **state)
{
	struct fake_flow *f;
	unsigned int seeds;

	(void)state;
	f = good_flow();
	peer_of(f)->f.newest_epoch = 5;
	seeds = bob.seeds;
	claim(f);
	run_for(1000);
	assert_int_equal(bob.e->record.by[REKEY_REFUSED].count, 1);
	assert_int_equal(bob.seeds, seeds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refused_strangers_are_counted_but_leave_no_state),
		TEST(log_lines_about_strangers_are_limited),
		TEST(known_peers_and_strangers_have_separate_log_limits),
		TEST(a_replayed_request_is_ignored),
		TEST(a_peer_at_its_request_limit_still_rekeys_its_flows),
		TEST(expensive_key_exchanges_are_refused_unless_configured),
		TEST(strangers_cause_no_flow_lookup),
		TEST(a_flood_of_cookies_does_not_multiply_requests),
		TEST(one_peer_cannot_evict_the_answers_to_others),
		TEST(replies_without_a_cookie_do_not_amplify),
		TEST(a_cookie_is_bound_to_address_and_time),
		TEST(tampered_frames_never_make_the_keys_differ),
		TEST(random_frames_create_no_flow),
		TEST(strangers_do_not_evict_frames_under_the_keys),
		TEST(unprintable_characters_are_replaced_in_the_log),
		TEST(a_request_for_a_wrong_epoch_causes_no_key_exchange),
	};

	return WORLD_MAIN("hostile", tests);
}
