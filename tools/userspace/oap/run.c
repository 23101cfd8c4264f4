// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Code shared by both sides of an exchange. */

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "int.h"

/**
 * oap_run_new() - allocate an exchange
 * @env: environment of the exchange
 * @err: reason of a failure
 *
 * Return: the exchange, or NULL.
 */
struct oap_run *oap_run_new(struct oap_env *env, struct oap_err *err)
{
	struct oap_run *run = calloc(1, sizeof(*run));

	if (run)
		run->key = OPENSSL_secure_zalloc(sizeof(*run->key));
	if (!run || !run->key) {
		free(run);
		oap_err_set(err, OAP_INTERNAL, "out of memory for keys");
		return NULL;
	}
	run->env = env;
	return run;
}

void oap_free(struct oap_run *run)
{
	if (!run)
		return;
	OPENSSL_secure_clear_free(run->key, sizeof(*run->key));
	EVP_PKEY_free(run->own);
	OPENSSL_free((void *)run->own_pub.p);
	free(run->out.p);
	free(run->in.p);
	free(run);
}

const uint8_t *oap_message(const struct oap_run *run, size_t *len)
{
	*len = run->out.len;
	return run->out.p;
}

const uint8_t *oap_data(const struct oap_run *run, size_t *len)
{
	*len = run->hdr.data.len;
	return run->hdr.data.p;
}

const struct oap_identity *oap_peer(const struct oap_run *run)
{
	return &run->peer;
}

bool oap_both_proved(const struct oap_run *run)
{
	return run->is_signed && run->peer.authenticated;
}

uint64_t oap_time(const struct oap_run *run)
{
	return run->hdr.timestamp;
}

uint16_t oap_cipher(const struct oap_run *run)
{
	return run->has_key ? run->cipher : 0;
}

uint16_t oap_kex(const struct oap_run *run)
{
	return run->has_key ? run->kex->nid : 0;
}

/**
 * oap_run_sha256() - hash a message for the root seed
 * @msg: the message
 * @out: 32 bytes
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_run_sha256(const struct oap_msg *msg, uint8_t *out,
			     struct oap_err *err)
{
	if (EVP_Digest(msg->p, msg->len, out, NULL, EVP_sha256(), NULL) == 1)
		return OAP_OK;
	return oap_err_set(err, OAP_INTERNAL, "out of memory");
}

/**
 * oap_run_hash() - compute the hash of a request that its response carries
 * @msg: the request
 * @md: the digest named in its header; 0 for none
 * @out: EVP_MAX_MD_SIZE bytes
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_run_hash(const struct oap_msg *msg, uint16_t md,
			   uint8_t *out, struct oap_err *err)
{
	const EVP_MD *digest = oap_nid_digest(md);

	if (EVP_Digest(msg->p, msg->len, out, NULL,
		       digest ? digest : EVP_sha384(), NULL) == 1)
		return OAP_OK;
	return oap_err_set(err, OAP_INTERNAL, "out of memory");
}

/**
 * oap_run_keep() - copy a received message
 * @msg: the copy
 * @p: the message
 * @len: length of @p
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_run_keep(struct oap_msg *msg, const uint8_t *p, size_t len,
			   struct oap_err *err)
{
	msg->p = malloc(len ? len : 1);
	if (!msg->p)
		return oap_err_set(err, OAP_INTERNAL, "out of memory");
	if (len)
		memcpy(msg->p, p, len);
	msg->len = len;
	return OAP_OK;
}

/**
 * oap_run_load() - load enc.conf and the credentials of a name
 * @run: the exchange, for the settings of enc.conf
 * @server: use server/NAME, else client/NAME
 * @name: the name
 * @creds: the credentials; free them with oap_auth_creds_free(), also on
 *	failure
 * @err: reason of a failure
 *
 * Return: OAP_OK, or the code of the failure.
 */
enum oap_code oap_run_load(struct oap_run *run, bool server, const char *name,
			   struct oap_creds *creds, struct oap_err *err)
{
	char path[1024];
	enum oap_code code;

	memset(creds, 0, sizeof(*creds));
	code = oap_creds_path(run->env, server, name, "enc.conf", path,
			      sizeof(path), err);
	if (!code)
		code = oap_conf_load(&run->conf, path, server, err);
	if (!code)
		code = oap_creds_get(run->env, server, name, creds, err);
	return code;
}

/**
 * oap_run_seal() - encode the message and, with credentials, sign it
 * @run: the exchange
 * @hdr: the fields: cipher, kdf, key exchange, data, hash
 * @creds: our credentials
 * @err: reason of a failure
 *
 * Return: OAP_OK, or the code of the failure.
 */
enum oap_code oap_run_seal(struct oap_run *run, struct oap_hdr *hdr,
			   const struct oap_creds *creds, struct oap_err *err)
{
	enum oap_code code;

	hdr->id = run->id;
	hdr->timestamp = oap_env_now(run->env);
	hdr->md = run->conf.md;
	hdr->crt.p = creds->der;
	hdr->crt.len = creds->der_len;
	code = oap_wire_encode(&run->out, hdr, err);
	if (!code && creds->crt)
		code = oap_auth_sign(creds, hdr->md, &run->out, err);
	run->is_signed = !code && creds->crt;
	if (code) {
		/* the unsigned message must not be sent */
		free(run->out.p);
		memset(&run->out, 0, sizeof(run->out));
	}
	return code;
}

enum oap_code oap_seed(const struct oap_run *run, uint8_t epoch, uint8_t *seed,
		       struct oap_err *err)
{
	bool ok;

	if (!run->has_key)
		return oap_err_set(err, OAP_INTERNAL, "there is no key");
	ok = oap_kdf_root(run->key, epoch, run->cipher, run->req_hash,
			  run->rsp_hash, seed);
	oap_wipe_traces();
	if (!ok) {
		OPENSSL_cleanse(seed, OAP_KEY_LEN);
		return oap_err_set(err, OAP_INTERNAL,
				   "cannot derive the root seed");
	}
	return OAP_OK;
}
