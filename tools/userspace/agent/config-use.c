// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Use a configuration that was read and checked. */

#include <stdlib.h>
#include <string.h>

#include "config.h"

void config_set_port(struct config *conf, uint16_t port)
{
	struct config_name *name;
	size_t i, j;

	conf->port = port;
	for (i = 0; i < conf->nnames; i++) {
		name = &conf->names[i];
		if (name->has_port)
			continue;
		name->port = port;
		for (j = 0; j < name->nplaces; j++)
			place_set_port(&name->places[j], port);
	}
}

static bool same_word(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void swap(char **a, char **b)
{
	char *c = *a;

	*a = *b;
	*b = c;
}

bool config_keep_fixed(struct config *old, struct config *new)
{
	bool other = old->port != new->port || old->mark != new->mark ||
		     old->source_ports != new->source_ports ||
		     !same_word(old->user, new->user) ||
		     !same_word(old->socket, new->socket);

	config_set_port(new, old->port);
	new->source_ports = old->source_ports;
	new->mark = old->mark;
	swap(&old->user, &new->user);
	swap(&old->socket, &new->socket);
	return other;
}

static void free_strings(char **list, size_t count)
{
	size_t i;

	for (i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static void free_rule(struct rule *rule)
{
	free(rule->uids);
	free(rule->gids);
	free_strings(rule->programs, rule->nprograms);
}

void config_free(struct config *conf)
{
	size_t i;

	if (!conf)
		return;
	for (i = 0; i < conf->nnames; i++) {
		free(conf->names[i].name);
		free(conf->names[i].places);
		free_rule(&conf->names[i].listen);
		free_rule(&conf->names[i].provide);
		free_rule(&conf->names[i].alloc);
		free_strings(conf->names[i].peers, conf->names[i].npeers);
	}
	free(conf->names);
	free(conf->security);
	free(conf->user);
	free(conf->socket);
	free(conf->keylog);
	free(conf->dns_servers);
	free(conf->kex_accept);
	free(conf);
}

const struct config_name *config_find(const struct config *conf,
				      const char *name)
{
	size_t i;

	for (i = 0; i < conf->nnames; i++)
		if (!strcmp(conf->names[i].name, name))
			return &conf->names[i];
	return NULL;
}

enum oap_auth config_auth(const struct config *conf, const char *name)
{
	const struct config_name *block = config_find(conf, name);

	return block && block->has_auth ? block->auth : conf->auth;
}

bool config_recover(const struct config *conf, const char *name)
{
	const struct config_name *block = config_find(conf, name);

	return block && block->has_recover ? block->recover : conf->recover;
}
