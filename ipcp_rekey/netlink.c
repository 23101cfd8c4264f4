// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The netlink family, used by the agent and the command line tool. Policies and
 * tables are generated from Documentation/netlink/specs/ipcp_rekey.yaml. The
 * operations are in netlink-agent.c, netlink-flow.c and netlink-rekey.c, and
 * their helpers in netlink-util.c.
 *
 * Seeds are passed to the kernel and never back. An operation that takes a seed
 * is registered with a policy that any value passes: seed_doit() applies the
 * generated one, and wipes the whole request whatever becomes of it. So a seed
 * appears neither in the error reply, which repeats the request, nor in freed
 * memory.
 *
 * The module never sees a request whose sender lacks a permission, whose header
 * is invalid, which asks for a dump (NLM_F_DUMP), which has bytes that are no
 * attribute, or attributes of an unknown type or with NLA_F_NESTED, or which
 * has a seed for an operation that takes none: genetlink lets no new family
 * turn off these checks. The kernel frees such a request without wiping it, and
 * repeats it to its sender, unless the socket has NETLINK_CAP_ACK set, as the
 * agent's socket has.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/string.h>

#include "listener.h"
#include "net.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "netns.h"
#include "notify.h"
#include "rekey.h"
#include "upcall.h"

/*
 * Handle the close of a netlink socket. If it is the agent's, end what the
 * agent had started. Another socket may have had the same port id, so the port
 * id only tells which sockets need no further check.
 */
static int socket_closed(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	struct netlink_notify *n = data;
	struct ipcp_net *ipn;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	ipn = ipcp_net(n->net);
	if (n->portid != READ_ONCE(ipn->agent_port))
		return NOTIFY_DONE;

	/* Hold the lock throughout, so the next agent starts afterwards. */
	mutex_lock(&ipn->agent_lock);
	if (ipn->agent && sock_flag(ipn->agent, SOCK_DEAD)) {
		ipcp_netns_set_agent(ipn, NULL, 0);
		ipcp_grant_lapse(ipn);
		ipcp_registry_lapse(ipn);
		ipcp_upcall_purge(ipn);
	}
	mutex_unlock(&ipn->agent_lock);
	return NOTIFY_DONE;
}

static struct notifier_block socket_notifier = {
	.notifier_call = socket_closed,
};

/* Accept any attribute of a flow. A missing policy would allow none. */
static const struct nla_policy any_flow[IPCP_REKEY_A_FLOW_MAX + 1] = {
	[1 ... IPCP_REKEY_A_FLOW_MAX] = { .type = NLA_BINARY },
};

/* The generated operations, with seed_doit() for those that take a seed. */
static struct genl_split_ops nl_ops[ARRAY_SIZE(ipcp_rekey_nl_ops)] __ro_after_init;

static bool takes_seed(const struct genl_split_ops *op)
{
	return op->cmd == IPCP_REKEY_CMD_FLOW_ALLOCATE ||
	       op->cmd == IPCP_REKEY_CMD_SEED_SET;
}

/* Return the generated operation that a request is for. */
static const struct genl_split_ops *find_op(const struct genl_info *info)
{
	const struct genl_split_ops *op = ipcp_rekey_nl_ops;

	while (op->cmd != info->genlhdr->cmd)
		op++;
	return op;
}

/*
 * Run an operation that takes a seed, then wipe its request. Wipe the whole
 * request: the seed may be there twice, or where the policy does not look.
 */
static int seed_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct genl_split_ops *op = find_op(info);
	struct nlattr *attrs[IPCP_REKEY_A_FLOW_MAX + 1];
	struct nlattr **given = info->attrs;
	int err;

	err = genlmsg_parse(info->nlhdr, info->family, attrs, op->maxattr,
			    op->policy, info->extack);
	if (!err) {
		info->attrs = attrs;
		err = op->doit(skb, info);
		info->attrs = given;
	}
	memzero_explicit(genlmsg_data(info->genlhdr),
			 genlmsg_len(info->genlhdr));
	return err;
}

static void __init fill_ops(void)
{
	for (int i = 0; i < ARRAY_SIZE(nl_ops); i++) {
		nl_ops[i] = ipcp_rekey_nl_ops[i];
		if (!takes_seed(&nl_ops[i]))
			continue;
		nl_ops[i].doit = seed_doit;
		nl_ops[i].policy = any_flow;
		nl_ops[i].maxattr = IPCP_REKEY_A_FLOW_MAX;
	}
}

static const struct genl_multicast_group mcgrps[] = {
	[IPCP_REKEY_NLGRP_AGENT] = {
		.name = IPCP_REKEY_MCGRP_AGENT,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
	[IPCP_REKEY_NLGRP_EVENTS] = {
		.name = IPCP_REKEY_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

static struct genl_family ipcp_nl_family __ro_after_init = {
	.name = IPCP_REKEY_FAMILY_NAME,
	.version = IPCP_REKEY_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.split_ops = nl_ops,
	.n_split_ops = ARRAY_SIZE(nl_ops),
	.mcgrps = mcgrps,
	.n_mcgrps = ARRAY_SIZE(mcgrps),
};

/**
 * ipcp_netlink_init() - Register the family
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int __init ipcp_netlink_init(void)
{
	int err;

	fill_ops();
	ipcp_notify_init(&ipcp_nl_family);
	/* ORDER: before the family, so that the end of no agent is missed. */
	err = netlink_register_notifier(&socket_notifier);
	if (err)
		return err;
	err = genl_register_family(&ipcp_nl_family);
	if (err)
		netlink_unregister_notifier(&socket_notifier);
	return err;
}

/**
 * ipcp_netlink_exit() - Unregister the family
 *
 * Context: Module exit.
 */
void ipcp_netlink_exit(void)
{
	ipcp_notify_exit();
	genl_unregister_family(&ipcp_nl_family);
	netlink_unregister_notifier(&socket_notifier);
}
