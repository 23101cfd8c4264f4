// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The upcall queue to the agent: order, budgets, and a user's share. */
#include <linux/pid_namespace.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

#include "cb.h"
#include "flow_util.h"
#include "heap.h"
#include "listen.h"
#include "net.h"
#include "path_util.h"
#include "rekey.h"
#include "show.h"
#include "test_util.h"
#include "upcall.h"
#include "users.h"

#define BYTES	4096	/* memory charged for a message */

static int with_agent(struct kunit *test)
{
	return test_with_agent(test, test_net());
}

static struct sk_buff *message(struct kunit *test)
{
	struct sk_buff *skb = alloc_skb(16, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_put_zero(skb, 16);
	ipcp_cb(skb)->slot = 0;
	skb->truesize = BYTES;
	return skb;
}

static bool ctrl(struct kunit *test)
{
	struct sk_buff *skb = message(test);
	enum ipcp_drop reason = ipcp_upcall_ctrl(test_net(), skb, 0);

	if (!reason)
		return true;
	KUNIT_EXPECT_EQ(test, reason, IPCP_DROP_CTRL_FULL);
	kfree_skb(skb);
	return false;
}

static bool sealed(struct kunit *test, struct ipcp_flow *flow)
{
	struct sk_buff *skb = message(test);
	enum ipcp_drop reason = ipcp_upcall_sealed(flow, 1, &skb);

	if (!reason)
		return true;
	KUNIT_EXPECT_EQ(test, reason, IPCP_DROP_CTRL_FULL);
	kfree_skb(skb);
	return false;
}

static int request_at(struct ipcp_net *ipn, struct ipcp_user *user, u64 *id)
{
	const u32 type = IPCP_REKEY_UPCALL_TYPE_LISTEN;
	struct ipcp_owner owner = {};
	struct ipcp_upcall *up;
	int err;

	up = ipcp_upcall_ask_new(type, "kunit", &owner, user);
	if (!up)
		return -ENOMEM;
	err = ipcp_upcall_ask(ipn, up, id);
	if (err)
		ipcp_upcall_free(up);
	return err;
}

static int request(struct ipcp_user *user, u64 *id)
{
	return request_at(test_net(), user, id);
}

static void drop_user(void *user)
{
	ipcp_user_put(user);
}

/* Each test uses its own uids: objects of an earlier test may hold a user. */
static struct ipcp_user *new_user(struct kunit *test, unsigned int uid)
{
	struct ipcp_user *user = ipcp_user_get(KUIDT_INIT(uid));

	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, drop_user, user), 0);
	return user;
}

/* c: CTRL, r: request, A and B: SEALED of two flows */
static const struct order_case {
	const char *desc;
	const char *in;
	const char *out;
} orders[] = {
	{ "SEALED is first", "ccrrAA", "AArcrc" },
	{ "requests and CTRL in turn", "cccrrr", "rcrcrc" },
	{ "requests alone", "rrr", "rrr" },
	{ "CTRL alone", "ccc", "ccc" },
	{ "flows in turn", "AAAABB", "ABABAA" },
	{ "a run of SEALED is bounded", "AAAAAAAAAArr", "AAAAAAAArAAr" },
	{ "SEALED alone is not bounded", "AAAAAAAAAAAA", "AAAAAAAAAAAA" },
};

KUNIT_ARRAY_PARAM_DESC(order, orders, desc);

static char letter(const struct ipcp_upcall *up, const struct ipcp_flow *a)
{
	switch (up->type) {
	case IPCP_REKEY_UPCALL_TYPE_CTRL:
		return 'c';
	case IPCP_REKEY_UPCALL_TYPE_SEALED:
		return up->flow_id == a->id ? 'A' : 'B';
	default:
		return 'r';
	}
}

static void upcalls_are_taken_in_order(struct kunit *test)
{
	struct ipcp_flow *a = test_flow(test), *b = test_flow(test);
	const struct order_case *c = test->param_value;
	char out[16] = {};
	struct ipcp_upcall *up;
	u64 id;

	for (const char *in = c->in; *in; in++) {
		if (*in == 'c')
			KUNIT_EXPECT_TRUE(test, ctrl(test));
		else if (*in == 'r')
			KUNIT_EXPECT_EQ(test, request(NULL, &id), 0);
		else
			KUNIT_EXPECT_TRUE(test, sealed(test, *in == 'A' ? a : b));
	}
	for (int i = 0; i < sizeof(out) - 1; i++) {
		up = ipcp_upcall_next(test_net());
		if (!up)
			break;
		out[i] = letter(up, a);
		ipcp_upcall_free(up);
	}
	KUNIT_EXPECT_STREQ(test, out, c->out);
	KUNIT_EXPECT_EQ(test, refcount_read(&a->refs), 2);
	KUNIT_EXPECT_EQ(test, refcount_read(&b->refs), 2);
}

