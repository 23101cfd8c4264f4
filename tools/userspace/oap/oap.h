/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * OAP, the allocation and authentication protocol: one request and one
 * response give two agents a fresh key and each other's identity. No input or
 * output here but reading certificates, keys and enc.conf files.
 *
 *   initiator				responder
 *   oap_request()  --- oap_message() -->  oap_process()
 *					   (reads oap_data(), oap_peer())
 *   oap_complete() <-- oap_message() ---  oap_respond()
 *   oap_root()				   oap_root()
 *
 * Every function that can fail returns enum oap_code and says why in words in
 * struct oap_err. Secrets live in OpenSSL's secure heap if the program set one
 * up, and are wiped by oap_free().
 */
#ifndef OAP_H
#define OAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OAP_KEY_LEN	32	/* of the key, and of a root seed */
#define OAP_FP_LEN	32	/* SHA-256 of a certificate */
#define OAP_NAME_MAX	255
#define OAP_MSG_MAX	16384	/* longest request or response */
#define OAP_ID_LEN	16

/**
 * enum oap_code - how a call ended
 * @OAP_OK: well
 * @OAP_MALFORMED: the message makes no sense
 * @OAP_UNSIGNED: no certificate, and one is required
 * @OAP_BAD_CERT: the certificate is not trusted, expired or unusable
 * @OAP_BAD_SIGNATURE: the signature is wrong
 * @OAP_BAD_NAME: the certificate is somebody else's
 * @OAP_CLOCK: the clocks of both sides differ too much
 * @OAP_REPLAY: the request was here before
 * @OAP_BAD_KEX: the key exchange is too weak, unknown or fails
 * @OAP_BAD_CIPHER: cipher or digest are too weak or unknown
 * @OAP_MISMATCH: not the answer to what was asked
 * @OAP_NO_CREDENTIALS: own certificate or key cannot be used
 * @OAP_BAD_CONFIG: own enc.conf, or what it asks for, cannot be used
 * @OAP_FULL: the replay cache is full
 * @OAP_INTERNAL: no memory, or called in the wrong order
 */
enum oap_code {
	OAP_OK,
	OAP_MALFORMED,
	OAP_UNSIGNED,
	OAP_BAD_CERT,
	OAP_BAD_SIGNATURE,
	OAP_BAD_NAME,
	OAP_CLOCK,
	OAP_REPLAY,
	OAP_BAD_KEX,
	OAP_BAD_CIPHER,
	OAP_MISMATCH,
	OAP_NO_CREDENTIALS,
	OAP_BAD_CONFIG,
	OAP_FULL,
	OAP_INTERNAL,
};

/**
 * struct oap_err - why a call failed
 * @code: what it returned
 * @text: the same in words, for a log; no secrets in it
 */
struct oap_err {
	enum oap_code code;
	char text[192];
};

/**
 * enum oap_auth - what is demanded of the peer
 * @OAP_AUTH_NONE: its certificate is not looked at
 * @OAP_AUTH_OPTIONAL: if it has one, it must be right
 * @OAP_AUTH_REQUIRED: it must have one
 */
enum oap_auth {
	OAP_AUTH_NONE,
	OAP_AUTH_OPTIONAL,
	OAP_AUTH_REQUIRED,
};

/**
 * struct oap_identity - who the peer proved to be
 * @authenticated: false: nobody; the rest is then empty
 * @name: name in its certificate
 * @fingerprint: SHA-256 of the certificate
 */
struct oap_identity {
	bool authenticated;
	char name[OAP_NAME_MAX + 1];
	uint8_t fingerprint[OAP_FP_LEN];
};

/**
 * struct oap_settings - of an environment
 * @dir: folder with cacert/ untrusted/ server/NAME/ client/NAME/
 * @max_age_ms: oldest request that is accepted; 0 for 20 s
 * @slack_ms: how far the clocks may differ
 * @replay_max: requests the replay cache holds; 0 for 65536
 * @now: time in nanoseconds since 1970; NULL for the system's clock
 * @now_arg: argument of @now
 */
