// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Large TCP packets of an interface. The stack sends up to 64 KiB behind one
 * header. Such a packet is segmented here straight into a buffer of several
 * messages, which is sealed in place and sent as one. skb_gso_segment() would
 * allocate a buffer for each segment, and each would have to be copied.
 *
 * The segments are the same as those of tcp_gso_segment(). Packets that need
 * more than is done here are rare, and left to skb_gso_segment().
 */
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "netdev-int.h"
#include "tx.h"

#define IPCP_GSO_TYPES	(SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_TCP_ECN)

/*
 * Return the length of the IP header, or 0 if TCP does not follow the fixed
 * header directly: options and extension headers may change the checksum.
 */
static unsigned int ip_header_len(const struct sk_buff *skb)
{
	if (skb->protocol == htons(ETH_P_IP))
		return ip_hdr(skb)->ihl == 5 &&
		       ip_hdr(skb)->protocol == IPPROTO_TCP ?
			sizeof(struct iphdr) : 0;
	return ipv6_hdr(skb)->nexthdr == IPPROTO_TCP ? sizeof(struct ipv6hdr) : 0;
}

static const struct tcphdr *tcp_of(const struct sk_buff *skb, unsigned int ip_len)
{
	return (const struct tcphdr *)(skb->data + ip_len);
}

/* True if the checksum is left to the device, as in every large packet. */
static bool has_partial_csum(const struct sk_buff *skb, unsigned int ip_len)
{
	return skb->ip_summed == CHECKSUM_PARTIAL &&
	       skb_checksum_start_offset(skb) == ip_len &&
	       skb->csum_offset == offsetof(struct tcphdr, check);
}

/**
 * ipcp_tcp_cut_init() - Start to segment a packet
 * @cut: (output) state
 * @skb: packet with its IP header in the linear part; unchanged
 *
 * Context: Any context.
 * Return: false if the packet has to be segmented by skb_gso_segment().
 */
bool ipcp_tcp_cut_init(struct ipcp_tcp_cut *cut, struct sk_buff *skb)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	unsigned int ip_len = ip_header_len(skb);
	const struct tcphdr *th;

	if (!(info->gso_type & (SKB_GSO_TCPV4 | SKB_GSO_TCPV6)) ||
	    info->gso_type & ~IPCP_GSO_TYPES || skb->encapsulation || !ip_len ||
	    !has_partial_csum(skb, ip_len) ||
	    skb_headlen(skb) < ip_len + sizeof(*th))
		return false;
	th = tcp_of(skb, ip_len);
	cut->skb = skb;
	cut->ip_len = ip_len;
	cut->head_len = ip_len + th->doff * 4;
	cut->mss = info->gso_size;
	if (th->doff * 4 < sizeof(*th) || skb_headlen(skb) < cut->head_len ||
	    skb->len - cut->head_len <= cut->mss)
		return false;
	cut->count = DIV_ROUND_UP(skb->len - cut->head_len, cut->mss);
	memcpy(cut->head, skb->data, cut->head_len);
	return ipcp_tx_segs_max(cut->head_len + cut->mss);
}

/* Length of the payload of a segment. */
static unsigned int payload_len(const struct ipcp_tcp_cut *cut, unsigned int no)
{
	return min(cut->mss, cut->skb->len - cut->head_len - no * cut->mss);
}

/* Set sequence number and flags of a segment, as tcp_gso_segment() does. */
static void set_tcp(struct ipcp_tcp_cut *cut, struct tcphdr *th, unsigned int no)
{
	const struct tcphdr *first = tcp_of(cut->skb, cut->ip_len);
	bool last = no == cut->count - 1;

	th->seq = htonl(ntohl(first->seq) + no * cut->mss);
	th->cwr = first->cwr && !no;
	th->fin = first->fin && last;
	th->psh = first->psh && last;
	th->check = 0;
}