static void a_flood_of_ctrl_leaves_room_for_other_upcalls(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);
	unsigned int n = 0;
	u64 id;

	while (n <= IPCP_CTRL_BYTES / BYTES && ctrl(test))
		n++;
	KUNIT_EXPECT_EQ(test, n, IPCP_CTRL_BYTES / BYTES);
	KUNIT_EXPECT_TRUE(test, sealed(test, flow));
	KUNIT_EXPECT_EQ(test, request(NULL, &id), 0);
}

static void one_flow_leaves_room_for_others(struct kunit *test)
{
	struct ipcp_flow *one = test_flow(test), *other = test_flow(test);
	unsigned int n = 0, m = 0;

	while (n <= IPCP_SEALED_BYTES / BYTES && sealed(test, one))
		n++;
	KUNIT_EXPECT_EQ(test, n, IPCP_SEALED_BYTES / BYTES / (IPCP_SEALED_SHARE + 1));
	while (m <= n && sealed(test, other))
		m++;
	KUNIT_EXPECT_GT(test, m, n - n / 8);
	KUNIT_EXPECT_LE(test, m, n);
	KUNIT_EXPECT_TRUE(test, ctrl(test));
}

static void one_user_leaves_room_for_others(struct kunit *test)
{
	struct ipcp_user *one = new_user(test, 4262), *other = new_user(test, 4263);
	struct ipcp_upcall *up;
	unsigned int n = 0;
	int err = 0;
	u64 id;

	while (!err && n <= IPCP_UPCALL_COUNT) {
		err = request(one, &id);
		n += !err;
	}
	KUNIT_EXPECT_EQ(test, err, -EDQUOT);
	KUNIT_EXPECT_LE(test, n, IPCP_UPCALL_COUNT / IPCP_UPCALL_SHARE);
	KUNIT_EXPECT_EQ(test, atomic_read(&one->upcalls), n);
	KUNIT_EXPECT_EQ(test, request(other, &id), 0);
	KUNIT_EXPECT_EQ(test, request(NULL, &id), 0);

	up = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, up);
	ipcp_upcall_free(up);
	KUNIT_EXPECT_EQ(test, atomic_read(&one->upcalls), n - 1);
	ipcp_upcall_purge(test_net());
	KUNIT_EXPECT_EQ(test, atomic_read(&one->upcalls), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->upcalls), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&one->refs), 1);
}

/* An agent in another namespace that reads nothing blocks no user here. */
static void a_user_has_a_share_in_each_namespace(struct kunit *test)
{
	struct ipcp_net *elsewhere = kunit_kzalloc(test, sizeof(*elsewhere), GFP_KERNEL);
	struct ipcp_user *user = new_user(test, 4264);
	unsigned int n = 0, m = 0;
	u64 id;

	KUNIT_ASSERT_NOT_NULL(test, elsewhere);
	elsewhere->net = &init_net;
	ipcp_upcall_net_init(elsewhere);
	KUNIT_ASSERT_EQ(test, test_with_agent(test, elsewhere), 0);

	while (n <= IPCP_UPCALL_COUNT && !request_at(elsewhere, user, &id))
		n++;
	KUNIT_EXPECT_LT(test, n, IPCP_UPCALL_COUNT);
	while (m <= IPCP_UPCALL_COUNT && !request(user, &id))
		m++;
	KUNIT_EXPECT_EQ(test, m, n);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->upcalls), n + m);
	ipcp_upcall_purge(elsewhere);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->upcalls), m);
	KUNIT_EXPECT_TRUE(test, xa_empty(&elsewhere->upcall_users));
	KUNIT_EXPECT_EQ(test, request(user, &id), -EDQUOT);
}

static void sealed_messages_are_dropped_when_their_flow_ends(struct kunit *test)
{
	struct ipcp_flow *one = test_flow(test), *other = test_flow(test);
	struct ipcp_upcall *up, *taken;
	int refs = refcount_read(&one->refs);

	for (int i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, sealed(test, one));
	KUNIT_EXPECT_TRUE(test, sealed(test, other));
	taken = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, taken);
	KUNIT_ASSERT_PTR_EQ(test, taken->sealed_of, one);

	ipcp_flow_get(one);
	test_end_flow(test, one);
	KUNIT_EXPECT_EQ(test, test_net()->sealed_bytes, BYTES);
	KUNIT_EXPECT_TRUE(test, list_empty(&one->sealed.turn));
	ipcp_upcall_requeue(test_net(), taken);	/* frees the upcall */
	KUNIT_EXPECT_EQ(test, refcount_read(&one->refs), refs - 1);
	ipcp_flow_put(one);

	up = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, up);
	KUNIT_EXPECT_PTR_EQ(test, up->sealed_of, other);
	ipcp_upcall_free(up);
	KUNIT_EXPECT_NULL(test, ipcp_upcall_next(test_net()));
}

