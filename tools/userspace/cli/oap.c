// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey oap: run one step of OAP on files, to test the protocol against
 * other implementations. Writes keys to files: for tests only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../common/cipher.h"
#include "../oap/oap.h"
#include "cmd.h"
#include "io.h"

#define SLACK_MS	100		/* of the clocks, as in Ouroboros */
#define SECURE_HEAP	(256 * 1024)
#define DATA_MAX	1024
#define WARNING \
	"For tests: the key is written to a file, which an agent never does.\n"

/* Values of the options. */
struct step {
	const char *name;
	const char *conf;
	const char *state;
	const char *key;
	const char *auth;
	const char *peer;
	const char *data;
	bool sends;			/* writes a message to stdout */
	struct oap_params params;
	struct oap_env *env;
	struct oap_run *run;
	struct oap_err err;
};

#define OPT_NAME(s) \
	{ "name", 'n', "NAME", "the destination's name, on both sides", \
	  OPT_TEXT, &(s).name, 0, 0 }
#define OPT_CONF(s) \
	{ "conf", 'c', "DIR", "cacert/ untrusted/ server/NAME/ client/NAME/", \
	  OPT_TEXT, &(s).conf, 0, 0 }
#define OPT_STATE(s, help) \
	{ "state", 's', "FILE", help, OPT_TEXT, &(s).state, 0, 0 }
#define OPT_KEY(s) \
	{ "key", 'k', "FILE", "file for the key (hex) and the cipher", \
	  OPT_TEXT, &(s).key, 0, 0 }
#define OPT_AUTH(s) \
	{ "auth", 'a', "WORD", "of the peer: none, optional (default), required", \
	  OPT_TEXT, &(s).auth, 0, 0 }
#define OPT_DATA(s) \
	{ "data", 'd', "HEX", "data of an agent, to be signed", \
	  OPT_TEXT, &(s).data, 0, 0 }
#define OPT_PEER(s) \
	{ "peer", 'p', "NAME", "name that the client must prove", \
	  OPT_TEXT, &(s).peer, 0, 0 }

static int wrong(struct step *s)
{
	return fail("%s", s->err.text);
}

/* Set up the state that all steps need. */
static int step_open(struct step *s)
{
	struct oap_settings set = { .dir = s->conf, .slack_ms = SLACK_MS };
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if (s->sends && isatty(STDOUT_FILENO))
		return fail("the message is binary: send stdout to a file or a pipe");
	/* if memory cannot be locked, tests can use the ordinary heap */
	CRYPTO_secure_malloc_init(SECURE_HEAP, 16);
	if (oap_env_open(&s->env, &set, &s->err))
		return wrong(s);
	return EXIT_OK;
}

static int step_close(struct step *s, int status)
{
	oap_free(s->run);
	oap_env_close(s->env);
	CRYPTO_secure_malloc_done();
	return status;
}

/* Check the options that every step requires; exits if one is missing. */
static void step_check(const struct use *use, struct step *s)
{
	static const char * const words[] = { "none", "optional", "required" };
	const struct opt *o;
	unsigned int i;

	for (o = use->opts; o->name; o++)
		if (!*(const char **)o->to && strcmp(o->name, "peer") &&
		    strcmp(o->name, "data"))
			exit(use_error(use, "--%s is required", o->name));
	if (!oap_name_ok(s->name))
		exit(use_error(use, "'%s' is not a valid name: 1 to 255 printable characters, no spaces, no '/'",
			       s->name));
	s->params.name = s->name;
	for (i = 0; s->auth && strcmp(s->auth, words[i]); i++)
		if (i == 2)
			exit(use_error(use, "--auth is none, optional or required, not '%s'",
				       s->auth));
	s->params.auth = i;
}

/* Files */