static void finish4(struct ipcp_tcp_cut *cut, struct tcphdr *th,
		    unsigned int no, unsigned int len, __wsum csum)
{
	struct iphdr *iph = (struct iphdr *)cut->head;

	iph->tot_len = htons(sizeof(*iph) + len);
	iph->id = htons(ntohs(ip_hdr(cut->skb)->id) + no);
	ip_send_check(iph);
	th->check = csum_tcpudp_magic(iph->saddr, iph->daddr, len, IPPROTO_TCP,
				      csum);
}

static void finish6(struct ipcp_tcp_cut *cut, struct tcphdr *th,
		    unsigned int len, __wsum csum)
{
	struct ipv6hdr *iph = (struct ipv6hdr *)cut->head;

	iph->payload_len = htons(len);
	th->check = csum_ipv6_magic(&iph->saddr, &iph->daddr, len, IPPROTO_TCP,
				    csum);
}

/* Copy the next bytes of the packet. Return their checksum. */
static __wsum copy_payload(struct ipcp_cursor *from, u8 *to, unsigned int len)
{
	const u8 *at = ipcp_cursor_next(from, len);

	if (likely(at))
		return csum_partial_copy_nocheck(at, to, len);
	return skb_copy_and_csum_bits(from->skb, from->pos - len, to, len);
}

/*
 * Write a segment. Its headers are finished in @cut, where they are aligned,
 * and then copied.
 */
static void write_segment(struct ipcp_tcp_cut *cut, unsigned int no,
			  struct ipcp_cursor *from, u8 *to)
{
	struct tcphdr *th = (struct tcphdr *)(cut->head + cut->ip_len);
	unsigned int th_len = cut->head_len - cut->ip_len;
	unsigned int len = payload_len(cut, no);
	__wsum csum;

	csum = copy_payload(from, to + cut->head_len, len);
	set_tcp(cut, th, no);
	csum = csum_partial(th, th_len, csum);
	if (cut->ip_len == sizeof(struct iphdr))
		finish4(cut, th, no, th_len + len, csum);
	else
		finish6(cut, th, th_len + len, csum);
	memcpy(to, cut->head, cut->head_len);
}

/**
 * ipcp_tcp_cut_some() - Segment the next part of a packet into one buffer
 * @cut: state
 * @no: number of the first segment, from 0
 * @count: (output) number of segments in the buffer
 *
 * Context: Any context.
 * Return: buffer for ipcp_api_send_segs(), or NULL for lack of memory.
 */
struct sk_buff *ipcp_tcp_cut_some(struct ipcp_tcp_cut *cut, unsigned int no,
				  unsigned int *count)
{
	unsigned int len = cut->head_len + cut->mss;
	struct ipcp_cursor from, to;
	struct sk_buff *segs;
	unsigned int last;

	*count = min(cut->count - no, ipcp_tx_segs_max(len));
	last = cut->head_len + payload_len(cut, no + *count - 1);
	segs = ipcp_tx_segs_alloc(len, last, *count, GFP_ATOMIC);
	if (!segs)
		return NULL;
	segs->priority = cut->skb->priority;
	ipcp_cursor_init(&from, cut->skb, cut->head_len + no * cut->mss);
	ipcp_cursor_init(&to, segs, 0);
	for (unsigned int i = 0; i < *count; i++) {
		unsigned int part = i == *count - 1 ? last : len;

		write_segment(cut, no + i, &from, ipcp_tx_next(&to, part));
	}
	return segs;
}

/**
 * ipcp_tcp_cut_len() - Return the length of segments with their headers
 * @cut: state
 * @no: number of the first segment
 * @count: number of segments
 *
 * Context: Any context.
 * Return: length in bytes.
 */
unsigned int ipcp_tcp_cut_len(const struct ipcp_tcp_cut *cut, unsigned int no,
			      unsigned int count)
{
	return count * cut->head_len + (count - 1) * cut->mss +
	       payload_len(cut, no + count - 1);
}
