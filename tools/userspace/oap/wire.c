// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The OAP header. Fixed part of 36 bytes, big endian:
 *
 *   0 id (16)   16 timestamp (8)   24 cipher   26 kdf   28 md
 *   30 crt_len  32 flags and kex_len   34 data_len
 *
 * Followed by the certificate, the key exchange data, the data, in a response
 * the hash of the request, and the signature over everything before it.
 */

#include <stdlib.h>
#include <string.h>

#include "../common/bytes.h"
#include "../common/cipher.h"
#include "int.h"

#define FLAG_RAW	0x8000
#define FLAG_CLIENT	0x4000
#define KEX_LEN_MASK	0x3fff

static uint8_t *put(uint8_t *p, const struct oap_buf *buf)
{
	if (buf->len)
		memcpy(p, buf->p, buf->len);
	return p + buf->len;
}

static enum oap_code check_numbers(const struct oap_hdr *hdr,
				   struct oap_err *err)
{
	if (hdr->cipher && !cipher_known(hdr->cipher))
		return oap_err_set(err, OAP_BAD_CIPHER, "unknown cipher %u: upgrade the older side, or set another in enc.conf",
				   hdr->cipher);
	if (hdr->kdf && !oap_nid_digest_known(hdr->kdf))
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "unknown key derivation digest %u: upgrade the older side, or set another in enc.conf", hdr->kdf);
	if (hdr->md && !oap_nid_digest_known(hdr->md))
		return oap_err_set(err, OAP_BAD_CIPHER,
				   "unknown signature digest %u: upgrade the older side, or set another in enc.conf", hdr->md);
	return OAP_OK;
}

static const uint8_t *cut(struct oap_buf *buf, const uint8_t *p, size_t len)
{
	buf->p = p;
	buf->len = len;
	return p + len;
}

/**
 * oap_wire_decode() - parse a message
 * @hdr: the fields, which point into the message
 * @p: the message
 * @len: length of @p
 * @hash_len: length of the request hash in a response; 0 for a request
 * @err: problem of the message
 *
 * Return: OAP_OK, OAP_MALFORMED or OAP_BAD_CIPHER.
 */
enum oap_code oap_wire_decode(struct oap_hdr *hdr, const uint8_t *p, size_t len,
			      size_t hash_len, struct oap_err *err)
{
	size_t crt, kex, data, sum;
	const uint8_t *at;

	memset(hdr, 0, sizeof(*hdr));
	if (len < OAP_HDR_LEN || len > OAP_MSG_MAX)
		return oap_err_set(err, OAP_MALFORMED, "message of %zu bytes",
				   len);
	hdr->id = p;
	hdr->timestamp = get64(p + 16);
	hdr->cipher = get16(p + 24);
	hdr->kdf = get16(p + 26);
	hdr->md = get16(p + 28);
	hdr->raw = get16(p + 32) & FLAG_RAW;
	hdr->client_encap = get16(p + 32) & FLAG_CLIENT;
	crt = get16(p + 30);
	kex = get16(p + 32) & KEX_LEN_MASK;
	data = get16(p + 34);
	sum = OAP_HDR_LEN + crt + kex + data + hash_len;
	if (sum > len)
		return oap_err_set(err, OAP_MALFORMED,
				   "message of %zu bytes, but its fields need %zu",
				   len, sum);
	if (!crt && sum != len)
		return oap_err_set(err, OAP_MALFORMED,
				   "%zu bytes follow an unsigned message",
				   len - sum);
	if (crt && sum == len)
		return oap_err_set(err, OAP_MALFORMED,
				   "a certificate but no signature");
	if (!kex && (hdr->raw || hdr->client_encap))
		return oap_err_set(err, OAP_MALFORMED,
				   "key exchange flags without a key exchange");
	at = cut(&hdr->crt, p + OAP_HDR_LEN, crt);
	at = cut(&hdr->kex, at, kex);
	at = cut(&hdr->data, at, data);
	at = cut(&hdr->hash, at, hash_len);
	cut(&hdr->sig, at, len - sum);
	cut(&hdr->head, p, sum);
	return check_numbers(hdr, err);
}

/**
 * oap_wire_encode() - encode a message without its signature
 * @msg: the message; free its bytes with free()
 * @hdr: the fields; ignores @head and @sig
 * @err: reason of a failure
 *
 * Return: OAP_OK or OAP_INTERNAL.
 */
enum oap_code oap_wire_encode(struct oap_msg *msg, const struct oap_hdr *hdr,
			      struct oap_err *err)
{
	size_t len = OAP_HDR_LEN + hdr->crt.len + hdr->kex.len +
		     hdr->data.len + hdr->hash.len;
	uint16_t kex = hdr->kex.len;
	uint8_t *p;

	if (hdr->crt.len > 0xffff || hdr->data.len > 0xffff ||
	    hdr->kex.len > KEX_LEN_MASK || len > OAP_MSG_MAX)
		return oap_err_set(err, OAP_INTERNAL,
				   "the message would be too long (%zu bytes): use a smaller certificate",
				   len);
	p = malloc(len);
	if (!p)
		return oap_err_set(err, OAP_INTERNAL, "out of memory");
	msg->p = p;
	msg->len = len;
	if (kex && hdr->raw)
		kex |= FLAG_RAW;
	if (kex && hdr->client_encap)
		kex |= FLAG_CLIENT;
	memcpy(p, hdr->id, OAP_ID_LEN);
	p = put64(p + OAP_ID_LEN, hdr->timestamp);
	p = put16(p, hdr->cipher);
	p = put16(p, hdr->kdf);
	p = put16(p, hdr->md);
	p = put16(p, hdr->crt.len);
	p = put16(p, kex);
	p = put16(p, hdr->data.len);
	p = put(p, &hdr->crt);
	p = put(p, &hdr->kex);
	p = put(p, &hdr->data);
	put(p, &hdr->hash);
	return OAP_OK;
}