struct oap_settings {
	const char *dir;
	uint32_t max_age_ms;
	uint32_t slack_ms;
	uint32_t replay_max;
	uint64_t (*now)(void *arg);
	void *now_arg;
};

struct oap_env;
struct oap_run;

/**
 * oap_env_open() - trust store, clock and replay cache
 * @env: where it goes; NULL on failure
 * @settings: what it is made of; not needed afterwards
 * @err: why not
 *
 * Reads every certificate in cacert/ (trusted roots) and untrusted/
 * (intermediates, trusted for nothing by themselves). A folder that does not
 * exist is empty; a file that is no PEM certificate is an error.
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_env_open(struct oap_env **env,
			   const struct oap_settings *settings,
			   struct oap_err *err);

/**
 * oap_env_reload() - read the trust store again
 * @env: on failure its old one stays
 * @err: why not
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_env_reload(struct oap_env *env, struct oap_err *err);

/**
 * oap_env_close() - free it
 * @env: no exchange may use it any more; NULL is allowed
 */
void oap_env_close(struct oap_env *env);

/**
 * oap_has_credentials() - is there a certificate for a name
 * @env: whose folder is looked in
 * @server: look in server/NAME, else in client/NAME
 * @name: the name
 *
 * Return: true as well if there is one that cannot be read, so that a policy
 * that depends on it fails safe.
 */
bool oap_has_credentials(const struct oap_env *env, bool server,
			 const char *name);

/**
 * oap_name_ok() - may a name be used
 * @name: the name
 *
 * Return: true for 1 to 255 bytes, printable ASCII without '/' and not
 * beginning with '.', so that it is safe as a file name and in a log.
 */
bool oap_name_ok(const char *name);

/**
 * struct oap_params - of one exchange
 * @name: the destination's name, on both sides; picks credentials and enc.conf
 * @auth: what is demanded of the peer
 * @peer_name: name the peer must prove, if it must prove any; NULL for any
 * @cipher: of a re-key: the only cipher allowed, and no key exchange without
 *	forward secrecy; 0 for what enc.conf says
 * @no_clock: do not check the request's time (freshness comes from elsewhere)
 * @data: own data to be signed along
 * @data_len: length of @data
 */
struct oap_params {
	const char *name;
	enum oap_auth auth;
	const char *peer_name;
	uint16_t cipher;
	bool no_clock;
	const uint8_t *data;
	size_t data_len;
};

/**
 * oap_request() - begin an exchange
 * @env: its environment
 * @params: what for; not needed afterwards
 * @run: where it goes; NULL on failure
 * @err: why not
 *
 * Return: OAP_OK, or what is wrong on this side.
 */
enum oap_code oap_request(struct oap_env *env, const struct oap_params *params,
			  struct oap_run **run, struct oap_err *err);

/**
 * oap_complete() - the response came
 * @run: of oap_request()
 * @params: as given to oap_request()
 * @response: what came
 * @len: length of @response
 * @err: why it is refused
 *
 * A response that is refused changes nothing: another may follow.
 *
 * Return: OAP_OK, or why it is refused.
 */
enum oap_code oap_complete(struct oap_run *run, const struct oap_params *params,
			   const uint8_t *response, size_t len,
			   struct oap_err *err);

/**
 * oap_peek() - the data of a request that nobody has believed yet
 * @request: what came
 * @req_len: length of @request
 * @len: length of the data
 *
 * Good for picking the policy that the request is then held to.
 *
 * Return: the data, inside @request; NULL if the request makes no sense.
 */
const uint8_t *oap_peek(const uint8_t *request, size_t req_len, size_t *len);

/**
 * oap_process() - a request came: who sent it, and is it fresh
 * @env: environment of the exchange
 * @params: @auth, @peer_name and @no_clock count here
 * @request: what came
 * @len: length of @request
 * @run: where the exchange goes; NULL on failure
 * @err: why it is refused
 *
 * Nothing is computed for the peer yet. Requests that prove nothing have a
 * replay cache of their own, so that nobody uses up that of the authentic ones.
 *
 * Return: OAP_OK, or why it is refused.
 */
