// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Providers: the provider of a name, packets that are carried or dropped, and
 * the state after a provider ends.
 */
#include <linux/slab.h>

#include "cb.h"
#include "flow_util.h"
#include "net.h"
#include "path_util.h"
#include "probe.h"
#include "provider.h"
#include "segs.h"
#include "test_util.h"
#include "tx.h"
#include "upcall.h"
#include "users.h"
#include "wire.h"

#define UID	4270
#define MTU	1200

static int with_agent(struct kunit *test)
{
	return test_with_agent(test, test_net());
}

static void end_provider(void *p)
{
	ipcp_provider_end(p);
}

struct asking {
	struct ipcp_provider *p;
	struct ipcp_consumer *consumer;
};

static int ask_agent(void *arg)
{
	struct asking *asking = arg;
	char *name = kstrdup("kunit", GFP_KERNEL);

	if (!name)
		return -ENOMEM;
	asking->p = ipcp_provider_new(test_net(), name, MTU, asking->consumer);
	return PTR_ERR_OR_ZERO(asking->p);
}

/* Request the name "kunit", the destination of all flows of the suites. */
static struct ipcp_provider *asked(struct kunit *test)
{
	struct asking asking = { .consumer = test_consumer() };

	KUNIT_ASSERT_NOT_NULL(test, asking.consumer);
	KUNIT_ASSERT_EQ(test, ask_agent(&asking), 0);
	ipcp_consumer_put(asking.consumer);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, end_provider, asking.p), 0);
	return asking.p;
}

static void answer(struct kunit *test, struct ipcp_provider *p, int error)
{
	KUNIT_ASSERT_EQ(test, ipcp_grant_answer(test_net(), p->grant.request, error,
						error ? "no" : NULL), 0);
}

static struct ipcp_provider *granted(struct kunit *test)
{
	struct ipcp_provider *p = asked(test);

	answer(test, p, 0);
	return p;
}

static u32 found(void)
{
	return ipcp_provider_of(test_net(), "kunit");
}

static void take_path(struct ipcp_flow *flow, const struct ipcp_provider *p)
{
	const struct ipcp_ends ends = { .provider = p->id };

	WARN_ON(ipcp_bind_set(flow, &ends));
	WRITE_ONCE(flow->path, &ipcp_provider_path);
}

/* Two ends of a flow, each with the provider of its host. */
struct hosts {
	struct ipcp_flow *from;
	struct ipcp_flow *to;
	struct ipcp_provider *here;
	struct ipcp_provider *there;
};

static struct hosts new_hosts(struct kunit *test)
{
	struct hosts h = { .here = granted(test), .there = granted(test) };

	h.from = test_end(test, INITIATOR, 0);
	h.to = test_end(test, RESPONDER, 0);
	h.from->peer_eid = h.to->eid;
	h.to->peer_eid = h.from->eid;
	take_path(h.from, h.here);
	take_path(h.to, h.there);
	return h;
}

