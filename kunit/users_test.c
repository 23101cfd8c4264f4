// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Users: one entry in the whole system, limits, and charges for an agent. */
#include <linux/sizes.h>
#include <net/net_namespace.h>

#include "flow_util.h"
#include "test_util.h"
#include "udp.h"
#include "upcall.h"
#include "users.h"

#define UID	4242

static void drop_user(void *user)
{
	ipcp_user_put(user);
}

static struct ipcp_user *new_user(struct kunit *test)
{
	struct ipcp_user *user = ipcp_user_get(KUIDT_INIT(UID));

	KUNIT_ASSERT_NOT_NULL(test, user);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, drop_user, user), 0);
	return user;
}

static void a_user_has_one_entry_while_it_is_referenced(struct kunit *test)
{
	struct ipcp_user *one, *other;
	unsigned long uid = UID;

	KUNIT_EXPECT_NULL(test, ipcp_user_find(KUIDT_INIT(UID)));
	one = ipcp_user_get(KUIDT_INIT(UID));
	KUNIT_ASSERT_NOT_NULL(test, one);
	other = ipcp_user_get(KUIDT_INIT(UID));
	KUNIT_EXPECT_PTR_EQ(test, other, one);
	ipcp_user_put(other);
	other = ipcp_user_next(&uid);
	KUNIT_EXPECT_PTR_EQ(test, other, one);
	KUNIT_EXPECT_EQ(test, uid, UID);
	ipcp_user_put(other);
	uid = UID + 1;
	KUNIT_EXPECT_NULL(test, ipcp_user_next(&uid));
	ipcp_user_put(one);
	KUNIT_EXPECT_NULL(test, ipcp_user_find(KUIDT_INIT(UID)));
}

static void a_null_user_has_no_limits(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, ipcp_user_add_flow(NULL), 0);
	KUNIT_EXPECT_EQ(test, ipcp_user_add_listener(NULL), 0);
	ipcp_user_add_upcall(NULL);
	KUNIT_EXPECT_TRUE(test, ipcp_user_reserve(NULL, ULONG_MAX));
	ipcp_user_del_flow(NULL);
	ipcp_user_del_listener(NULL);
	ipcp_user_del_upcall(NULL);
	ipcp_user_release(NULL, ULONG_MAX);
	ipcp_user_put(ipcp_user_hold(NULL));
}

/* A sum that overflows would be negative, and below any limit. */
static void no_request_is_too_large_to_be_refused(struct kunit *test)
{
	static const unsigned long sizes[] = {
		LONG_MAX, LONG_MAX + 1UL, ULONG_MAX - PAGE_SIZE, ULONG_MAX,
	};
	struct ipcp_user *user = new_user(test);

	KUNIT_ASSERT_TRUE(test, ipcp_user_reserve(user, PAGE_SIZE));
	for (int i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_FALSE(test, ipcp_user_reserve(user, sizes[i]));
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->bytes), (long)PAGE_SIZE);
	ipcp_user_release(user, PAGE_SIZE);
	atomic_long_set(&user->bytes, LONG_MAX);
	KUNIT_EXPECT_FALSE(test, ipcp_user_reserve(user, PAGE_SIZE));
	KUNIT_EXPECT_FALSE(test, ipcp_user_reserve_held(user, PAGE_SIZE));
	atomic_long_set(&user->bytes, 0);
}

/* Distance of a user from its limits, and the results of adding an object. */
static const struct limit_case {
	const char *desc;
	int objects;	/* left below the limit of flows and names */
	long bytes;	/* left below the limit of memory */
	int flow;
	int listener;
} limits[] = {
	{ "with room", 2, IPCP_QUEUE_FREE, 0, 0 },
	{ "with room for the last flow or name", 1, IPCP_QUEUE_FREE, 0, 0 },
	{ "at the limit of objects", 0, IPCP_QUEUE_FREE, -EDQUOT, -EDQUOT },
	{ "without memory for a flow", 2, IPCP_QUEUE_FREE - 1, -EDQUOT, 0 },
};

KUNIT_ARRAY_PARAM_DESC(limit, limits, desc);

static void flows_and_names_of_a_user_are_limited(struct kunit *test)
{
	const struct limit_case *c = test->param_value;
	struct ipcp_user *user = new_user(test);
	int objects = ipcp_user_max_flows() - c->objects;
	long bytes = ipcp_user_max_bytes() - c->bytes;

	atomic_set(&user->objects, objects);
	atomic_long_set(&user->bytes, bytes);
	KUNIT_EXPECT_EQ(test, ipcp_user_add_flow(user), c->flow);
	if (!c->flow) {
		KUNIT_EXPECT_EQ(test, atomic_read(&user->objects), objects + 1);
		ipcp_user_del_flow(user);
	}
	KUNIT_EXPECT_EQ(test, ipcp_user_add_listener(user), c->listener);
	if (!c->listener) {
		KUNIT_EXPECT_EQ(test, atomic_read(&user->objects), objects + 1);
		KUNIT_EXPECT_EQ(test, atomic_read(&user->listeners), 1);
		ipcp_user_del_listener(user);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&user->objects), objects);
	KUNIT_EXPECT_EQ(test, atomic_read(&user->listeners), 0);
	KUNIT_EXPECT_EQ(test, atomic_long_read(&user->bytes), bytes);
}

