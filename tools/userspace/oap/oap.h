/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * OAP, the allocation and authentication protocol. One request and one response
 * give two agents a fresh key and the identity of each other. The library does
 * no I/O except reading certificates, keys and enc.conf files.
 *
 *   initiator				responder
 *   oap_request()  --- oap_message() -->  oap_process()
 *					   (reads oap_data(), oap_peer())
 *   oap_complete() <-- oap_message() ---  oap_respond()
 *   oap_seed()				   oap_seed()
 *
 * Every function that can fail returns an enum oap_code and describes the
 * failure in struct oap_err. Secrets live in the secure heap of OpenSSL if the
 * program has set one up; oap_free() wipes them.
 */
#ifndef OAP_H
#define OAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define OAP_KEY_LEN	32	/* of the OAP key and of a root seed */
#define OAP_FP_LEN	32	/* SHA-256 of a certificate */
#define OAP_NAME_MAX	255
#define OAP_MSG_MAX	16384	/* longest request or response */
#define OAP_ID_LEN	16
#define OAP_EXPIRES_SOON	(14 * 86400)	/* seconds, for oap_check() */

/**
 * enum oap_code - result of a call
 * @OAP_OK: success
 * @OAP_MALFORMED: the message cannot be parsed
 * @OAP_UNSIGNED: the message has no certificate, but one is required
 * @OAP_BAD_CERT: the certificate is untrusted, expired or unusable
 * @OAP_BAD_SIGNATURE: the signature is wrong
 * @OAP_BAD_NAME: the certificate is for another name
 * @OAP_CLOCK: the clocks of the two sides differ too much
 * @OAP_REPLAY: the request is a replay
 * @OAP_BAD_KEX: the key exchange is too weak, unknown or failed
 * @OAP_BAD_CIPHER: the cipher or a digest is too weak or unknown
 * @OAP_MISMATCH: the response does not match the request
 * @OAP_NO_CREDENTIALS: our certificate or key is unusable
 * @OAP_BAD_CONFIG: our enc.conf, or what it selects, is unusable
 * @OAP_FULL: the replay cache is full
 * @OAP_INTERNAL: out of memory, or called in the wrong order
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
 * @code: the return value of the call
 * @text: the reason in words, for a log; contains no secrets
 */
struct oap_err {
	enum oap_code code;
	char text[192];
};

/**
 * enum oap_auth - how the peer must authenticate
 * @OAP_AUTH_NONE: ignore a certificate
 * @OAP_AUTH_OPTIONAL: accept no certificate, but verify one that is present
 * @OAP_AUTH_REQUIRED: require a valid certificate
 */
enum oap_auth {
	OAP_AUTH_NONE,
	OAP_AUTH_OPTIONAL,
	OAP_AUTH_REQUIRED,
};

/**
 * enum oap_role - what the owner of a certificate does
 * @OAP_INITIATOR: begins flows: an extended key usage has to have clientAuth
 * @OAP_RESPONDER: serves a name: it has to have serverAuth
 */
enum oap_role {
	OAP_INITIATOR,
	OAP_RESPONDER,
};

/**
 * struct oap_identity - identity that the peer has proved
 * @authenticated: false if the peer proved nothing; the other members are empty
 * @name: name in the certificate
 * @fingerprint: SHA-256 of the certificate
 */
struct oap_identity {
	bool authenticated;
	char name[OAP_NAME_MAX + 1];
	uint8_t fingerprint[OAP_FP_LEN];
};

/**
 * struct oap_settings - settings of an environment
 * @dir: directory with cacert/ untrusted/ crls/ server/NAME/
 *	client/NAME/
 * @max_age_ms: age of the oldest request that is accepted; 0 for 20 s
 * @slack_ms: tolerated difference of the clocks
 * @replay_max: capacity of the replay cache; 0 for 65536 requests
 * @need_lists: refuse a peer unless crls/ has a list of each of its CAs that has
 *	not expired
 * @now: returns the time in nanoseconds since 1970; NULL for the system clock
 * @now_arg: argument of @now
 */
struct oap_settings {
	const char *dir;
	uint32_t max_age_ms;
	uint32_t slack_ms;
	uint32_t replay_max;
	bool need_lists;
	uint64_t (*now)(void *arg);
	void *now_arg;
};

struct oap_env;
struct oap_run;

