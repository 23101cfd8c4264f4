// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Socket addresses as text, and providers in place of an address. */

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"

/* An address family that no socket uses: the address is a provider. */
#define ADDR_PROVIDER	0xfff0

struct provider {
	sa_family_t family;
	uint32_t number;
};

void addr_set_provider(struct sockaddr_storage *addr, uint32_t number)
{
	const struct provider p = { ADDR_PROVIDER, number };

	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &p, sizeof(p));
}

uint32_t addr_provider(const struct sockaddr_storage *addr)
{
	struct provider p;

	memcpy(&p, addr, sizeof(p));
	return p.family == ADDR_PROVIDER ? p.number : 0;
}

/*
 * Return "%eth0", or "%" and the number of an interface unknown to this host.
 */
static const char *zone_text(unsigned int index, char zone[1 + IF_NAMESIZE])
{
	zone[0] = '\0';
	if (!index)
		return zone;
	zone[0] = '%';
	if (!if_indextoname(index, zone + 1))
		snprintf(zone + 1, IF_NAMESIZE, "%u", index);
	return zone;
}

const char *addr_host_text(const struct sockaddr_storage *addr,
			   char buf[ADDR_HOST_LEN])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	char zone[1 + IF_NAMESIZE];

	if (addr->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, buf, ADDR_HOST_LEN);
	} else if (addr->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, buf, INET6_ADDRSTRLEN);
		strcat(buf, zone_text(in6->sin6_scope_id, zone));
	} else {
		strcpy(buf, "-");
	}
	return buf;
}

const char *addr_text(const struct sockaddr_storage *addr,
		      char buf[ADDR_TEXT_LEN])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	char host[ADDR_HOST_LEN];

	addr_host_text(addr, host);
	if (addr->ss_family == AF_INET)
		snprintf(buf, ADDR_TEXT_LEN, "%s:%u", host, ntohs(in->sin_port));
	else if (addr->ss_family == AF_INET6)
		snprintf(buf, ADDR_TEXT_LEN, "[%s]:%u", host,
			 ntohs(in6->sin6_port));
	else if (addr_provider(addr))
		snprintf(buf, ADDR_TEXT_LEN, "provider %u", addr_provider(addr));
	else
		strcpy(buf, host);
	return buf;
}
