// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Locate the agent of a name with the DNS.
 *
 * The library may call back from within the call that asks. Answers are
 * therefore passed on from an event source, so that the caller is never called
 * back too early.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <ares.h>
#include <openssl/rand.h>

#include "dns.h"
#include "log.h"
#include "resolv.h"
#include "srv.h"

#define RESOLV_CONF	"/etc/resolv.conf"
#define HOSTS_MAX	8	/* for each name */
#define ADDRS_MAX	4	/* for each host */
#define WHY_LEN		128

/* A silent server is asked again after 1 s, 2 s, and then every 2.5 s. */
#define TIMEOUT_MS	1000
#define TIMEOUT_MAX_MS	2500

struct host {
	struct question *question;
	struct sockaddr_storage addrs[ADDRS_MAX];
	size_t naddrs;
	int status;
};

struct question {
	TAILQ_ENTRY(question) entry;
	struct dns *dns;
	uint32_t flow;
	uint16_t port;
	unsigned int pending;	/* outstanding answers */
	bool cancelled;
	bool again;		/* the servers have changed meanwhile */
	char name[256];
	struct srv srv[HOSTS_MAX];
	struct host hosts[HOSTS_MAX];
	size_t nhosts;
	char why[WHY_LEN];
};

/* A socket of the library. */
struct watch {
	LIST_ENTRY(watch) entry;
	struct dns *dns;
	int fd;
	sd_event_source *source;
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
	TAILQ_HEAD(, question) questions;
	LIST_HEAD(, watch) watches;
};

/* The event loop */

static void set_timer(struct dns *dns)
{
	struct timeval tv;
	uint64_t now;

	if (!ares_timeout(dns->source->channel, NULL, &tv)) {
		sd_event_source_set_enabled(dns->timer, SD_EVENT_OFF);
		return;
	}
	sd_event_now(dns->loop, CLOCK_MONOTONIC, &now);
	sd_event_source_set_time(dns->timer, now + tv.tv_sec * UINT64_C(1000000) +
				 tv.tv_usec);
	sd_event_source_set_enabled(dns->timer, SD_EVENT_ONESHOT);
}

static int on_socket(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	ares_fd_events_t event = { .fd = fd };
	struct dns *dns = arg;

	(void)s;
	if (revents & (EPOLLIN | EPOLLERR | EPOLLHUP))
		event.events |= ARES_FD_EVENT_READ;
	if (revents & EPOLLOUT)
		event.events |= ARES_FD_EVENT_WRITE;
	ares_process_fds(dns->source->channel, &event, 1, ARES_PROCESS_FLAG_NONE);
	set_timer(dns);
	return 0;
}

static int on_time(sd_event_source *s, uint64_t usec, void *arg)
{
	struct dns *dns = arg;

	(void)s;
	(void)usec;
	ares_process_fds(dns->source->channel, NULL, 0, ARES_PROCESS_FLAG_NONE);
	set_timer(dns);
	return 0;
}

static void unwatch(struct watch *w)
{
	LIST_REMOVE(w, entry);
	sd_event_source_disable_unref(w->source);
	free(w);
}

/* Tell the event loop which events the library waits for on a socket. */
static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	uint32_t events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0);
	struct dns *dns = arg;
	struct watch *w;

	LIST_FOREACH(w, &dns->watches, entry)
		if (w->fd == fd)
			break;
	if (!events) {
		if (w)
			unwatch(w);
		return;
	}
	if (w) {
		sd_event_source_set_io_events(w->source, events);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w)
		return;		/* as if nothing came: it times out */
	w->fd = fd;
	LIST_INSERT_HEAD(&dns->watches, w, entry);
	sd_event_add_io(dns->loop, &w->source, fd, events, on_socket, dns);
}

/* Results of a question */

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

static void set_why(struct question *q, const char *text)
{
	snprintf(q->why, sizeof(q->why),
		 "no address in the agent's configuration; the DNS: %s", text);
}

static void question_free(struct question *q)
{
	TAILQ_REMOVE(&q->dns->questions, q, entry);
	free(q);
}

static void deliver(struct question *q)
{
	struct sockaddr_storage addrs[HOSTS_MAX * ADDRS_MAX];
	struct dns *dns = q->dns;
	size_t i, k, n = 0;

	for (i = 0; i < q->nhosts; i++)
		for (k = 0; k < q->hosts[i].naddrs; k++)
			addrs[n++] = q->hosts[i].addrs[k];
	if (!n && !q->why[0])
		set_why(q, words(q->hosts[0].status));
	dns->answer(dns->arg, q->flow, addrs, n, q->why);
}

static void ask(struct question *q);