/* A program may give an agent more milliseconds than fit in 32 bits. */
static void the_timeout_shown_to_an_agent_is_capped_at_32_bits(struct kunit *test)
{
	struct ipcp_flow *flow = test_flow(test);
	struct ipcp_upcall up = { .type = IPCP_REKEY_UPCALL_TYPE_ALLOC, .flow = flow };
	struct ipcp_viewer viewer = { .users = &init_user_ns, .pids = &init_pid_ns };
	struct sk_buff *skb = alloc_skb(NLMSG_GOODSIZE, GFP_KERNEL);
	const struct nlattr *nla;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	flow->deadline = jiffies + MAX_JIFFY_OFFSET / 2;
	KUNIT_EXPECT_EQ(test, ipcp_show_upcall(skb, &up, &viewer), 0);
	nla = nla_find((struct nlattr *)skb->data, skb->len,
		       IPCP_REKEY_A_UPCALL_TIMEOUT);
	KUNIT_EXPECT_NOT_NULL(test, nla);
	if (nla)
		KUNIT_EXPECT_EQ(test, nla_get_u32(nla),
				min_t(u64, jiffies64_to_msecs(MAX_JIFFY_OFFSET / 2), U32_MAX));
	kfree_skb(skb);
}

static void the_upcalls_of_a_namespace_are_bounded(struct kunit *test)
{
	unsigned int n = 0;
	u64 id;

	while (n <= IPCP_UPCALL_COUNT && !request(NULL, &id))
		n++;
	KUNIT_EXPECT_EQ(test, n, IPCP_UPCALL_COUNT);
	KUNIT_EXPECT_EQ(test, request(NULL, &id), -EUSERS);
}

static void a_request_can_be_withdrawn_until_it_is_taken(struct kunit *test)
{
	struct ipcp_user *user = new_user(test, 4265);
	struct ipcp_upcall *up;
	u64 first, second;

	KUNIT_EXPECT_EQ(test, request(user, &first), 0);
	KUNIT_EXPECT_EQ(test, request(user, &second), 0);
	ipcp_upcall_withdraw(test_net(), first);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->upcalls), 1);
	up = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, up);
	KUNIT_EXPECT_EQ(test, up->id, second);
	ipcp_upcall_withdraw(test_net(), second);	/* no effect */
	KUNIT_EXPECT_EQ(test, up->id, second);
	ipcp_upcall_free(up);
	KUNIT_EXPECT_NULL(test, ipcp_upcall_next(test_net()));
	KUNIT_EXPECT_EQ(test, test_net()->upcall_count, 0);
}

static void a_requeued_upcall_is_the_next_of_its_kind(struct kunit *test)
{
	struct ipcp_user *user = new_user(test, 4266);
	struct ipcp_flow *flow = test_flow(test);
	struct ipcp_upcall *up, *again;
	u64 first, second;

	KUNIT_EXPECT_EQ(test, request(user, &first), 0);
	KUNIT_EXPECT_EQ(test, request(user, &second), 0);
	up = ipcp_upcall_next(test_net());
	ipcp_upcall_requeue(test_net(), up);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->upcalls), 2);
	again = ipcp_upcall_next(test_net());
	KUNIT_EXPECT_PTR_EQ(test, again, up);
	ipcp_upcall_free(again);

	KUNIT_EXPECT_TRUE(test, sealed(test, flow));
	up = ipcp_upcall_next(test_net());
	KUNIT_EXPECT_EQ(test, flow->sealed.bytes, 0);
	KUNIT_EXPECT_TRUE(test, sealed(test, flow));
	ipcp_upcall_requeue(test_net(), up);
	KUNIT_EXPECT_EQ(test, flow->sealed.bytes, 2 * BYTES);
	again = ipcp_upcall_next(test_net());
	KUNIT_EXPECT_PTR_EQ(test, again, up);
	ipcp_upcall_free(again);
}

static void a_requeued_upcall_keeps_a_full_queue_full(struct kunit *test)
{
	struct ipcp_upcall *up;

	while (ctrl(test))
		;
	up = ipcp_upcall_next(test_net());
	KUNIT_ASSERT_NOT_NULL(test, up);
	KUNIT_EXPECT_TRUE(test, ctrl(test));
	ipcp_upcall_requeue(test_net(), up);
	KUNIT_EXPECT_FALSE(test, ctrl(test));
	KUNIT_EXPECT_EQ(test, test_net()->ctrl_bytes, IPCP_CTRL_BYTES + BYTES);
}

static bool locked;
static unsigned int allocated;

static void look_at_lock(void *unused)
{
	allocated++;
	locked |= mutex_is_locked(&test_net()->lock);
}

