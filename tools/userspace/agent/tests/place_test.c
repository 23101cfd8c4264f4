// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Allocation: locating the agent of a name by configuration or DNS. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "world.h"

#define DEAD	"203.0.113.9"

static struct sockaddr_storage place(const char *addr)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;

	in->sin_port = htons(3435);
	inet_pton(AF_INET, addr, &in->sin_addr);
	return ss;
}

/* The interface of a link-local address is looked up at each allocation. */
static void link_local_interfaces_are_looked_up_at_allocation(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	assert_null(place_read(&alice.conf->names[0].places[0],
			       "fe80::1%nowhere", AGENT_PORT));
	f = alloc(BOB, 0);
	assert_false(f->used);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_non_null(strstr(f->reason, "no interface nowhere"));
}

static void invalid_addresses_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text;
		const char *wrong;	/* NULL: fine */
	} cases[] = {
		{ "192.0.2.1", NULL },
		{ "2001:db8::1", NULL },
		{ "fe80::1%eth0", NULL },
		{ "fe80::1", "give the interface of a link-local address" },
		{ "fe80::1%", "give the interface of a link-local address" },
		{ "fe80::1%a-name-of-16-byte", "at most 15 characters" },
		{ "2001:db8::1%eth0", "only a link-local address" },
		{ "192.0.2.1%eth0", "give an IPv4 or IPv6 address" },
		{ "localhost", "give an IPv4 or IPv6 address" },
		{ "", "give an IPv4 or IPv6 address" },
	};
	struct place place;
	const char *wrong;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wrong = place_read(&place, cases[i].text, AGENT_PORT);
		assert_int_equal(!wrong, !cases[i].wrong);
		if (wrong)
			assert_non_null(strstr(wrong, cases[i].wrong));
	}
}

static uint16_t port_of(const struct config_name *name, size_t i)
{
	const struct sockaddr_in *in = (void *)&name->places[i].addr;
	const struct sockaddr_in6 *in6 = (void *)&name->places[i].addr;

	return ntohs(in->sin_family == AF_INET ? in->sin_port : in6->sin6_port);
}

/*
 * As after a reload with another port: the port of the agent changes only at a
 * restart.
 */
static void names_without_a_port_inherit_the_port_of_the_agent(void **state)
{
	const struct config_name *name;

	(void)state;
	creds(ALICE, &ca, BOB, &ca);
	start("}\nport = 4000\n"
	      "name \"inherits\" { address = {\"192.0.2.1\", \"2001:db8::1\"} }\n"
	      "name \"dns\" { }\n"
	      "name \"own\" { address = \"192.0.2.1\"\nport = 4000", "");
	name = config_find(alice.conf, "inherits");
	assert_int_equal(port_of(name, 0), 4000);
	config_set_port(alice.conf, AGENT_PORT);
	assert_int_equal(alice.conf->port, AGENT_PORT);
	assert_int_equal(name->port, AGENT_PORT);
	assert_int_equal(port_of(name, 0), AGENT_PORT);
	assert_int_equal(port_of(name, 1), AGENT_PORT);
	assert_int_equal(config_find(alice.conf, "dns")->port, AGENT_PORT);
	name = config_find(alice.conf, "own");
	assert_int_equal(name->port, 4000);
	assert_int_equal(port_of(name, 0), 4000);
}

/* Allocate a flow to a name without a configured address. */
static struct fake_flow *alloc_by_dns(void)
{
	struct fake_flow *f;

	start_good();
	alice.conf->names[0].nplaces = 0;
	alice.conf->names[0].port = 4000;
	f = alloc(BOB, 0);
	assert_int_equal(alice.asked, f->f.id);
	assert_int_equal(alice.asked_port, 4000);
	return f;
}

static void a_name_without_address_is_looked_up_in_the_dns(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	run_for(3000);
	assert_int_equal(alice.bytes_out, 0);
	engine_resolved(alice.e, f->f.id, &bob.addr, 1, NULL);
	run_for(500);
	assert_true(allocated(f));
	check_same(f);
}

static void a_failed_dns_lookup_fails_the_allocation(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	engine_resolved(alice.e, f->f.id, NULL, 0, "no such name");
	assert_false(f->used);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_string_equal(f->reason, "no such name");
}

static void an_unanswered_dns_lookup_times_out(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	run_for(19000);
	assert_true(f->used);
	run_for(2000);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_non_null(strstr(f->reason, "DNS"));
	assert_int_equal(alice.asked, 0);
	/* the answer is too late */
	engine_resolved(alice.e, f->f.id, &bob.addr, 1, NULL);
	assert_int_equal(alice.bytes_out, 0);
}

