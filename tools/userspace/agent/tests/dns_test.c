// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * DNS lookups: the server in use as the configuration or resolv.conf changes,
 * and the limits on queries.
 */

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
#define EACH		16	/* lookups at a time for one user */
#define ALL		128	/* and for all users */
#define HOSTS		8	/* of one name */
#define QUERIES_MAX	4096

#define TYPE_SRV	33

/* A DNS server of the test. */
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

/* Distinct queries received, each with the type before the name. */
static struct query {
	uint8_t p[64];
	size_t len;
} queries[QUERIES_MAX];

static unsigned int nqueries, answers;

static void on_answer(void *arg, uint32_t flow,
		      const struct sockaddr_storage *addrs, size_t count,
		      const char *why)
{
	(void)arg;
	(void)flow;
	(void)addrs;
	(void)count;
	(void)why;
	answers++;
}

/* Handle all events that have happened. */
static void turn(void)
{
	handle_all(loop);
}

static void ask_for(uint32_t flow, uint32_t uid, unsigned int name)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.test", name);
	assert_int_equal(dns_ask(dns, flow, uid, text, 3435), 0);
}

/* Check that the first query goes to @s, and none to the other server. */
static void assert_asks(const struct server *s)
{
	const struct server *other = s == &old ? &new : &old;
	static unsigned int name = 1000000;
	time_t end = time(NULL) + 10;
	bool right = false;

	turn();
	asked(&old);
	asked(&new);
	ask_for(1, 0, name++);
	while (!right && time(NULL) < end) {
		sd_event_run(loop, 100000);
		assert_false(asked(other));
		right = asked(s);
	}
	assert_true(right);
	dns_cancel(dns, 1);
}

/* Write a resolv.conf that names @s, in place. */
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

/* Bring the loopback device up: in a new network namespace it is down. */
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
	nqueries = 0;
	answers = 0;
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

static void discarded_servers_are_not_asked(void **state)
{
	struct dns_source *source;

	(void)state;
	follow_file(old.name);
	source = prepare(&new);
	assert_asks(&old);
	dns_discard(source);
	assert_asks(&old);
}

static void committed_servers_replace_the_previous_ones(void **state)
{
	(void)state;
	follow_file(old.name);
	assert_asks(&old);
	dns_commit(dns, prepare(&new));
	assert_asks(&new);
}

static void invalid_servers_leave_the_previous_ones_in_use(void **state)
{
	struct dns_settings set = { .servers = "here", .patience = PATIENCE };

	(void)state;
	follow_file(old.name);
	assert_null(dns_prepare(dns, &set));
	assert_asks(&old);
}

static void pending_lookups_move_to_the_new_server(void **state)
{
	(void)state;
	follow_file(old.name);
	assert_asks(&old);
	ask_for(2, 0, 2);
	dns_commit(dns, prepare(&new));
	asked(&new);
	turn();
	assert_true(asked(&new));
}

static void resolv_conf_is_ignored_if_servers_are_configured(void **state)
{
	(void)state;
	names("resolv.conf", &old);
	follow_file(old.name);
	names("resolv.conf", &new);
	assert_asks(&old);
}

static void configuring_servers_ends_the_watch_of_resolv_conf(void **state)
{
	(void)state;
	names("resolv.conf", &new);
	follow_file(NULL);
	dns_commit(dns, prepare(&old));
	names("resolv.conf", &new);
	assert_asks(&old);
}

/* resolv.conf */

static void a_rewritten_resolv_conf_is_read(void **state)
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

static void a_replaced_resolv_conf_is_read_and_watched(void **state)
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

static void servers_stay_in_use_while_resolv_conf_is_missing(void **state)
{
	(void)state;
	names("resolv.conf", &old);
	follow_file(NULL);
	rm("resolv.conf");
	assert_asks(&old);
	names("resolv.conf", &new);
	assert_asks(&new);
}

static void a_replaced_target_of_the_link_is_read(void **state)
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

static void a_replaced_link_is_followed_and_watched(void **state)
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

static void a_dangling_link_is_read_once_its_target_appears(void **state)
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

/*
 * As with a bind mount: another hard link of the file, in an unwatched folder.
 */
