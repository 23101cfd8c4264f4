// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Allocation: every kind of refusal, and its reason. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "world.h"

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

static void a_name_that_is_not_served_is_refused(void **state)
{
	(void)state;
	start_good();
	bob.serves = NULL;
	refused_alloc(ECONNREFUSED, "not served", true);
}

/* The kernel accepts only some errnos for programs. */
static void kernel_errors_not_meant_for_programs_are_replaced(void **state)
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

static void an_initiator_of_another_ca_is_refused(void **state)
{
	(void)state;
	creds(ALICE, &other_ca, BOB, &ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "certificate was refused", true);
}

static void an_initiator_without_a_certificate_is_refused(void **state)
{
	(void)state;
	creds(NULL, NULL, BOB, &ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "unsigned", true);
}

static void a_responder_of_another_ca_is_refused(void **state)
{
	(void)state;
	creds(ALICE, &ca, BOB, &other_ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "certificate was refused", true);
	assert_int_equal(bob.e->record.by[ALLOC_ANSWERED].count, 1);
}

static void a_responder_with_another_name_is_refused(void **state)
{
	(void)state;
	creds(ALICE, &ca, "mallory.example", &ca);
	start("", "");
	refused_alloc(EKEYREJECTED, "mallory.example", true);
}

static void a_responder_without_a_certificate_is_refused(void **state)
{
	(void)state;
	creds(ALICE, &ca, NULL, NULL);
	start("", "");
	refused_alloc(EKEYREJECTED, "unsigned", true);
}

static void a_missing_private_key_of_the_responder_is_reported(void **state)
{
	char path[256];

	(void)state;
	start_good();
	snprintf(path, sizeof(path), "%s/bob/server/" BOB "/key.pem", top);
	unlink(path);
	refused_alloc(EKEYREJECTED, "cannot read", true);
}

static void an_initiator_missing_in_peers_is_refused(void **state)
{
	(void)state;
	creds(ALICE, &ca, BOB, &ca);
	start("", "peers = {\"carol.example\"}");
	refused_alloc(EACCES, "'" ALICE "' may not allocate to " BOB
		      ": see its peers", true);
}

/* Each name of a certificate is compared, and the flow remembers the match. */
static void any_name_of_a_certificate_may_match_peers(void **state)
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

static void only_users_in_alloc_users_may_allocate(void **state)
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

/* Allocate with these credentials. Return: the errno of the refusal, or 0. */
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

/*
 * A program matches if a configured path leads to the file that the kernel saw.
 */
static void alloc_programs_matches_the_file_not_the_path(void **state)
{
	struct ipcp_nl_cred cred = { .uid = 1000, .pid = getpid() };
	char path[128], other[128], conf[256];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/program", top);
	snprintf(other, sizeof(other), "%s/other", top);
	close(open(path, O_CREAT | O_WRONLY, 0700));
	close(open(other, O_CREAT | O_WRONLY, 0700));
	/* the first program does not exist */
	snprintf(conf, sizeof(conf),
		 "alloc-programs = {\"%s/none\", \"%s\"}", top, path);
	creds(ALICE, &ca, BOB, &ca);
	start(conf, "");
	assert_int_equal(ask_as(&cred), EACCES);	/* file unknown */
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

static void an_invalid_name_is_not_looked_up(void **state)
{
	struct fake_flow *f;

	(void)state;
	start_good();
	f = alloc("../carol", 0);
	assert_int_equal(f->error, EHOSTUNREACH);
	assert_int_equal(alice.asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_that_is_not_served_is_refused),
		TEST(kernel_errors_not_meant_for_programs_are_replaced),
		TEST(an_initiator_of_another_ca_is_refused),
		TEST(an_initiator_without_a_certificate_is_refused),
		TEST(a_responder_of_another_ca_is_refused),
		TEST(a_responder_with_another_name_is_refused),
		TEST(a_responder_without_a_certificate_is_refused),
		TEST(a_missing_private_key_of_the_responder_is_reported),
		TEST(an_initiator_missing_in_peers_is_refused),
		TEST(any_name_of_a_certificate_may_match_peers),
		TEST(only_users_in_alloc_users_may_allocate),
		TEST(alloc_programs_matches_the_file_not_the_path),
		TEST(an_invalid_name_is_not_looked_up),
	};

	return WORLD_MAIN("refusal", tests);
}
