// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Segmentation of large TCP packets of an interface: the segments equal those
 * of skb_gso_segment(), byte for byte.
 */
#include <linux/if_ether.h>
#include <linux/tcp.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "cb.h"
#include "netdev-int.h"
#include "segs.h"
#include "test_util.h"
#include "tx.h"

#define V4	SKB_GSO_TCPV4
#define V6	SKB_GSO_TCPV6

/**
 * struct tcp_case - a large packet
 * @desc: property under test
 * @type: SKB_GSO_*
 * @mss: payload of a segment
 * @len: payload in total
 * @options: bytes of TCP options
 * @linear: bytes of the payload in the linear part
 * @flags: TCP flags, TCPHDR_*
 * @id: IPv4 identification
 * @seq: sequence number
 */
struct tcp_case {
	const char *desc;
	unsigned int type;
	unsigned int mss;
	unsigned int len;
	unsigned int options;
	unsigned int linear;
	u8 flags;
	u16 id;
	u32 seq;
};

static const struct tcp_case cut_cases[] = {
	{ "two segments", V4, 1000, 2000, 12, 0, TCPHDR_ACK, 1, 1 },
	{ "the last one is shorter", V4, 1000, 2999, 12, 0, TCPHDR_ACK, 1, 1 },
	{ "the last one is a byte", V4, 1000, 3001, 12, 0, TCPHDR_ACK, 1, 1 },
	{ "segments of odd length", V4, 1339, 13391, 12, 0, TCPHDR_ACK, 1, 1 },
	{ "segments of one byte", V4, 1, 40, 0, 0, TCPHDR_ACK, 1, 1 },
	{ "no options", V4, 1352, 20000, 0, 0, TCPHDR_ACK, 1, 1 },
	{ "all options", V4, 1300, 20000, 40, 0, TCPHDR_ACK, 1, 1 },
	{ "PSH and FIN", V4, 1340, 8000, 12, 0,
	  TCPHDR_ACK | TCPHDR_PSH | TCPHDR_FIN, 1, 1 },
	{ "CWR", V4 | SKB_GSO_TCP_ECN, 1340, 8000, 12, 0,
	  TCPHDR_ACK | TCPHDR_CWR, 1, 1 },
	{ "ECE", V4, 1340, 8000, 12, 0, TCPHDR_ACK | TCPHDR_ECE, 1, 1 },
	{ "the identification wraps", V4, 1340, 8000, 12, 0, TCPHDR_ACK, 65533, 1 },
	{ "the sequence number wraps", V4, 1340, 8000, 12, 0, TCPHDR_ACK, 1,
	  U32_MAX - 3000 },
	{ "a linear packet", V4, 1340, 3000, 12, 3000, TCPHDR_ACK, 1, 1 },
	{ "a partly linear one", V4, 1340, 20000, 12, 777, TCPHDR_ACK, 1, 1 },
	{ "too long for a buffer", V4, 1340, 64000, 12, 0, TCPHDR_ACK, 1, 1 },
	{ "too many segments for a buffer", V4, 300, 30000, 12, 0,
	  TCPHDR_ACK, 1, 1 },
	{ "IPv6", V6, 1320, 20000, 12, 0, TCPHDR_ACK, 0, 1 },
	{ "IPv6, all options, PSH and FIN", V6, 1301, 64000, 40, 55,
	  TCPHDR_ACK | TCPHDR_PSH | TCPHDR_FIN, 0, U32_MAX - 5 },
	{ "IPv6, CWR", V6 | SKB_GSO_TCP_ECN, 1320, 8000, 12, 0,
	  TCPHDR_ACK | TCPHDR_CWR, 0, 1 },
};

KUNIT_ARRAY_PARAM_DESC(cut, cut_cases, desc);

static bool is_v6(const struct tcp_case *p)
{
	return p->type & V6;
}