static int say(struct kunit *test, struct ipcp_flow *flow, u32 word)
{
	struct sk_buff *skb = ipcp_tx_alloc(sizeof(word), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_data(skb, &word, sizeof(word));
	return test_send(flow, skb);
}

/* Read from a provider. Return: a copy of the next packet, or NULL. */
static struct sk_buff *take(struct kunit *test, struct ipcp_provider *p)
{
	unsigned int pos, len;
	struct sk_buff *skb, *copy;

	skb = ipcp_provider_next(p, &pos, &len);
	if (!skb)
		return NULL;
	copy = alloc_skb(len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_EQ(test, skb_copy_bits(skb, pos, skb_put(copy, len), len), 0);
	consume_skb(skb);
	return copy;
}

static unsigned long strays(enum ipcp_drop reason)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(test_net()->drops, cpu)->drops[reason];
	return sum;
}

static void a_name_has_a_provider_once_the_agent_grants_it(struct kunit *test)
{
	struct ipcp_provider *p = asked(test);

	KUNIT_EXPECT_EQ(test, found(), 0);
	KUNIT_EXPECT_FALSE(test, ipcp_provider_provides(test_net(), p->id, "kunit"));
	answer(test, p, 0);
	KUNIT_EXPECT_EQ(test, found(), p->id);
	KUNIT_EXPECT_TRUE(test, ipcp_provider_provides(test_net(), p->id, "kunit"));
	KUNIT_EXPECT_FALSE(test, ipcp_provider_provides(test_net(), p->id, "kuni"));
	KUNIT_EXPECT_FALSE(test, ipcp_provider_provides(test_net(), p->id + 1, "kunit"));
	KUNIT_EXPECT_EQ(test, ipcp_grant_answer(test_net(), p->grant.request, 0, NULL),
			-ENOENT);
}

static void a_refused_provider_serves_no_name(struct kunit *test)
{
	struct ipcp_provider *p = asked(test);

	answer(test, p, EACCES);
	KUNIT_EXPECT_EQ(test, ipcp_grant_refusal(&p->grant), EACCES);
	KUNIT_EXPECT_STREQ(test, p->grant.reason, "no");
	KUNIT_EXPECT_EQ(test, found(), 0);
}

static void grants_outlive_the_agent_but_open_requests_fail(struct kunit *test)
{
	struct ipcp_provider *early = granted(test), *late = asked(test);

	ipcp_grant_lapse(test_net());
	KUNIT_EXPECT_EQ(test, ipcp_grant_refusal(&early->grant), 0);
	KUNIT_EXPECT_EQ(test, ipcp_grant_refusal(&late->grant), ENOTCONN);
	KUNIT_EXPECT_EQ(test, found(), early->id);
}

static void the_newest_provider_of_a_name_is_used(struct kunit *test)
{
	struct ipcp_provider *one = granted(test), *two = granted(test);

	KUNIT_EXPECT_EQ(test, found(), two->id);
	kunit_release_action(test, end_provider, two);
	KUNIT_EXPECT_EQ(test, found(), one->id);
	kunit_release_action(test, end_provider, one);
	KUNIT_EXPECT_EQ(test, found(), 0);
}

static void a_provider_carries_packets_between_flows(struct kunit *test)
{
	struct hosts h = new_hosts(test);

	for (u32 i = 1; i <= 3; i++) {
		KUNIT_EXPECT_EQ(test, say(test, h.from, i), 0);
		ipcp_provider_rx(h.there, take(test, h.here));
		KUNIT_EXPECT_EQ(test, test_hear(h.to), i);
	}
	KUNIT_EXPECT_NULL(test, take(test, h.here));
	KUNIT_EXPECT_NULL(test, take(test, h.there));
	KUNIT_EXPECT_EQ(test, h.here->n_1_rb.bytes, 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&h.here->n_1_rb), 0);
}

static void a_buffer_of_several_packets_is_read_packet_by_packet(struct kunit *test)
{
	struct hosts h = new_hosts(test);
	struct ipcp_cursor c;
	struct sk_buff *skb;

	skb = ipcp_tx_segs_alloc(sizeof(u32), sizeof(u32), 5, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	ipcp_cursor_init(&c, skb, 0);
	for (u32 i = 0; i < 5; i++)
		*(u32 *)ipcp_tx_next(&c, sizeof(i)) = i;
	KUNIT_ASSERT_EQ(test, ipcp_tx_send(h.from, skb), 5);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&h.here->n_1_rb), 5);
	for (u32 i = 0; i < 5; i++) {
		skb = take(test, h.here);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		KUNIT_EXPECT_EQ(test, skb->len, sizeof(i) + IPCP_OVERHEAD);
		KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&h.here->n_1_rb), 4 - i);
		ipcp_provider_rx(h.there, skb);
		KUNIT_EXPECT_EQ(test, test_hear(h.to), i);
	}
	KUNIT_EXPECT_NULL(test, take(test, h.here));
	KUNIT_EXPECT_EQ(test, h.here->n_1_rb.bytes, 0);
}

