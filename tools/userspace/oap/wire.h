/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Encode and decode the OAP header. */
#ifndef OAP_WIRE_H
#define OAP_WIRE_H

#include "oap.h"

#define OAP_HDR_LEN	36

struct oap_buf {
	const uint8_t *p;
	size_t len;
};

/* A decoded message; the buffers point into the message. */
struct oap_hdr {
	const uint8_t *id;
	uint64_t timestamp;
	uint16_t cipher;
	uint16_t kdf;
	uint16_t md;
	bool raw;		/* F: key exchange data is raw */
	bool client_encap;	/* R: the client encapsulated */
	struct oap_buf crt;
	struct oap_buf kex;
	struct oap_buf data;
	struct oap_buf hash;
	struct oap_buf sig;
	struct oap_buf head;	/* the signed part */
};

/* A message under construction, or a copy of one. */
struct oap_msg {
	uint8_t *p;
	size_t len;
};

enum oap_code oap_wire_decode(struct oap_hdr *hdr, const uint8_t *p, size_t len,
			      size_t hash_len, struct oap_err *err);
enum oap_code oap_wire_encode(struct oap_msg *msg, const struct oap_hdr *hdr,
			      struct oap_err *err);

#endif /* OAP_WIRE_H */
