// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey netdev: set the destinations of network interfaces of kind
 * "ipcp_rekey". "ip link" creates and deletes the interfaces.
 */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <linux/if_link.h>
#include <linux/ipcp_rekey_link.h>
#include <linux/rtnetlink.h>

#include "cmd.h"
#include "dev.h"
#include "nlcmd.h"

#define KIND "ipcp_rekey"

static const struct opt no_opts[] = { { 0 } };

/* Begin a request for an interface; NULL after printing an error. */
static struct nl_msg *request(int type, int flags, const char *dev)
{
	struct ifinfomsg ifi = { .ifi_index = if_nametoindex(dev) };
	struct nl_msg *msg;

	if (!ifi.ifi_index) {
		fail("there is no interface '%s'; make it: ip link add %s type "
		     KIND, dev, dev);
		return NULL;
	}
	msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	if (!msg)
		fail("out of memory");
	return msg;
}

static struct nl_sock *connected(void)
{
	struct nl_sock *sk = nl_socket_alloc();
	int err = sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;

	if (!err)
		return sk;
	fail("cannot open netlink: %s", nl_geterror(err));
	nl_socket_free(sk);
	return NULL;
}

static bool put_config(struct nl_msg *msg, int attr, const char *name)
{
	struct nlattr *info, *data;

	info = nla_nest_start(msg, IFLA_LINKINFO);
	if (!info || nla_put_string(msg, IFLA_INFO_KIND, KIND))
		return false;
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	if (!data || nla_put_string(msg, attr, name))
		return false;
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return true;
}

static int no_name(const char *dev, const char *name)
{
	return fail("cannot set %s: '%s' is not a name: give 1 to 255 bytes, without spaces and control characters",
		    dev, name);
}

static int configure(const char *dev, int attr, const char *name)
{
	struct nl_msg *msg = request(RTM_NEWLINK, NLM_F_ACK, dev);
	struct nl_sock *sk = msg ? connected() : NULL;
	int err;

	if (!sk || !put_config(msg, attr, name)) {
		if (sk)
			fail("out of memory");
		nlmsg_free(msg);
		nl_socket_free(sk);
		return EXIT_FAIL;
	}
	err = nl_send_sync(sk, msg);	/* frees msg */
	nl_socket_free(sk);
	if (err == -NLE_PERM)
		return fail("cannot set %s: permission denied; run this as root, in the namespace where the interface was made",
			    dev);
	if (err == -NLE_OPNOTSUPP)
		return fail("%s is not an interface of the kind " KIND, dev);
	if (err == -NLE_INVAL || err == -NLE_RANGE)
		return no_name(dev, name);
	if (err)
		return fail("cannot set %s: %s", dev, nl_geterror(err));
	return EXIT_OK;
}

/* Set the name, which is not empty: the kernel would end the flow. */
static int set_name(char **args, int attr)
{
	if (ipcp_dev_check_name(args[1]))
		return no_name(args[0], args[1]);
	return configure(args[0], attr, args[1]);
}

static int netdev_connect(int argc, char **argv)
{
	const struct use use = {
		"netdev connect", "DEVICE NAME",
		"Makes an interface carry packets over a flow to a name. Returns at once;\n"
		"the interface has a carrier while the flow is there.\n",
		no_opts, 2, 2
	};
	char **args = use_parse(&use, argc, argv);

	return set_name(args, IFLA_IPCP_REKEY_CONNECT);
}

static int netdev_listen(int argc, char **argv)
{
	const struct use use = {
		"netdev listen", "DEVICE NAME",
		"Makes an interface serve a name, and carry packets over the newest flow\n"
		"to it. Returns at once.\n",
		no_opts, 2, 2
	};
	char **args = use_parse(&use, argc, argv);

	return set_name(args, IFLA_IPCP_REKEY_LISTEN);
}

static int netdev_end(int argc, char **argv)
{
	const struct use use = {
		"netdev end", "DEVICE",
		"Closes the flow of an interface, or stops serving its name.\n",
		no_opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);

	return configure(args[0], IFLA_IPCP_REKEY_CONNECT, "");
}