/**
 * oap_env_open() - load the trust store, set up the clock and the replay cache
 * @env: the environment; NULL on failure
 * @settings: the settings; not used after the call
 * @err: reason of a failure
 *
 * Read all certificates of the files *.pem in cacert/ (trusted roots) and
 * untrusted/ (intermediates, not trusted on their own), and all revocation lists
 * of those in crls/, and leave other files alone. A missing directory counts as
 * empty; a file *.pem without certificates or lists, or with anything else between
 * or after them, is an error, and so is a list that its issuer has not signed, or
 * that is not complete. Of several lists of a CA the newest is used.
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_env_open(struct oap_env **env,
			   const struct oap_settings *settings,
			   struct oap_err *err);

/**
 * oap_env_reload() - reload the trust store
 * @env: the environment; keeps its old trust store on failure
 * @err: reason of a failure
 *
 * Forget lists that are gone, and use older ones that are there now.
 *
 * Return: OAP_OK, OAP_BAD_CONFIG or OAP_INTERNAL.
 */
enum oap_code oap_env_reload(struct oap_env *env, struct oap_err *err);

/**
 * oap_env_set() - change settings that have no files
 * @env: the environment; keeps certificates, keys and the replay cache
 * @slack_ms: as in struct oap_settings
 * @need_lists: as in struct oap_settings
 */
void oap_env_set(struct oap_env *env, uint32_t slack_ms, bool need_lists);

/**
 * typedef oap_check_fn - called for each problem of a file
 * @arg: as given to the caller
 * @warning: the file is usable now, or is not used
 * @text: names the file, the problem and what to do
 */
typedef void (*oap_check_fn)(void *arg, bool warning, const char *text);

/**
 * oap_env_renew() - read all files again that may have changed
 * @env: the environment
 * @report: called for each file that cannot be used, and with a warning for each
 *	that is used in part
 * @arg: argument of @report
 *
 * Read the trust store, each part apart, and the certificates and keys of this
 * host. What was in use before stays in place of what cannot be used: a file that
 * is damaged, a list that is gone or is an older one, a pair that no peer could
 * accept. A pair whose files are both gone is forgotten, unless the whole directory
 * is. Exchanges use a new pair as soon as both of its files are there.
 *
 * Return: false if something cannot be used, which may be because it is only half
 * written.
 */
bool oap_env_renew(struct oap_env *env, oap_check_fn report, void *arg);

/**
 * oap_env_lists() - report the revocation lists that have expired or have no CA
 * @env: the environment
 * @report: called for each that has not been reported before
 * @arg: argument of @report
 *
 * Return: when the next one expires, in seconds since 1970; 0 for never.
 */
time_t oap_env_lists(struct oap_env *env, oap_check_fn report, void *arg);

/**
 * oap_env_close() - free an environment
 * @env: the environment, no longer used by any exchange; may be NULL
 */
void oap_env_close(struct oap_env *env);

/**
 * oap_check() - load all files that exchanges may load
 * @settings: uses @dir, @need_lists, @now and @now_arg
 * @names: names to check even if server/ and client/ cannot be listed; ends with
 *	NULL
 * @report: callback
 * @arg: argument of @report
 *
 * Check every certificate in cacert/ and untrusted/, every list in crls/, and of
 * each name in server/ and client/ the certificate, the key, whether they belong
 * together, and enc.conf. The first problem of a file is reported, and each of its dates. A
 * certificate that expires within 14 days is a warning.
 *
 * Return: the number of problems that are not warnings.
 */
unsigned int oap_check(const struct oap_settings *settings,
		       const char *const *names, oap_check_fn report,
		       void *arg);

/**
 * oap_has_credentials() - check whether a name has a certificate
 * @env: the environment, for the directory
 * @server: look in server/NAME, else in client/NAME
 * @name: the name
 *
 * Return: true also if the certificate exists but cannot be read, so that a
 * policy that depends on it fails safe.
 */
bool oap_has_credentials(const struct oap_env *env, bool server,
			 const char *name);

/**
 * oap_name_ok() - check the syntax of a name
 * @name: the name
 *
 * Return: true for 1 to 255 bytes of printable ASCII without space and '/', not
 * beginning with '.', so that the name is safe as a file name and in a log.
 */
bool oap_name_ok(const char *name);

/**
 * oap_kex_known() - look a key exchange up
 * @name: a name, as in enc.conf
 *
 * Return: true if it is the name of a key exchange of ours.
 */
bool oap_kex_known(const char *name);