static void a_write_through_another_hard_link_is_read(void **state)
{
	(void)state;
	names("run/host", &old);
	assert_int_equal(link(path("run/host"), path("resolv.conf")), 0);
	follow_file(NULL);
	assert_asks(&old);
	names("run/host", &new);
	assert_asks(&new);
}

/* Limits on queries */

/* What a server replies. */
enum reply {
	SILENCE,
	NO_NAME,
	HOSTS_ONLY,	/* SRV records; no reply to queries for addresses */
	BEST_LAST,	/* as HOSTS_ONLY, one host too many, the best one last */
};

static void note_query(const uint8_t *name, size_t len, uint8_t type)
{
	struct query q = { .len = len + 1, .p = { type } };
	unsigned int i;

	assert_true(len < sizeof(q.p));
	memcpy(q.p + 1, name, len);
	for (i = 0; i < nqueries; i++)
		if (q.len == queries[i].len && !memcmp(q.p, queries[i].p, q.len))
			return;
	assert_true(nqueries < QUERIES_MAX);
	queries[nqueries++] = q;
}

static uint8_t hosts_in(enum reply reply)
{
	return reply == HOSTS_ONLY ? HOSTS : reply == BEST_LAST ? HOSTS + 1 : 0;
}

/* Append the SRV record of a host; @name is without the service. */
static size_t put_host(uint8_t *p, uint8_t i, uint8_t priority,
		       const uint8_t *name, size_t len)
{
	const uint8_t record[] = {
		0xc0, 12, 0, TYPE_SRV, 0, 1, 0, 0, 0, 60, 0, 6 + 3 + len,
		0, priority, 0, 0, 1, 0, 2, 'h', '0' + i,
	};

	memcpy(p, record, sizeof(record));
	memcpy(p + sizeof(record), name, len);
	return sizeof(record) + len;
}

/*
 * Turn the query in @p, whose question ends at @end, into a reply. Return: the
 * length of the reply.
 */
static size_t put_reply(uint8_t *p, size_t end, enum reply reply)
{
	const size_t name = 12 + strlen("x_ipcp-rekeyx_udp");
	const uint8_t counts[] = { 0, 1, 0, hosts_in(reply) };
	size_t len = end;
	uint8_t i;

	p[2] = 0x81;
	p[3] = reply == NO_NAME ? 0x83 : 0x80;
	memcpy(p + 4, counts, sizeof(counts));
	memset(p + 8, 0, 4);
	for (i = 0; i < counts[3]; i++)
		len += put_host(p + len, i,
				reply == BEST_LAST ? HOSTS + 1 - i : 0,
				p + name, end - 4 - name);
	return len;
}

/* Note the queries that have arrived, and reply to them. */
static void serve(const struct server *s, enum reply reply)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t p[1024];
	size_t end;

	while (recvfrom(s->fd, p, 512, 0, (struct sockaddr *)&from,
			&from_len) > 0) {
		for (end = 12; p[end]; end += 1 + p[end])
			;
		end += 5;
		note_query(p + 12, end - 4 - 12, p[end - 3]);
		if (reply == SILENCE ||
		    (hosts_in(reply) && p[end - 3] != TYPE_SRV))
			continue;
		sendto(s->fd, p, put_reply(p, end, reply), 0,
		       (struct sockaddr *)&from, from_len);
	}
}

/* Reply to queries until @count lookups are answered. */
static void serve_until(const struct server *s, enum reply reply,
			unsigned int count)
{
	time_t end = time(NULL) + 20;

	while (answers < count && time(NULL) < end) {
		sd_event_run(loop, 100000);
		serve(s, reply);
	}
	turn();
	assert_int_equal(answers, count);
}

/* Cancel more lookups than there are query ids. */
static void cancelled_lookups_are_limited_and_delay_no_other_user(void **state)
{
	unsigned int i;

	(void)state;
	follow_file(old.name);
	for (i = 0; i < 70000; i++) {
		ask_for(1, 1000, i);
		dns_cancel(dns, 1);
	}
	turn();
	serve(&old, SILENCE);
	assert_int_equal(nqueries, EACH);

	/* the cancelled lookups delay no other user */
	ask_for(2, 1001, i);
	serve(&old, SILENCE);
	assert_int_equal(nqueries, EACH + 1);
	assert_int_equal(answers, 0);
}

