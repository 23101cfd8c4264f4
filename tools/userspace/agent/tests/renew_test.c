// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Certificates, keys and lists that are renewed while the agent runs. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "../../oap/tests/certs.h"
#include "files.h"
#include "log.h"
#include "renew.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define DAY		86400L
#define HOUR_US		3600000000ULL
#define NAME		"bob"

static sd_event *loop;
static struct renew *renew;
static struct oap_env *oap;
static char said[16384];
static char news[128];		/* the last line about a read */
static struct test_crt ca, old, new;

/* The log of this program */

#define LOG(name)						\
	void name(const char *fmt, ...)				\
	{							\
		size_t len = strlen(said);			\
		va_list ap;					\
								\
		va_start(ap, fmt);				\
		vsnprintf(said + len, sizeof(said) - len, fmt, ap); \
		va_end(ap);					\
		strncat(said, "\n", sizeof(said) - strlen(said) - 1); \
	}

LOG(log_err)
LOG(log_warn)

void log_info(const char *fmt, ...)
{
	if (strncmp(fmt, "certificates", strlen("certificates")))
		log_err("%s", fmt);
	else
		snprintf(news, sizeof(news), "%s", fmt);
}

static void turn(void)
{
	handle_all(loop);
}

static void begin_again(uint64_t patience, uint64_t again)
{
	struct renew_settings set = {
		.dir = top, .oap = oap, .patience = patience, .again = again,
	};

	renew = renew_open(loop, &set);
	assert_non_null(renew);
	turn();
	assert_string_equal(said, "");
}

static void begin(uint64_t patience)
{
	begin_again(patience, HOUR_US);
}

/* Run the event loop for a time. */
static void wait_ms(unsigned int ms)
{
	uint64_t now, end;

	sd_event_now(loop, CLOCK_MONOTONIC, &now);
	for (end = now + ms * 1000; now < end;
	     sd_event_now(loop, CLOCK_MONOTONIC, &now))
		sd_event_run(loop, end - now);
}

/* Make a request for NAME, which carries a certificate. */
static struct oap_run *request(void)
{
	struct oap_params params = { .name = NAME };
	struct oap_run *run;
	struct oap_err err;

	if (oap_request(oap, &params, &run, &err))
		fail_msg("%s", err.text);
	return run;
}

static bool shows(const struct test_crt *crt)
{
	struct oap_run *run = request();
	uint8_t *der = NULL;
	int n = i2d_X509(crt->crt, &der);
	const uint8_t *msg;
	size_t len;
	bool found;

	msg = oap_message(run, &len);
	found = memmem(msg, len, der, n);
	OPENSSL_free(der);
	oap_free(run);
	return found;
}

/* Process the request here. @err is the reason of a refusal. */
static enum oap_code accepts(struct oap_err *err)
{
	struct oap_params params = { .auth = OAP_AUTH_REQUIRED };
	struct oap_run *run = request(), *answer;
	const uint8_t *msg;
	enum oap_code code;
	size_t len;

	msg = oap_message(run, &len);
	code = oap_process(oap, &params, msg, len, &answer, err);
	oap_free(answer);
	oap_free(run);
	return code;
}

static void a_new_pair_is_used_once_both_files_are_replaced(void **state)
{
	(void)state;
	begin(HOUR_US);
	mv("new/crt.pem", "client/" NAME "/crt.pem");
	turn();
	assert_true(shows(&old));
	mv("new/key.pem", "client/" NAME "/key.pem");
	turn();
	assert_true(shows(&new));
	assert_string_equal(said, "");
}

static void a_mismatched_pair_is_logged_once(void **state)
{
	(void)state;
	begin(0);
	mv("new/crt.pem", "client/" NAME "/crt.pem");
	turn();
	assert_non_null(strstr(said, "does not belong to the certificate beside it: replace one of them; what it was before stays in use until it is replaced\n"));
	said[0] = '\0';
	test_file(path("client/" NAME), "README", "");
	turn();
	assert_string_equal(said, "");
	assert_true(shows(&old));
	mv("new/key.pem", "client/" NAME "/key.pem");
	turn();
	assert_string_equal(said, "all certificates, keys and revocation lists can be used again\n");
	assert_true(shows(&new));
}