static void packets_over_the_mtu_of_the_provider_are_refused(struct kunit *test)
{
	struct hosts h = new_hosts(test);
	struct ipcp_probe_link link = {};

	h.from->mtu = 2 * MTU;
	KUNIT_EXPECT_EQ(test, ipcp_provider_link(test_net(), h.here->id, &link), 0);
	KUNIT_EXPECT_EQ(test, link.size, MTU);
	KUNIT_EXPECT_EQ(test, test_send_data(test, h.from, MTU - IPCP_OVERHEAD), 0);
	KUNIT_EXPECT_EQ(test, test_send_data(test, h.from, MTU - IPCP_OVERHEAD + 1),
			-EMSGSIZE);
	KUNIT_EXPECT_EQ(test, test_drops(h.from, IPCP_DROP_TX_ROUTE), 1);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&h.here->n_1_rb), 1);
}

/* Send a packet that belongs to no flow, as agents send to each other. */
static int tell(struct kunit *test, struct ipcp_provider *p)
{
	struct sk_buff *skb = alloc_skb(IPCP_OVERHEAD, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, IPCP_OVERHEAD);
	ipcp_cb(skb)->type = IPCP_PDU_CTRL;
	return ipcp_provider_xmit_to(test_net(), p->id, skb);
}

static void only_a_granted_provider_gets_packets(struct kunit *test)
{
	struct ipcp_provider *p = asked(test), *other = asked(test);

	KUNIT_EXPECT_EQ(test, tell(test, p), -ENETUNREACH);
	answer(test, p, 0);
	KUNIT_EXPECT_EQ(test, tell(test, p), 0);
	answer(test, other, EACCES);
	KUNIT_EXPECT_EQ(test, tell(test, other), -ENETUNREACH);
}

static void messages_leave_ring_space_for_control_packets(struct kunit *test)
{
	struct hosts h = new_hosts(test);
	unsigned int n = 0;

	while (n <= IPCP_RB_PACKETS && !test_drops(h.from, IPCP_DROP_RING_FULL)) {
		KUNIT_ASSERT_EQ(test, say(test, h.from, n), 0);
		n++;
	}
	n = ipcp_rbuff_queued(&h.here->n_1_rb);
	KUNIT_EXPECT_LE(test, n, IPCP_RB_PACKETS / 4 * 3);
	KUNIT_EXPECT_GT(test, n, 0);
	KUNIT_EXPECT_EQ(test, test_send_control(h.from), 0);
	KUNIT_EXPECT_EQ(test, tell(test, h.here), 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&h.here->n_1_rb), n + 2);
	KUNIT_EXPECT_EQ(test, test_drops(h.from, IPCP_DROP_RING_FULL), 1);
	while (n <= IPCP_RB_PACKETS && !tell(test, h.here))
		n++;
	KUNIT_EXPECT_EQ(test, tell(test, h.here), -ENOBUFS);
	/* the caller gets the error, so an unsent question does not count */
	KUNIT_EXPECT_EQ(test, test_send_control(h.from), -ENOBUFS);
	KUNIT_EXPECT_LE(test, ipcp_rbuff_queued(&h.here->n_1_rb), IPCP_RB_PACKETS);

	/* packets that are read make room again */
	while (ipcp_rbuff_queued(&h.here->n_1_rb))
		kfree_skb(take(test, h.here));
	KUNIT_EXPECT_EQ(test, say(test, h.from, 1), 0);
	KUNIT_EXPECT_EQ(test, ipcp_rbuff_queued(&h.here->n_1_rb), 1);
}

/* Packets from a provider, made from an authentic one. */

static void cut_off(struct hosts *h, struct sk_buff *skb)
{
	skb_trim(skb, IPCP_OVERHEAD - 1);
}

static void no_version(struct hosts *h, struct sk_buff *skb)
{
	skb->data[0] = 0;
}

static void change(struct hosts *h, struct sk_buff *skb)
{
	skb->data[IPCP_HDR_LEN] ^= 1;
}

static void take_udp(struct hosts *h, struct sk_buff *skb)
{
	test_bind(h->to, htons(1), INADDR_LOOPBACK);
}

