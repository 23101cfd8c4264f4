// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Lookup of one name: its SRV records, and the addresses of its hosts. */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

#include "dns-int.h"

static const char *words(int status)
{
	switch (status) {
	case ARES_ENOTFOUND:
		return "there is no such name";
	case ARES_ENODATA:
		return "the name has no address there";
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
		return "no server answers";
	case ARES_EBADNAME:
		return "invalid name";
	default:
		return ares_strerror(status);
	}
}

static void set_why(struct lookup *l, const char *text)
{
	snprintf(l->why, sizeof(l->why),
		 "no address in the agent's configuration; the DNS: %s", text);
}

/* Account for one answer; the last one completes the lookup. */
static void settle(struct lookup *l)
{
	if (!--l->pending)
		sd_event_source_set_enabled(l->dns->deliver, SD_EVENT_ONESHOT);
}

static void add_address(struct host *host, uint16_t port,
			const struct ares_addrinfo_node *node)
{
	struct sockaddr_storage *addr = &host->addrs[host->naddrs];

	if (host->naddrs == ADDRS_MAX ||
	    (node->ai_family != AF_INET && node->ai_family != AF_INET6))
		return;
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, node->ai_addr, node->ai_addrlen);
	if (addr->ss_family == AF_INET)
		((struct sockaddr_in *)addr)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)addr)->sin6_port = htons(port);
	host->naddrs++;
}

static void on_addresses(void *arg, int status, int timeouts,
			 struct ares_addrinfo *info)
{
	const struct ares_addrinfo_node *node;
	struct host *host = arg;
	struct lookup *l = host->lookup;

	(void)timeouts;
	host->status = status;
	if (status == ARES_EDESTRUCTION)
		l->again = true;
	for (node = info ? info->nodes : NULL; node; node = node->ai_next)
		add_address(host, l->srv[host - l->hosts].port, node);
	ares_freeaddrinfo(info);
	settle(l);
}

static void ask_addresses(struct lookup *l)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM,
	};
	size_t i;

	l->pending += l->nhosts;
	for (i = 0; i < l->nhosts; i++) {
		l->hosts[i].lookup = l;
		ares_getaddrinfo(l->dns->source->channel, l->srv[i].host, NULL, &hints,
				 on_addresses, &l->hosts[i]);
	}
}

static uint32_t dice(uint32_t below)
{
	uint32_t r = 0;

	RAND_bytes((uint8_t *)&r, sizeof(r));
	return r % below;
}

static void add_record(struct lookup *l, const ares_dns_rr_t *rr)
{
	uint16_t priority;
	const char *host;
	struct srv *srv;

	if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_SRV)
		return;
	host = ares_dns_rr_get_str(rr, ARES_RR_SRV_TARGET);
	/* "." means that the service is not available */
	if (!host || !host[0] || !strcmp(host, ".") ||
	    strlen(host) >= sizeof(srv->host)) {
		set_why(l, "it does not offer this service");
		return;
	}
	priority = ares_dns_rr_get_u16(rr, ARES_RR_SRV_PRIORITY);
	srv = srv_room(l->srv, &l->nhosts, HOSTS_MAX, priority);
	if (!srv)
		return;
	strcpy(srv->host, host);
	srv->priority = priority;
	srv->weight = ares_dns_rr_get_u16(rr, ARES_RR_SRV_WEIGHT);
	srv->port = ares_dns_rr_get_u16(rr, ARES_RR_SRV_PORT);
}

static void read_records(struct lookup *l, const ares_dns_record_t *answer)
{
	size_t i, n = ares_dns_record_rr_cnt(answer, ARES_SECTION_ANSWER);

	for (i = 0; i < n; i++)
		add_record(l, ares_dns_record_rr_get_const(answer,
							   ARES_SECTION_ANSWER,
							   i));
	srv_order(l->srv, l->nhosts, dice);
}

static void on_service(void *arg, ares_status_t status, size_t timeouts,
		       const ares_dns_record_t *answer)
{
	struct lookup *l = arg;

	(void)timeouts;
	switch (status) {
	case ARES_SUCCESS:
		read_records(l, answer);
		break;
	case ARES_EDESTRUCTION:
		l->again = true;
		break;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
	case ARES_ENOSERVER:
		set_why(l, words(status));
		break;
	default:
		break;
	}
	if (!l->nhosts && !l->why[0] && !l->again) {
		/* no SRV record: use the addresses of the name itself */
		snprintf(l->srv[0].host, sizeof(l->srv[0].host), "%s", l->name);
		l->srv[0].port = l->port;
		l->nhosts = 1;
	}
	/*
	 * a question that joins before the lookup is freed needs the addresses
	 */
	if (TAILQ_EMPTY(&l->questions))
		l->again = true;
	if (!l->again)
		ask_addresses(l);
	settle(l);
}

/* Query the SRV records; the addresses follow. */
void lookup_ask(struct lookup *l)
{
	char service[sizeof(SRV_SERVICE) + 255];
	ares_dns_record_t *record = NULL;
	ares_status_t status;

	l->again = false;
	l->nhosts = 0;
	memset(l->hosts, 0, sizeof(l->hosts));
	l->why[0] = '\0';
	l->pending = 1;
	snprintf(service, sizeof(service), SRV_SERVICE "%s", l->name);
	status = ares_dns_record_create(&record, 0, ARES_FLAG_RD,
					ARES_OPCODE_QUERY, ARES_RCODE_NOERROR);
	if (!status)
		status = ares_dns_record_query_add(record, service,
						   ARES_REC_TYPE_SRV,
						   ARES_CLASS_IN);
	if (status)
		on_service(l, status, 0, NULL);
	else	/* on failure c-ares calls on_service(), too */
		ares_search_dnsrec(l->dns->source->channel, record, on_service, l);
	ares_dns_record_destroy(record);
}

size_t lookup_result(struct lookup *l,
		     struct sockaddr_storage addrs[LOOKUP_ADDRS_MAX])
{
	size_t i, k, n = 0;

	for (i = 0; i < l->nhosts; i++)
		for (k = 0; k < l->hosts[i].naddrs; k++)
			addrs[n++] = l->hosts[i].addrs[k];
	if (!n && !l->why[0])
		set_why(l, words(l->hosts[0].status));
	return n;
}