static ssize_t read_some(int fd, uint8_t *buf, size_t room)
{
	size_t len = 0;
	ssize_t n;

	while (len < room) {
		n = read(fd, buf + len, room - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		len += n;
	}
	return len;
}

static int read_stdin(uint8_t *buf, size_t room, size_t *len)
{
	ssize_t n = read_some(STDIN_FILENO, buf, room);

	if (n < 0)
		return fail("cannot read stdin: %m");
	if (!n)
		return fail("no message on stdin");
	*len = n;
	return EXIT_OK;
}

/* Write a file that only its owner can read. Remove the file on failure. */
static int write_secret(const char *path, const uint8_t *buf, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	bool bad;

	if (fd < 0)
		return fail("cannot write %s: %m", path);
	/* an existing file may have been readable by everybody */
	bad = fchmod(fd, 0600) || ftruncate(fd, 0) || io_write_all(fd, buf, len);
	bad = close(fd) || bad;
	if (!bad)
		return EXIT_OK;
	note("cannot write %s: %m", path);
	unlink(path);
	return EXIT_FAIL;
}

static int write_message(struct step *s, const char *secret)
{
	size_t len;
	const uint8_t *msg = oap_message(s->run, &len);

	if (!io_write_all(STDOUT_FILENO, msg, len))
		return EXIT_OK;
	note("cannot write to stdout: %m");
	unlink(secret);
	return EXIT_FAIL;
}

/* Write two lines: "key" and 64 hex digits, "cipher" and the cipher name. */
static int write_key(struct step *s)
{
	uint8_t key[OAP_KEY_LEN] = { 0 };
	char text[128];
	int i, at, status;

	at = sprintf(text, "key ");
	if (!oap_cipher(s->run))
		at += sprintf(text + at, "none");
	else if (oap_key(s->run, key, &s->err))
		return wrong(s);
	for (i = 0; oap_cipher(s->run) && i < OAP_KEY_LEN; i++)
		at += sprintf(text + at, "%02x", key[i]);
	at += sprintf(text + at, "\ncipher %s\n",
		      cipher_name(oap_cipher(s->run)));
	status = write_secret(s->key, (uint8_t *)text, at);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(text, sizeof(text));
	return status;
}

/* Steps */

static int save_state(struct step *s)
{
	uint8_t state[OAP_STATE_MAX];
	int status;
	size_t len;

	if (oap_save(s->run, state, &len, &s->err))
		status = wrong(s);
	else
		status = write_secret(s->state, state, len);
	OPENSSL_cleanse(state, sizeof(state));
	return status;
}

/* Convert the data of the request. */
static int load_data(struct step *s, uint8_t *data, size_t size)
{
	if (!s->data)
		return EXIT_OK;
	if (OPENSSL_hexstr2buf_ex(data, size, &s->params.data_len, s->data,
				  '\0') != 1)
		return fail("--data: give up to %zu bytes in hexadecimal", size);
	s->params.data = data;
	return EXIT_OK;
}

static int request(struct step *s)
{
	int status = step_open(s);
	uint8_t data[DATA_MAX];

	if (!status)
		status = load_data(s, data, sizeof(data));
	if (status)
		return status;
	if (oap_request(s->env, &s->params, &s->run, &s->err))
		return wrong(s);
	status = save_state(s);
	return status ? status : write_message(s, s->state);
}

static int oap_cmd_request(int argc, char **argv)
{
	struct step s = { .sends = true };
	const struct opt opts[] = {
		OPT_NAME(s), OPT_CONF(s),
		OPT_STATE(s, "file for the exchange until 'complete'"),
		OPT_DATA(s), { 0 }
	};
	const struct use use = {
		"oap request", "> REQUEST",
		"Begins an exchange with NAME, using client/NAME in DIR.\n"
		WARNING,
		opts, 0, 0
	};

	use_parse(&use, argc, argv);
	step_check(&use, &s);
	return step_close(&s, request(&s));
}

static int respond(struct step *s)
{
	uint8_t msg[OAP_MSG_MAX + 1];
	size_t len = 0;
	int status = step_open(s);

	if (!status)
		status = read_stdin(msg, sizeof(msg), &len);
	if (status)
		return status;
	if (oap_process(s->env, &s->params, msg, len, &s->run, &s->err) ||
	    oap_respond(s->run, &s->params, &s->err))
		return wrong(s);
	status = write_key(s);
	return status ? status : write_message(s, s->key);
}

static int oap_cmd_respond(int argc, char **argv)
{
	struct step s = { .auth = "optional", .sends = true };
	const struct opt opts[] = {
		OPT_NAME(s), OPT_CONF(s), OPT_KEY(s), OPT_AUTH(s), OPT_PEER(s),
		{ 0 }
	};
	const struct use use = {
		"oap respond", "< REQUEST > RESPONSE",
		"Answers a request, using server/NAME in DIR.\n" WARNING,
		opts, 0, 0
	};

	use_parse(&use, argc, argv);
	step_check(&use, &s);
	s.params.peer_name = s.peer;
	return step_close(&s, respond(&s));
}

static int load_state(struct step *s)
{
	uint8_t state[OAP_STATE_MAX + 1];
	int fd = open(s->state, O_RDONLY | O_CLOEXEC);
	int status = EXIT_OK;
	ssize_t len;

	if (fd < 0)
		return fail("cannot read %s: %m", s->state);
	len = read_some(fd, state, sizeof(state));
	if (len < 0)
		status = fail("cannot read %s: %m", s->state);
	else if (oap_restore(s->env, s->name, state, len, &s->run, &s->err))
		status = fail("%s: %s", s->state, s->err.text);
	close(fd);
	OPENSSL_cleanse(state, sizeof(state));
	return status;
}

static int complete(struct step *s)
{
	uint8_t msg[OAP_MSG_MAX + 1];
	size_t len = 0;
	int status = step_open(s);

	if (!status)
		status = load_state(s);
	if (!status)
		status = read_stdin(msg, sizeof(msg), &len);
	if (status)
		return status;
	if (oap_complete(s->run, &s->params, msg, len, &s->err))
		return wrong(s);
	return write_key(s);
}

static int oap_cmd_complete(int argc, char **argv)
{
	struct step s = { .auth = "optional" };
	const struct opt opts[] = {
		OPT_NAME(s), OPT_CONF(s), OPT_STATE(s, "of 'request'"),
		OPT_KEY(s), OPT_AUTH(s),
		{ 0 }
	};
	const struct use use = {
		"oap complete", "< RESPONSE",
		"Completes the exchange that 'request' began. A responder with a\n"
		"certificate must be NAME.\n" WARNING,
		opts, 0, 0
	};

	use_parse(&use, argc, argv);
	step_check(&use, &s);
	s.params.peer_name = s.name;
	return step_close(&s, complete(&s));
}

int cmd_oap(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "request", "begin an exchange", oap_cmd_request },
		{ "respond", "answer a request", oap_cmd_respond },
		{ "complete", "complete the exchange", oap_cmd_complete },
		{ 0 }
	};

	return cmd_dispatch("oap ", table, argc, argv);
}