static void take_other(struct hosts *h, struct sk_buff *skb)
{
	take_path(h->to, h->here);
}

static const struct brought_case {
	const char *desc;
	void (*before)(struct hosts *h, struct sk_buff *skb);
	enum ipcp_drop stray;
	enum ipcp_drop drop;
} broughts[] = {
	{ "a truncated packet", cut_off, IPCP_DROP_SHORT, 0 },
	{ "a packet of an unknown version", no_version, IPCP_DROP_VERSION, 0 },
	{ "a packet of a flow over UDP", take_udp, IPCP_DROP_EID, 0 },
	{ "a packet of another provider's flow", take_other, IPCP_DROP_EID, 0 },
	{ "a forged packet", change, 0, IPCP_DROP_AUTH },
};

KUNIT_ARRAY_PARAM_DESC(brought, broughts, desc);

static void bad_packets_are_dropped_with_their_reason(struct kunit *test)
{
	const struct brought_case *c = test->param_value;
	struct hosts h = new_hosts(test);
	unsigned long before = c->stray ? strays(c->stray) : 0;
	struct sk_buff *skb;

	KUNIT_ASSERT_EQ(test, say(test, h.from, 1), 0);
	skb = take(test, h.here);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	c->before(&h, skb);
	ipcp_provider_rx(h.there, skb);
	KUNIT_EXPECT_EQ(test, test_hear(h.to), -1);
	if (c->stray)
		KUNIT_EXPECT_EQ(test, strays(c->stray), before + 1);
	if (c->drop)
		KUNIT_EXPECT_EQ(test, test_drops(h.to, c->drop), 1);
}

static void a_repeated_packet_is_received_once(struct kunit *test)
{
	struct hosts h = new_hosts(test);
	struct sk_buff *skb, *again;

	KUNIT_ASSERT_EQ(test, say(test, h.from, 7), 0);
	skb = take(test, h.here);
	again = skb_copy(skb, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, again);
	ipcp_provider_rx(h.there, skb);
	ipcp_provider_rx(h.there, again);
	KUNIT_EXPECT_EQ(test, test_hear(h.to), 7);
	KUNIT_EXPECT_EQ(test, test_hear(h.to), -1);
	KUNIT_EXPECT_EQ(test, test_drops(h.to, IPCP_DROP_REPLAY), 1);
}

static void an_upcall_names_the_provider_of_its_message(struct kunit *test)
{
	const struct ipcp_hdr hdr = { .type = IPCP_PDU_CTRL };
	struct ipcp_provider *p = granted(test);
	struct sk_buff *skb = alloc_skb(64, GFP_KERNEL);
	struct ipcp_upcall *up;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	while ((up = ipcp_upcall_next(test_net())))
		ipcp_upcall_free(up);	/* the request of the provider */
	ipcp_wire_build(skb_put(skb, IPCP_HDR_LEN), &hdr);
	skb_put_data(skb, "hello", 5);
	ipcp_provider_rx(p, skb);
	up = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, up);
	KUNIT_EXPECT_EQ(test, up->type, IPCP_REKEY_UPCALL_TYPE_CTRL);
	KUNIT_EXPECT_EQ(test, up->from.provider, p->id);
	KUNIT_ASSERT_EQ(test, up->skb->len, 5);
	KUNIT_EXPECT_MEMEQ(test, up->skb->data, "hello", 5);
	ipcp_upcall_free(up);
}

static void the_end_of_a_provider_takes_its_flows_down(struct kunit *test)
{
	struct hosts h = new_hosts(test);
	struct ipcp_flow *pending;
	struct ipcp_probe_link link;
	u32 id = h.here->id;

	pending = test_pending(test, INITIATOR, IPCP_REKEY_CIPHER_AES_256_GCM);
	take_path(pending, h.here);
	KUNIT_ASSERT_EQ(test, say(test, h.from, 1), 0);
	kunit_release_action(test, end_provider, h.here);

	KUNIT_EXPECT_EQ(test, h.from->error, ENETUNREACH);
	KUNIT_EXPECT_STREQ(test, h.from->reason, "the provider went away");
	KUNIT_EXPECT_EQ(test, pending->error, ENETUNREACH);
	KUNIT_EXPECT_EQ(test, h.to->error, 0);
	KUNIT_EXPECT_EQ(test, ipcp_provider_link(test_net(), id, &link), -ENETUNREACH);
	KUNIT_EXPECT_EQ(test, say(test, h.to, 2), 0);
}

