// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Netlink operation on users: what each user holds, and may hold. */
#include "netlink-int.h"
#include "users.h"

static int show_user(struct sk_buff *skb, const struct ipcp_user *user, uid_t uid)
{
	unsigned int listeners = max(atomic_read(&user->listeners), 0);
	unsigned int objects = max(atomic_read(&user->objects), 0);
	unsigned int upcalls = max(atomic_read(&user->upcalls), 0);
	unsigned long bytes = max(atomic_long_read(&user->bytes), 0L);

	/* Counters change one by one: @listeners may exceed @objects. */
	return nla_put_u32(skb, IPCP_REKEY_A_USER_UID, uid) ?:
	       nla_put_u32(skb, IPCP_REKEY_A_USER_FLOWS,
			   objects - min(listeners, objects)) ?:
	       nla_put_u32(skb, IPCP_REKEY_A_USER_LISTENERS, listeners) ?:
	       nla_put_u32(skb, IPCP_REKEY_A_USER_MAX_FLOWS,
			   ipcp_user_max_flows()) ?:
	       nla_put_u32(skb, IPCP_REKEY_A_USER_UPCALLS, upcalls) ?:
	       nla_put_u64_64bit(skb, IPCP_REKEY_A_USER_BYTES, bytes, 0) ?:
	       nla_put_u64_64bit(skb, IPCP_REKEY_A_USER_MAX_BYTES,
				 ipcp_user_max_bytes(), 0);
}

static int dump_user(struct sk_buff *skb, struct netlink_callback *cb,
		     const struct ipcp_user *user)
{
	struct ipcp_viewer viewer = ipcp_nl_viewer(cb->skb);
	uid_t uid = from_kuid(viewer.users, user->uid);
	void *hdr;

	if (uid == (uid_t)-1)
		return 0;	/* without an id in the reader's user namespace */
	hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  genl_info_dump(cb)->family, NLM_F_MULTI,
			  IPCP_REKEY_CMD_USER_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (show_user(skb, user, uid)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int ipcp_rekey_nl_user_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	unsigned long uid = cb->args[0];
	struct ipcp_user *user;
	int err = 0;

	for (; (user = ipcp_user_next(&uid)); uid++) {
		err = dump_user(skb, cb, user);
		ipcp_user_put(user);
		if (err)
			break;
	}
	cb->args[0] = uid;
	return skb->len ?: err;
}
