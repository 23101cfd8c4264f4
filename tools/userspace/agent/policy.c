// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Policy: who may serve or provide a name, allocate a flow to it, or reach it
 * from a remote host.
 */

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "policy.h"

static bool has_id(const uint32_t *ids, size_t count, uint32_t id)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool user_matches(const struct rule *rule,
			 const struct ipcp_nl_cred *cred)
{
	uint32_t i;

	if (rule->anyone || (!rule->nuids && !rule->ngids))
		return true;
	if (has_id(rule->uids, rule->nuids, cred->uid) ||
	    has_id(rule->gids, rule->ngids, cred->gid))
		return true;
	for (i = 0; i < cred->ngroups; i++)
		if (has_id(rule->gids, rule->ngids, cred->groups[i]))
			return true;
	return false;
}

/*
 * Compare the program file of the process at the time of its call, as reported
 * by the kernel, with the files of the configuration. A path would be resolved
 * in the process's own mount namespace, where the process may have placed
 * another file.
 */
static bool program_matches(const struct rule *rule,
			    const struct ipcp_nl_cred *cred)
{
	struct stat st;
	size_t i;

	if (!rule->nprograms)
		return true;
	if (!cred->exe_ino)
		return false;
	for (i = 0; i < rule->nprograms; i++)
		if (!stat(rule->programs[i], &st) &&
		    st.st_dev == cred->exe_dev && st.st_ino == cred->exe_ino)
			return true;
	return false;
}

static const char *const verbs[] = {
	[POLICY_LISTEN] = "listen",
	[POLICY_ALLOC] = "alloc",
	[POLICY_PROVIDE] = "provide",
};

static const struct rule *rule_for(const struct config_name *block,
				   enum policy_what what)
{
	switch (what) {
	case POLICY_LISTEN:
		return &block->listen;
	case POLICY_ALLOC:
		return &block->alloc;
	default:
		return &block->provide;
	}
}

/*
 * Default without a rule. Providing a name is not allowed by default, since a
 * provider could keep others from the name.
 */
static bool by_default(enum policy_what what, const char *name, uint32_t uid,
		       bool has_creds, char *reason)
{
	if (what != POLICY_PROVIDE && !has_creds)
		return true;
	if (what == POLICY_PROVIDE)
		snprintf(reason, REASON_LEN,
			 "uid %u may not provide %.40s: see provide-users", uid,
			 name);
	else
		snprintf(reason, REASON_LEN,
			 "uid %u may not use the certificate of %.40s: see %s-users",
			 uid, name, verbs[what]);
	return false;
}

/*
 * Give the reason of a refusal. The kernel passes on IPCP_NL_GROUPS_MAX groups
 * at most; a listed group may not be among these.
 */
static bool refuse_program(enum policy_what what, const char *name,
			   const struct ipcp_nl_cred *cred, bool needs_group,
			   char *reason)
{
	if (needs_group && cred->ngroups == IPCP_NL_GROUPS_MAX)
		snprintf(reason, REASON_LEN,
			 "uid %u (%.20s) may not %s %.24s: only %u of its groups count, see %s-groups",
			 cred->uid, cred->comm, verbs[what], name,
			 IPCP_NL_GROUPS_MAX, verbs[what]);
	else
		snprintf(reason, REASON_LEN,
			 "uid %u (%.20s) may not %s %.40s: see %s-users, -programs",
			 cred->uid, cred->comm, verbs[what], name, verbs[what]);
	return false;
}

bool policy_program(const struct config *conf, enum policy_what what,
		    const char *name, const struct ipcp_nl_cred *cred,
		    bool has_creds, char *reason)
{
	const struct config_name *block = config_find(conf, name);
	const struct rule *rule = NULL;
	bool user;

	if (cred->uid == 0)
		return true;
	if (block)
		rule = rule_for(block, what);
	if (!rule || !rule->listed)
		return by_default(what, name, cred->uid, has_creds, reason);
	user = user_matches(rule, cred);
	if (user && program_matches(rule, cred))
		return true;
	return refuse_program(what, name, cred, !user && rule->ngids, reason);
}

static bool refuse_peer(const struct oap_identity *peer, const char *name,
			const char *verb, char *reason)
{
	snprintf(reason, REASON_LEN, "'%.40s' may not %s %.40s: see its peers",
		 peer->authenticated ? peer->name : "(unsigned)", verb, name);
	return false;
}

bool policy_peer(const struct config *conf, const char *name,
		 struct oap_run *run, char *reason)
{
	const struct config_name *block = config_find(conf, name);
	size_t i;

	if (!block || !block->npeers)
		return true;
	for (i = 0; i < block->npeers; i++)
		if (oap_take_name(run, block->peers[i]))
			return true;
	return refuse_peer(oap_peer(run), name, "allocate to", reason);
}

bool policy_keeps(const struct config *conf, const char *name,
		  const struct oap_identity *peer, char *reason)
{
	const struct config_name *block = config_find(conf, name);
	size_t i;

	if (!block || !block->npeers)
		return true;
	for (i = 0; i < block->npeers; i++)
		if (!strcmp(block->peers[i], peer->name))
			return true;
	return refuse_peer(peer, name, "keep a flow to", reason);
}
