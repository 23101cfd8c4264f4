/* SPDX-License-Identifier: GPL-2.0 */
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

struct config_name {
	char *name;
	struct sockaddr_storage addr;	/* ss_family 0: not known */
	bool has_auth;
	enum oap_auth auth;
	struct rule listen;
	struct rule alloc;
	char **peers;			/* who may allocate; none: anybody */
	size_t npeers;
};

/* Times are in milliseconds. */
struct config {
	uint16_t port;
	uint32_t mark;
	uint32_t rekey_interval;
	uint32_t rekey_timeout;
	uint32_t alloc_timeout;
	uint32_t clock_slack;
	enum oap_auth auth;
	char *security;
	struct ipcp_nl_params params;	/* for new flows */
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

#endif /* REKEYD_CONFIG_H */
