/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The configuration file, checked and ready to use. */
#ifndef REKEYD_CONFIG_H
#define REKEYD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../nl/nl.h"
#include "../oap/oap.h"
#include "place.h"

#define CONFIG_FILE	"/etc/ipcp-rekey/ipcp-rekeyd.conf"
#define CONFIG_SECURITY	"/etc/ipcp-rekey/security"
#define CONFIG_SOCKET	"/run/ipcp-rekey/agent.sock"
#define CONFIG_SIZE_MAX	(1U << 20)	/* bytes of the file */

/**
 * struct rule - users and programs that may use a name
 * @listed: true if the configuration has such a list
 * @anyone: true if "*" is among the users
 */
struct rule {
	bool listed;
	bool anyone;
	uint32_t *uids;
	size_t nuids;
	uint32_t *gids;
	size_t ngids;
	char **programs;
	size_t nprograms;
};

/**
 * struct config_name - settings of a name
 * @places: addresses of its agent; if empty, look in the DNS
 * @port: port of that agent, unless the DNS has a different one
 * @has_port: true if @port is set for this name, false if it is the default
 * @direct: true to prefer programs on this host that serve the name
 */
struct config_name {
	char *name;
	struct place *places;
	size_t nplaces;
	uint16_t port;
	bool has_port;
	bool direct;
	bool has_auth;
	enum oap_auth auth;
	bool has_recover;
	bool recover;
	struct rule listen;
	struct rule provide;
	struct rule alloc;
	char **peers;			/* may allocate; empty: any peer */
	size_t npeers;
};

/**
 * struct config - the whole configuration; times are in milliseconds
 * @port: port of this agent, and default for others
 * @source_ports: number of source ports for allocated flows; 0 for one per
 *	processor, 1 for @port only
 * @mark: firewall mark of sent packets
 * @max_exchanges: limit of concurrent re-keys
 * @user: user to run as; NULL to keep the current user
 * @socket: path of the status socket; NULL for none
 * @keylog: file to write seeds to; NULL for none
 * @dns_servers: addresses separated by commas; NULL to use resolv.conf
 * @kex_accept: names of key exchanges that peers may choose, separated by spaces
 * @need_lists: refuse a peer whose CAs do not all have a current revocation
 *	list
 * @params: parameters of new flows
 */
struct config {
	uint16_t port;
	uint32_t source_ports;
	uint32_t mark;
	uint32_t max_exchanges;
	char *user;
	char *socket;
	char *keylog;
	char *dns_servers;
	char *kex_accept;
	uint32_t rekey_interval;
	uint32_t rekey_timeout;
	uint32_t alloc_timeout;
	uint32_t clock_slack;
	enum oap_auth auth;
	bool recover;
	char *security;
	bool need_lists;
	struct ipcp_nl_params params;
	struct config_name *names;
	size_t nnames;
};

/**
 * config_load() - read and check a configuration file
 * @file: path of the file
 *
 * Return: the configuration; NULL if it is unusable, after logging the reason.
 */
struct config *config_load(const char *file);
void config_free(struct config *conf);

/* Change the port of the agent, and of names without a port of their own. */
void config_set_port(struct config *conf, uint16_t port);

/**
 * config_keep_fixed() - keep the settings that count only at start-up
 * @old: the configuration in use, which is freed next; loses its strings
 * @new: the one that replaces it
 *
 * The kernel was given the port, which peers know, and the mark; the agent has
 * its user and its socket.
 *
 * Return: true if @new had other settings, each time until a restart.
 */
bool config_keep_fixed(struct config *old, struct config *new);

/* Return the settings of a name, or NULL. */
const struct config_name *config_find(const struct config *conf,
				      const char *name);

enum oap_auth config_auth(const struct config *conf, const char *name);

/* True if a flow may get fresh keys after one end has lost its keys. */
bool config_recover(const struct config *conf, const char *name);

#endif /* REKEYD_CONFIG_H */
