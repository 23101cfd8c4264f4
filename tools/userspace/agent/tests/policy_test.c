// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Who may use a name, and the reason of a refusal. */

#include <stdio.h>
#include <string.h>

#include "files.h"
#include "policy.h"

#define GID	100000

static struct config *load(const char *text)
{
	struct config *conf;
	FILE *f = fopen(path("agent.conf"), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
	conf = config_load(path("agent.conf"));
	assert_non_null(conf);
	return conf;
}

/* The program of a user in so many other groups. */
static struct ipcp_nl_cred user_in(uint32_t ngroups)
{
	struct ipcp_nl_cred cred = { .uid = 1000, .gid = 1000, .ngroups = ngroups };
	uint32_t i;

	for (i = 0; i < ngroups; i++)
		cred.groups[i] = 2000 + i;
	memset(cred.comm, 'c', sizeof(cred.comm) - 1);
	return cred;
}

static void a_member_of_a_listed_group_may_use_the_name(void **state)
{
	struct config *conf = load("name \"x\" { listen-groups = {100000} }\n");
	struct ipcp_nl_cred cred = user_in(IPCP_NL_GROUPS_MAX);
	char reason[REASON_LEN];

	(void)state;
	cred.groups[IPCP_NL_GROUPS_MAX - 1] = GID;
	assert_true(policy_program(conf, POLICY_LISTEN, "x", &cred, true, reason));
	config_free(conf);
}

/* The kernel passes on 64 groups: the listed one may be beyond them. */
static void a_refusal_names_the_limit_of_groups_if_it_may_be_the_cause(void **state)
{
	static const struct {
		const char *lists;
		uint32_t ngroups;
		bool named;
	} cases[] = {
		{ "provide-groups = {100000}", IPCP_NL_GROUPS_MAX, true },
		{ "provide-groups = {100000}", IPCP_NL_GROUPS_MAX - 1, false },
		{ "provide-users = {1}", IPCP_NL_GROUPS_MAX, false },
		{ "provide-groups = {2000} provide-programs = {\"/bin/sh\"}",
		  IPCP_NL_GROUPS_MAX, false },
	};
	char text[600], reason[REASON_LEN], name[256] = "";
	struct ipcp_nl_cred cred;
	struct config *conf;
	size_t i;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "name \"%s\" { %s }\n", name,
			 cases[i].lists);
		conf = load(text);
		cred = user_in(cases[i].ngroups);
		cred.uid = UINT32_MAX - 1;
		assert_false(policy_program(conf, POLICY_PROVIDE, name, &cred,
					    true, reason));
		/* the whole text fits, however long the names are */
		if (cases[i].named)
			assert_non_null(strstr(reason, "nn: only 64 of its groups count, see provide-groups"));
		else
			assert_non_null(strstr(reason, "nn: see provide-users, -programs"));
		config_free(conf);
	}
}

static int setup(void **state)
{
	(void)state;
	files_begin("policy");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return files_end();
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_member_of_a_listed_group_may_use_the_name),
		TEST(a_refusal_names_the_limit_of_groups_if_it_may_be_the_cause),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
