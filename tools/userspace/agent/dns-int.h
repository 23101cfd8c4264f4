/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the files that ask the DNS. */
#ifndef REKEYD_DNS_INT_H
#define REKEYD_DNS_INT_H

#include <ares.h>

#include "dns.h"
#include "question.h"
#include "srv.h"

#define LOOKUPS_MAX	128	/* each of 2 * HOSTS_MAX queries at most */
#define HOSTS_MAX	8	/* for each name */
#define ADDRS_MAX	4	/* for each host */
#define LOOKUP_ADDRS_MAX	(HOSTS_MAX * ADDRS_MAX)

struct host {
	struct lookup *lookup;
	struct sockaddr_storage addrs[ADDRS_MAX];
	size_t naddrs;
	int status;
};

/* A name that the library looks up. */
struct lookup {
	TAILQ_ENTRY(lookup) entry;
	struct dns *dns;
	struct asker *asker;	/* whose share it counts in */
	struct question_list questions;	/* empty: all were cancelled */
	uint16_t port;
	unsigned int pending;	/* outstanding answers */
	bool again;		/* the servers have changed meanwhile */
	char name[256];
	struct srv srv[HOSTS_MAX];
	struct host hosts[HOSTS_MAX];
	size_t nhosts;
	char why[128];
};

/* The servers, with the queries of the library to them. */
struct dns_source {
	struct dns *dns;
	ares_channel_t *channel;
	struct resolv *resolv;	/* NULL: the configuration has the servers */
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
 * Ask for the name; the event source dns->deliver is enabled once all answers
 * are there.
 */
void lookup_ask(struct lookup *l);

/* Return: how many addresses were found; if there are none, l->why is set. */
size_t lookup_result(struct lookup *l,
		     struct sockaddr_storage addrs[LOOKUP_ADDRS_MAX]);

#endif /* REKEYD_DNS_INT_H */