enum oap_code oap_process(struct oap_env *env, const struct oap_params *params,
			  const uint8_t *request, size_t len,
			  struct oap_run **run, struct oap_err *err);

/**
 * oap_respond() - make the key and the response
 * @run: of oap_process()
 * @params: @name, @cipher and @data count here
 * @err: why not
 *
 * Return: OAP_OK, or why there is no response.
 */
enum oap_code oap_respond(struct oap_run *run, const struct oap_params *params,
			  struct oap_err *err);

/**
 * oap_message() - what is to be sent: the request or the response
 * @run: of the exchange
 * @len: length of the message
 *
 * Return: the message, which lives as long as @run.
 */
const uint8_t *oap_message(const struct oap_run *run, size_t *len);

/**
 * oap_data() - the data the peer signed along
 * @run: of the exchange
 * @len: length of the data
 *
 * Return: the data, which lives as long as @run.
 */
const uint8_t *oap_data(const struct oap_run *run, size_t *len);

/**
 * oap_peer() - who the peer proved to be
 * @run: of the exchange
 *
 * Return: the peer's identity, which lives as long as @run.
 */
const struct oap_identity *oap_peer(const struct oap_run *run);

/**
 * oap_time() - when the peer made its message, by its own clock
 * @run: of oap_process() or oap_complete()
 *
 * Return: nanoseconds since 1970. Of two requests of one peer the newer one has
 * the later time.
 */
uint64_t oap_time(const struct oap_run *run);

/**
 * oap_cipher() - the cipher both agreed on
 * @run: of the exchange
 *
 * Return: its number; 0 for none, or if the exchange is not over.
 */
uint16_t oap_cipher(const struct oap_run *run);

/**
 * oap_root() - root seed of an epoch, bound to the whole exchange
 * @run: of the exchange
 * @epoch: which
 * @seed: OAP_KEY_LEN bytes; the caller wipes them (oap_seed_wipe())
 * @err: why not
 *
 * Only after oap_complete() or oap_respond(), with a cipher.
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_root(const struct oap_run *run, uint8_t epoch, uint8_t *seed,
		       struct oap_err *err);

/**
 * oap_seed_wipe() - wipe a root seed that was delivered, and what that has left
 * @seed: of oap_root(), OAP_KEY_LEN bytes
 *
 * On the stack below the caller and in the vector registers, too.
 */
void oap_seed_wipe(uint8_t *seed);

/**
 * oap_free() - wipe and free
 * @run: of the exchange; NULL is allowed
 */
void oap_free(struct oap_run *run);

/*
 * For tests, and for tools that take an exchange apart. An agent needs none
 * of this: what it gives to the kernel is oap_root()'s.
 */

#define OAP_STATE_MAX	(OAP_MSG_MAX + 8192)

/**
 * oap_key() - OAP's key, which Ouroboros uses as it is
 * @run: of an exchange that is over
 * @key: OAP_KEY_LEN bytes; the caller wipes it
 * @err: why not
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_key(const struct oap_run *run, uint8_t *key,
		      struct oap_err *err);

/**
 * oap_save() - an exchange that waits for its response, as bytes
 * @run: of oap_request()
 * @state: OAP_STATE_MAX bytes, with the ephemeral key in it; the caller wipes it
 * @len: how many of them count
 * @err: why not
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_save(const struct oap_run *run, uint8_t *state, size_t *len,
		       struct oap_err *err);

/**
 * oap_restore() - the exchange that oap_save() saved
 * @env: its environment
 * @name: whom it asked
 * @state: what was saved
 * @len: length of @state
 * @run: where it goes; NULL on failure
 * @err: why not
 *
 * Return: OAP_OK, OAP_MALFORMED, OAP_MISMATCH (another name) or OAP_INTERNAL.
 */
enum oap_code oap_restore(struct oap_env *env, const char *name,
			  const uint8_t *state, size_t len,
			  struct oap_run **run, struct oap_err *err);

#endif /* OAP_H */
