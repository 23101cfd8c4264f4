// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Socket addresses as text. */

#include <arpa/inet.h>
#include <stdio.h>

#include "addr.h"

const char *addr_text(const struct sockaddr_storage *addr,
		      char buf[ADDR_TEXT_LEN])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	char host[INET6_ADDRSTRLEN];

	if (addr->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(buf, ADDR_TEXT_LEN, "%s:%u", host,
			 ntohs(in->sin_port));
	} else if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(buf, ADDR_TEXT_LEN, "[%s]:%u", host,
			 ntohs(in6->sin6_port));
	} else {
		snprintf(buf, ADDR_TEXT_LEN, "-");
	}
	return buf;
}
