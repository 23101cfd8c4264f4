// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Test environment of the engine: programs, the log of the agents, set-up. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "world-int.h"

#define DAY	86400L
#define LINES_MAX	1024

struct side alice, bob;
uint64_t suspended_ms;
long wall_off;
uint32_t replay_max;
char top[64];
struct test_crt ca, other_ca;

/* The program */

struct fake_flow *alloc(const char *name, uint32_t timeout)
{
	struct ipcp_nl_upcall up = {
		.type = IPCP_REKEY_UPCALL_TYPE_ALLOC, .timeout = timeout,
		.peer.socket = SOURCE_SOCKET,
	};
	struct fake_flow *f = add_flow(&alice, name);

	f->f.state = IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
	up.flow_id = f->f.id;
	up.eid = f->f.eid;
	up.generation = f->f.generation;
	strcpy(up.name, name);
	engine_alloc(alice.e, &up);
	return f;
}

void claim(struct fake_flow *f)
{
	struct ipcp_nl_claim c = world_make_claim(f, alice.no_keys ? 0 : f->chain);

	/* no reason is given: the agent must go by the chain of the claim */
	engine_rekey(alice.e, &c);
}

struct fake_flow *lose_at_bob(struct fake_flow *f)
{
	struct fake_flow *g = peer_of(f);

	g->f.state = IPCP_REKEY_FLOW_STATE_ALLOCATED;
	g->f.due = IPCP_REKEY_DUE_NO_KEYS;
	bob.no_keys = true;
	engine_want(bob.e, &g->f);
	return g;
}

struct fake_flow *peer_of(struct fake_flow *f)
{
	uint32_t i;

	for (i = 1; i <= FLOWS; i++)
		if (flow_of(&bob, i) && bob.flows[i - 1].f.eid ==
					f->f.peer_eid)
			return &bob.flows[i - 1];
	return NULL;
}

bool allocated(const struct fake_flow *f)
{
	return f->used && f->f.state == IPCP_REKEY_FLOW_STATE_ALLOCATED;
}

void check_same(struct fake_flow *f)
{
	struct fake_flow *g = peer_of(f);

	assert_non_null(g);
	assert_int_equal(g->f.peer_eid, f->f.eid);
	assert_int_equal(g->f.cipher, f->f.cipher);
	assert_int_equal(g->f.newest_epoch, f->f.newest_epoch);
	assert_memory_equal(g->seed, f->seed, 32);
}

unsigned int flows_at(struct side *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < FLOWS; i++)
		n += s->flows[i].used;
	return n;
}

/* The log of both agents */

static char lines[LINES_MAX][512];
static unsigned int nlines;

static void keep_line(int priority, const char *text)
{
	(void)priority;
	if (getenv("VERBOSE"))
		fprintf(stderr, "# %s\n", text);
	if (nlines < LINES_MAX)
		snprintf(lines[nlines++], sizeof(lines[0]), "%s", text);
}

unsigned int lines_with(const char *part)
{
	unsigned int i, n = 0;

	assert_true(nlines < LINES_MAX);
	for (i = 0; i < nlines; i++)
		n += !!strstr(lines[i], part);
	return n;
}

void forget_lines(void)
{
	nlines = 0;
}

/* Set-up */

/* The wall clock of both sides follows the simulated time. */
static uint64_t wall_clock(void *arg)
{
	static time_t began;

	(void)arg;
	if (!began)
		began = time(NULL);
	return (began + wall_off) * UINT64_C(1000000000) +
	       (clock_ms + suspended_ms) * UINT64_C(1000000);
}

void make_creds(const char *dir, const char *cn, const char *type,
		       const struct test_crt *by)
{
	struct test_crt c = test_crt_make(type, cn, NULL, by, 0, -DAY, DAY);

	test_crt_write(dir, &c);
	test_crt_free(&c);
}

static struct config *make_conf(const char *name, const char *extra)
{
	char path[256], text[1024];
	struct config *conf;

	snprintf(text, sizeof(text),
		 "security = \"%s/%s\"\nname \"" BOB "\" { address = \"10.0.0.2\"\n%s }\n",
		 top, name, extra);
	snprintf(path, sizeof(path), "%s.conf", name);
	test_file(top, path, text);
	snprintf(path, sizeof(path), "%s/%s.conf", top, name);
	conf = config_load(path);
	assert_non_null(conf);
	return conf;
}

