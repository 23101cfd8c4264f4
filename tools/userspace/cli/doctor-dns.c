// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Query the DNS for the addresses of a name, as the agent does. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "../agent/config.h"
#include "../agent/srv.h"
#include "doctor.h"

#define HOSTS_MAX	8
#define PATIENCE_MS	5000	/* for the records, and again for addresses */

/* A host that provides the service of a name. */
struct host {
	struct question *question;
	char name[256];
	uint16_t port;
};

struct question {
	struct host hosts[HOSTS_MAX];
	size_t n;
	const char *why;	/* reason if there is no address */
	size_t addrs;
	doctor_address_fn each;
	void *arg;
};

static void add_record(struct question *q, const ares_dns_rr_t *rr)
{
	const char *host;

	if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_SRV || q->n == HOSTS_MAX)
		return;
	host = ares_dns_rr_get_str(rr, ARES_RR_SRV_TARGET);
	if (!host || !host[0] || !strcmp(host, ".")) {
		q->why = "its SRV record says that there is no such service";
		return;
	}
	snprintf(q->hosts[q->n].name, sizeof(q->hosts[q->n].name), "%s", host);
	q->hosts[q->n++].port = ares_dns_rr_get_u16(rr, ARES_RR_SRV_PORT);
}

static void on_service(void *arg, ares_status_t status, size_t timeouts,
		       const ares_dns_record_t *answer)
{
	struct question *q = arg;
	size_t i;

	(void)timeouts;
	if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED ||
	    status == ARES_ENOSERVER)
		q->why = ares_strerror(status);
	for (i = 0; status == ARES_SUCCESS &&
	     i < ares_dns_record_rr_cnt(answer, ARES_SECTION_ANSWER); i++)
		add_record(q, ares_dns_record_rr_get_const(answer,
							   ARES_SECTION_ANSWER, i));
}

static void on_addresses(void *arg, int status, int timeouts,
			 struct ares_addrinfo *info)
{
	const struct ares_addrinfo_node *node;
	struct sockaddr_storage addr;
	struct host *host = arg;

	(void)timeouts;
	if (status != ARES_SUCCESS)
		host->question->why = ares_strerror(status);
	for (node = info ? info->nodes : NULL; node; node = node->ai_next) {
		if (node->ai_family != AF_INET && node->ai_family != AF_INET6)
			continue;
		memset(&addr, 0, sizeof(addr));
		memcpy(&addr, node->ai_addr, node->ai_addrlen);
		if (addr.ss_family == AF_INET)
			((struct sockaddr_in *)&addr)->sin_port = htons(host->port);
		else
			((struct sockaddr_in6 *)&addr)->sin6_port = htons(host->port);
		host->question->addrs++;
		host->question->each(&addr, host->question->arg);
	}
	ares_freeaddrinfo(info);
}

/*
 * Open a channel of the resolver library, which does the I/O in its own thread.
 */
static const char *open_channel(const struct doctor *d, ares_channel_t **channel)
{
	struct ares_options options = {
		.evsys = ARES_EVSYS_DEFAULT, .timeout = 1000, .tries = 2,
	};
	int status;

	if (!ares_threadsafety())
		return "the library c-ares is built without threads";
	status = ares_init_options(channel, &options, ARES_OPT_EVENT_THREAD |
				   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
	if (status)
		return ares_strerror(status);
	if (!d->conf || !d->conf->dns_servers)
		return NULL;
	status = ares_set_servers_ports_csv(*channel, d->conf->dns_servers);
	if (!status)
		return NULL;
	ares_destroy(*channel);
	return ares_strerror(status);
}

static void ask_service(ares_channel_t *channel, const char *name,
			struct question *q)
{
	char service[sizeof(SRV_SERVICE) + 255];
	ares_dns_record_t *record = NULL;
	ares_status_t status;

	snprintf(service, sizeof(service), SRV_SERVICE "%s", name);
	status = ares_dns_record_create(&record, 0, ARES_FLAG_RD, ARES_OPCODE_QUERY,
					ARES_RCODE_NOERROR);
	if (!status)
		status = ares_dns_record_query_add(record, service,
						   ARES_REC_TYPE_SRV,
						   ARES_CLASS_IN);
	/* calls the callback on failure, too */
	if (!status)
		ares_search_dnsrec(channel, record, on_service, q);
	ares_dns_record_destroy(record);
	if (ares_queue_wait_empty(channel, PATIENCE_MS))
		ares_cancel(channel);
}

static void ask_addresses(ares_channel_t *channel, struct question *q)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM,
	};
	size_t i;

	for (i = 0; i < q->n; i++) {
		q->hosts[i].question = q;
		ares_getaddrinfo(channel, q->hosts[i].name, NULL, &hints,
				 on_addresses, &q->hosts[i]);
	}
	if (ares_queue_wait_empty(channel, PATIENCE_MS))
		ares_cancel(channel);
}

/**
 * doctor_resolve() - look up the addresses of a name in the DNS
 * @d: the checks, for the DNS servers
 * @name: the name
 * @port: the port, unless an SRV record has a different one
 * @each: called for each address
 * @arg: argument of @each
 *
 * Return: NULL, or the reason why there is no address.
 */
const char *doctor_resolve(const struct doctor *d, const char *name, uint16_t port,
			   doctor_address_fn each, void *arg)
{
	struct question q = { .each = each, .arg = arg };
	ares_channel_t *channel;
	const char *why;

	if (ares_library_init(ARES_LIB_INIT_ALL))
		return "the library c-ares cannot be used";
	why = open_channel(d, &channel);
	if (!why) {
		ask_service(channel, name, &q);
		if (!q.n && !q.why) {
			/*
			 * no SRV record: use the addresses of the name itself
			 */
			snprintf(q.hosts[0].name, sizeof(q.hosts[0].name), "%s",
				 name);
			q.hosts[0].port = port;
			q.n = 1;
		}
		ask_addresses(channel, &q);
		ares_destroy(channel);
		if (!q.addrs)
			why = q.why ? q.why : "the DNS has no address";
	}
	ares_library_cleanup();
	return why;
}
