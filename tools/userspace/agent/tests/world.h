/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Test environment of the engine: two engines, alice's and bob's, connected by
 * a network that loses, duplicates and reorders messages, with a clock of its
 * own and the registry's rules about exchanges. The cryptography is real.
 */
#ifndef REKEYD_TEST_WORLD_H
#define REKEYD_TEST_WORLD_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../oap/tests/certs.h"
#include "engine-int.h"

#define BOB	"bob.example"
#define ALICE	"alice.example"
#define FLOWS	600
#define PACKETS	4096

struct side;

/* A flow in the simulated registry. */
struct fake_flow {
	bool used;
	struct ipcp_nl_flow f;
	uint8_t seed[32];		/* of newest_epoch */
	uint64_t chain;			/* for the next seed; 0: fresh */
	uint64_t before;		/* chain mixed into the newest seed */
	uint8_t claimed_epoch;
	uint32_t retry_after;		/* of the last rekey_clear */
	uint64_t retry_at;		/* then a retry is due; 0: at once */
	uint64_t asked_at;		/* time of the question to the peer */
	uint32_t next_exchange;
	int error;			/* from flow_del */
	char reason[REASON_LEN];
};

#define AGENT_PORT	3435
#define SOURCE_PORT	40009	/* source port of allocated flows */
#define GROUP_SOCKET	1	/* of AGENT_PORT */
#define SOURCE_SOCKET	9	/* of SOURCE_PORT */

struct packet {
	struct side *to;
	uint32_t flow;			/* 0: CTRL */
	struct ipcp_nl_peer from;
	uint64_t at;
	size_t len;
	uint8_t p[FRAME_MAX];
};

struct side {
	struct engine *e;
	struct config *conf;
	struct oap_env *oap;
	struct side *other;
	struct sockaddr_storage addr;
	struct fake_flow flows[FLOWS];
	const char *serves;
	bool full;			/* its backlog is full */
	bool busy;			/* the previous epoch is unconfirmed */
	bool no_keys;			/* all keys are lost */
	bool deaf;			/* no answer to questions is heard */
	bool answered;			/* questions get an answer anyway */
	bool no_events;			/* no event at the end of a question */
	bool no_dns;
	int broken;			/* result of flow_allocate, or 0 */
	uint32_t asked;			/* flow that waits for the DNS */
	uint16_t asked_port;
	uint64_t bytes_out;
	unsigned int finds;		/* flows looked up by endpoint id */
	unsigned int questions;
	unsigned int seeds;		/* set in the kernel, taken or not */
	bool forgotten;			/* a NAT lost the source port */
	unsigned int to_source;		/* messages to the peer's source port */
	struct ipcp_nl_peer last_sent;	/* where the last message went */
	char reason[64];
};

extern struct side alice, bob;
extern struct packet *wire[PACKETS];
extern unsigned int on_wire;
extern uint64_t clock_ms;
extern uint64_t suspended_ms;		/* not in clock_ms; of both machines */
extern long wall_off;			/* of the wall clock, in seconds */
extern unsigned int loss;		/* percent */
extern bool chaos;			/* repeat and reorder */
extern uint64_t dice_state;
extern uint32_t replay_max;		/* of the replay cache; 0: default */
extern char top[64];			/* directory of this test */
extern struct test_crt ca, other_ca;

unsigned int dice(unsigned int n);

/* Advance the time until a message arrives or work is due; false at @until. */
bool step(uint64_t until);
void run_for(uint64_t ms);
void lose_all_on_wire(void);

/* The program and the main loop */
struct fake_flow *add_flow(struct side *s, const char *name);
struct fake_flow *alloc(const char *name, uint32_t timeout);
void claim(struct fake_flow *f);
/*
 * Let bob, the responder, lose the keys of alice's flow: bob asks for a re-key in the
 * clear. Return bob's flow.
 */
struct fake_flow *lose_at_bob(struct fake_flow *f);

/* Results */
struct fake_flow *flow_of(struct side *s, uint32_t id);
struct fake_flow *peer_of(struct fake_flow *f);
bool allocated(const struct fake_flow *f);
unsigned int flows_at(struct side *s);
/* Check that both ends have the same seed and the endpoint id of each other. */
void check_same(struct fake_flow *f);

/*
 * Count the lines that both agents have logged, without debugging lines, since
 * the start of the test or the last forget_lines(). @part: count only lines
 * that contain this text; "": all.
 */
unsigned int lines_with(const char *part);
void forget_lines(void);

/* Set-up; NULL leaves a setting unchanged */
void make_creds(const char *dir, const char *cn, const char *type,
		const struct test_crt *by);
void creds(const char *alice_cn, const struct test_crt *alice_ca,
	   const char *bob_cn, const struct test_crt *bob_ca);
/* @alice_extra: more settings for the name */
void start(const char *alice_extra, const char *bob_extra);
void start_good(void);
/* Replace bob's configuration, while flows continue. */
void reload_bob(const char *extra);
/* Start, and allocate a flow to BOB. */
struct fake_flow *good_flow(void);
void stop(void);
/* Restart an agent as after SIGKILL: its state is lost, its claims lapse. */
void restart(struct side *s);

int world_setup(void **state);
int world_teardown(void **state);
int world_main(const char *name, const struct CMUnitTest *tests, size_t count);

#define TEST(f)	cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
#define WORLD_MAIN(name, tests)						\
	world_main(name, tests, sizeof(tests) / sizeof((tests)[0]))

#endif /* REKEYD_TEST_WORLD_H */