static int on_deliver(sd_event_source *s, void *arg)
{
	struct question *q, *next;
	struct dns *dns = arg;

	(void)s;
	for (q = TAILQ_FIRST(&dns->questions); q; q = next) {
		next = TAILQ_NEXT(q, entry);
		if (q->pending)
			continue;
		if (q->again && !q->cancelled) {
			ask(q);
			continue;
		}
		if (!q->cancelled)
			deliver(q);
		question_free(q);
	}
	return 0;
}

/* Account for one answer; the last one completes the question. */
static void settle(struct question *q)
{
	if (!--q->pending)
		sd_event_source_set_enabled(q->dns->deliver, SD_EVENT_ONESHOT);
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
	struct question *q = host->question;

	(void)timeouts;
	host->status = status;
	if (status == ARES_EDESTRUCTION)
		q->again = true;
	for (node = info ? info->nodes : NULL; node; node = node->ai_next)
		add_address(host, q->srv[host - q->hosts].port, node);
	ares_freeaddrinfo(info);
	settle(q);
}

static void ask_addresses(struct question *q)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM,
	};
	size_t i;

	q->pending += q->nhosts;
	for (i = 0; i < q->nhosts; i++) {
		q->hosts[i].question = q;
		ares_getaddrinfo(q->dns->source->channel, q->srv[i].host, NULL, &hints,
				 on_addresses, &q->hosts[i]);
	}
}

static uint32_t dice(uint32_t below)
{
	uint32_t r = 0;

	RAND_bytes((uint8_t *)&r, sizeof(r));
	return r % below;
}

static void add_record(struct question *q, const ares_dns_rr_t *rr)
{
	struct srv *srv = &q->srv[q->nhosts];
	const char *host;

	if (ares_dns_rr_get_type(rr) != ARES_REC_TYPE_SRV ||
	    q->nhosts == HOSTS_MAX)
		return;
	host = ares_dns_rr_get_str(rr, ARES_RR_SRV_TARGET);
	/* "." says that the service is not available */
	if (!host || !host[0] || !strcmp(host, ".") ||
	    strlen(host) >= sizeof(srv->host)) {
		set_why(q, "it does not offer this service");
		return;
	}
	strcpy(srv->host, host);
	srv->priority = ares_dns_rr_get_u16(rr, ARES_RR_SRV_PRIORITY);
	srv->weight = ares_dns_rr_get_u16(rr, ARES_RR_SRV_WEIGHT);
	srv->port = ares_dns_rr_get_u16(rr, ARES_RR_SRV_PORT);
	q->nhosts++;
}

static void read_records(struct question *q, const ares_dns_record_t *answer)
{
	size_t i, n = ares_dns_record_rr_cnt(answer, ARES_SECTION_ANSWER);

	for (i = 0; i < n; i++)
		add_record(q, ares_dns_record_rr_get_const(answer,
							   ARES_SECTION_ANSWER,
							   i));
	srv_order(q->srv, q->nhosts, dice);
}

static void on_service(void *arg, ares_status_t status, size_t timeouts,
		       const ares_dns_record_t *answer)
{
	struct question *q = arg;

	(void)timeouts;
	switch (status) {
	case ARES_SUCCESS:
		read_records(q, answer);
		break;
	case ARES_EDESTRUCTION:
		q->again = true;
		break;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
	case ARES_ENOSERVER:
		set_why(q, words(status));
		break;
	default:
		break;
	}
	if (!q->nhosts && !q->why[0] && !q->again) {
		/* no SRV record: use the addresses of the name itself */
		snprintf(q->srv[0].host, sizeof(q->srv[0].host), "%s", q->name);
		q->srv[0].port = q->port;
		q->nhosts = 1;
	}
	if (!q->cancelled && !q->again)
		ask_addresses(q);
	settle(q);
}

/* Ask for the SRV records; the addresses follow. */
static void ask(struct question *q)
{
	char service[sizeof(SRV_SERVICE) + 255];
	ares_dns_record_t *record = NULL;
	ares_status_t status;

	q->again = false;
	q->nhosts = 0;
	memset(q->hosts, 0, sizeof(q->hosts));
	q->why[0] = '\0';
	q->pending = 1;
	snprintf(service, sizeof(service), SRV_SERVICE "%s", q->name);
	status = ares_dns_record_create(&record, 0, ARES_FLAG_RD,
					ARES_OPCODE_QUERY, ARES_RCODE_NOERROR);
	if (!status)
		status = ares_dns_record_query_add(record, service,
						   ARES_REC_TYPE_SRV,
						   ARES_CLASS_IN);
	if (status)
		on_service(q, status, 0, NULL);
	else	/* calls back on failure, too */
		ares_search_dnsrec(q->dns->source->channel, record, on_service, q);
	ares_dns_record_destroy(record);
	set_timer(q->dns);
}

