/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the files that query the DNS. */
#ifndef REKEYD_DNS_INT_H
#define REKEYD_DNS_INT_H

#include <ares.h>

#include "dns.h"
#include "question.h"
#include "srv.h"

#define LOOKUPS_MAX	128	/* of at most 2 * HOSTS_MAX queries each */
#define HOSTS_MAX	8	/* per name */
#define ADDRS_MAX	4	/* per host */
#define LOOKUP_ADDRS_MAX	(HOSTS_MAX * ADDRS_MAX)

struct host {
	struct lookup *lookup;
	struct sockaddr_storage addrs[ADDRS_MAX];
	size_t naddrs;
	int status;
};

/* A name that c-ares is looking up. */
struct lookup {
	TAILQ_ENTRY(lookup) entry;
	struct dns *dns;
	struct asker *asker;	/* user whose share the lookup uses */
	struct question_list questions;	/* empty: all were cancelled */
	uint16_t port;
	unsigned int pending;	/* outstanding answers */
	bool again;		/* the servers changed meanwhile */
	char name[256];
	struct srv srv[HOSTS_MAX];
	struct host hosts[HOSTS_MAX];
	size_t nhosts;
	char why[128];
};

/* A set of servers, with the outstanding queries to them. */
struct dns_source {
	struct dns *dns;
	ares_channel_t *channel;
	struct resolv_conf *resolv;	/* NULL: the configuration has the servers */
	char *file;
	uint32_t patience;
};

struct dns {
	sd_event *loop;
	struct dns_source *source;
	sd_event_source *timer;
	sd_event_source *deliver;
	dns_answer_fn answer;
	void *arg;
	struct questions questions;
	TAILQ_HEAD(, lookup) lookups;
	unsigned int nlookups;
	LIST_HEAD(, watch) watches;
};

/* lookup.c */

/*
 * Query the name; the event source dns->deliver is enabled after all answers
 * have arrived.
 */
void lookup_ask(struct lookup *l);

/* Return: number of addresses found; if 0, l->why is set. */
size_t lookup_result(struct lookup *l,
		     struct sockaddr_storage addrs[LOOKUP_ADDRS_MAX]);

#endif /* REKEYD_DNS_INT_H */
