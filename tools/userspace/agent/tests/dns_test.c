// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Which DNS server is asked, when the configuration or resolv.conf changes. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>

#include "dns.h"
#include "files.h"
#include "log.h"

#define PATIENCE	20000

/* A server that counts questions and answers none. */
struct server {
	int fd;
	char name[64];		/* [ADDRESS]:PORT */
};

static struct server old, new;
static sd_event *loop;
static struct dns *dns;

static void server_open(struct server *s)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sin);

	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sin, &len), 0);
	snprintf(s->name, sizeof(s->name), "[127.0.0.1]:%u",
		 ntohs(sin.sin_port));
}

static bool asked(const struct server *s)
{
	char buf[512];
	bool any = false;

	while (recv(s->fd, buf, sizeof(buf), 0) > 0)
		any = true;
	return any;
}

static void on_answer(void *arg, uint32_t flow,
		      const struct sockaddr_storage *addrs, size_t count,
		      const char *why)
{
	(void)arg;
	(void)flow;
	(void)addrs;
	(void)count;
	(void)why;
}

/* Handle all events that have happened. */
static void turn(void)
{
	handle_all(loop);
}

/* Only @s is asked, at the first try. */
static void assert_asks(const struct server *s)
{
	const struct server *other = s == &old ? &new : &old;
	time_t end = time(NULL) + 10;
	bool right = false;

	turn();
	asked(&old);
	asked(&new);
	assert_int_equal(dns_ask(dns, 1, "x.test", 3435), 0);
	while (!right && time(NULL) < end) {
		sd_event_run(loop, 100000);
		assert_false(asked(other));
		right = asked(s);
	}
	assert_true(right);
	dns_cancel(dns, 1);
}

/* Write a resolv.conf in place. */
static void names(const char *file, const struct server *s)
{
	FILE *f = fopen(path(file), "w");

	assert_non_null(f);
	fprintf(f, "nameserver %s\n", s->name);
	assert_int_equal(fclose(f), 0);
}

static void follow_file(const char *servers)
{
	struct dns_settings set = {
		.servers = servers, .file = path("resolv.conf"),
		.patience = PATIENCE,
	};

	dns = dns_open(loop, &set, on_answer, NULL);
	assert_non_null(dns);
}

/* A network namespace of its own begins with the loopback down. */
static int loopback_up(void **state)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { .ifr_name = "lo" };
	int err = ioctl(fd, SIOCGIFFLAGS, &req);

	(void)state;
	if (!err && !(req.ifr_flags & IFF_UP)) {
		req.ifr_flags |= IFF_UP;
		err = ioctl(fd, SIOCSIFFLAGS, &req);
	}
	close(fd);
	return err;
}

static int setup(void **state)
{
	(void)state;
	files_begin("dns");
	dir("run");
	assert_true(sd_event_new(&loop) >= 0);
	server_open(&old);
	server_open(&new);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_close(dns);
	dns = NULL;
	loop = sd_event_unref(loop);
	close(old.fd);
	close(new.fd);
	return files_end();
}

/* Servers of the configuration */

static struct dns_source *prepare(const struct server *s)
{
	struct dns_settings set = { .servers = s->name, .patience = PATIENCE };
	struct dns_source *source = dns_prepare(dns, &set);

	assert_non_null(source);
	return source;
}

static void test_discarded(void **state)
{
	struct dns_source *source;

	(void)state;
	follow_file(old.name);
	source = prepare(&new);
	assert_asks(&old);
	dns_discard(source);
	assert_asks(&old);
}

static void test_committed(void **state)
{
	(void)state;
	follow_file(old.name);
	assert_asks(&old);
	dns_commit(dns, prepare(&new));
	assert_asks(&new);
}

static void test_unusable(void **state)
{
	struct dns_settings set = { .servers = "here", .patience = PATIENCE };

	(void)state;
	follow_file(old.name);
	assert_null(dns_prepare(dns, &set));
	assert_asks(&old);
}

static void test_outstanding_question(void **state)
{
	(void)state;
	follow_file(old.name);
	assert_asks(&old);
	assert_int_equal(dns_ask(dns, 2, "y.test", 3435), 0);
	dns_commit(dns, prepare(&new));
	asked(&new);
	turn();
	assert_true(asked(&new));
}

static void test_file_is_not_watched(void **state)
{
	(void)state;
	names("resolv.conf", &old);
	follow_file(old.name);
	names("resolv.conf", &new);
	assert_asks(&old);
}

static void test_file_is_no_longer_watched(void **state)
{
	(void)state;
	names("resolv.conf", &new);
	follow_file(NULL);
	dns_commit(dns, prepare(&old));
	names("resolv.conf", &new);
	assert_asks(&old);
}

/* resolv.conf */

static void test_written(void **state)
{
	(void)state;
	names("resolv.conf", &old);
	follow_file(NULL);
	assert_asks(&old);
	names("resolv.conf", &new);
	assert_asks(&new);
	names("resolv.conf", &old);
	assert_asks(&old);
}

static void test_replaced(void **state)
{
	(void)state;
	names("resolv.conf", &old);
	follow_file(NULL);
	names("other", &new);
	mv("other", "resolv.conf");
	assert_asks(&new);
	/* the new file is watched, too */
	names("resolv.conf", &old);
	assert_asks(&old);
}

static void test_removed(void **state)
{
	(void)state;
	names("resolv.conf", &old);
	follow_file(NULL);
	rm("resolv.conf");
	assert_asks(&old);
	names("resolv.conf", &new);
	assert_asks(&new);
}

static void test_target_replaced(void **state)
{
	(void)state;
	names("run/stub", &old);
	ln("run/stub", "resolv.conf");
	follow_file(NULL);
	assert_asks(&old);
	names("run/other", &new);
	assert_asks(&old);
	mv("run/other", "run/stub");
	assert_asks(&new);
}

static void test_link_replaced(void **state)
{
	(void)state;
	names("run/a", &old);
	names("run/b", &new);
	ln("run/a", "resolv.conf");
	follow_file(NULL);
	assert_asks(&old);
	ln(path("run/b"), "other");
	mv("other", "resolv.conf");
	assert_asks(&new);
	names("run/b", &old);
	assert_asks(&old);
}

static void test_target_comes_later(void **state)
{
	(void)state;
	ln("run/a/b/stub", "resolv.conf");
	follow_file(NULL);
	turn();
	dir("run/a");
	turn();
	dir("run/a/b");
	names("run/a/b/stub", &new);
	assert_asks(&new);
}

/* As a bind mount: another name of the file, in a folder that is not watched. */
static void test_written_elsewhere(void **state)
{
	(void)state;
	names("run/host", &old);
	assert_int_equal(link(path("run/host"), path("resolv.conf")), 0);
	follow_file(NULL);
	assert_asks(&old);
	names("run/host", &new);
	assert_asks(&new);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_discarded),
		TEST(test_committed),
		TEST(test_unusable),
		TEST(test_outstanding_question),
		TEST(test_file_is_not_watched),
		TEST(test_file_is_no_longer_watched),
		TEST(test_written),
		TEST(test_replaced),
		TEST(test_removed),
		TEST(test_target_replaced),
		TEST(test_link_replaced),
		TEST(test_target_comes_later),
		TEST(test_written_elsewhere),
	};

	log_quiet(true);
	return cmocka_run_group_tests_name("dns", tests, loopback_up, NULL);
}
