/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_WIRE_H
#define _IPCP_WIRE_H

#include <linux/string.h>
#include <linux/types.h>
#include <linux/unaligned.h>

#include "drop.h"

#define IPCP_HDR_LEN	12
#define IPCP_TAG_LEN	16
#define IPCP_OVERHEAD	(IPCP_HDR_LEN + IPCP_TAG_LEN)
#define IPCP_NONCE_LEN	12
#define IPCP_VERSION	1
#define IPCP_VERSION_SHIFT	4

enum ipcp_pdu_type {
	IPCP_PDU_DATA = 1,	/* a message of the program */
	IPCP_PDU_CONFIRM,	/* a byte of IPCP_CONFIRM_* flags, or a probe */
	IPCP_PDU_CTRL,		/* between agents, in the clear, no flow yet */
	IPCP_PDU_SEALED,	/* between agents, under the keys of a flow */
	IPCP_PDU_CLOSE,		/* the sender has closed the flow */
};

/* Flags of a CONFIRM, about the epoch that the CONFIRM is sent in. */
#define IPCP_CONFIRM_SEEN	0x01	/* the receiver has authenticated */
#define IPCP_CONFIRM_SENDING	0x02	/* the sender's data is in this epoch */
#define IPCP_CONFIRM_DONE	0x04	/* the receiver's SENDING has arrived */
/* Without other flags. A number and a size follow, 16 bits each. */
#define IPCP_CONFIRM_PROBE	0x08	/* zeros up to size follow; answer */
#define IPCP_CONFIRM_ECHO	0x10	/* answers the receiver's PROBE */

/* Length of the packets (UDP payload) that every path is expected to carry. */
#define IPCP_BASE_LEN		1200

/**
 * struct ipcp_hdr - a packet's header, in host byte order
 * @type: enum ipcp_pdu_type
 * @epoch: epoch that the packet is sealed in; 0 in CTRL
 * @counter: 33 bits, node(7) | leaf(6) | sequence(20); 0 in CTRL
 * @eid: endpoint id of the receiver, never 0; 0 in CTRL
 */
struct ipcp_hdr {
	u8 type;
	u8 epoch;
	u64 counter;
	u32 eid;
};

/* Return the counter of a packet. It has up to 40 bits if not validated yet. */
static inline u64 ipcp_wire_counter(const u8 *pkt)
{
	return (u64)pkt[3] << 32 | get_unaligned_be32(pkt + 4);
}

/* True if a packet is DATA and of this version. */
static inline bool ipcp_wire_is_data(const u8 *pkt)
{
	return *pkt == (IPCP_VERSION << IPCP_VERSION_SHIFT | IPCP_PDU_DATA);
}

/*
 * True if two packets have the same version, type, epoch, reserved byte,
 * highest byte of the counter, and eid. Then both headers are well formed or
 * neither is, since ipcp_wire_parse() checks nothing else in a header but for
 * CTRL. The length has to be checked separately.
 */
static inline bool ipcp_wire_alike(const u8 *a, const u8 *b)
{
	return get_unaligned((const u32 *)a) == get_unaligned((const u32 *)b) &&
	       get_unaligned((const u32 *)(a + 8)) ==
	       get_unaligned((const u32 *)(b + 8));
}

enum ipcp_drop ipcp_wire_parse(const u8 *pkt, size_t len, struct ipcp_hdr *hdr);

/**
 * ipcp_wire_build() - Write a header
 * @pkt: (output) the header
 * @hdr: the fields; the counter must be below IPCP_CTR_LIMIT
 *
 * Context: Any context.
 */
static inline void ipcp_wire_build(u8 pkt[IPCP_HDR_LEN],
				   const struct ipcp_hdr *hdr)
{
	u64 type = IPCP_VERSION << IPCP_VERSION_SHIFT | hdr->type;

	/* bytes 0 to 7 at once */
	put_unaligned_be64(type << 56 | (u64)hdr->epoch << 48 | hdr->counter,
			   pkt);
	put_unaligned_be32(hdr->eid, pkt + 8);
}

/**
 * ipcp_wire_nonce() - Write the AEAD nonce of a packet
 * @nonce: (output) four zero bytes, then the counter, little endian
 * @counter: the packet's counter
 *
 * The ChaCha20-Poly1305 library builds the same nonce from the counter, which
 * it takes as a number.
 *
 * Context: Any context.
 */
static inline void ipcp_wire_nonce(u8 nonce[IPCP_NONCE_LEN], u64 counter)
{
	memset(nonce, 0, 4);
	put_unaligned_le64(counter, nonce + 4);
}

#endif /* _IPCP_WIRE_H */