static void without_dns_a_name_without_address_is_unreachable(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	alice.no_dns = true;
	f = alloc("carol.example", 0);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_non_null(strstr(f->reason, "no address"));
}

static void cancelling_an_allocation_cancels_its_dns_lookup(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	engine_cancel(alice.e, f->f.id);
	assert_int_equal(alice.asked, 0);
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
}

/* The third address is tried within 2 seconds, long before the timeout. */
static void later_addresses_are_tried_while_others_are_silent(void **state)
{
	struct sockaddr_storage places[3];
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	places[0] = place(DEAD);
	places[1] = place("203.0.113.10");
	places[2] = bob.addr;
	engine_resolved(alice.e, f->f.id, places, 3, NULL);
	run_for(2000);
	assert_true(allocated(f));
	check_same(f);
}

static void the_reason_lists_all_silent_addresses(void **state)
{
	struct sockaddr_storage places[2];
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	places[0] = place(DEAD);
	places[1] = place("203.0.113.10");
	engine_resolved(alice.e, f->f.id, places, 2, NULL);
	run_for(21000);
	assert_false(f->used);
	assert_string_equal(f->reason,
			    "no agent answers at 203.0.113.9:3435, 203.0.113.10:3435");
}

/* The next address is tried if an agent answers HELLO but not the request. */
static void the_next_address_is_tried_if_one_falls_silent(void **state)
{
	struct sockaddr_storage places[2];
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	places[0] = bob.addr;
	places[1] = bob.addr;
	engine_resolved(alice.e, f->f.id, places, 2, NULL);
	while (!TAILQ_FIRST(&alice.e->exchanges)->has_cookie)
		assert_true(step(clock_ms + 1000));
	loss = 100;
	lose_all_on_wire();
	run_for(8000);
	assert_int_equal(TAILQ_FIRST(&alice.e->exchanges)->place, 1);
	loss = 0;
	run_for(4000);
	assert_true(allocated(f));
	check_same(f);
}

/* After a refusal another address is tried, with a new request. */
static void the_next_address_is_tried_after_a_refusal(void **state)
{
	struct sockaddr_storage places[2];
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	places[0] = bob.addr;
	places[1] = bob.addr;
	bob.serves = NULL;
	engine_resolved(alice.e, f->f.id, places, 2, NULL);
	while (TAILQ_FIRST(&alice.e->exchanges)->nplaces == 2)
		assert_true(step(clock_ms + 1000));
	bob.serves = BOB;
	run_for(1000);
	assert_true(allocated(f));
	check_same(f);
}

static void a_refusal_is_reported_rather_than_a_timeout(void **state)
{
	struct sockaddr_storage places[3];
	struct fake_flow *f;

	(void)state;
	creds(ALICE, &ca, BOB, &other_ca);
	start("", "");
	alice.conf->names[0].nplaces = 0;
	f = alloc(BOB, 0);
	places[0] = bob.addr;
	places[1] = bob.addr;
	places[2] = place(DEAD);
	engine_resolved(alice.e, f->f.id, places, 3, NULL);
	run_for(21000);
	assert_false(f->used);
	assert_int_equal(f->error, EKEYREJECTED);
	assert_non_null(strstr(f->reason, "certificate was refused"));
	assert_int_equal(bob.e->record.by[ALLOC_ANSWERED].count, 2);
	assert_int_equal(flows_at(&bob), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(link_local_interfaces_are_looked_up_at_allocation),
		TEST(invalid_addresses_are_refused_with_a_reason),
		TEST(names_without_a_port_inherit_the_port_of_the_agent),
		TEST(a_name_without_address_is_looked_up_in_the_dns),
		TEST(a_failed_dns_lookup_fails_the_allocation),
		TEST(an_unanswered_dns_lookup_times_out),
		TEST(without_dns_a_name_without_address_is_unreachable),
		TEST(cancelling_an_allocation_cancels_its_dns_lookup),
		TEST(later_addresses_are_tried_while_others_are_silent),
		TEST(the_reason_lists_all_silent_addresses),
		TEST(the_next_address_is_tried_if_one_falls_silent),
		TEST(the_next_address_is_tried_after_a_refusal),
		TEST(a_refusal_is_reported_rather_than_a_timeout),
	};

	return WORLD_MAIN("place", tests);
}
