/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The status of the agent. */
#ifndef IPCP_CLI_AGENT_H
#define IPCP_CLI_AGENT_H

#include <stdbool.h>

#include <jansson.h>

#define AGENT_SOCKET	"/run/ipcp-rekey/agent.sock"

int agent_connect(const char *path, int *fd);
json_t *agent_read(int fd);
json_t *agent_ask(const char *path, bool silent);
json_t *agent_at(json_t *json, const char *path);

#endif /* IPCP_CLI_AGENT_H */