static unsigned int ip_len(const struct tcp_case *p)
{
	return is_v6(p) ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static unsigned int head_len(const struct tcp_case *p)
{
	return ip_len(p) + sizeof(struct tcphdr) + p->options;
}

static void fill_ip(const struct tcp_case *p, struct sk_buff *skb)
{
	unsigned int len = head_len(p) + p->len;

	if (is_v6(p)) {
		struct ipv6hdr *iph = ipv6_hdr(skb);

		ip6_flow_hdr(iph, 0x02, htonl(0x12345));
		iph->payload_len = htons(len - sizeof(*iph));
		iph->nexthdr = IPPROTO_TCP;
		iph->hop_limit = 64;
		get_random_bytes(&iph->saddr, 2 * sizeof(iph->saddr));
	} else {
		struct iphdr *iph = ip_hdr(skb);

		*iph = (struct iphdr) {
			.version = 4, .ihl = 5, .tos = 0x02, .ttl = 64,
			.tot_len = htons(len), .id = htons(p->id),
			.frag_off = htons(IP_DF), .protocol = IPPROTO_TCP,
			.saddr = htonl(0x0a000001), .daddr = htonl(0x0a000002),
		};
	}
}

static void fill_tcp(const struct tcp_case *p, struct sk_buff *skb)
{
	unsigned int len = sizeof(struct tcphdr) + p->options + p->len;
	struct tcphdr *th = tcp_hdr(skb);

	get_random_bytes(th, sizeof(*th) + p->options);
	th->seq = htonl(p->seq);
	tcp_flag_word(th) = 0;
	th->doff = (sizeof(*th) + p->options) / 4;
	((u8 *)th)[13] = p->flags;
	th->check = is_v6(p) ?
		~tcp_v6_check(len, &ipv6_hdr(skb)->saddr, &ipv6_hdr(skb)->daddr, 0) :
		~tcp_v4_check(len, ip_hdr(skb)->saddr, ip_hdr(skb)->daddr, 0);
}

/* Append random bytes in fragments. */
static void add_frags(struct kunit *test, struct sk_buff *skb, unsigned int len)
{
	while (len) {
		unsigned int part = min(len, 4001U);
		struct page *page = alloc_page(GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, page);
		get_random_bytes(page_address(page), PAGE_SIZE);
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 7, part,
				PAGE_SIZE);
		len -= part;
	}
}

/* Create a packet as the stack passes to a device that segments TCP. */
static struct sk_buff *large_packet(struct kunit *test, const struct tcp_case *p)
{
	struct sk_buff *skb = alloc_skb(LL_MAX_HEADER + head_len(p) + p->linear,
					GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, LL_MAX_HEADER);
	skb_put(skb, head_len(p));
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, ip_len(p));
	skb->protocol = is_v6(p) ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	get_random_bytes(skb_put(skb, p->linear), p->linear);
	add_frags(test, skb, p->len - p->linear);
	fill_ip(p, skb);
	fill_tcp(p, skb);
	skb->priority = 6;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct tcphdr, check);
	skb_shinfo(skb)->gso_size = p->mss;
	skb_shinfo(skb)->gso_type = p->type;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(p->len, p->mss);
	return skb;
}

/*
 * Compare the messages of a buffer with the first segments of a list, and free
 * these. Return: the rest of the list.
 */
static struct sk_buff *compare(struct kunit *test, struct sk_buff *segs,
			       struct sk_buff *want)
{
	struct ipcp_skb_cb *cb = ipcp_cb(segs);
	struct ipcp_cursor c;

	ipcp_cursor_init(&c, segs, 0);
	for (unsigned int i = 0; i < cb->left; i++) {
		unsigned int len = ipcp_seg_len(segs, c.pos, cb->seg_len);
		struct sk_buff *next = want->next;

		KUNIT_ASSERT_EQ(test, len, want->len + IPCP_OVERHEAD);
		KUNIT_ASSERT_EQ(test, skb_linearize(want), 0);
		KUNIT_EXPECT_MEMEQ(test, ipcp_tx_next(&c, want->len), want->data,
				   want->len);
		skb_mark_not_on_list(want);
		kfree_skb(want);
		want = next;
	}
	return want;
}

/* Cut a packet from segment @first on, at most @step segments per buffer. */
static void cut_from(struct kunit *test, const struct tcp_case *p,
		     unsigned int first, unsigned int step)
{
	struct sk_buff *skb = large_packet(test, p), *want, *next;
	unsigned int count, bytes = 0, before = 0;
	struct ipcp_tcp_cut cut;

	want = skb_gso_segment(skb, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(want));
	KUNIT_ASSERT_TRUE(test, ipcp_tcp_cut_init(&cut, skb));
	KUNIT_EXPECT_EQ(test, cut.count, DIV_ROUND_UP(p->len, p->mss));
	for (unsigned int i = 0; i < first; i++, want = next) {
		next = want->next;
		before += want->len;
		skb_mark_not_on_list(want);
		kfree_skb(want);
	}
	for (unsigned int no = first; no < cut.count; no += count) {
		struct sk_buff *segs = ipcp_tcp_cut_some(&cut, no, &count);

		KUNIT_ASSERT_NOT_NULL(test, segs);
		if (count > step) {
			ipcp_tx_segs_trim(segs, step);
			count = step;
		}
		bytes += ipcp_tcp_cut_len(&cut, no, count);
		KUNIT_EXPECT_EQ(test, segs->len,
				ipcp_tcp_cut_len(&cut, no, count) +
				count * IPCP_OVERHEAD);
		want = compare(test, segs, want);
		kfree_skb(segs);
	}
	KUNIT_EXPECT_NULL(test, want);
	KUNIT_EXPECT_EQ(test, before + bytes, p->len + cut.count * head_len(p));
	kfree_skb(skb);
}

