// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Check of "doctor": does the firewall of this host accept UDP to the port of
 * the agent? Warn only if no rule of the chain can accept such a packet;
 * otherwise report what the check cannot determine.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../agent/config.h"
#include "doctor.h"

#define NFT "PATH=$PATH:/usr/sbin:/sbin nft -j list ruleset 2>/dev/null"

/* The effect of a rule on packets to the port. */
enum effect {
	EFFECT_NONE,	/* none, or matches other packets */
	EFFECT_MAYBE,	/* cannot be determined */
	EFFECT_ACCEPT,
	EFFECT_REFUSE,
};

static const char *word(json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

/* Check if a value, a set or a range has a number: 1, 0, or -1 for unknown. */
static int has_number(json_t *right, json_int_t number)
{
	json_t *list = json_object_get(right, "set"), *range, *item;
	int has = 0, one;
	size_t i;

	if (json_is_integer(right))
		return json_integer_value(right) == number;
	range = json_object_get(right, "range");
	if (json_array_size(range) == 2)
		return json_integer_value(json_array_get(range, 0)) <= number &&
		       json_integer_value(json_array_get(range, 1)) >= number;
	if (!json_is_array(list))
		return -1;
	json_array_foreach(list, i, item) {
		one = has_number(item, number);
		if (one > 0)
			return 1;
		if (one < 0)
			has = -1;
	}
	return has;
}

/* True if a value, or a list of values, may contain a word. */
static bool may_be(json_t *right, const char *what)
{
	json_t *list = json_object_get(right, "set"), *item;
	size_t i;

	if (json_is_string(right))
		return !strcmp(json_string_value(right), what) ||
		       json_string_value(right)[0] == '@';
	if (json_is_array(right))
		list = right;
	if (!json_is_array(list))
		return !json_is_integer(right);
	json_array_foreach(list, i, item)
		if (may_be(item, what))
			return true;
	return false;
}

/*
 * Check if a value stands for UDP: 1, 0, or -1 for others, too. On a host
 * without /etc/protocols nft prints numbers.
 */
static int is_udp(json_t *right)
{
	if (json_is_integer(right))
		return json_integer_value(right) == IPPROTO_UDP;
	if (!may_be(right, "udp") && has_number(right, IPPROTO_UDP) <= 0)
		return 0;
	return json_is_string(right) ? 1 : -1;
}

/*
 * Check if a new packet from another host to the port meets a condition.
 * Return: 1 for always, 0 for never, -1 for sometimes.
 */
static int meets(json_t *match, json_int_t port)
{
	json_t *left = json_object_get(match, "left");
	json_t *right = json_object_get(match, "right");
	json_t *payload = json_object_get(left, "payload");
	const char *protocol = word(payload, "protocol");
	const char *meta = word(json_object_get(left, "meta"), "key");
	const char *op = word(match, "op");

	if (strcmp(op, "==") && strcmp(op, "in"))
		return -1;
	if (!strcmp(word(json_object_get(left, "ct"), "key"), "state"))
		return may_be(right, "new") ? -1 : 0;
	if (!strcmp(meta, "iifname") || !strcmp(meta, "iif"))
		return json_is_string(right) &&
		       !strcmp(json_string_value(right), "lo") ? 0 : -1;
	if (!strcmp(meta, "l4proto") || !strcmp(word(payload, "field"), "protocol") ||
	    !strcmp(word(payload, "field"), "nexthdr"))
		return is_udp(right);
	if (!strcmp(protocol, "tcp") || !strncmp(protocol, "icmp", 4) ||
	    !strcmp(protocol, "sctp"))
		return 0;
	if (!strcmp(word(payload, "field"), "dport") &&
	    (!strcmp(protocol, "udp") || !strcmp(protocol, "th")))
		return has_number(right, port);
	return -1;
}

static enum effect effect_of(json_t *rule, json_int_t port)
{
	json_t *expr, *match;
	bool always = true;
	size_t i;
	int one;

	json_array_foreach(json_object_get(rule, "expr"), i, expr) {
		match = json_object_get(expr, "match");
		one = match ? meets(match, port) : 1;
		if (!one)
			return EFFECT_NONE;
		always &= one > 0;
		if (json_object_get(expr, "drop") || json_object_get(expr, "reject"))
			return always ? EFFECT_REFUSE : EFFECT_NONE;
		if (json_object_get(expr, "accept"))
			return always ? EFFECT_ACCEPT : EFFECT_MAYBE;
		if (!match && !json_object_get(expr, "counter") &&
		    !json_object_get(expr, "log") && !json_object_get(expr, "limit"))
			return EFFECT_MAYBE;
		always &= !json_object_get(expr, "limit");
	}
	return EFFECT_NONE;
}

static bool is_in(json_t *rule, json_t *chain)
{
	return !strcmp(word(rule, "family"), word(chain, "family")) &&
	       !strcmp(word(rule, "table"), word(chain, "table")) &&
	       !strcmp(word(rule, "chain"), word(chain, "name"));
}

/*
 * Return the effect of a chain, its rules and policy, on packets to the port.
 */
static enum effect effect_of_chain(json_t *all, json_t *chain, json_int_t port)
{
	enum effect effect = EFFECT_NONE, one;
	json_t *item, *rule;
	size_t i;

	json_array_foreach(all, i, item) {
		rule = json_object_get(item, "rule");
		if (!rule || !is_in(rule, chain))
			continue;
		one = effect_of(rule, port);
		if (one == EFFECT_MAYBE)
			effect = EFFECT_MAYBE;
		else if (one != EFFECT_NONE && effect == EFFECT_NONE)
			return one;
	}
	if (effect == EFFECT_NONE && !strcmp(word(chain, "policy"), "drop"))
		return EFFECT_REFUSE;
	return effect;
}

static bool is_input(json_t *chain)
{
	const char *family = word(chain, "family");

	return !strcmp(word(chain, "hook"), "input") &&
	       (!strcmp(family, "inet") || !strncmp(family, "ip", 2));
}

static void check_rules(struct doctor *d, json_t *all, unsigned int port)
{
	unsigned int unknown = 0;
	enum effect effect;
	json_t *item, *chain;
	size_t i;

	json_array_foreach(all, i, item) {
		chain = json_object_get(item, "chain");
		if (!chain || !is_input(chain))
			continue;
		effect = effect_of_chain(all, chain, port);
		unknown += effect == EFFECT_MAYBE;
		if (effect != EFFECT_REFUSE)
			continue;
		doctor_warning(d, "nftables: the chain %s of the table %s %s lets no UDP in to port %u",
			       word(chain, "name"), word(chain, "family"),
			       word(chain, "table"), port);
		doctor_advise(d, "nft insert rule %s %s %s udp dport %u accept, and the same in /etc/nftables.conf: needed to serve names",
			      word(chain, "family"), word(chain, "table"),
			      word(chain, "name"), port);
	}
	if (json_array_size(d->found))
		return;
	if (unknown)
		doctor_note(d, "nftables: cannot tell whether the rules let UDP in to port %u; look at them with 'nft list ruleset'",
			    port);
	else
		doctor_ok(d, "nftables keeps no UDP from port %u", port);
}

void doctor_firewall(struct doctor *d)
{
	json_t *rules;
	FILE *nft;
	int status;

	if (geteuid()) {
		doctor_note(d, "not looked at: run as root");
		return;
	}
	if (!d->conf) {
		doctor_note(d, "not looked at: the configuration has to be usable first");
		return;
	}
	nft = popen(NFT, "re");
	rules = nft ? json_loadf(nft, 0, NULL) : NULL;
	status = nft ? pclose(nft) : -1;
	if (rules)
		check_rules(d, json_object_get(rules, "nftables"), d->conf->port);
	else if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		doctor_note(d, "not looked at: nft is not installed; let UDP in to port %u if this host has another firewall",
			    d->conf->port);
	else
		doctor_note(d, "not looked at: nft cannot list the rules");
	json_decref(rules);
}