static void queries_of_all_users_are_limited(void **state)
{
	unsigned int i;

	(void)state;
	follow_file(old.name);
	for (i = 0; i < 4 * ALL; i++)
		ask_for(i, i / (2 * EACH), i);
	turn();
	serve(&old, SILENCE);
	assert_int_equal(nqueries, ALL);
}

static void lookups_of_one_user_stay_limited_with_many_hosts(void **state)
{
	unsigned int i;

	(void)state;
	follow_file(old.name);
	for (i = 0; i < 1000; i++)
		ask_for(i, 1000, i);
	for (i = 0; i < 10; i++) {
		serve(&old, HOSTS_ONLY);
		turn();
	}
	serve(&old, SILENCE);
	assert_in_range(nqueries, EACH * 2 * HOSTS, EACH * (1 + 2 * HOSTS));
}

/* Return the number of queries for addresses of host @i. */
static unsigned int queries_about(unsigned int i)
{
	const uint8_t label[] = { 2, 'h', '0' + i };
	unsigned int n = 0, k;

	for (k = 0; k < nqueries; k++)
		n += !memcmp(queries[k].p + 1, label, sizeof(label));
	return n;
}

/* With more hosts than are looked up, those with the lowest values count. */
static void the_preferred_of_many_hosts_is_looked_up(void **state)
{
	unsigned int i;

	(void)state;
	follow_file(old.name);
	ask_for(1, 1000, 0);
	for (i = 0; i < 10; i++) {
		serve(&old, BEST_LAST);
		turn();
	}
	assert_int_equal(queries_about(0), 0);
	for (i = 1; i <= HOSTS; i++)
		assert_int_equal(queries_about(i), 2);
}

/* Lookups beyond the limits wait, and are answered in turn. */
static void all_queued_lookups_are_answered(void **state)
{
	unsigned int i;

	(void)state;
	follow_file(old.name);
	for (i = 0; i < 4 * ALL; i++)
		ask_for(i, i % 3, i);
	serve_until(&old, NO_NAME, i);
}

static void lookups_of_the_same_name_share_one_query(void **state)
{
	unsigned int i;

	(void)state;
	follow_file(old.name);
	for (i = 0; i < 1000; i++)
		ask_for(i, i % 3, 0);
	turn();
	serve(&old, SILENCE);
	assert_int_equal(nqueries, 1);
	dns_cancel(dns, 7);
	dns_commit(dns, prepare(&new));
	serve_until(&new, NO_NAME, i - 1);
}

/*
 * A lookup that no flow waited for when its SRV records arrived serves a later
 * request.
 */
static void an_abandoned_lookup_serves_a_later_request(void **state)
{
	(void)state;
	follow_file(old.name);
	ask_for(1, 1000, 0);
	dns_cancel(dns, 1);
	serve(&old, HOSTS_ONLY);
	ask_for(2, 1000, 0);
	serve_until(&old, NO_NAME, 1);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(discarded_servers_are_not_asked),
		TEST(committed_servers_replace_the_previous_ones),
		TEST(invalid_servers_leave_the_previous_ones_in_use),
		TEST(pending_lookups_move_to_the_new_server),
		TEST(resolv_conf_is_ignored_if_servers_are_configured),
		TEST(configuring_servers_ends_the_watch_of_resolv_conf),
		TEST(a_rewritten_resolv_conf_is_read),
		TEST(a_replaced_resolv_conf_is_read_and_watched),
		TEST(servers_stay_in_use_while_resolv_conf_is_missing),
		TEST(a_replaced_target_of_the_link_is_read),
		TEST(a_replaced_link_is_followed_and_watched),
		TEST(a_dangling_link_is_read_once_its_target_appears),
		TEST(a_write_through_another_hard_link_is_read),
		TEST(cancelled_lookups_are_limited_and_delay_no_other_user),
		TEST(queries_of_all_users_are_limited),
		TEST(lookups_of_one_user_stay_limited_with_many_hosts),
		TEST(the_preferred_of_many_hosts_is_looked_up),
		TEST(all_queued_lookups_are_answered),
		TEST(lookups_of_the_same_name_share_one_query),
		TEST(an_abandoned_lookup_serves_a_later_request),
	};

	log_quiet(true);
	return cmocka_run_group_tests_name("dns", tests, loopback_up, NULL);
}
