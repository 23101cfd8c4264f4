// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The address of the agent of a name. */

#include <arpa/inet.h>
#include <string.h>

#include "place.h"

static const char *read6(struct place *place, const char *text)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&place->addr;
	size_t len = strcspn(text, "%");
	char addr[INET6_ADDRSTRLEN];

	if (len >= sizeof(addr))
		return "give an IPv4 or IPv6 address";
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(AF_INET6, addr, &in6->sin6_addr) != 1)
		return "give an IPv4 or IPv6 address";
	if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		return text[len] ? "only a link-local address has an interface" :
				   NULL;
	if (!text[len] || !text[len + 1])
		return "give the interface of a link-local address, such as fe80::1%eth0";
	if (strlen(text + len + 1) >= sizeof(place->zone))
		return "the name of an interface has at most 15 characters";
	strcpy(place->zone, text + len + 1);
	return NULL;
}

void place_set_port(struct place *place, uint16_t port)
{
	if (place->addr.ss_family == AF_INET)
		((struct sockaddr_in *)&place->addr)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&place->addr)->sin6_port = htons(port);
}

const char *place_read(struct place *place, const char *text, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&place->addr;
	const char *wrong = NULL;

	memset(place, 0, sizeof(*place));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		place->addr.ss_family = AF_INET;
	} else {
		place->addr.ss_family = AF_INET6;
		wrong = read6(place, text);
	}
	place_set_port(place, port);
	return wrong;
}

bool place_find(const struct place *place, struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;

	*addr = place->addr;
	if (!place->zone[0])
		return true;
	in6->sin6_scope_id = if_nametoindex(place->zone);
	return in6->sin6_scope_id;
}