/**
 * struct oap_params - parameters of one exchange
 * @name: name of the destination, on both sides; selects credentials and
 *	enc.conf
 * @auth: how the peer must authenticate
 * @peer_name: name that the peer must prove; NULL for any
 * @peer_role: for oap_process(): role of the sender; OAP_RESPONDER only for a
 *	message that a server sends unasked; oap_complete() expects a responder
 * @cipher: for a re-key: the only cipher allowed, and forward secrecy is
 *	required; 0 to follow enc.conf
 * @kex_accept: for a server: names of the key exchanges that are accepted besides
 *	the one of enc.conf, separated by spaces; NULL for all
 * @no_clock: ignore the timestamp of the request, and accept a certificate that
 *	is not valid yet, because the freshness of the exchange is
 *	known otherwise
 * @no_replay: accept a request that came before, because the caller recognises
 *	it otherwise
 * @data: our data, covered by the signature
 * @data_len: length of @data
 */
struct oap_params {
	const char *name;
	enum oap_auth auth;
	const char *peer_name;
	enum oap_role peer_role;
	uint16_t cipher;
	const char *kex_accept;
	bool no_clock;
	bool no_replay;
	const uint8_t *data;
	size_t data_len;
};

/**
 * oap_request() - begin an exchange
 * @env: environment of the exchange
 * @params: parameters; not used after the call
 * @run: the exchange; NULL on failure
 * @err: reason of a failure
 *
 * Return: OAP_OK, or the code of a failure on this side.
 */
enum oap_code oap_request(struct oap_env *env, const struct oap_params *params,
			  struct oap_run **run, struct oap_err *err);

/**
 * oap_complete() - process the response
 * @run: exchange from oap_request()
 * @params: as given to oap_request()
 * @response: the response
 * @len: length of @response
 * @err: reason of a refusal
 *
 * A refused response leaves the exchange unchanged: a valid one may follow.
 *
 * Return: OAP_OK, or the code of the refusal.
 */
enum oap_code oap_complete(struct oap_run *run, const struct oap_params *params,
			   const uint8_t *response, size_t len,
			   struct oap_err *err);

/**
 * oap_peek() - get the data of a request before it is verified
 * @request: the request
 * @req_len: length of @request
 * @len: length of the data
 *
 * Use the data only to choose the policy that oap_process() then applies.
 *
 * Return: the data, inside @request; NULL if the request cannot be parsed.
 */
const uint8_t *oap_peek(const uint8_t *request, size_t req_len, size_t *len);

/**
 * oap_process() - verify the sender and the freshness of a request
 * @env: environment of the exchange
 * @params: parameters; uses @auth, @peer_name, @peer_role, @no_clock and
 *	@no_replay
 * @request: the request
 * @len: length of @request
 * @run: the exchange; NULL on failure
 * @err: reason of a refusal
 *
 * No key is computed yet. Unauthenticated requests have a replay cache of their
 * own, so that they cannot fill the cache of the authenticated ones. Each peer
 * name has a share of that: a sixteenth, and at least 64 requests.
 *
 * Return: OAP_OK, or the code of the refusal.
 */
enum oap_code oap_process(struct oap_env *env, const struct oap_params *params,
			  const uint8_t *request, size_t len,
			  struct oap_run **run, struct oap_err *err);

/**
 * oap_respond() - compute the key and the response
 * @run: exchange from oap_process()
 * @params: parameters; uses @name, @cipher, @kex_accept and @data
 * @err: reason of a failure
 *
 * Return: OAP_OK, or the code of the failure.
 */
enum oap_code oap_respond(struct oap_run *run, const struct oap_params *params,
			  struct oap_err *err);

/**
 * oap_statement() - sign data for the peer, without a key exchange
 * @env: environment
 * @server: sign as server/NAME, else as client/NAME
 * @params: parameters; uses @name and @data
 * @run: the statement, for oap_message(); NULL on failure
 * @err: reason of a failure
 *
 * The peer verifies a statement by oap_process(). No answer follows.
 *
 * Return: OAP_OK, or the code of the failure; OAP_NO_CREDENTIALS without a
 * certificate.
 */
enum oap_code oap_statement(struct oap_env *env, bool server,
			    const struct oap_params *params,
			    struct oap_run **run, struct oap_err *err);

/**
 * oap_message() - get the message to send: the request or the response
 * @run: the exchange
 * @len: length of the message
 *
 * Return: the message, valid as long as @run.
 */
const uint8_t *oap_message(const struct oap_run *run, size_t *len);

