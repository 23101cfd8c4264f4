// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Sockets and local addresses that messages leave from. */

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
static void an_allocation_sends_from_the_socket_of_its_flow(void **state)
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

/*
 * Answers, and the flow, leave from the socket and address that the request
 * came to.
 */
static void answers_leave_from_the_address_of_the_request(void **state)
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
static void the_responder_remembers_the_port_of_the_peer_agent(void **state)
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
 * port of the initiator's agent, in turns, so that a NAT that has forgotten the
 * flow does not end the flow.
 */
static void a_responder_without_keys_tries_both_ports_in_turn(void **state)
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

/* Once the agent has answered at one of the ports, all messages go there. */
static void messages_stay_at_the_port_that_answered(void **state)
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
	/* the question to the first port is lost, and the second one answers */
	lose_all_on_wire();
	bob.forgotten = true;
	run_for(2900);
	assert_int_equal(bob.to_source, 1);
	assert_int_equal(port_of(&bob.last_sent), AGENT_PORT);
	run_for(10000);
	assert_int_equal(f->f.newest_epoch, 1);
}

/* Answer bob's first question with a forged cookie. @host: 0 is alice's. */
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

/* A cookie from another host does not redirect the question. */
static void a_cookie_from_another_host_is_ignored(void **state)
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

/* A cookie from another port redirects the question for a while. */
static void a_cookie_from_another_port_redirects_for_a_while(void **state)
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
		TEST(an_allocation_sends_from_the_socket_of_its_flow),
		TEST(answers_leave_from_the_address_of_the_request),
		TEST(the_responder_remembers_the_port_of_the_peer_agent),
		TEST(a_responder_without_keys_tries_both_ports_in_turn),
		TEST(messages_stay_at_the_port_that_answered),
		TEST(a_cookie_from_another_host_is_ignored),
		TEST(a_cookie_from_another_port_redirects_for_a_while),
	};

	return WORLD_MAIN("path", tests);
}