static void a_replaced_folder_of_a_name_is_read(void **state)
{
	(void)state;
	begin(HOUR_US);
	mv("client/" NAME, "away");
	mv("new", "client/" NAME);
	turn();
	assert_true(shows(&new));
}

static void a_switched_link_to_a_pair_is_followed(void **state)
{
	(void)state;
	mv("client/" NAME, "1");
	mv("new", "2");
	ln("../1", "client/" NAME);
	begin(HOUR_US);
	assert_true(shows(&old));
	ln("../2", "tmp");
	mv("tmp", "client/" NAME);
	turn();
	assert_true(shows(&new));
}

static void a_new_revocation_list_takes_effect_at_once(void **state)
{
	struct oap_err err;

	(void)state;
	begin(0);
	assert_int_equal(accepts(&err), OAP_OK);
	mkdir(path("crls"), 0700);
	test_crl_add(path("tmp"), &ca, &old, -DAY, DAY);
	mv("tmp", "crls/ca.pem");
	turn();
	assert_int_equal(accepts(&err), OAP_BAD_CERT);
	assert_string_equal(err.text,
			    "the list of 'ca' revokes the certificate of 'old': its owner needs a new one");
	assert_string_equal(said, "");
}

static void a_removed_revocation_list_still_revokes(void **state)
{
	struct oap_err err;

	(void)state;
	mkdir(path("crls"), 0700);
	test_crl_add(path("crls/ca.pem"), &ca, &old, -DAY, DAY);
	begin(0);
	mv("crls/ca.pem", "away");
	turn();
	assert_non_null(strstr(said, "the revocation list of 'ca' is gone from crls/"));
	assert_int_equal(accepts(&err), OAP_BAD_CERT);
	said[0] = '\0';
	mv("away", "crls/ca.pem");
	turn();
	assert_string_equal(said, "all certificates, keys and revocation lists can be used again\n");
}

static void a_broken_revocation_list_leaves_the_old_one_in_use(void **state)
{
	struct oap_err err;

	(void)state;
	mkdir(path("crls"), 0700);
	begin(0);
	test_crl_add(path("crls/ca.pem"), &ca, &old, -DAY, DAY);
	turn();
	test_file(path("crls"), "ca.pem", "rubbish\n");
	turn();
	assert_string_equal(said,
			    "crls/ca.pem is not a PEM revocation list: replace it, or drop .pem from its name; the lists from before stay in use\n");
	assert_int_equal(accepts(&err), OAP_BAD_CERT);
}

static void an_expired_revocation_list_is_logged_once(void **state)
{
	(void)state;
	mkdir(path("crls"), 0700);
	begin(0);
	test_crl_add(path("crls/ca.pem"), &ca, NULL, -2 * DAY, -DAY);
	turn();
	assert_non_null(strstr(said, "the revocation list of 'ca' expired at "));
	said[0] = '\0';
	test_file(path("crls"), "README", "");
	turn();
	assert_string_equal(said, "");
}

static void a_replaced_root_certificate_takes_effect(void **state)
{
	struct test_crt other = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY,
					      DAY);
	struct oap_err err;

	(void)state;
	begin(0);
	test_crt_write_as(path("tmp"), &other);
	mv("tmp", "cacert/ca.pem");
	turn();
	assert_int_equal(accepts(&err), OAP_BAD_CERT);
	test_crt_write_as(path("cacert/b.pem"), &ca);
	turn();
	assert_int_equal(accepts(&err), OAP_OK);
	test_crt_free(&other);
}

