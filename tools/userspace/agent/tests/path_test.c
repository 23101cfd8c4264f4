// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Sockets, and addresses of this host, that messages leave from. */

#include <arpa/inet.h>
#include <string.h>

#include "world.h"

static uint16_t port_of(const struct ipcp_nl_peer *peer)
{
	return ntohs(((const struct sockaddr_in *)&peer->addr)->sin_port);
}

static bool is_local(const struct ipcp_nl_peer *peer, const char *text)
{
	uint8_t addr[4];

	return inet_pton(AF_INET, text, addr) == 1 &&
	       !memcmp(peer->local, addr, sizeof(addr));
}

/* All messages of an allocation leave from the socket of its flow. */
static void test_initiator(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	assert_int_equal(alice.last_sent.socket, SOURCE_SOCKET);
	assert_int_equal(port_of(&alice.last_sent), AGENT_PORT);
	/* the answer shows which address of this host the peer knows */
	assert_true(is_local(&alice.last_sent, "10.0.0.1"));
	assert_true(is_local(&f->f.peer, "10.0.0.1"));
}

/* Answers leave from where the request came to, and so does the flow. */
static void test_responder(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = peer_of(good_flow());
	assert_int_equal(port_of(&bob.last_sent), SOURCE_PORT);
	assert_int_equal(bob.last_sent.socket, GROUP_SOCKET);
	assert_true(is_local(&bob.last_sent, "10.0.0.2"));
	assert_int_equal(f->f.peer.socket, GROUP_SOCKET);
	assert_int_equal(port_of(&f->f.peer), SOURCE_PORT);
	assert_true(is_local(&f->f.peer, "10.0.0.2"));
}

/* The responder remembers where the agent of the initiator listens. */
static void test_agent_port(void **state)
{
	struct blob blob;
	struct fake_flow *f;

	(void)state;
	f = peer_of(good_flow());
	assert_true(binding_blob_read(&blob, f->f.blob, f->f.blob_len));
	assert_int_equal(blob.port, AGENT_PORT);
}

/*
 * A responder without keys asks at the address of the flow first, then at the
 * port of the initiator's agent, in turns: so a NAT that has forgotten the flow
 * does not end it.
 */
static void test_turns(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	bob.forgotten = true;
	bob.to_source = 0;
	bob.no_keys = true;
	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	g->f.due = IPCP_REKEY_DUE_NO_KEYS;
	engine_want(bob.e, &g->f);
	assert_int_equal(bob.to_source, 1);
	run_for(10000);
	assert_int_equal(alice.questions, 1);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* Once the agent has answered at one of them, everything goes there. */
static void test_stays(void **state)
{
	struct fake_flow *f, *g;

	(void)state;
	f = good_flow();
	g = peer_of(f);
	bob.no_keys = true;
	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	g->f.due = IPCP_REKEY_DUE_NO_KEYS;
	bob.to_source = 0;
	engine_want(bob.e, &g->f);
	/* the cookie of the first place comes after the second was asked */
	lose_all_on_wire();
	bob.forgotten = true;
	run_for(2900);
	assert_int_equal(bob.to_source, 1);
	assert_int_equal(port_of(&bob.last_sent), AGENT_PORT);
	run_for(10000);
	assert_int_equal(f->f.newest_epoch, 1);
}

/* Answer bob's first question with a cookie of somebody's. */
static void forge_cookie(struct fake_flow *f, uint32_t host, uint16_t port)
{
	struct message msg = { .type = MSG_COOKIE };
	struct ipcp_nl_peer from = { .socket = GROUP_SOCKET };
	struct sockaddr_in *sin = (struct sockaddr_in *)&from.addr;
	uint8_t buf[FRAME_MAX], cookie[COOKIE_LEN] = { 1 };
	struct fake_flow *g = peer_of(f);
	size_t len;

	bob.no_keys = true;
	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	g->f.due = IPCP_REKEY_DUE_NO_KEYS;
	engine_want(bob.e, &g->f);
	lose_all_on_wire();
	msg.token = TAILQ_FIRST(&bob.e->exchanges)->msg.token;
	len = frame_write(buf, &msg, 0, cookie);
	from.addr = alice.addr;
	if (host)
		sin->sin_addr.s_addr = htonl(host);
	sin->sin_port = htons(port);
	engine_ctrl(bob.e, &from, buf, len);
}

static uint32_t host_of(const struct ipcp_nl_peer *peer)
{
	return ((const struct sockaddr_in *)&peer->addr)->sin_addr.s_addr;
}

/* A cookie from another host does not take the question there. */
static void test_cookie_of_another_host(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	forge_cookie(f, 0x0a000063, AGENT_PORT);
	assert_false(TAILQ_FIRST(&bob.e->exchanges)->has_cookie);
	assert_int_equal(host_of(&bob.last_sent),
			 ((struct sockaddr_in *)&alice.addr)->sin_addr.s_addr);
	run_for(5000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

/* One from another port does for a while. */
static void test_cookie_of_another_port(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = good_flow();
	forge_cookie(f, 0, 999);
	assert_int_equal(port_of(&bob.last_sent), 999);
	run_for(15000);
	assert_int_equal(f->f.newest_epoch, 1);
	check_same(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_initiator),
		TEST(test_responder),
		TEST(test_agent_port),
		TEST(test_turns),
		TEST(test_stays),
		TEST(test_cookie_of_another_host),
		TEST(test_cookie_of_another_port),
	};

	return WORLD_MAIN("path", tests);
}