static void segments_equal_those_of_the_stack(struct kunit *test)
{
	cut_from(test, test->param_value, 0, UINT_MAX);
}

static void segmentation_resumes_where_sending_stopped(struct kunit *test)
{
	cut_from(test, test->param_value, 1, 1);
}

static void the_large_packet_is_not_changed(struct kunit *test)
{
	struct sk_buff *skb = large_packet(test, test->param_value);
	struct sk_buff *before = skb_copy(skb, GFP_KERNEL), *segs;
	struct ipcp_tcp_cut cut;
	unsigned int count;

	KUNIT_ASSERT_NOT_NULL(test, before);
	KUNIT_ASSERT_TRUE(test, ipcp_tcp_cut_init(&cut, skb));
	segs = ipcp_tcp_cut_some(&cut, 0, &count);
	KUNIT_ASSERT_NOT_NULL(test, segs);
	KUNIT_EXPECT_EQ(test, segs->priority, 6);
	kfree_skb(segs);
	KUNIT_ASSERT_EQ(test, skb_linearize(skb), 0);
	KUNIT_EXPECT_MEMEQ(test, skb->data, before->data, before->len);
	kfree_skb(before);
	kfree_skb(skb);
}

/* Packets that are left to the stack */

static void fixed_id(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_type |= SKB_GSO_TCP_FIXEDID;
}

static void untrusted(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_type |= SKB_GSO_DODGY;
}

static void udp(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
}

static void encapsulated(struct sk_buff *skb)
{
	skb->encapsulation = 1;
}

static void with_options(struct sk_buff *skb)
{
	ip_hdr(skb)->ihl = 6;
}

static void with_extensions(struct sk_buff *skb)
{
	skb->protocol = htons(ETH_P_IPV6);
	ipv6_hdr(skb)->nexthdr = NEXTHDR_ROUTING;
}

static void of_another_protocol(struct sk_buff *skb)
{
	ip_hdr(skb)->protocol = IPPROTO_UDP;
}

static void with_a_checksum(struct sk_buff *skb)
{
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

static void with_a_checksum_elsewhere(struct sk_buff *skb)
{
	skb->csum_start += 4;
}

static void of_one_segment(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_size = 3000;
}

static void too_long_for_a_buffer(struct sk_buff *skb)
{
	skb_shinfo(skb)->gso_size = IPCP_SEGS_BYTES;
	skb->len += 2 * IPCP_SEGS_BYTES;
	skb->data_len += 2 * IPCP_SEGS_BYTES;
}

static void with_a_short_tcp_header(struct sk_buff *skb)
{
	tcp_hdr(skb)->doff = 4;
}

static void with_half_a_tcp_header(struct sk_buff *skb)
{
	tcp_hdr(skb)->doff = 15;
}

static const struct left_case {
	const char *desc;
	void (*change)(struct sk_buff *skb);
} left_cases[] = {
	{ "one identification for all segments", fixed_id },
	{ "an untrusted source", untrusted },
	{ "UDP", udp },
	{ "in a tunnel", encapsulated },
	{ "IPv4 options", with_options },
	{ "IPv6 extension headers", with_extensions },
	{ "not TCP", of_another_protocol },
	{ "a complete checksum", with_a_checksum },
	{ "a checksum elsewhere", with_a_checksum_elsewhere },
	{ "one segment", of_one_segment },
	{ "segments longer than a buffer", too_long_for_a_buffer },
	{ "a TCP header that is too short", with_a_short_tcp_header },
	{ "a TCP header that is not linear", with_half_a_tcp_header },
};

KUNIT_ARRAY_PARAM_DESC(left, left_cases, desc);

static void other_packets_are_left_to_the_stack(struct kunit *test)
{
	const struct left_case *p = test->param_value;
	struct sk_buff *skb = large_packet(test, &cut_cases[1]);
	unsigned int len = skb->len, data_len = skb->data_len;
	struct ipcp_tcp_cut cut;

	KUNIT_EXPECT_TRUE(test, ipcp_tcp_cut_init(&cut, skb));
	p->change(skb);
	KUNIT_EXPECT_FALSE(test, ipcp_tcp_cut_init(&cut, skb));
	skb->len = len;
	skb->data_len = data_len;
	kfree_skb(skb);
}

static struct kunit_case tcp_test_cases[] = {
	KUNIT_CASE_PARAM(segments_equal_those_of_the_stack, cut_gen_params),
	KUNIT_CASE_PARAM(segmentation_resumes_where_sending_stopped,
			 cut_gen_params),
	KUNIT_CASE_PARAM(the_large_packet_is_not_changed, cut_gen_params),
	KUNIT_CASE_PARAM(other_packets_are_left_to_the_stack, left_gen_params),
	{}
};

static struct kunit_suite tcp_test_suite = {
	.name = "ipcp_tcp",
	.test_cases = tcp_test_cases,
};

kunit_test_suite(tcp_test_suite);