static void a_flow_bound_to_an_ended_provider_cannot_send(struct kunit *test)
{
	struct hosts h = new_hosts(test);
	struct ipcp_flow *late = test_end(test, INITIATOR, 0);
	const struct ipcp_ends gone = { .provider = h.here->id };

	kunit_release_action(test, end_provider, h.here);
	/* bind the flow to the provider after its end */
	KUNIT_ASSERT_EQ(test, ipcp_bind_set(late, &gone), 0);
	WRITE_ONCE(late->path, &ipcp_provider_path);
	KUNIT_EXPECT_EQ(test, say(test, late, 1), -ENETUNREACH);
	KUNIT_EXPECT_EQ(test, test_drops(late, IPCP_DROP_TX_ROUTE), 1);
	KUNIT_EXPECT_FALSE(test, ipcp_provider_provides(test_net(), gone.provider, "kunit"));
}

static void the_user_is_charged_for_the_ring(struct kunit *test)
{
	struct ipcp_user *user = ipcp_user_get(KUIDT_INIT(UID));
	struct asking asking = { .consumer = test_consumer() };

	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_ASSERT_NOT_NULL(test, asking.consumer);
	KUNIT_EXPECT_EQ(test, test_as_user(test, UID, ask_agent, &asking), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->bytes), IPCP_RB_BYTES);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->listeners), 1);
	ipcp_provider_end(asking.p);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->bytes), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->listeners), 0);

	atomic_long_set(&user->bytes, ipcp_user_max_bytes() - IPCP_RB_BYTES + 1);
	KUNIT_EXPECT_EQ(test, test_as_user(test, UID, ask_agent, &asking), -EDQUOT);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->listeners), 0);
	atomic_long_set(&user->bytes, 0);
	KUNIT_EXPECT_EQ(test, found(), 0);
	ipcp_consumer_put(asking.consumer);
	ipcp_upcall_purge(test_net());
	KUNIT_EXPECT_EQ(test, refcount_read(&user->refs), 1);
	ipcp_user_put(user);
}

static struct kunit_case provider_test_cases[] = {
	KUNIT_CASE(a_name_has_a_provider_once_the_agent_grants_it),
	KUNIT_CASE(a_refused_provider_serves_no_name),
	KUNIT_CASE(grants_outlive_the_agent_but_open_requests_fail),
	KUNIT_CASE(the_newest_provider_of_a_name_is_used),
	KUNIT_CASE(a_provider_carries_packets_between_flows),
	KUNIT_CASE(a_buffer_of_several_packets_is_read_packet_by_packet),
	KUNIT_CASE(packets_over_the_mtu_of_the_provider_are_refused),
	KUNIT_CASE(only_a_granted_provider_gets_packets),
	KUNIT_CASE(messages_leave_ring_space_for_control_packets),
	KUNIT_CASE_PARAM(bad_packets_are_dropped_with_their_reason,
			 brought_gen_params),
	KUNIT_CASE(a_repeated_packet_is_received_once),
	KUNIT_CASE(an_upcall_names_the_provider_of_its_message),
	KUNIT_CASE(the_end_of_a_provider_takes_its_flows_down),
	KUNIT_CASE(a_flow_bound_to_an_ended_provider_cannot_send),
	KUNIT_CASE(the_user_is_charged_for_the_ring),
	{}
};

static struct kunit_suite provider_test_suite = {
	.name = "ipcp_provider",
	.init = with_agent,
	.test_cases = provider_test_cases,
};

kunit_test_suite(provider_test_suite);
