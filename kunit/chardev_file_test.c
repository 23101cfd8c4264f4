// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * A file becomes a flow, a listener or a provider while other tasks poll it.
 * Events may have come before, so each poller has to look again.
 */
#include <linux/poll.h>

#include "chardev.h"
#include "flow_util.h"
#include "wait.h"

/* A poller in a wait queue. A wakeup for other events only does not wake it. */
struct poller {
	struct wait_queue_entry entry;
	__poll_t events;
	unsigned int wakes;
};

static int wake_poller(struct wait_queue_entry *entry, unsigned int mode,
		       int flags, void *key)
{
	struct poller *p = container_of(entry, struct poller, entry);

	if (key && !(key_to_poll(key) & p->events))
		return 0;
	p->wakes++;
	return 1;
}

static void become_flow(struct ipcp_file *f, void *flow)
{
	ipcp_file_become_flow(f, flow);
}

static void become_listener(struct ipcp_file *f, void *listener)
{
	ipcp_file_become_listener(f, listener);
}

static void become_provider(struct ipcp_file *f, void *provider)
{
	ipcp_file_become_provider(f, provider);
}

static const struct become_case {
	const char *desc;
	void (*become)(struct ipcp_file *f, void *what);
	__poll_t events;
} becomes[] = {
	{ "a flow, for reading", become_flow, EPOLLIN },
	{ "a flow, for writing", become_flow, EPOLLOUT },
	{ "a flow, for seeds", become_flow, EPOLLPRI },
	{ "a listener, for flows", become_listener, EPOLLIN },
	{ "a listener, for the answer", become_listener, EPOLLOUT },
	{ "a provider, for packets", become_provider, EPOLLIN },
	{ "a provider, for the answer", become_provider, EPOLLOUT },
};

KUNIT_ARRAY_PARAM_DESC(become, becomes, desc);

static void free_file(void *file)
{
	ipcp_file_free(file);
}

static void pollers_are_woken_when_a_file_becomes(struct kunit *test)
{
	const struct become_case *c = test->param_value;
	struct ipcp_wait *wait = ipcp_wait_new();
	struct poller p = { .events = c->events };
	struct ipcp_file *f;
	int what;

	KUNIT_ASSERT_NOT_NULL(test, wait);
	f = ipcp_file_new(test_net(), wait);
	if (!f)
		ipcp_consumer_put(&wait->consumer);
	KUNIT_ASSERT_NOT_NULL(test, f);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, free_file, f), 0);
	init_waitqueue_func_entry(&p.entry, wake_poller);
	add_wait_queue(&wait->wq, &p.entry);
	c->become(f, &what);	/* only the pointer is kept */
	remove_wait_queue(&wait->wq, &p.entry);
	KUNIT_EXPECT_EQ(test, p.wakes, 1);
}

static struct kunit_case chardev_file_test_cases[] = {
	KUNIT_CASE_PARAM(pollers_are_woken_when_a_file_becomes,
			 become_gen_params),
	{}
};

static struct kunit_suite chardev_file_test_suite = {
	.name = "ipcp_chardev_file",
	.test_cases = chardev_file_test_cases,
};

kunit_test_suite(chardev_file_test_suite);
