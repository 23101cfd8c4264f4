/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The checks of "doctor", and how they report findings. A check reports at
 * least one finding, and changes nothing.
 */
#ifndef IPCP_CLI_DOCTOR_H
#define IPCP_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

#include "nl.h"

struct config;

/**
 * enum doctor_result - severity of a finding
 * @DOCTOR_OK: no problem
 * @DOCTOR_NOTE: nothing to do, or the check was not possible
 * @DOCTOR_WARNING: flows may work, but something should be done
 * @DOCTOR_ERROR: flows do not work
 */
enum doctor_result {
	DOCTOR_OK,
	DOCTOR_NOTE,
	DOCTOR_WARNING,
	DOCTOR_ERROR,
};

/**
 * struct doctor - input and findings of the checks
 * @file: the configuration file
 * @conf: contents of @file; NULL if unusable
 * @socket: the agent's socket; NULL if the configuration has none
 * @name: destination to try; NULL for none
 * @timeout: time limit of a flow to @name, in nanoseconds
 * @nl: netlink handle of the module; NULL if not available
 * @nl_err: negative errno if @nl is NULL
 * @info: information from the module; valid if @nl is set
 * @agent: status of the agent; NULL if not available
 * @agent_err: negative errno if @agent is NULL
 * @check: name of the current check
 * @found: findings of the current check, an array
 */
struct doctor {
	const char *file;
	struct config *conf;
	const char *socket;
	const char *name;
	int64_t timeout;
	struct ipcp_nl *nl;
	int nl_err;
	struct ipcp_nl_info info;
	json_t *agent;
	int agent_err;
	const char *check;
	json_t *found;
};

/* doctor-report.c */
void doctor_find(struct doctor *d, enum doctor_result result, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void doctor_advise(struct doctor *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void doctor_problem(struct doctor *d, enum doctor_result result, const char *text,
		    const char *otherwise);
const char *doctor_unreadable(const char *text);
char *doctor_setup_option(const struct doctor *d);
enum doctor_result doctor_print(const json_t *found, bool text);

#define doctor_ok(d, ...)	doctor_find(d, DOCTOR_OK, __VA_ARGS__)
#define doctor_note(d, ...)	doctor_find(d, DOCTOR_NOTE, __VA_ARGS__)
#define doctor_warning(d, ...)	doctor_find(d, DOCTOR_WARNING, __VA_ARGS__)
#define doctor_error(d, ...)	doctor_find(d, DOCTOR_ERROR, __VA_ARGS__)

/* doctor-user.c: the user of the agent */
uid_t doctor_agent_uid(const struct doctor *d);
const char *doctor_user_name(uid_t uid, char *buf, size_t len);
bool doctor_as_agent(struct doctor *d, void (*look)(struct doctor *d));

/* doctor-module.c */
void doctor_module(struct doctor *d);
void doctor_device(struct doctor *d);

/* doctor-agent.c */
void doctor_agent(struct doctor *d);
void doctor_config(struct doctor *d);

/* doctor-certs.c */
void doctor_certificates(struct doctor *d);

/* doctor-host.c */
void doctor_clock(struct doctor *d);
void doctor_mtu(struct doctor *d);
void doctor_limits(struct doctor *d);

/* doctor-port.c and doctor-firewall.c */
void doctor_port(struct doctor *d);
void doctor_firewall(struct doctor *d);

/* doctor-names.c and doctor-dns.c */
void doctor_names(struct doctor *d);

/**
 * typedef doctor_address_fn - called for each address of a name
 */
typedef void (*doctor_address_fn)(const struct sockaddr_storage *addr, void *arg);
const char *doctor_resolve(const struct doctor *d, const char *name, uint16_t port,
			   doctor_address_fn each, void *arg);

#endif /* IPCP_CLI_DOCTOR_H */
