// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * An open file of /dev/ipcp_rekey, apart from what is done with it: how it begins
 * and ends, and how it becomes a flow or a listener while others look at it.
 */
#include <linux/slab.h>
#include <net/sock.h>

#include "chardev.h"
#include "flow.h"
#include "registry.h"
#include "wait.h"

/**
 * ipcp_file_new() - Make what an open file is
 * @ipn: namespace
 * @wait: where its users sleep; consumes the reference. Or NULL: set later
 *
 * Context: Process context, may sleep.
 * Return: nothing yet, to be freed; or NULL, and the reference is the caller's.
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
 * ipcp_file_free() - Free what an open file was
 * @f: file; what it was has ended
 *
 * Context: Process context.
 */
void ipcp_file_free(struct ipcp_file *f)
{
	put_net(f->ipn->net);
	if (f->wait)
		ipcp_consumer_put(&f->wait->consumer);
	kfree(f);
}

/**
 * ipcp_file_become_flow() - Let a file be a flow from now on
 * @f: file, its lock held
 * @flow: flow; consumes the reference
 *
 * Context: Process context.
 */
void ipcp_file_become_flow(struct ipcp_file *f, struct ipcp_flow *flow)
{
	/* Paired with ipcp_file_flow(). */
	smp_store_release(&f->flow, flow);
	/*
	 * The flow may have become ready before ->flow was set: make pollers
	 * look again.
	 */
	ipcp_wait_wake(&f->wait->consumer, IPCP_WAKE_ALL);
}

/**
 * ipcp_file_become_listener() - Let a file serve a name from now on
 * @f: file, its lock held
 * @l: listener, which is the file's
 *
 * Context: Process context.
 */
void ipcp_file_become_listener(struct ipcp_file *f, struct ipcp_listener *l)
{
	/* Paired with ipcp_file_listener(). */
	smp_store_release(&f->listener, l);
	/* For flows that were faster. */
	ipcp_wait_wake(&f->wait->consumer, EPOLLIN | EPOLLRDNORM);
}
