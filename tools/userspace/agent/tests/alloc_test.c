// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Allocation: the state of both sides, and every kind of refusal. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

static void test_alloc(void **state)
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

/* Allocate with one minute, until a frame of this type is in flight. */
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

/* Nothing arrives for longer than the maximum age of a request. */
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

static void test_no_cookie_for_long(void **state)
{
	(void)state;
	outage_then_allocated(alloc_until(MSG_HELLO));
}

static void test_no_request_for_long(void **state)
{
	(void)state;
	outage_then_allocated(alloc_until(MSG_ALLOC));
}

static void test_no_answer_for_long(void **state)
{
	struct fake_flow *f = alloc_until(MSG_ALLOC_OK);
	uint32_t first = bob.flows[0].f.eid;

	(void)state;
	outage_then_allocated(f);
	/* the newer request has a flow of its own, which replaces the first */
	assert_int_not_equal(peer_of(f)->f.eid, first);
}

static void test_overtaken_request(void **state)
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
 * An endpoint id is not secret: using that of another peer takes nothing down.
 */
static void test_replaced_by_its_own_only(void **state)
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
static void test_direct(void **state)
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

/* The kernel refuses other errnos for programs. */
static void test_kernel_refuses(void **state)
{
	static const struct {
		int status;
		int error;
	} cases[] = {
		{ -ENETUNREACH, ENETUNREACH },
		{ -EHOSTUNREACH, EHOSTUNREACH },
		{ -ENOMEM, ENOMEM },
		{ -EOPNOTSUPP, EOPNOTSUPP },
		{ -EKEYREJECTED, EKEYREJECTED },
		{ -EAGAIN, ECONNABORTED },
		{ -EINTR, ECONNABORTED },
		{ -EINVAL, ECONNABORTED },
		{ -ESTALE, ECONNABORTED },
		{ -529, ECONNABORTED },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_good();
		alice.broken = cases[i].status;
		refused_alloc(cases[i].error, "said the registry", true);
		stop();
	}
	start_good();
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
	refused_alloc(EKEYREJECTED, "unsigned", true);
}

static void test_bob_wrong_ca(void **state)
{
	(void)state;
	creds(ALICE, &ca, BOB, &other_ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "certificate was refused", true);
	assert_int_equal(bob.e->record.by[ALLOC_ANSWERED].count, 1);
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
	refused_alloc(EKEYREJECTED, "unsigned", true);
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
	refused_alloc(EACCES, "'" ALICE "' may not allocate to " BOB
		      ": see its peers", true);
}

/* Each name of a certificate is compared, and the flow remembers which. */
static void test_peers_second_name(void **state)
{
	struct test_crt crt = test_crt_make("EC", ALICE,
					    "DNS:" ALICE ",DNS:carol.example",
					    &ca, 0, -3600, 3600);
	struct fake_flow *f;
	struct blob blob;
	char path[256];

	(void)state;
	creds(NULL, NULL, BOB, &ca);
	snprintf(path, sizeof(path), "%s/alice/client/" BOB, top);
	test_crt_write(path, &crt);
	test_crt_free(&crt);
	start("", "peers = {\"dave.example\", \"carol.example\"}");
	f = alloc(BOB, 0);
	run_for(1000);
	assert_true(allocated(f));
	assert_true(binding_blob_read(&blob, peer_of(f)->f.blob,
				      peer_of(f)->f.blob_len));
	assert_string_equal(blob.peer.name, "carol.example");
	assert_string_equal(peer_of(f)->f.peer_name, "carol.example");
	stop();
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
	up.generation = f->f.generation;
	engine_alloc(alice.e, &up);
	run_for(900);
	assert_true(allocated(f));
}

/* Ask with a cred, and return the errno of the refusal, 0 if there is none. */
static int ask_as(const struct ipcp_nl_cred *cred)
{
	struct ipcp_nl_upcall up = { .cred = *cred, .name = BOB };
	struct fake_flow *f = add_flow(&alice, BOB);

	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	up.flow_id = f->f.id;
	up.eid = f->f.eid;
	up.generation = f->f.generation;
	engine_alloc(alice.e, &up);
	return f->error;
}

