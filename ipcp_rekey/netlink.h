/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_NETLINK_H
#define _IPCP_NETLINK_H

struct ipcp_net;
struct genl_family;

extern struct genl_family ipcp_nl_family;

int ipcp_netlink_init(void);
void ipcp_netlink_exit(void);
bool ipcp_netlink_hint(struct ipcp_net *ipn);

#endif /* _IPCP_NETLINK_H */
