// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Frames of other versions: notices to their senders, and limits on notices. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "world.h"

/* Write a message of one frame, in a version that no agent speaks yet. */
static size_t foreign(uint8_t buf[FRAME_MAX], enum msg_type type, uint64_t token,
		      size_t len)
{
	uint8_t payload[FRAME_PAYLOAD] = { 0 };
	struct message msg = { .type = type, .token = token, .p = payload,
			       .len = len };

	len = frame_write(buf, &msg, 0, NULL);
	buf[0] = FRAME_VERSION + 1;
	return len;
}

/* The notice is as long as the shortest frame, and gets no reply. */
static void a_frame_of_another_version_gets_a_notice(void **state)
{
	struct ipcp_nl_peer from = { 0 };
	struct notice notice;
	uint8_t buf[FRAME_MAX];
	size_t len;

	(void)state;
	start_good();
	from.addr = alice.addr;
	from.socket = GROUP_SOCKET;
	len = foreign(buf, MSG_HELLO, 0x0123456789abcdef, 0);
	assert_int_equal(len, FRAME_HDR);
	engine_ctrl(bob.e, &from, buf, len);
	assert_int_equal(on_wire, 1);
	assert_int_equal(bob.bytes_out, FRAME_HDR);
	assert_true(notice_read(&notice, wire[0]->p, wire[0]->len));
	assert_true(notice.token == 0x0123456789abcdef);
	assert_int_equal(notice.lowest, FRAME_VERSION);
	assert_int_equal(notice.highest, FRAME_VERSION);
	assert_int_equal(bob.e->record.other_versions, 1);
	assert_int_equal(bob.e->record.bad_messages, 0);
	run_for(1000);
	assert_int_equal(alice.bytes_out, 0);
	assert_int_equal(bob.bytes_out, FRAME_HDR);
}

/* No notice if even the header part that all versions share is invalid. */
static void malformed_frames_get_no_notice(void **state)
{
	static const struct { size_t at; uint8_t value; } bad[] = {
		{ 0, 0 }, { 2, 1 }, { 3, 0 }, { 4, 1 }, { 7, 1 },
	};
	struct ipcp_nl_peer from = { 0 };
	uint8_t buf[FRAME_MAX + 1] = { 0 };
	size_t i, len = 0;

	(void)state;
	start_good();
	from.addr = alice.addr;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		len = foreign(buf, MSG_HELLO, 1, 0);
		buf[bad[i].at] = bad[i].value;
		engine_ctrl(bob.e, &from, buf, len);
	}
	foreign(buf, MSG_HELLO, 1, 0);
	engine_ctrl(bob.e, &from, buf, FRAME_HDR - 1);
	engine_ctrl(bob.e, &from, buf, FRAME_MAX + 1);
	assert_int_equal(bob.bytes_out, 0);
	assert_int_equal(bob.e->record.bad_messages, i + 2);
	assert_int_equal(bob.e->record.other_versions, 0);
}

static unsigned int hosts_logged(void)
{
	const struct version_peer *p = bob.e->versions.peers;
	unsigned int n = 0, i;

	for (i = 0; i < VERSION_PEERS; i++)
		n += p[i].addr.ss_family && clock_ms - p[i].logged < VERSION_LOG_MS;
	return n;
}

/* However many frames arrive, few notices are sent; a host is logged once. */
static void notices_and_log_lines_are_limited(void **state)
{
	struct ipcp_nl_peer from = { 0 };
	uint8_t buf[FRAME_MAX];
	unsigned int i;
	size_t len;

	(void)state;
	start_good();
	from.addr = alice.addr;
	for (i = 0; i < 1000; i++) {
		len = foreign(buf, MSG_ALLOC, i, i);
		engine_ctrl(bob.e, &from, buf, len);
		run_for(2);
	}
	assert_int_equal(bob.e->record.other_versions, 1000);
	assert_int_equal(bob.bytes_out, 2 * NOTICES_EACH_SECOND * FRAME_HDR);
	assert_int_equal(hosts_logged(), 1);
	assert_int_equal(bob.e->refusals.lines, 0);
	assert_true(TAILQ_EMPTY(&bob.e->incomings));
}

/* Many hosts neither fill the log nor use up the limits of other lines. */
static void many_hosts_do_not_flood_the_log(void **state)
{
	struct ipcp_nl_peer from = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&from.addr;
	uint8_t buf[FRAME_MAX];
	unsigned int i;
	size_t len;

	(void)state;
	start_good();
	from.addr = alice.addr;
	for (i = 0; i < 1000; i++) {
		sin->sin_addr.s_addr = htonl(0x0a010000 + i);
		/* another port is not another host */
		sin->sin_port = htons(i + 1);
		len = foreign(buf, MSG_ALLOC, i, i);
		engine_ctrl(bob.e, &from, buf, len);
		sin->sin_port = htons(i + 2);
		engine_ctrl(bob.e, &from, buf, len);
	}
	assert_int_equal(hosts_logged(), VERSION_PEERS);
	assert_int_equal(bob.e->versions.missed, 2 * (1000 - VERSION_PEERS));
	assert_int_equal(bob.e->refusals.lines, 0);
	assert_int_equal(bob.e->refusals.missed, 0);
	run_for(VERSION_LOG_MS);
	engine_ctrl(bob.e, &from, buf, len);
	assert_int_equal(bob.e->versions.missed, 0);
	assert_int_equal(bob.e->record.other_versions, 2001);
}

