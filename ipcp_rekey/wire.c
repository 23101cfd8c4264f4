// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The packet header. Only this file and wire.h read and write it.
 *
 *   0       version (high 4 bits) = 1, type (low 4 bits)
 *   1       epoch
 *   2       zero
 *   3..7    packet counter, top 7 bits zero
 *   8..11   eid, the receiver's endpoint id
 *   12..    ciphertext, then the tag, which covers bytes 0..11, too
 *
 * All fields are in network byte order. A CTRL packet is not sealed: its epoch,
 * counter and eid are zero, and its payload is in the clear without a tag.
 */
#include "keysched.h"
#include "wire.h"

#define TYPE_MASK	0x0f

static bool type_known(u8 type)
{
	return type >= IPCP_PDU_DATA && type <= IPCP_PDU_CLOSE;
}

/* Length of the shortest packet of a type. CTRL must have a payload. */
static size_t min_len(u8 type)
{
	return type == IPCP_PDU_CTRL ? IPCP_HDR_LEN + 1 : IPCP_OVERHEAD;
}

/**
 * ipcp_wire_parse() - Parse and validate an untrusted header
 * @pkt: the packet, starting with the header
 * @len: length of the packet, which is all of the UDP payload
 * @hdr: (output) the fields; undefined unless IPCP_DROP_NONE is returned
 *
 * This function depends on the packet only. The caller looks up the flow and
 * the key. Nothing beyond the header is read.
 *
 * Context: Any context.
 * Return:
 * * IPCP_DROP_NONE - well formed
 * * IPCP_DROP_SHORT - shorter than a packet of this type
 * * IPCP_DROP_VERSION - another version, or a reserved bit is set
 * * IPCP_DROP_TYPE - unknown type
 * * IPCP_DROP_MALFORMED - CTRL with an epoch, counter or eid that is not zero
 * * IPCP_DROP_EID - eid of zero, which no flow has
 */
enum ipcp_drop ipcp_wire_parse(const u8 *pkt, size_t len, struct ipcp_hdr *hdr)
{
	if (len < IPCP_HDR_LEN)
		return IPCP_DROP_SHORT;
	if (pkt[0] >> IPCP_VERSION_SHIFT != IPCP_VERSION)
		return IPCP_DROP_VERSION;

	hdr->type = pkt[0] & TYPE_MASK;
	hdr->epoch = pkt[1];
	hdr->counter = ipcp_wire_counter(pkt);
	hdr->eid = get_unaligned_be32(pkt + 8);

	if (!type_known(hdr->type))
		return IPCP_DROP_TYPE;
	if (len < min_len(hdr->type))
		return IPCP_DROP_SHORT;
	if (pkt[2] || hdr->counter >= IPCP_CTR_LIMIT)
		return IPCP_DROP_VERSION;
	if (hdr->type == IPCP_PDU_CTRL)
		return hdr->epoch || hdr->counter || hdr->eid ?
			IPCP_DROP_MALFORMED : IPCP_DROP_NONE;
	return hdr->eid ? IPCP_DROP_NONE : IPCP_DROP_EID;
}
