// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The configuration file: what the agent says when it cannot use one. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "log.h"

static char lines[4096];

static void keep_line(int priority, const char *text)
{
	(void)priority;
	strncat(lines, text, sizeof(lines) - strlen(lines) - 1);
}

/* Write a file of the test, and load it; @text: NULL for no change. */
static struct config *load(const char *name, const char *text, size_t len)
{
	FILE *f;

	lines[0] = '\0';
	if (text) {
		f = fopen(path(name), "w");
		assert_non_null(f);
		assert_int_equal(fwrite(text, 1, len, f), len);
		fclose(f);
	}
	return config_load(path(name));
}

static struct config *load_text(const char *text)
{
	return load("agent.conf", text, strlen(text));
}

static void refuses(const char *text, const char *why)
{
	assert_null(load_text(text));
	assert_non_null(strstr(lines, why));
}

static void an_empty_file_has_all_defaults(void **state)
{
	struct config *conf = load_text("");

	(void)state;
	assert_non_null(conf);
	assert_int_equal(conf->port, 3435);
	assert_int_equal(conf->rekey_timeout, 30000);
	assert_string_equal(lines, "");
	config_free(conf);
}

/* The agent survives a reload with a path that is no file any more. */
static void a_folder_is_refused(void **state)
{
	(void)state;
	dir("folder.conf");
	assert_null(load("folder.conf", NULL, 0));
	assert_non_null(strstr(lines, "folder.conf: Is a directory"));
	assert_null(load("missing.conf", NULL, 0));
	assert_non_null(strstr(lines, "missing.conf: No such file"));
}

static void a_file_of_more_than_a_mebibyte_is_refused(void **state)
{
	struct config *conf;
	char *text;

	(void)state;
	text = malloc(CONFIG_SIZE_MAX + 1);
	memset(text, '\n', CONFIG_SIZE_MAX + 1);
	conf = load("agent.conf", text, CONFIG_SIZE_MAX);
	assert_non_null(conf);
	config_free(conf);
	assert_null(load("agent.conf", text, CONFIG_SIZE_MAX + 1));
	assert_non_null(strstr(lines, "agent.conf is longer than 1048576 bytes"));
	free(text);
}

static void errors_name_the_file_and_the_line(void **state)
{
	(void)state;
	refuses("port = 3435\nnonsense = 1\n", "agent.conf line 2: ");
	refuses("\n\nport = {1", "agent.conf line 3: ");
}

/* A re-key needs time for the question to the peer. */
static void a_rekey_timeout_beyond_its_range_is_refused(void **state)
{
	struct config *conf;

	(void)state;
	refuses("rekey-timeout = 9.9\n",
		"rekey-timeout = 9.9: give seconds, from 10 to 300");
	refuses("rekey-timeout = 301\n",
		"rekey-timeout = 301: give seconds, from 10 to 300");
	conf = load_text("rekey-timeout = 10\n");
	assert_non_null(conf);
	assert_int_equal(conf->rekey_timeout, 10000);
	config_free(conf);
}

/* An empty list of peers would let in everybody, as would no list. */
static void an_empty_list_is_refused(void **state)
{
	static const char * const lists[] = {
		"address", "peers", "listen-users", "listen-groups",
		"listen-programs", "alloc-users", "alloc-groups",
		"alloc-programs", "provide-users", "provide-groups",
		"provide-programs",
	};
	static const char * const gives[] = { "= {}", "+= {}", "= {a}\n\t%s = {}" };
	char give[64], text[128], why[128];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		snprintf(why, sizeof(why), "name \"x\": %s = {}: give at least one, or remove the key",
			 lists[i]);
		for (j = 0; j < sizeof(gives) / sizeof(gives[0]); j++) {
			snprintf(give, sizeof(give), gives[j], lists[i]);
			snprintf(text, sizeof(text), "name \"x\" {\n\t%s %s\n}\n",
				 lists[i], give);
			refuses(text, why);
		}
	}
	refuses("dns-servers = {}\n", "dns-servers = {}: give at least one");
	assert_null(strstr(lines, "name"));
}

/* '*' means anybody only where users are listed. */
static void peers_that_no_certificate_can_name_are_refused(void **state)
{
	static const char * const peers[] = { "", "two words", "a/b", ".example" };
	struct config *conf;
	char text[128], why[128];
	size_t i;

	(void)state;
	refuses("name \"x\" { peers = {\"a\", \"*\"} }\n",
		"name \"x\": peers: '*' is the name of no peer: leave peers out to let in all");
	for (i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		snprintf(text, sizeof(text), "name \"x\" { peers = {\"a\", \"%s\"} }\n",
			 peers[i]);
		snprintf(why, sizeof(why), "name \"x\": peers: '%s' is not the name of a certificate",
			 peers[i]);
		refuses(text, why);
	}
	conf = load_text("name \"x\" { peers = {\"a\", \"*.example\"} listen-users = {\"*\"} }\n");
	assert_non_null(conf);
	config_free(conf);
}

static void lists_may_be_absent_or_in_parts(void **state)
{
	struct config *conf = load_text("accept-kex = {}\n"
					"name \"x\" { }\n"
					"name \"y\" { peers = {} peers += {a} }\n"
					"name \"z\" { peers += {a} peers += {} }\n");

	(void)state;
	assert_non_null(conf);
	assert_string_equal(lines, "");
	assert_string_equal(conf->kex_accept, "");
	assert_int_equal(conf->names[0].npeers, 0);
	assert_int_equal(conf->names[1].npeers, 1);
	assert_int_equal(conf->names[2].npeers, 1);
	config_free(conf);
}

/* Each reload says that a restart is needed, until the settings are as before. */
static void fixed_settings_differ_at_each_reload(void **state)
{
	static const char * const others[] = {
		"port = 1\n", "mark = \"7\"\n", "source-ports = 1\n",
		"user = daemon\n", "socket = \"/run/other\"\n",
		"socket = \"\"\n",
	};
	struct config *conf, *next;
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		conf = load_text("");
		for (n = 0; n < 3; n++) {
			next = load_text(n < 2 ? others[i] : "");
			assert_non_null(next);
			assert_int_equal(config_keep_fixed(conf, next), n < 2);
			config_free(conf);
			conf = next;
			assert_int_equal(conf->port, 3435);
			assert_null(conf->user);
			assert_string_equal(conf->socket, CONFIG_SOCKET);
		}
		config_free(conf);
	}
}

static int setup(void **state)
{
	(void)state;
	log_divert(keep_line);
	files_begin("config");
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
		TEST(an_empty_file_has_all_defaults),
		TEST(a_folder_is_refused),
		TEST(a_file_of_more_than_a_mebibyte_is_refused),
		TEST(errors_name_the_file_and_the_line),
		TEST(a_rekey_timeout_beyond_its_range_is_refused),
		TEST(an_empty_list_is_refused),
		TEST(peers_that_no_certificate_can_name_are_refused),
		TEST(lists_may_be_absent_or_in_parts),
		TEST(fixed_settings_differ_at_each_reload),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