static void a_name_added_later_is_watched(void **state)
{
	(void)state;
	begin(0);
	mkdir(path("client/late"), 0700);
	turn();
	test_crt_write(path("client/late"), &old);
	turn();
	test_crt_write_as(path("client/late/crt.pem"), &new);
	turn();
	assert_non_null(strstr(said, "late/key.pem does not belong"));
}

static void a_removed_pair_is_no_longer_used(void **state)
{
	(void)state;
	begin(0);
	unlink(path("client/" NAME "/crt.pem"));
	unlink(path("client/" NAME "/key.pem"));
	turn();
	assert_false(oap_has_credentials(oap, false, NAME));
	assert_string_equal(said, "");
}

/* Change a file without closing it, so that the watch sees no event. */
static void write_unseen(int fd, const struct test_crt *crt)
{
	FILE *file = fdopen(dup(fd), "w");

	assert_int_equal(ftruncate(fd, 0), 0);
	rewind(file);
	if (crt)
		assert_int_equal(PEM_write_X509(file, crt->crt), 1);
	else
		fputs("rubbish\n", file);
	/* not closed, since closing causes an event */
	assert_int_equal(fflush(file), 0);
}

static void changes_without_inotify_events_are_found_in_time(void **state)
{
	int fd = open(path("client/" NAME "/crt.pem"), O_RDWR);

	(void)state;
	begin_again(0, 20000);
	news[0] = '\0';
	write_unseen(fd, NULL);
	wait_ms(1000);
	assert_non_null(strstr(said, "crt.pem ("));
	said[0] = '\0';
	write_unseen(fd, &old);
	wait_ms(1000);
	assert_string_equal(said, "all certificates, keys and revocation lists can be used again\n");
	assert_string_equal(news, "");
	close(fd);
}

static void endless_changes_do_not_suppress_the_error(void **state)
{
	unsigned int i;

	(void)state;
	begin(300000);
	mv("new/crt.pem", "client/" NAME "/crt.pem");
	for (i = 0; i < 10 && !*said; i++) {
		test_file(path("client/" NAME), "README", "");
		wait_ms(100);
	}
	assert_non_null(strstr(said, "does not belong to the certificate beside it"));
}

static void each_of_many_problems_is_logged_once(void **state)
{
	char name[32];
	unsigned int i;

	(void)state;
	begin(0);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "client/n%u", i);
		test_file(path(name), "crt.pem", "rubbish\n");
	}
	turn();
	assert_non_null(strstr(said, "n39/crt.pem"));
	said[0] = '\0';
	test_file(path("client/" NAME), "README", "");
	turn();
	assert_string_equal(said, "");
	/* a file that was repaired and is damaged again is logged again */
	test_crt_write(path("client/n7"), &old);
	turn();
	assert_string_equal(said, "");
	test_file(path("client/n7"), "crt.pem", "rubbish\n");
	turn();
	assert_non_null(strstr(said, "n7/crt.pem"));
}

static void rereading_files_is_logged_with_the_result(void **state)
{
	(void)state;
	news[0] = '\0';
	begin(HOUR_US);
	mv("new/crt.pem", "client/" NAME "/crt.pem");
	turn();
	assert_string_equal(news, "certificates, keys and revocation lists: read again, but not all can be used");
	mv("new/key.pem", "client/" NAME "/key.pem");
	turn();
	assert_string_equal(news, "certificates, keys and revocation lists: read again");
}

static void each_series_of_watch_failures_is_logged_once(void **state)
{
	struct rlimit all, few;
	unsigned int i;

	(void)state;
	begin(HOUR_US);
	getrlimit(RLIMIT_NOFILE, &all);
	few = all;
	few.rlim_cur = 3;
	for (i = 0; i < 2; i++) {
		setrlimit(RLIMIT_NOFILE, &few);
		renew_now(renew);
		renew_now(renew);
		setrlimit(RLIMIT_NOFILE, &all);
		assert_non_null(strstr(said, "cannot watch certificates and keys"));
		assert_null(strstr(strchr(said, '\n'), "cannot watch"));
		said[0] = '\0';
		renew_now(renew);
		assert_string_equal(said, "");
	}
}

