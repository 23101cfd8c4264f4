/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Locate the agent of a name with the DNS: SRV records of the service
 * _ipcp-rekey._udp, else the addresses of the name itself. c-ares runs on the
 * event loop; nothing here blocks.
 */
#ifndef REKEYD_DNS_H
#define REKEYD_DNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <systemd/sd-event.h>

struct dns;

/**
 * typedef dns_answer_fn - called with an answer
 * @arg: as given to dns_open()
 * @flow: as given to dns_ask()
 * @addrs: the addresses, best first
 * @count: number of addresses; 0 if there are none
 * @why: the reason if @count is 0
 */
typedef void (*dns_answer_fn)(void *arg, uint32_t flow,
			      const struct sockaddr_storage *addrs,
			      size_t count, const char *why);

/**
 * struct dns_settings - which servers to query
 * @servers: addresses separated by commas; NULL to use @file
 * @file: path of a resolv.conf, which is watched; NULL for the system's
 * @patience: milliseconds within which two silent servers time out
 */
struct dns_settings {
	const char *servers;
	const char *file;
	uint32_t patience;
};

/**
 * dns_open() - set up the resolver
 * @loop: event loop
 * @set: the servers
 * @answer: callback
 * @arg: argument of @answer
 *
 * Return: the resolver; NULL on failure, after logging the reason.
 */
struct dns *dns_open(sd_event *loop, const struct dns_settings *set,
		     dns_answer_fn answer, void *arg);
void dns_close(struct dns *dns);

struct dns_source;

/**
 * dns_prepare() - set up other servers, without querying them yet
 * @dns: the resolver
 * @set: the servers
 *
 * Return: argument of dns_commit() or dns_discard(); NULL on failure, after
 * logging the reason.
 */
struct dns_source *dns_prepare(struct dns *dns, const struct dns_settings *set);

/**
 * dns_commit() - switch to other servers
 * @dns: the resolver
 * @source: from dns_prepare(); consumed
 *
 * Outstanding questions go to the new servers.
 */
void dns_commit(struct dns *dns, struct dns_source *source);

/**
 * dns_discard() - free prepared servers without switching to them
 * @source: from dns_prepare(); may be NULL
 */
void dns_discard(struct dns_source *source);

/**
 * dns_ask() - look up a name
 * @flow: flow that the answer is for; has no other question
 * @uid: user of the flow
 * @name: the name
 * @port: port of agents without an SRV record
 *
 * At most 128 lookups run at a time, and 16 per user; other questions wait, and
 * the users take turns.
 *
 * Return: 0 if the answer will come from the event loop, or a negative errno.
 */
int dns_ask(struct dns *dns, uint32_t flow, uint32_t uid, const char *name,
	    uint16_t port);

/**
 * dns_cancel() - cancel the question of @flow
 */
void dns_cancel(struct dns *dns, uint32_t flow);

#endif /* REKEYD_DNS_H */
