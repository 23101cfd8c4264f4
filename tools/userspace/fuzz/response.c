// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Fuzz target: a response arrives at a client that waits for one. The input is
 * the response; its id selects the request. Random numbers are deterministic,
 * and so are the requests.
 */

#include <stdlib.h>
#include <string.h>

#include "world.h"

/* Pending requests: one per name and policy. */
#define DEMANDS	2
#define NAMES	16

static const enum oap_auth demands[DEMANDS] = {
	OAP_AUTH_REQUIRED, OAP_AUTH_NONE,
};

static struct oap_env *env;
static struct oap_run *waiting[NAMES][DEMANDS];

static struct oap_run *request(size_t i)
{
	struct oap_params params = { .name = world_names[i].name };
	struct oap_run *run;
	struct oap_err err;

	world_dice(100 + i);
	MUST(oap_request(env, &params, &run, &err) == OAP_OK);
	return run;
}

static size_t which(const uint8_t *p, size_t len)
{
	const uint8_t *msg;
	size_t i, msg_len;

	for (i = 0; i < world_count && len >= OAP_ID_LEN; i++) {
		if (!waiting[i][0])
			continue;
		msg = oap_message(waiting[i][0], &msg_len);
		if (!memcmp(msg, p, OAP_ID_LEN))
			return i;
	}
	return 0;
}

static void take(size_t i, size_t j, const uint8_t *p, size_t len)
{
	struct oap_params params = {
		.name = world_names[i].name, .auth = demands[j],
		.peer_name = WORLD_NAME,
	};
	struct oap_run *run = waiting[i][j];
	const struct oap_identity *id = oap_peer(run);
	struct oap_err err = { 0 };
	uint8_t key[OAP_KEY_LEN];
	enum oap_code code;

	code = oap_complete(run, &params, p, len, &err);
	MUST(!code || (err.code == code && err.text[0]));
	MUST(!code || (!oap_cipher(run) && !id->authenticated));
	MUST(code || demands[j] != OAP_AUTH_REQUIRED ||
	     (id->authenticated && !strcmp(id->name, WORLD_NAME)));
	MUST(!oap_cipher(run) == !!oap_key(run, key, &err));
	if (code)
		return;
	/* a refused exchange stays pending; this one is complete */
	world_believed = true;
	oap_free(run);
	waiting[i][j] = request(i);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	size_t i = which(p, len), j;

	for (j = 0; j < DEMANDS; j++)
		take(i, j, p, len);
	return 0;
}

static void forget_all(void)
{
	size_t i, j;

	for (i = 0; i < NAMES; i++)
		for (j = 0; j < DEMANDS; j++)
			oap_free(waiting[i][j]);
	oap_env_close(env);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t i, j;

	(void)argc;
	(void)argv;
	world_open();
	env = world_env(WORLD_CLIENT);
	atexit(forget_all);
	MUST(world_count <= NAMES);
	for (i = 0; i < world_count; i++)
		for (j = 0; j < DEMANDS && world_can(&world_names[i]); j++)
			waiting[i][j] = request(i);
	return 0;
}

static void answer(struct oap_env *srv, size_t i, const char *dir)
{
	struct oap_params params = {
		.name = world_names[i].name, .data = (const uint8_t *)"yes",
		.data_len = 3,
	};
	struct oap_run *run;
	struct oap_err err;
	const uint8_t *msg;
	size_t len;

	msg = oap_message(waiting[i][0], &len);
	MUST(oap_process(srv, &params, msg, len, &run, &err) == OAP_OK);
	MUST(oap_respond(run, &params, &err) == OAP_OK);
	msg = oap_message(run, &len);
	record_file(dir, world_names[i].name, msg, len);
	oap_free(run);
}

void record(const char *dir)
{
	struct oap_env *srv = world_env(WORLD_SERVER);
	size_t i;

	for (i = 0; i < world_count; i++)
		if (waiting[i][0])
			answer(srv, i, dir);
	oap_env_close(srv);
}