/* The sockets of a namespace */

#define MIB	((long)SZ_1M)

static int open_socks(void *settings)
{
	struct ipcp_net *ipn = test_net();
	int err;

	mutex_lock(&ipn->agent_lock);
	err = ipcp_udp_open(ipn, settings, NULL);
	mutex_unlock(&ipn->agent_lock);
	return err;
}

/* Open the sockets for an agent of a user. */
static int open_as(struct kunit *test, unsigned int uid, unsigned int sources)
{
	struct ipcp_udp_settings settings = { .sources = sources };

	return test_as_user(test, uid, open_socks, &settings);
}

static void close_socks(void *unused)
{
	struct ipcp_net *ipn = test_net();

	mutex_lock(&ipn->agent_lock);
	ipcp_udp_close(ipn);
	mutex_unlock(&ipn->agent_lock);
}

/* Return: bytes that the sockets and queues of the namespace may hold. */
static long held(void)
{
	struct ipcp_net *ipn = test_net();
	long n = 0;

	for (int i = 0; i < IPCP_NET_SLOTS; i++)
		n += !!rcu_access_pointer(ipn->slots[i].sock4) +
		     !!rcu_access_pointer(ipn->slots[i].sock6);
	return max(n * MIB, 8 * MIB) + IPCP_CTRL_BYTES + IPCP_SEALED_BYTES;
}

/* Return: bytes that a user has reserved, or -1 without an entry. */
static long bytes_of(unsigned int uid)
{
	struct ipcp_user *user = ipcp_user_find(KUIDT_INIT(uid));
	long bytes = user ? atomic_long_read(&user->bytes) : -1;

	ipcp_user_put(user);
	return bytes;
}

static void the_current_agent_is_charged_for_the_sockets(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, close_socks, NULL), 0);
	KUNIT_ASSERT_EQ(test, open_as(test, UID, 1), 0);
	KUNIT_EXPECT_EQ(test, bytes_of(UID), held());
	KUNIT_ASSERT_EQ(test, open_as(test, UID, IPCP_NET_SOURCES), 0);
	KUNIT_EXPECT_GT(test, held(), 16 * MIB);
	KUNIT_EXPECT_EQ(test, bytes_of(UID), held());
	KUNIT_ASSERT_EQ(test, open_as(test, UID + 1, 1), 0);
	KUNIT_EXPECT_EQ(test, bytes_of(UID), -1);
	KUNIT_EXPECT_EQ(test, bytes_of(UID + 1), held());
	close_socks(NULL);
	KUNIT_EXPECT_EQ(test, bytes_of(UID + 1), -1);
}

/* A port range of one port is too small for the sockets with source ports. */
static void an_agent_whose_sockets_fail_is_charged_nothing(struct kunit *test)
{
	u32 range = READ_ONCE(init_net.ipv4.ip_local_ports.range);
	long before;

	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, close_socks, NULL), 0);
	KUNIT_ASSERT_EQ(test, open_as(test, UID, 1), 0);
	before = held();
	WRITE_ONCE(init_net.ipv4.ip_local_ports.range, 40000U << 16 | 40000);
	KUNIT_EXPECT_LT(test, open_as(test, UID + 1, IPCP_NET_SOURCES), 0);
	WRITE_ONCE(init_net.ipv4.ip_local_ports.range, range);
	KUNIT_EXPECT_EQ(test, bytes_of(UID + 1), -1);
	KUNIT_EXPECT_EQ(test, bytes_of(UID), before);
	KUNIT_EXPECT_EQ(test, held(), before);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(test_net()->slots[IPCP_NET_GROUP].sock4));
}

static struct kunit_case user_test_cases[] = {
	KUNIT_CASE(the_current_agent_is_charged_for_the_sockets),
	KUNIT_CASE(an_agent_whose_sockets_fail_is_charged_nothing),
	KUNIT_CASE(a_user_has_one_entry_while_it_is_referenced),
	KUNIT_CASE(a_null_user_has_no_limits),
	KUNIT_CASE(no_request_is_too_large_to_be_refused),
	KUNIT_CASE_PARAM(flows_and_names_of_a_user_are_limited,
			 limit_gen_params),
	{}
};

static struct kunit_suite user_test_suite = {
	.name = "ipcp_user",
	.test_cases = user_test_cases,
};

kunit_test_suite(user_test_suite);