/* Change the notice in flight, as if bob spoke these versions. */
static void let_bob_speak(uint8_t lowest, uint8_t highest)
{
	struct ipcp_nl_peer from = { 0 };
	uint8_t buf[FRAME_MAX];
	size_t len = wire[0]->len;

	from.addr = alice.addr;
	from.socket = GROUP_SOCKET;
	memcpy(buf, wire[0]->p, len);
	buf[0] = FRAME_VERSION + 1;
	lose_all_on_wire();
	engine_ctrl(bob.e, &from, buf, len);
	assert_int_equal(on_wire, 1);
	wire[0]->p[2] = lowest;
	wire[0]->p[3] = highest;
}

/*
 * The program learns of the version and of the remedy at once, without a
 * timeout.
 */
static void an_allocation_fails_at_once_and_names_the_versions(void **state)
{
	struct fake_flow *f;
	uint64_t began;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	began = clock_ms;
	let_bob_speak(2, 3);
	while (f->used)
		assert_true(step(began + 1000));
	assert_int_equal(f->error, EPROTO);
	assert_non_null(strstr(f->reason, "speaks versions 2 to 3"));
	assert_non_null(strstr(f->reason, "upgrade this one"));
	assert_true(clock_ms - began < 100);
}

/* A notice of the version spoken here, or with an unknown token, is ignored. */
static void notices_of_own_version_or_unknown_token_are_ignored(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc(BOB, 0);
	let_bob_speak(1, 2);
	run_for(2000);
	assert_true(allocated(f));
	stop();

	start_good();
	f = alloc(BOB, 0);
	let_bob_speak(2, 2);
	wire[0]->p[15] ^= 1;
	run_for(2000);
	assert_true(allocated(f));
}

/*
 * Under the keys of a flow, the re-key fails with the reason; the flow stays.
 */
static void a_rekey_fails_with_the_advice_to_upgrade(void **state)
{
	struct fake_flow *f, *g;
	uint8_t buf[FRAME_MAX];
	size_t len;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	claim(f);
	assert_int_equal(on_wire, 1);
	len = wire[0]->len;
	memcpy(buf, wire[0]->p, len);
	buf[0] = FRAME_VERSION + 1;
	lose_all_on_wire();
	engine_sealed(bob.e, g->f.id, buf, len);
	assert_int_equal(on_wire, 1);
	assert_int_equal(wire[0]->flow, f->f.id);
	wire[0]->p[2] = wire[0]->p[3] = FRAME_VERSION + 1;
	run_for(100);
	assert_int_equal(alice.e->record.by[REKEY_FAILED].count, 1);
	assert_non_null(strstr(TAILQ_FIRST(&alice.e->record.failures)->text,
			       "upgrade this one"));
	assert_true(allocated(f));
}

/* A responder that has lost the keys learns why the peer does not help. */
static void a_responder_without_keys_gets_the_advice_to_upgrade(void **state)
{
	struct fake_flow *f, *g;
	struct ipcp_nl_peer from;
	uint8_t buf[FRAME_MAX];
	uint64_t clock_end;
	size_t len;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	g->f.due = IPCP_REKEY_DUE_NO_KEYS;
	bob.no_keys = true;
	engine_want(bob.e, &g->f);
	assert_int_equal(on_wire, 1);
	len = wire[0]->len;
	memcpy(buf, wire[0]->p, len);
	buf[0] = FRAME_VERSION + 1;
	from = wire[0]->from;
	lose_all_on_wire();
	engine_ctrl(alice.e, &from, buf, len);
	assert_int_equal(on_wire, 1);
	wire[0]->p[2] = wire[0]->p[3] = FRAME_VERSION + 1;
	assert_true(step(clock_ms + 100));
	/* the exchange continues, since the notice may be forged */
	assert_false(TAILQ_EMPTY(&bob.e->exchanges));
	clock_end = clock_ms + 40000;
	while (step(clock_end))
		lose_all_on_wire();
	assert_non_null(strstr(TAILQ_FIRST(&bob.e->record.failures)->text,
			       "upgrade this one"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_of_another_version_gets_a_notice),
		TEST(malformed_frames_get_no_notice),
		TEST(notices_and_log_lines_are_limited),
		TEST(many_hosts_do_not_flood_the_log),
		TEST(a_responder_without_keys_gets_the_advice_to_upgrade),
		TEST(an_allocation_fails_at_once_and_names_the_versions),
		TEST(notices_of_own_version_or_unknown_token_are_ignored),
		TEST(a_rekey_fails_with_the_advice_to_upgrade),
	};

	return WORLD_MAIN("versions", tests);
}
