/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The configuration file, checked and ready to use. */
#ifndef REKEYD_CONFIG_H
#define REKEYD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../nl/nl.h"
#include "../oap/oap.h"

#define CONFIG_FILE	"/etc/ipcp-rekey/ipcp-rekeyd.conf"
#define CONFIG_SECURITY	"/etc/ipcp-rekey/security"
#define CONFIG_SOCKET	"/run/ipcp-rekey/agent.sock"

/**
 * struct rule - who may do something with a name
 * @listed: the configuration says anything about it
 * @anyone: "*" was among the users
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
 * struct config_name - what is said of a name
 * @addrs: where its agent is; none: ask the DNS
 * @port: of that agent, where the DNS does not say another
 * @direct: programs of this host that serve it come first
 */
struct config_name {
	char *name;
	struct sockaddr_storage *addrs;
	size_t naddrs;
	uint16_t port;
	bool direct;
	bool has_auth;
	enum oap_auth auth;
	struct rule listen;
	struct rule alloc;
	char **peers;			/* who may allocate; none: anybody */
	size_t npeers;
};

/**
 * struct config - all of it; times are in milliseconds
 * @port: of this agent, and of others where nothing else is said
 * @mark: of the packets, for the firewall
 * @max_exchanges: most re-keys under way at a time
 * @user: to run as; NULL to stay who started it
 * @socket: where the status is to be had; NULL for nowhere
 * @dns_servers: addresses with commas between; NULL for those of resolv.conf
 * @params: for new flows
 */
struct config {
	uint16_t port;
	uint32_t mark;
	uint32_t max_exchanges;
	char *user;
	char *socket;
	char *dns_servers;
	uint32_t rekey_interval;
	uint32_t rekey_timeout;
	uint32_t alloc_timeout;
	uint32_t clock_slack;
	enum oap_auth auth;
	char *security;
	struct ipcp_nl_params params;
	struct config_name *names;
	size_t nnames;
};

/**
 * config_load() - read and check a configuration file
 * @file: its path
 *
 * Return: the configuration; NULL if it cannot be used, and says why.
 */
struct config *config_load(const char *file);
void config_free(struct config *conf);

/* The block of a name, or NULL. */
const struct config_name *config_find(const struct config *conf,
				      const char *name);

enum oap_auth config_auth(const struct config *conf, const char *name);

/* True if it says anything about programs, which others may not look at. */
bool config_names_programs(const struct config *conf);

#endif /* REKEYD_CONFIG_H */
