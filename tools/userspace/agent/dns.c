// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Locate the agent of a name with the DNS.
 *
 * Questions about the same name share one lookup. A lookup cannot be cancelled
 * once it has begun, and c-ares searches forever for an unused query id if all
 * 65,536 are used. The number of lookups is therefore limited; other questions
 * wait.
 *
 * c-ares may call back from within the call that starts a query. An event
 * source therefore delivers the answers, so that callers are never called back
 * too early.
 */

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "dns-int.h"
#include "log.h"
#include "resolv-conf.h"

#define RESOLV_CONF	"/etc/resolv.conf"

/* A silent server is queried again after 1 s, 2 s, and then every 2.5 s. */
#define TIMEOUT_MS	1000
#define TIMEOUT_MAX_MS	2500

/* A socket of c-ares. */
struct watch {
	LIST_ENTRY(watch) entry;
	struct dns *dns;
	int fd;
	sd_event_source *source;
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

/* Watch the events that c-ares waits for on a socket. */
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
		return;		/* the query then times out */
	w->fd = fd;
	LIST_INSERT_HEAD(&dns->watches, w, entry);
	sd_event_add_io(dns->loop, &w->source, fd, events, on_socket, dns);
}

/* Lookups */

static void lookup_free(struct lookup *l)
{
	struct dns *dns = l->dns;

	while (!TAILQ_EMPTY(&l->questions))
		question_free(&dns->questions, TAILQ_FIRST(&l->questions));
	TAILQ_REMOVE(&dns->lookups, l, entry);
	dns->nlookups--;
	asker_end(&dns->questions, l->asker);
	free(l);
}

/* Deliver the answer to all questions about the name. */
static void deliver(struct lookup *l)
{
	struct sockaddr_storage addrs[LOOKUP_ADDRS_MAX];
	struct dns *dns = l->dns;
	struct question *q;
	size_t n = lookup_result(l, addrs);
	uint32_t flow;

	while ((q = TAILQ_FIRST(&l->questions))) {
		flow = q->flow;
		question_free(&dns->questions, q);
		dns->answer(dns->arg, flow, addrs, n, l->why);
	}
}

static bool ask_waiting(struct dns *dns);

static int on_deliver(sd_event_source *s, void *arg)
{
	struct lookup *l, *next;
	struct dns *dns = arg;

	(void)s;
	for (l = TAILQ_FIRST(&dns->lookups); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (l->pending)
			continue;
		if (l->again && !TAILQ_EMPTY(&l->questions)) {
			lookup_ask(l);
			continue;
		}
		deliver(l);
		lookup_free(l);
	}
	ask_waiting(dns);
	return 0;
}

/* Return: a lookup whose result also answers @q, or NULL. */
static struct lookup *find_lookup(struct dns *dns, const struct question *q)
{
	struct lookup *l;

	TAILQ_FOREACH(l, &dns->lookups, entry)
		if (l->port == q->port && !strcmp(l->name, q->name))
			break;
	return l;
}

static struct lookup *lookup_new(struct dns *dns, const struct question *q)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->dns = dns;
	l->asker = q->asker;
	l->port = q->port;
	snprintf(l->name, sizeof(l->name), "%s", q->name);
	TAILQ_INIT(&l->questions);
	TAILQ_INSERT_TAIL(&dns->lookups, l, entry);
	dns->nlookups++;
	asker_begin(&dns->questions, l->asker);
	return l;
}

/*
 * Look up waiting questions, as far as the limits allow. Return false without
 * memory: the next question or answer then tries again.
 */
static bool ask_waiting(struct dns *dns)
{
	struct question *q;
	struct lookup *l;
	bool is_new;

	while (dns->nlookups < LOOKUPS_MAX &&
	       (q = question_next(&dns->questions))) {
		l = find_lookup(dns, q);
		is_new = !l;
		if (is_new)
			l = lookup_new(dns, q);
		if (!l)
			return false;
		question_join(&dns->questions, q, &l->questions);
		if (is_new)
			lookup_ask(l);
	}
	set_timer(dns);
	return true;
}

int dns_ask(struct dns *dns, uint32_t flow, uint32_t uid, const char *name,
	    uint16_t port)
{
	struct question *q = question_new(&dns->questions, flow, uid, name,
					  port);
	struct lookup *l;

	if (!q)
		return -ENOMEM;
	l = find_lookup(dns, q);
	if (l) {
		question_join(&dns->questions, q, &l->questions);
		return 0;
	}
	if (ask_waiting(dns) || dns->nlookups)
		return 0;
	question_free(&dns->questions, q);
	return -ENOMEM;
}

void dns_cancel(struct dns *dns, uint32_t flow)
{
	struct question *q = question_of(&dns->questions, flow);

	/* the lookup continues until c-ares has finished with it */
	if (q)
		question_free(&dns->questions, q);
}

/* Set-up */

/*
 * Return the number of tries with which two silent servers time out within
 * @patience, at least 2.
 */
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
		source->resolv = resolv_conf_open(dns->loop, source->file, on_change,
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
	resolv_conf_close(source->resolv);
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
	questions_init(&dns->questions);
	TAILQ_INIT(&dns->lookups);
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
	while (!TAILQ_EMPTY(&dns->lookups))
		lookup_free(TAILQ_FIRST(&dns->lookups));
	questions_clear(&dns->questions);
	sd_event_source_disable_unref(dns->timer);
	sd_event_source_disable_unref(dns->deliver);
	sd_event_unref(dns->loop);
	free(dns);
	ares_library_cleanup();
}
