// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Open files of /dev/ipcp_rekey: how they begin and end, and how they become a
 * flow, a listener or a provider while other tasks use them.
 */
#include <linux/slab.h>
#include <net/sock.h>

#include "chardev.h"
#include "flow.h"
#include "registry.h"
#include "wait.h"

/**
 * ipcp_file_new() - Allocate the state of an open file
 * @ipn: network namespace
 * @wait: wait queue of the file; consumes the reference. NULL if set later.
 *
 * Context: Process context, may sleep.
 * Return: state of a file without a flow, listener or provider; NULL if memory
 * is short, and the caller keeps the reference.
 */
struct ipcp_file *ipcp_file_new(struct ipcp_net *ipn, struct ipcp_wait *wait)
{
	struct ipcp_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return NULL;
	f->ipn = ipn;
	f->wait = wait;
	mutex_init(&f->lock);
	f->rcvtimeo = MAX_SCHEDULE_TIMEOUT;
	f->sndtimeo = MAX_SCHEDULE_TIMEOUT;
	get_net(ipn->net);
	return f;
}

/**
 * ipcp_file_free() - Free the state of an open file
 * @f: file, whose flow, listener or provider has ended
 *
 * Context: Process context.
 */
void ipcp_file_free(struct ipcp_file *f)
{
	put_net(f->ipn->net);
	if (f->wait)
		ipcp_consumer_put(&f->wait->consumer);
	kfree(f->reason);
	kfree(f);
}

/**
 * ipcp_file_become_flow() - Make a file a flow
 * @f: file, its lock held
 * @flow: flow; consumes the reference
 *
 * Context: Process context.
 */
void ipcp_file_become_flow(struct ipcp_file *f, struct ipcp_flow *flow)
{
	/* Pairs with smp_load_acquire() in ipcp_file_flow(). */
	smp_store_release(&f->flow, flow);
	/*
	 * The flow may have become ready before ->flow was set: make pollers
	 * look again.
	 */
	ipcp_wait_wake(&f->wait->consumer, IPCP_WAKE_ALL);
}

/**
 * ipcp_file_become_listener() - Make a file a listener
 * @f: file, its lock held
 * @l: listener; owned by the file from now on
 *
 * Context: Process context.
 */
void ipcp_file_become_listener(struct ipcp_file *f, struct ipcp_listener *l)
{
	/* Pairs with smp_load_acquire() in ipcp_file_listener(). */
	smp_store_release(&f->listener, l);
	/* The answer and flows may have come before ->listener was set. */
	ipcp_wait_wake(&f->wait->consumer, IPCP_WAKE_ALL);
}

/**
 * ipcp_file_become_provider() - Make a file a provider
 * @f: file, its lock held
 * @p: provider; owned by the file from now on
 *
 * Context: Process context.
 */
void ipcp_file_become_provider(struct ipcp_file *f, struct ipcp_provider *p)
{
	/* Pairs with smp_load_acquire() in ipcp_file_provider(). */
	smp_store_release(&f->provider, p);
	/* Packets may have come before ->provider was set. */
	ipcp_wait_wake(&f->wait->consumer, IPCP_WAKE_ALL);
}