/* The file counts that the kernel has seen, whatever its path is. */
static void test_alloc_programs(void **state)
{
	struct ipcp_nl_cred cred = { .uid = 1000, .pid = getpid() };
	char path[128], other[128], conf[256];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/program", top);
	snprintf(other, sizeof(other), "%s/other", top);
	close(open(path, O_CREAT | O_WRONLY, 0700));
	close(open(other, O_CREAT | O_WRONLY, 0700));
	/* the first is not there */
	snprintf(conf, sizeof(conf),
		 "alloc-programs = {\"%s/none\", \"%s\"}", top, path);
	creds(ALICE, &ca, BOB, &ca);
	start(conf, "");
	assert_int_equal(ask_as(&cred), EACCES);	/* the kernel saw no file */
	assert_int_equal(stat(path, &st), 0);
	cred.exe_dev = st.st_dev;
	cred.exe_ino = st.st_ino;
	assert_int_equal(ask_as(&cred), 0);
	cred.exe_dev++;
	assert_int_equal(ask_as(&cred), EACCES);
	cred.exe_dev--;
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(ask_as(&cred), EACCES);
	assert_int_equal(stat(path, &st), 0);
	cred.exe_ino = st.st_ino;
	assert_int_equal(ask_as(&cred), 0);
	cred.exe_ino = 0;
	assert_int_equal(ask_as(&cred), EACCES);
	unlink(path);
	stop();
}

static void test_unusable_name(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc("../carol", 0);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_int_equal(alice.asked, 0);
}

/* Locating the agent of a name */

#define DEAD	"203.0.113.9"

static struct sockaddr_storage place(const char *addr)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct sockaddr_in *in = (struct sockaddr_in *)&ss;

	in->sin_port = htons(3435);
	inet_pton(AF_INET, addr, &in->sin_addr);
	return ss;
}

/* The interface of a link-local address is looked for when it is needed. */
static void test_interface(void **state)
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

static void test_addresses(void **state)
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

static void test_dns(void **state)
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

static void test_dns_knows_nothing(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	engine_resolved(alice.e, f->f.id, NULL, 0, "no such name");
	assert_false(f->used);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_string_equal(f->reason, "no such name");
}

static void test_dns_does_not_answer(void **state)
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

static void test_no_dns(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	alice.no_dns = true;
	f = alloc("carol.example", 0);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_non_null(strstr(f->reason, "no address"));
}

static void test_dns_cancelled(void **state)
{
	struct fake_flow *f;

	(void)state;
	f = alloc_by_dns();
	engine_cancel(alice.e, f->f.id);
	assert_int_equal(alice.asked, 0);
	assert_true(TAILQ_EMPTY(&alice.e->exchanges));
}

/* The second address is tried long before the time of the program is up. */
static void test_second_address_answers(void **state)
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

static void test_no_address_answers(void **state)
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

/* An agent that answers HELLO but not the request is given up, too. */
static void test_address_that_goes_silent(void **state)
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

/* After a refusal another address is tried, with a request of its own. */
static void test_second_address_serves(void **state)
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

static void test_all_addresses_refuse(void **state)
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
	/* a shorter time limit of the program takes precedence */
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
	assert_false(f->f.authenticated);
	assert_false(peer_of(f)->f.authenticated);
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

/* An abort never takes down a confirmed flow. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alloc),
		TEST(test_alloc_lossy),
		TEST(test_no_cookie_for_long),
		TEST(test_no_request_for_long),
		TEST(test_no_answer_for_long),
		TEST(test_overtaken_request),
		TEST(test_replaced_by_its_own_only),
		TEST(test_not_served),
		TEST(test_kernel_refuses),
		TEST(test_alice_wrong_ca),
		TEST(test_alice_unsigned),
		TEST(test_bob_wrong_ca),
		TEST(test_bob_wrong_name),
		TEST(test_bob_unsigned),
		TEST(test_bob_no_key),
		TEST(test_peers),
		TEST(test_peers_second_name),
		TEST(test_alloc_policy),
		TEST(test_alloc_programs),
		TEST(test_unusable_name),
		TEST(test_interface),
		TEST(test_addresses),
		TEST(test_dns),
		TEST(test_dns_knows_nothing),
		TEST(test_dns_does_not_answer),
		TEST(test_no_dns),
		TEST(test_dns_cancelled),
		TEST(test_second_address_answers),
		TEST(test_no_address_answers),
		TEST(test_address_that_goes_silent),
		TEST(test_second_address_serves),
		TEST(test_direct),
		TEST(test_all_addresses_refuse),
		TEST(test_nobody_answers),
		TEST(test_no_auth),
		TEST(test_cancel),
		TEST(test_late_abort),
	};

	return WORLD_MAIN("alloc", tests);
}
