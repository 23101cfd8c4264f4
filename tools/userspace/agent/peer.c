// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Peers: their addresses, and the identities they have proved. */

#include <netinet/in.h>
#include <string.h>

#include "../common/addr.h"
#include "engine-int.h"

bool peer_equal(const struct sockaddr_storage *a,
		const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (addr_provider(a))
		return addr_provider(a) == addr_provider(b);
	if (a->ss_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
		       a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
	       a6->sin6_scope_id == b6->sin6_scope_id &&
	       !memcmp(&a6->sin6_addr, &b6->sin6_addr, 16);
}

/* True for addresses of the same host, regardless of the ports. */
bool peer_same_host(const struct sockaddr_storage *a,
		    const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *)b;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *)b;
	struct sockaddr_storage c = *a;

	if (addr_provider(a))
		return peer_equal(a, b);
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)&c)->sin_port = b4->sin_port;
	else
		((struct sockaddr_in6 *)&c)->sin6_port = b6->sin6_port;
	return peer_equal(&c, b);
}

/* Record in the blob of the flow that the peer has renewed its certificate. */
void peer_renewed(struct engine *e, uint32_t flow, struct blob *blob,
		  const struct oap_identity *peer)
{
	struct ipcp_nl_params params = { .set = IPCP_NL_P_BLOB };
	uint8_t buf[BLOB_LEN_MAX];

	if (!peer->authenticated || !memcmp(peer->fingerprint,
					    blob->peer.fingerprint, OAP_FP_LEN))
		return;
	blob->peer = *peer;
	params.blob = buf;
	params.blob_len = binding_blob_write(blob, buf);
	e->ops->flow_set(e->ctx, flow, &params);
}
