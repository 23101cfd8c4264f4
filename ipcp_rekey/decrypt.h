/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_DECRYPT_H
#define _IPCP_DECRYPT_H

#include "drop.h"
#include "keys.h"
#include "segs.h"

bool ipcp_decrypt_in_place(const struct sk_buff *skb);
enum ipcp_drop ipcp_decrypt_packet(struct ipcp_flow *flow,
				   struct ipcp_leaf *leaf, struct sk_buff *skb);
enum ipcp_drop ipcp_decrypt_seg(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
				struct ipcp_cursor *c, unsigned int len,
				u8 *out, u64 *end);
u64 ipcp_decrypt_segs(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
		      struct ipcp_cursor *c, unsigned int seg_len,
		      unsigned int count, u64 *end);
void ipcp_decrypt_follow(struct ipcp_flow *flow, struct ipcp_leaf *leaf,
			 const struct sk_buff *skb, u64 end);

#endif /* _IPCP_DECRYPT_H */
