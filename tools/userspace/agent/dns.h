/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Where a name's agent is, as the DNS has it: SRV records of the service
 * _ipcp-rekey._udp, else the name's own addresses. c-ares asks, on the event
 * loop; nothing here waits.
 */
#ifndef REKEYD_DNS_H
#define REKEYD_DNS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <systemd/sd-event.h>

struct dns;

/**
 * typedef dns_answer_fn - an answer
 * @arg: as given to dns_open()
 * @flow: as given to dns_ask()
 * @addrs: the best first
 * @count: of them; 0: there is none
 * @why: then says why
 */
typedef void (*dns_answer_fn)(void *arg, uint32_t flow,
			      const struct sockaddr_storage *addrs,
			      size_t count, const char *why);

/**
 * dns_open() - be ready to ask
 * @loop: event loop
 * @servers: addresses with commas between; NULL for those of resolv.conf
 * @patience: milliseconds within which two servers that are silent have been
 *	given up
 * @answer: what to call
 * @arg: for it
 *
 * Return: NULL if that cannot be, and says why in the log.
 */
struct dns *dns_open(sd_event *loop, const char *servers, uint32_t patience,
		     dns_answer_fn answer, void *arg);
void dns_close(struct dns *dns);

/**
 * dns_servers() - from now on ask these
 * @servers: as for dns_open()
 * @patience: likewise
 *
 * What is being asked is asked again. On failure all stays as it was.
 *
 * Return: 0 or a negative errno.
 */
int dns_servers(struct dns *dns, const char *servers, uint32_t patience);

/**
 * dns_ask() - ask for a name
 * @flow: who wants to know
 * @name: name
 * @port: of agents whose records do not say one
 *
 * Return: 0 and the answer will come from the event loop; a negative errno.
 */
int dns_ask(struct dns *dns, uint32_t flow, const char *name, uint16_t port);

/**
 * dns_cancel() - @flow does not want to know any more
 */
void dns_cancel(struct dns *dns, uint32_t flow);

#endif /* REKEYD_DNS_H */