static void make_side(struct side *s, const char *name, const char *addr,
		      const char *extra)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->addr;

	memset(s, 0, sizeof(*s));
	in->sin_family = AF_INET;
	in->sin_port = htons(AGENT_PORT);
	inet_pton(AF_INET, addr, &in->sin_addr);
	s->conf = make_conf(name, extra);
}

void reload_bob(const char *extra)
{
	struct config *conf = make_conf("bob", extra);

	engine_set_config(bob.e, conf, bob.oap);
	config_free(bob.conf);
	bob.conf = conf;
}

static void open_side(struct side *s)
{
	struct oap_settings set = {
		.dir = s->conf->security, .now = wall_clock,
		.replay_max = replay_max,
	};
	struct oap_err err;

	set.slack_ms = 2000;
	if (oap_env_open(&s->oap, &set, &err))
		fail_msg("%s", err.text);
	s->e = engine_new(&world_ops, s, s->conf, s->oap);
	assert_non_null(s->e);
}

void restart(struct side *s)
{
	unsigned int i;

	engine_free(s->e);
	oap_env_close(s->oap);
	open_side(s);
	for (i = 0; i < FLOWS; i++)
		s->flows[i].f.in_flight = 0;
}

static void make_dirs(void)
{
	static const char * const dirs[] = {
		"alice", "alice/cacert", "alice/client", "alice/server",
		"bob", "bob/cacert", "bob/client", "bob/server",
	};
	char path[256];
	size_t i;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "%s/%s", top, dirs[i]);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/alice/cacert/ca.pem", top);
	test_crt_write_as(path, &ca);
	snprintf(path, sizeof(path), "%s/bob/cacert/ca.pem", top);
	test_crt_write_as(path, &ca);
}

static void ignore(void *arg, bool warning, const char *text)
{
	(void)arg;
	(void)warning;
	(void)text;
}

/*
 * Replace a certificate and its key, even by a pair that no peer accepts: the
 * old pair is forgotten.
 */
static void replace_creds(struct side *s, const char *dir, const char *cn,
			  const struct test_crt *by)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/crt.pem", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	unlink(path);
	if (s->oap)
		oap_env_renew(s->oap, ignore, NULL);
	make_creds(dir, cn, "EC", by);
}

void creds(const char *alice_cn, const struct test_crt *alice_ca,
		  const char *bob_cn, const struct test_crt *bob_ca)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/alice/client/" BOB, top);
	if (alice_cn)
		replace_creds(&alice, path, alice_cn, alice_ca);
	snprintf(path, sizeof(path), "%s/bob/server/" BOB, top);
	if (bob_cn)
		replace_creds(&bob, path, bob_cn, bob_ca);
}

int world_setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/exchange-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	make_dirs();
	clock_ms = 1000000;
	suspended_ms = 0;
	wall_off = 0;
	replay_max = 0;
	loss = 0;
	chaos = false;
	forget_lines();
	dice_state = 1;
	return 0;
}

void start(const char *alice_extra, const char *bob_extra)
{
	make_side(&alice, "alice", "10.0.0.1", alice_extra);
	make_side(&bob, "bob", "10.0.0.2", bob_extra);
	alice.other = &bob;
	bob.other = &alice;
	bob.serves = BOB;
	open_side(&alice);
	open_side(&bob);
}

void start_good(void)
{
	creds(ALICE, &ca, BOB, &ca);
	start("", "");
}

struct fake_flow *good_flow(void)
{
	struct fake_flow *f;

	start_good();
	f = alloc(BOB, 0);
	run_for(1000);
	return f;
}

static void close_side(struct side *s)
{
	engine_free(s->e);
	oap_env_close(s->oap);
	config_free(s->conf);
	memset(s, 0, sizeof(*s));
}

void stop(void)
{
	lose_all_on_wire();
	close_side(&alice);
	close_side(&bob);
}

int world_teardown(void **state)
{
	char cmd[128];

	(void)state;
	stop();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

int world_main(const char *name, const struct CMUnitTest *tests, size_t count)
{
	int failed;

	log_divert(keep_line);
	ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	other_ca = test_crt_make("EC", "ca", NULL, NULL, 1, -DAY, DAY);
	failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	test_crt_free(&ca);
	test_crt_free(&other_ca);
	return failed;
}