/* A user whose memory cgroup is exhausted must not block the namespace. */
static void a_request_is_allocated_without_the_namespace_lock(struct kunit *test)
{
	struct ipcp_consumer *consumer = test_consumer();
	char *name = kstrdup("kunit", GFP_KERNEL);
	struct heap_watch *w = heap_watch(test);
	struct ipcp_listener *l;

	KUNIT_ASSERT_NOT_NULL(test, consumer);
	KUNIT_ASSERT_NOT_NULL(test, name);
	locked = false;
	allocated = 0;
	w->size = sizeof(struct ipcp_upcall);
	w->hook = look_at_lock;
	heap_begin(w);
	l = ipcp_listen_new(test_net(), name, 1, consumer);
	heap_end(w);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, l);
	KUNIT_EXPECT_GE(test, allocated, 1);
	KUNIT_EXPECT_FALSE(test, locked);
	ipcp_listen_end(l);
	ipcp_consumer_put(consumer);
}

static void close_flow(struct ipcp_user *user)
{
	ipcp_upcall_tell(test_net(), IPCP_REKEY_UPCALL_TYPE_CLOSED, 1, NULL, user);
}

/* Notifications count to the user's share, and displace none of other users. */
static void close_notifications_of_a_user_leave_room_for_others(struct kunit *test)
{
	struct ipcp_user *one = new_user(test, 4267), *other = new_user(test, 4268);
	u64 id;

	for (unsigned int i = 0; i < IPCP_UPCALL_COUNT; i++)
		close_flow(one);
	KUNIT_EXPECT_LE(test, atomic_read(&one->upcalls),
			IPCP_UPCALL_COUNT / IPCP_UPCALL_SHARE);
	KUNIT_EXPECT_EQ(test, test_net()->upcall_count, atomic_read(&one->upcalls));
	KUNIT_EXPECT_EQ(test, request(one, &id), -EDQUOT);
	close_flow(other);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->upcalls), 1);
	KUNIT_EXPECT_EQ(test, request(other, &id), 0);
}

/* Name and blob have their maximum length. */
static void the_longest_claim_fits_its_reply(struct kunit *test)
{
	struct ipcp_viewer viewer = { .users = &init_user_ns, .pids = &init_pid_ns };
	struct sk_buff *skb = alloc_skb(2 * IPCP_CLAIM_SIZE, GFP_KERNEL);
	struct ipcp_claim claim = { .flow = test_flow(test), .chain = 1 };

	KUNIT_ASSERT_NOT_NULL(test, skb);
	kfree(claim.flow->name);
	claim.flow->name = kzalloc(IPCP_NAME_LEN + 1, GFP_KERNEL);
	claim.flow->blob = kzalloc(IPCP_REKEY_BLOB_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, claim.flow->name);
	KUNIT_ASSERT_NOT_NULL(test, claim.flow->blob);
	claim.flow->blob_len = IPCP_REKEY_BLOB_MAX;
	memset(claim.flow->name, 'n', IPCP_NAME_LEN);
	test_bind(claim.flow, htons(1), INADDR_LOOPBACK);
	KUNIT_EXPECT_EQ(test, ipcp_show_claim(skb, &claim, &viewer), 0);
	/* IPv6 addresses are longer */
	KUNIT_EXPECT_LE(test, skb->len + 2 * (sizeof(struct sockaddr_in6) -
					      sizeof(struct sockaddr_in)),
			IPCP_CLAIM_SIZE);
	kfree_skb(skb);
}

static struct kunit_case upcall_test_cases[] = {
	KUNIT_CASE_PARAM(upcalls_are_taken_in_order, order_gen_params),
	KUNIT_CASE(a_flood_of_ctrl_leaves_room_for_other_upcalls),
	KUNIT_CASE(one_flow_leaves_room_for_others),
	KUNIT_CASE(one_user_leaves_room_for_others),
	KUNIT_CASE(a_user_has_a_share_in_each_namespace),
	KUNIT_CASE(sealed_messages_are_dropped_when_their_flow_ends),
	KUNIT_CASE(the_timeout_shown_to_an_agent_is_capped_at_32_bits),
	KUNIT_CASE(the_upcalls_of_a_namespace_are_bounded),
	KUNIT_CASE(a_request_is_allocated_without_the_namespace_lock),
	KUNIT_CASE(close_notifications_of_a_user_leave_room_for_others),
	KUNIT_CASE(the_longest_claim_fits_its_reply),
	KUNIT_CASE(a_request_can_be_withdrawn_until_it_is_taken),
	KUNIT_CASE(a_requeued_upcall_is_the_next_of_its_kind),
	KUNIT_CASE(a_requeued_upcall_keeps_a_full_queue_full),
	{}
};

static struct kunit_suite upcall_test_suite = {
	.name = "ipcp_upcall",
	.init = with_agent,
	.test_cases = upcall_test_cases,
};

kunit_test_suite(upcall_test_suite);
