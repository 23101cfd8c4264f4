/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

enum oap_code {
	OAP_OK,
	OAP_MALFORMED,		/* the message makes no sense */
	OAP_UNSIGNED,		/* no certificate, and one is required */
	OAP_BAD_CERT,		/* not trusted, expired, unusable */
	OAP_BAD_SIGNATURE,
	OAP_BAD_NAME,		/* the certificate is somebody else's */
	OAP_CLOCK,		/* the clocks of both sides differ too much */
	OAP_REPLAY,
	OAP_BAD_KEX,		/* key exchange too weak or unknown */
	OAP_BAD_CIPHER,
	OAP_MISMATCH,		/* not the answer to what was asked */
	OAP_NO_CREDENTIALS,	/* own certificate or key cannot be used */
	OAP_BAD_CONFIG,		/* own enc.conf cannot be used */
	OAP_FULL,		/* replay cache full */
	OAP_INTERNAL,
};

struct oap_err {
	enum oap_code code;
	char text[192];
};

/* What is demanded of the peer. */
enum oap_auth {
	OAP_AUTH_NONE,		/* its certificate is not looked at */
	OAP_AUTH_OPTIONAL,	/* if it has one, it must be right */
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
 *
 * Reads every certificate in cacert/ (trusted roots) and untrusted/
 * (intermediates, trusted for nothing by themselves). A folder that does not
 * exist is empty; a file that is no PEM certificate is an error.
 */
enum oap_code oap_env_open(struct oap_env **env,
			   const struct oap_settings *settings,
			   struct oap_err *err);

/**
 * oap_env_reload() - read the trust store again
 *
 * On failure the old one stays.
 */
enum oap_code oap_env_reload(struct oap_env *env, struct oap_err *err);

void oap_env_close(struct oap_env *env);

/**
 * oap_has_credentials() - is there a certificate for a name
 * @server: look in server/NAME, else in client/NAME
 *
 * True as well if there is one that cannot be read, so that a policy that
 * depends on it fails safe.
 */
bool oap_has_credentials(const struct oap_env *env, bool server,
			 const char *name);

/**
 * oap_name_ok() - may a name be used
 *
 * 1 to 255 bytes, printable ASCII without '/' and not beginning with '.',
 * so that it is safe as a file name and in a log.
 */
bool oap_name_ok(const char *name);

/**
 * struct oap_params - of one exchange
 * @name: the destination's name, on both sides; picks credentials and enc.conf
 * @auth: what is demanded of the peer
 * @peer_name: name the peer must prove, if it must prove any; NULL for any
 * @cipher: the only cipher allowed (a re-key); 0 for what enc.conf says
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
 * @run: where it goes; NULL on failure
 */
enum oap_code oap_request(struct oap_env *env, const struct oap_params *params,
			  struct oap_run **run, struct oap_err *err);

/**
 * oap_complete() - the response came
 * @params: as given to oap_request()
 *
 * A response that is refused changes nothing: another may follow.
 */
enum oap_code oap_complete(struct oap_run *run, const struct oap_params *params,
			   const uint8_t *response, size_t len,
			   struct oap_err *err);

/**
 * oap_peek() - the data of a request that nobody has believed yet
 *
 * Good for picking the policy that the request is then held to. NULL if the
 * request makes no sense.
 */
const uint8_t *oap_peek(const uint8_t *request, size_t req_len, size_t *len);

/**
 * oap_process() - a request came: who sent it, and is it fresh
 * @params: @auth, @peer_name and @no_clock count here
 *
 * Nothing is computed for the peer yet. A request enters the replay cache
 * only when it was authentic.
 */
enum oap_code oap_process(struct oap_env *env, const struct oap_params *params,
			  const uint8_t *request, size_t len,
			  struct oap_run **run, struct oap_err *err);

/**
 * oap_respond() - make the key and the response
 * @params: @name, @cipher and @data count here
 */
enum oap_code oap_respond(struct oap_run *run, const struct oap_params *params,
			  struct oap_err *err);

/**
 * oap_message() - what is to be sent: the request or the response
 */
const uint8_t *oap_message(const struct oap_run *run, size_t *len);

/**
 * oap_data() - the data the peer signed along
 */
const uint8_t *oap_data(const struct oap_run *run, size_t *len);

const struct oap_identity *oap_peer(const struct oap_run *run);

/**
 * oap_cipher() - the cipher both agreed on; 0 for none
 */
uint16_t oap_cipher(const struct oap_run *run);

/**
 * oap_root() - root seed of an epoch, bound to the whole exchange
 * @seed: OAP_KEY_LEN bytes; the caller wipes it
 *
 * Only after oap_complete() or oap_respond(), with a cipher.
 */
enum oap_code oap_root(const struct oap_run *run, uint8_t epoch, uint8_t *seed,
		       struct oap_err *err);

/**
 * oap_free() - wipe and free; NULL is allowed
 */
void oap_free(struct oap_run *run);

const char *oap_cipher_name(uint16_t nid);

#endif /* OAP_H */
