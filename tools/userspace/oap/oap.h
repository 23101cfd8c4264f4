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
 * @text: text of the reason, for a log; contains no secrets
 */
struct oap_err {
	enum oap_code code;
	char text[192];
};

/**
 * enum oap_auth - how the peer must authenticate
 * @OAP_AUTH_NONE: ignore certificates
 * @OAP_AUTH_OPTIONAL: verify a certificate if there is one
 * @OAP_AUTH_REQUIRED: require a valid certificate
 */
enum oap_auth {
	OAP_AUTH_NONE,
	OAP_AUTH_OPTIONAL,
	OAP_AUTH_REQUIRED,
};

/**
 * enum oap_role - role of the owner of a certificate
 * @OAP_INITIATOR: begins flows: an extended key usage must include clientAuth
 * @OAP_RESPONDER: serves a name: an extended key usage must include serverAuth
 */
enum oap_role {
	OAP_INITIATOR,
	OAP_RESPONDER,
};

/**
 * struct oap_identity - proved identity of the peer
 * @authenticated: false if the peer has proved nothing; the other members are
 *	then empty
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
 * @max_age_ms: maximum age of an accepted request; 0 for 20 s
 * @slack_ms: tolerated difference between the clocks
 * @replay_max: capacity of the replay cache; 0 for 65536 requests
 * @need_lists: refuse a peer unless crls/ has an unexpired list of each of its
 *	CAs
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
 * Reads all certificates from *.pem files in cacert/ (trusted roots) and
 * untrusted/ (intermediates, not trusted on their own), and all revocation
 * lists from *.pem files in crls/. Ignores other files. A missing directory
 * counts as empty. Errors are: a *.pem file without certificates or lists, or
 * with anything else between or after them; a list that its issuer has not
 * signed; an incomplete list. If a CA has several lists, the newest is used.
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
 * Forgets lists that are gone, and uses older ones if these are present now.
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
 * @arg: as passed with the callback
 * @warning: true if the file is usable now, or is not used
 * @text: the file, the problem and advice
 */
typedef void (*oap_check_fn)(void *arg, bool warning, const char *text);

/**
 * oap_env_renew() - read all files again
 * @env: the environment
 * @report: called for each unusable file, and with a warning for each file that
 *	is used in part
 * @arg: argument of @report
 *
 * Reads the trust store, each part separately, and the certificates and keys of
 * this host. The previous contents stay in use instead of a damaged file, of a
 * list that is gone or older, and of a pair that no peer could accept. A pair
 * whose files are both gone is forgotten, unless the whole directory is gone.
 * Exchanges use a new pair as soon as both of its files are present.
 *
 * Return: false if a file is unusable, possibly since it is only half written.
 */
bool oap_env_renew(struct oap_env *env, oap_check_fn report, void *arg);

/**
 * oap_env_lists() - report the revocation lists that have expired or have no CA
 * @env: the environment
 * @report: called for each list that has not been reported before
 * @arg: argument of @report
 *
 * Return: time at which the next list expires, in seconds since 1970; 0 for
 * never.
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
 * Checks every certificate in cacert/ and untrusted/, every list in crls/, and
 * for each name in server/ and client/ the certificate, the key, that both
 * belong together, and enc.conf. Reports the first problem of each file, and
 * each problem with its dates. A certificate that expires within 14 days is a
 * warning.
 *
 * Return: the number of problems, not counting warnings.
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
 * oap_kex_known() - look up a key exchange
 * @name: a name, as in enc.conf
 *
 * Return: true if the library supports a key exchange of this name.
 */
bool oap_kex_known(const char *name);

/**
 * struct oap_params - parameters of one exchange
 * @name: name of the destination, on both sides; selects credentials and
 *	enc.conf
 * @auth: how the peer must authenticate
 * @peer_name: name that the peer must prove; NULL for any
 * @peer_role: for oap_process(): role of the sender; OAP_RESPONDER only for an
 *	unsolicited message from a server; oap_complete() always expects a
 *	responder
 * @cipher: for a re-key: the only cipher allowed, and forward secrecy is
 *	required; 0 to follow enc.conf
 * @kex_min: for a re-key: number of the weakest key exchange allowed, from
 *	oap_kex(); a client uses it instead of a weaker one in enc.conf; 0 to
 *	follow enc.conf
 * @kex_accept: for a server: names of the key exchanges that are accepted in
 *	addition to the one in enc.conf, separated by spaces; NULL for all
 * @no_clock: ignore the timestamp of the request, and accept a certificate that
 *	is not valid yet, since the caller knows by other means that the
 *	exchange is fresh
 * @no_replay: accept a request that was seen before, since the caller detects
 *	replays by other means
 * @data: our data, covered by the signature
 * @data_len: length of @data
 */
struct oap_params {
	const char *name;
	enum oap_auth auth;
	const char *peer_name;
	enum oap_role peer_role;
	uint16_t cipher;
	uint16_t kex_min;
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
 * @params: as passed to oap_request()
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
 * @params: parameters; uses @name, @cipher, @kex_min, @kex_accept and @data
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
 * Return: OAP_OK, or the code of the failure; OAP_NO_CREDENTIALS if there is no
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
 * Return: the message, valid until oap_free().
 */
const uint8_t *oap_message(const struct oap_run *run, size_t *len);

/**
 * oap_data() - get the data signed by the peer
 * @run: the exchange
 * @len: length of the data
 *
 * Return: the data, valid until oap_free().
 */
const uint8_t *oap_data(const struct oap_run *run, size_t *len);

/**
 * oap_peer() - get the identity that the peer has proved
 * @run: the exchange
 *
 * Return: the identity, valid until oap_free().
 */
const struct oap_identity *oap_peer(const struct oap_run *run);

/**
 * oap_both_proved() - check whether both sides have proved their identity
 * @run: the exchange, after oap_complete() or oap_respond()
 *
 * Return: true if this side has signed its message and the peer is
 * authenticated. Both sides of an exchange get the same result.
 */
bool oap_both_proved(const struct oap_run *run);

/**
 * oap_require_peer() - check that the certificate of the peer has a name
 * @run: exchange from oap_process(), whose peer is authenticated
 * @name: the name
 * @err: reason of a refusal
 *
 * For a caller that learns the required sender only from the request.
 *
 * Return: OAP_OK; or OAP_BAD_NAME or OAP_BAD_CERT, and the peer must not be
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
 * Return: true if the certificate has the name, which oap_peer() then returns.
 * False if it has not, or if the peer is not authenticated; the identity is
 * then unchanged.
 */
bool oap_take_name(struct oap_run *run, const char *name);

/**
 * oap_time() - get the timestamp of the peer's message, by the peer's clock
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
 * oap_kex() - get the key exchange that gave the key
 * @run: the exchange
 *
 * Return: the number of the key exchange; 0 for none, or if the exchange is
 * incomplete.
 */
uint16_t oap_kex(const struct oap_run *run);

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
 * For tests, and for tools that split an exchange into steps. An agent does not
 * need these functions, since it passes seeds from oap_seed() to the kernel.
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