/* Convert the attributes of our kind of interface to JSON; NULL for another. */
static json_t *link_json(struct nlattr **of)
{
	struct nlattr *info[IFLA_INFO_MAX + 1], *a[IFLA_IPCP_REKEY_MAX + 1];
	struct ipcp_rekey_link_xstats x = { 0 };
	uint32_t state;
	json_t *json;

	if (!of[IFLA_LINKINFO] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, of[IFLA_LINKINFO], NULL) ||
	    !info[IFLA_INFO_KIND] || strcmp(nla_data(info[IFLA_INFO_KIND]), KIND) ||
	    !info[IFLA_INFO_DATA] ||
	    nla_parse_nested(a, IFLA_IPCP_REKEY_MAX, info[IFLA_INFO_DATA], NULL))
		return NULL;
	if (info[IFLA_INFO_XSTATS])
		nla_memcpy(&x, info[IFLA_INFO_XSTATS], sizeof(x));
	state = a[IFLA_IPCP_REKEY_STATE] ? nla_get_u32(a[IFLA_IPCP_REKEY_STATE]) : 0;
	json = json_object();
	if (a[IFLA_IPCP_REKEY_CONNECT])
		json_object_set_new(json, "connect",
				    nlcmd_json(nla_data(a[IFLA_IPCP_REKEY_CONNECT])));
	if (a[IFLA_IPCP_REKEY_LISTEN])
		json_object_set_new(json, "listen",
				    nlcmd_json(nla_data(a[IFLA_IPCP_REKEY_LISTEN])));
	json_object_set_new(json, "up", json_boolean(state & IPCP_REKEY_LINK_UP));
	json_object_set_new(json, "silent",
			    json_boolean(state & IPCP_REKEY_LINK_SILENT));
	json_object_set_new(json, "keyless",
			    json_boolean(state & IPCP_REKEY_LINK_KEYLESS));
	if (a[IFLA_IPCP_REKEY_FLOW])
		json_object_set_new(json, "flow",
				    json_integer(nla_get_u32(a[IFLA_IPCP_REKEY_FLOW])));
	if (a[IFLA_IPCP_REKEY_EPOCH])
		json_object_set_new(json, "epoch",
				    json_integer(nla_get_u8(a[IFLA_IPCP_REKEY_EPOCH])));
	if (a[IFLA_IPCP_REKEY_TX_LEFT])
		json_object_set_new(json, "tx-left",
				    json_integer(nla_get_u64(a[IFLA_IPCP_REKEY_TX_LEFT])));
	if (a[IFLA_IPCP_REKEY_RX_LEFT])
		json_object_set_new(json, "rx-left",
				    json_integer(nla_get_u64(a[IFLA_IPCP_REKEY_RX_LEFT])));
	if (a[IFLA_IPCP_REKEY_REKEYS])
		json_object_set_new(json, "rekeys",
				    json_integer(nla_get_u64(a[IFLA_IPCP_REKEY_REKEYS])));
	json_object_set_new(json, "held", json_integer(x.held));
	json_object_set_new(json, "stalls", json_integer(x.stalls));
	json_object_set_new(json, "flows", json_integer(x.flows));
	return json;
}

static int got_link(struct nl_msg *msg, void *arg)
{
	struct nlattr *of[IFLA_MAX + 1];
	json_t **json = arg;

	if (!nlmsg_parse(nlmsg_hdr(msg), sizeof(struct ifinfomsg), of, IFLA_MAX, NULL))
		*json = link_json(of);
	return NL_OK;
}

static int netdev_show(int argc, char **argv)
{
	const struct use use = {
		"netdev show", "DEVICE",
		"Shows the state of an interface and of its flow, as JSON.\n",
		no_opts, 1, 1
	};
	char **args = use_parse(&use, argc, argv);
	struct nl_msg *msg = request(RTM_GETLINK, 0, args[0]);
	struct nl_sock *sk = msg ? connected() : NULL;
	json_t *json = NULL;
	int err;

	if (!sk) {
		nlmsg_free(msg);
		return EXIT_FAIL;
	}
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, got_link, &json);
	err = nl_send_auto(sk, msg);
	if (err >= 0)
		err = nl_recvmsgs_default(sk);
	nlmsg_free(msg);
	nl_socket_free(sk);
	if (err < 0)
		return fail("cannot query %s: %s", args[0], nl_geterror(err));
	if (!json)
		return fail("%s is not an interface of the kind " KIND, args[0]);
	return out_json(json, false);
}

int cmd_netdev(int argc, char **argv)
{
	static const struct cmd commands[] = {
		{ "connect", "make an interface carry packets to a name", netdev_connect },
		{ "listen", "make an interface serve a name", netdev_listen },
		{ "end", "close the flow, or stop serving the name", netdev_end },
		{ "show", "show the state of an interface", netdev_show },
		{ 0 }
	};

	return cmd_dispatch("netdev ", commands, argc, argv);
}