int dns_ask(struct dns *dns, uint32_t flow, const char *name, uint16_t port)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->dns = dns;
	q->flow = flow;
	q->port = port;
	snprintf(q->name, sizeof(q->name), "%s", name);
	TAILQ_INSERT_TAIL(&dns->questions, q, entry);
	ask(q);
	return 0;
}

void dns_cancel(struct dns *dns, uint32_t flow)
{
	struct question *q;

	/* keep the question until the library has finished with it */
	TAILQ_FOREACH(q, &dns->questions, entry)
		if (q->flow == flow)
			q->cancelled = true;
}

/* Set-up */

/* Tries that give up two silent servers within @patience, but at least 2. */
static int tries(uint32_t patience)
{
	uint32_t each = patience / 2, first = 3 * TIMEOUT_MS;

	return 2 + (each > first ? (each - first) / TIMEOUT_MAX_MS : 0);
}

static int make_channel(struct dns_source *source, const char *servers)
{
	struct ares_options options = {
		.sock_state_cb = on_state, .sock_state_cb_data = source->dns,
		.timeout = TIMEOUT_MS, .maxtimeout = TIMEOUT_MAX_MS,
		.tries = tries(source->patience),
		.resolvconf_path = source->file,
	};
	ares_channel_t *channel = NULL;
	int status = ares_init_options(&channel, &options,
				       ARES_OPT_SOCK_STATE_CB |
				       ARES_OPT_TIMEOUTMS |
				       ARES_OPT_MAXTIMEOUTMS | ARES_OPT_TRIES |
				       ARES_OPT_RESOLVCONF);

	if (status == ARES_SUCCESS && servers) {
		status = ares_set_servers_ports_csv(channel, servers);
		if (status)
			ares_destroy(channel);
	}
	if (status != ARES_SUCCESS) {
		log_err("DNS: %s", ares_strerror(status));
		return -EINVAL;
	}
	source->channel = channel;
	return 0;
}

/* Read resolv.conf again; outstanding questions go to the new servers. */
static void on_change(void *arg)
{
	struct dns_source *source = arg;
	ares_channel_t *old = source->channel;

	if (make_channel(source, NULL))
		return;
	log_info("DNS: read %s again", source->file);
	ares_destroy(old);
}

struct dns_source *dns_prepare(struct dns *dns, const struct dns_settings *set)
{
	struct dns_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->dns = dns;
	source->patience = set->patience;
	source->file = strdup(set->file ? set->file : RESOLV_CONF);
	if (source->file && !set->servers)
		source->resolv = resolv_open(dns->loop, source->file, on_change,
					     source);
	if (!source->file || make_channel(source, set->servers)) {
		dns_discard(source);
		return NULL;
	}
	return source;
}

void dns_discard(struct dns_source *source)
{
	if (!source)
		return;
	resolv_close(source->resolv);
	ares_destroy(source->channel);
	free(source->file);
	free(source);
}

void dns_commit(struct dns *dns, struct dns_source *source)
{
	struct dns_source *old = dns->source;

	dns->source = source;
	dns_discard(old);
}

static int add_sources(struct dns *dns)
{
	int err = sd_event_add_time(dns->loop, &dns->timer, CLOCK_MONOTONIC, 0,
				    1000, on_time, dns);

	if (err >= 0)
		err = sd_event_add_defer(dns->loop, &dns->deliver, on_deliver,
					 dns);
	if (err < 0) {
		log_err("DNS: %s", strerror(-err));
		return err;
	}
	sd_event_source_set_enabled(dns->timer, SD_EVENT_OFF);
	sd_event_source_set_enabled(dns->deliver, SD_EVENT_OFF);
	return 0;
}

struct dns *dns_open(sd_event *loop, const struct dns_settings *set,
		     dns_answer_fn answer, void *arg)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (!dns)
		return NULL;
	TAILQ_INIT(&dns->questions);
	LIST_INIT(&dns->watches);
	dns->loop = sd_event_ref(loop);
	dns->answer = answer;
	dns->arg = arg;
	if (!ares_library_init(ARES_LIB_INIT_ALL) && !add_sources(dns))
		dns->source = dns_prepare(dns, set);
	if (!dns->source) {
		dns_close(dns);
		return NULL;
	}
	return dns;
}

void dns_close(struct dns *dns)
{
	if (!dns)
		return;
	dns_discard(dns->source);
	while (!LIST_EMPTY(&dns->watches))
		unwatch(LIST_FIRST(&dns->watches));
	while (!TAILQ_EMPTY(&dns->questions))
		question_free(TAILQ_FIRST(&dns->questions));
	sd_event_source_disable_unref(dns->timer);
	sd_event_source_disable_unref(dns->deliver);
	sd_event_unref(dns->loop);
	free(dns);
	ares_library_cleanup();
}
