// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Fuzz target: a request arrives at a server. The input is the request. */

#include <string.h>

#include "world.h"

static struct oap_env *env;

static void check_identity(const struct oap_run *run, enum oap_auth auth)
{
	const struct oap_identity *id = oap_peer(run);

	MUST(auth != OAP_AUTH_REQUIRED || id->authenticated);
	MUST(auth != OAP_AUTH_NONE || !id->authenticated);
	MUST(id->authenticated == !!id->name[0]);
	MUST(!id->authenticated || oap_name_ok(id->name));
}

/* Answer the request as @name. */
static void answer(struct oap_run *run, const char *name)
{
	struct oap_params params = { .name = name };
	struct oap_err err = { 0 };
	uint8_t key[OAP_KEY_LEN];
	enum oap_code code = oap_respond(run, &params, &err);
	const uint8_t *msg;
	size_t len;

	msg = oap_message(run, &len);
	MUST(!code == !!msg);
	MUST(code || len <= OAP_MSG_MAX);
	MUST(!code || (err.code == code && err.text[0]));
	MUST(!code || !oap_cipher(run));
	MUST(!oap_cipher(run) == !!oap_key(run, key, &err));
	world_believed |= !code;
}

/* Process the request for each policy and each key exchange. */
static void ask(const uint8_t *p, size_t len, enum oap_auth auth,
		const char *name)
{
	struct oap_params params = { .auth = auth };
	struct oap_err err = { 0 };
	struct oap_run *run;
	enum oap_code code;
	const uint8_t *data;
	size_t data_len;

	world_forget(env);
	code = oap_process(env, &params, p, len, &run, &err);
	MUST(!code == !!run);
	MUST(!code || (err.code == code && err.text[0]));
	if (run) {
		data = oap_data(run, &data_len);
		MUST(data_len <= len && (data || !data_len));
		check_identity(run, auth);
		answer(run, name);
	}
	oap_free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	const uint8_t *data;
	size_t data_len = 0;

	world_dice(2);
	data = oap_peek(p, len, &data_len);
	MUST(!data || (data >= p && data + data_len <= p + len));
	ask(p, len, OAP_AUTH_REQUIRED, "x25519");
	ask(p, len, OAP_AUTH_OPTIONAL, "none");
	ask(p, len, OAP_AUTH_NONE, "nothing");
	if (world_has_kem()) {
		ask(p, len, OAP_AUTH_NONE, "ml-kem-client");
		ask(p, len, OAP_AUTH_NONE, "hybrid-client");
	}
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	world_open();
	env = world_env(WORLD_SERVER);
	return 0;
}

void record(const char *dir)
{
	struct oap_env *cli = world_env(WORLD_CLIENT);
	static const uint8_t data[] = "what the agents sign along";
	struct oap_run *run;
	struct oap_err err;
	const uint8_t *msg;
	size_t i, len;

	for (i = 0; i < world_count; i++) {
		struct oap_params params = {
			.name = world_names[i].name, .data = data,
			.data_len = i % 2 ? sizeof(data) : 0,
		};

		if (!world_can(&world_names[i]))
			continue;
		world_dice(100 + i);
		MUST(oap_request(cli, &params, &run, &err) == OAP_OK);
		msg = oap_message(run, &len);
		record_file(dir, world_names[i].name, msg, len);
		oap_free(run);
	}
	oap_env_close(cli);
}