/* Append a certificate to a file. */
static void append(const char *name, const struct test_crt *crt)
{
	FILE *file = fopen(path(name), "a");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, crt->crt), 1);
	assert_int_equal(fclose(file), 0);
}

static void a_chain_is_warned_of_at_the_start_and_at_reloads(void **state)
{
	struct renew_settings set = {
		.dir = top, .oap = oap, .patience = HOUR_US, .again = HOUR_US,
	};
	char warning[256];

	(void)state;
	snprintf(warning, sizeof(warning),
		 "%s has more than one certificate, and only the first is sent: put the others into untrusted/ of the peers\n",
		 path("client/" NAME "/crt.pem"));
	append("client/" NAME "/crt.pem", &ca);
	renew = renew_open(loop, &set);
	assert_string_equal(said, warning);	/* at the start */
	said[0] = '\0';
	test_file(path("client/" NAME), "README", "");
	turn();
	assert_string_equal(said, "");		/* not at each reading */
	renew_now(renew);
	assert_string_equal(said, warning);	/* and at a reload */
	assert_true(shows(&old));
}

static void a_chain_added_later_is_warned_of(void **state)
{
	(void)state;
	begin(0);
	append("client/" NAME "/crt.pem", &ca);
	/* beside a file that cannot be used, which is logged, too */
	mkdir(path("client/other"), 0700);
	test_file(path("client/other"), "crt.pem", "rubbish\n");
	turn();
	assert_non_null(strstr(said, NAME "/crt.pem has more than one certificate"));
	assert_non_null(strstr(said, "other/crt.pem"));
}

static int setup(void **state)
{
	static const char * const dirs[] = { "cacert", "client", "server" };
	struct oap_settings set = { .dir = top };
	struct oap_err err;
	size_t i;

	(void)state;
	said[0] = '\0';
	files_begin("renew");
	for (i = 0; i < COUNT(dirs); i++)
		mkdir(path(dirs[i]), 0700);
	ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	old = test_crt_make("EC", "old", NULL, &ca, 0, -DAY, DAY);
	new = test_crt_make("EC", "new", NULL, &ca, 0, -DAY, DAY);
	test_crt_write_as(path("cacert/ca.pem"), &ca);
	test_crt_write(path("client/" NAME), &old);
	test_crt_write(path("new"), &new);
	assert_true(sd_event_new(&loop) >= 0);
	return oap_env_open(&oap, &set, &err);
}

static int teardown(void **state)
{
	(void)state;
	renew_close(renew);
	renew = NULL;
	oap_env_close(oap);
	loop = sd_event_unref(loop);
	test_crt_free(&ca);
	test_crt_free(&old);
	test_crt_free(&new);
	return files_end();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_pair_is_used_once_both_files_are_replaced),
		TEST(a_mismatched_pair_is_logged_once),
		TEST(a_replaced_folder_of_a_name_is_read),
		TEST(a_switched_link_to_a_pair_is_followed),
		TEST(a_new_revocation_list_takes_effect_at_once),
		TEST(a_removed_revocation_list_still_revokes),
		TEST(changes_without_inotify_events_are_found_in_time),
		TEST(endless_changes_do_not_suppress_the_error),
		TEST(each_of_many_problems_is_logged_once),
		TEST(rereading_files_is_logged_with_the_result),
		TEST(each_series_of_watch_failures_is_logged_once),
		TEST(a_broken_revocation_list_leaves_the_old_one_in_use),
		TEST(an_expired_revocation_list_is_logged_once),
		TEST(a_replaced_root_certificate_takes_effect),
		TEST(a_name_added_later_is_watched),
		TEST(a_removed_pair_is_no_longer_used),
		TEST(a_chain_is_warned_of_at_the_start_and_at_reloads),
		TEST(a_chain_added_later_is_warned_of),
	};

	return cmocka_run_group_tests_name("agent: renewed files", tests, NULL,
					   NULL);
}
