/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netlink for the sub-commands.
 */
#ifndef IPCP_CLI_NLCMD_H
#define IPCP_CLI_NLCMD_H

#include "nl.h"
#include "out.h"

int nlcmd_open(struct ipcp_nl **nl);
int nlcmd_fail(struct ipcp_nl *nl, const char *what, int err);

const char *nlcmd_text(const char *text);
json_t *nlcmd_json(const char *text);
json_t *nlcmd_drops(const struct ipcp_nl_drops *drops);
const char *nlcmd_peer(const struct sockaddr_storage *peer, char *buf,
		       size_t len);

#endif /* IPCP_CLI_NLCMD_H */