/**
 * oap_data() - get the data signed by the peer
 * @run: the exchange
 * @len: length of the data
 *
 * Return: the data, valid as long as @run.
 */
const uint8_t *oap_data(const struct oap_run *run, size_t *len);

/**
 * oap_peer() - get the identity that the peer has proved
 * @run: the exchange
 *
 * Return: the identity, valid as long as @run.
 */
const struct oap_identity *oap_peer(const struct oap_run *run);

/**
 * oap_both_proved() - check whether both sides have proved a certificate
 * @run: the exchange, after oap_complete() or oap_respond()
 *
 * Return: true if this side has signed its message and the peer is
 * authenticated. Both sides of an exchange find the same.
 */
bool oap_both_proved(const struct oap_run *run);

/**
 * oap_require_peer() - check that the certificate of the peer has a name
 * @run: exchange from oap_process(), whose peer is authenticated
 * @name: the name
 * @err: reason of a refusal
 *
 * For a caller that learns only from the request whom it has to be from.
 *
 * Return: OAP_OK; OAP_BAD_NAME or OAP_BAD_CERT, and the peer is not to be
 * trusted.
 */
enum oap_code oap_require_peer(struct oap_run *run, const char *name,
			       struct oap_err *err);

/**
 * oap_take_name() - identify the peer by another name of its certificate
 * @run: exchange from oap_process()
 * @name: the name
 *
 * For a caller that accepts any of several names.
 *
 * Return: true if the certificate has the name, which is then that of
 * oap_peer(); false, and the identity stays, if it has not or if the peer is not
 * authenticated.
 */
bool oap_take_name(struct oap_run *run, const char *name);

/**
 * oap_time() - get the time at which the peer made its message, by its clock
 * @run: exchange from oap_process() or oap_complete()
 *
 * Return: nanoseconds since 1970. Of two requests from one peer, the newer one
 * has the later time.
 */
uint64_t oap_time(const struct oap_run *run);

/**
 * oap_cipher() - get the negotiated cipher
 * @run: the exchange
 *
 * Return: the number of the cipher; 0 for none, or if the exchange is
 * incomplete.
 */
uint16_t oap_cipher(const struct oap_run *run);

/**
 * oap_seed() - derive the root seed of an epoch, bound to the whole exchange
 * @run: the exchange, after oap_complete() or oap_respond(), with a cipher
 * @epoch: the epoch
 * @seed: OAP_KEY_LEN bytes; wipe them with oap_seed_wipe()
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_seed(const struct oap_run *run, uint8_t epoch, uint8_t *seed,
		       struct oap_err *err);

/**
 * oap_seed_wipe() - wipe a root seed after its delivery
 * @seed: seed from oap_seed(), OAP_KEY_LEN bytes
 *
 * Also wipes the stack below the caller and the vector registers.
 */
void oap_seed_wipe(uint8_t *seed);

/**
 * oap_free() - wipe and free an exchange
 * @run: the exchange; may be NULL
 */
void oap_free(struct oap_run *run);

/*
 * For tests and for tools that take an exchange apart. An agent does not need
 * these functions: it passes seeds from oap_seed() to the kernel.
 */

#define OAP_STATE_MAX	(OAP_MSG_MAX + 8192)

/**
 * oap_key() - get the OAP key, which Ouroboros uses directly
 * @run: a complete exchange
 * @key: OAP_KEY_LEN bytes; the caller wipes them
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_key(const struct oap_run *run, uint8_t *key,
		      struct oap_err *err);

/**
 * oap_save() - serialize an exchange that waits for its response
 * @run: exchange from oap_request()
 * @state: OAP_STATE_MAX bytes, contains the ephemeral key; the caller wipes it
 * @len: number of bytes used
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_save(const struct oap_run *run, uint8_t *state, size_t *len,
		       struct oap_err *err);

/**
 * oap_restore() - restore an exchange saved by oap_save()
 * @env: environment of the exchange
 * @name: the destination of its request
 * @state: the saved state
 * @len: length of @state
 * @run: the exchange; NULL on failure
 * @err: reason of a failure
 *
 * Return: OAP_OK, OAP_MALFORMED, OAP_MISMATCH (another name) or OAP_INTERNAL.
 */
enum oap_code oap_restore(struct oap_env *env, const char *name,
			  const uint8_t *state, size_t len,
			  struct oap_run **run, struct oap_err *err);

#endif /* OAP_H */
