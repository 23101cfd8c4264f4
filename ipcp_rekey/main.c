// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp_rekey: flows, which are named, authenticated, encrypted channels of
 * messages that re-key themselves.
 *
 * Documentation/architecture.md lists the source files by floor. A file uses
 * files of lower floors only.
 *
 * Objects and lifetimes
 * ---------------------
 * An open file pins the module, its network namespace (struct ipcp_net) and its
 * flow or listener. Kernel code that owns a flow or a listener pins the module,
 * the namespace and the object until it releases the object. A network
 * interface is the exception: it does not pin the namespace, but releases its
 * flow when the namespace of the flow ends.
 *
 * A flow is reference counted. References are held by the registry until the
 * flow has ended, by the file or the kernel consumer, by the listener that the
 * flow waits at, by the upcall that asks for the flow, by SEALED messages for
 * the agent, and by every lookup. The two ends of a direct flow hold a
 * reference to each other until they are finished. A flow is freed a grace
 * period after the last reference is dropped.
 *
 * An epoch is reference counted by its slot in the flow and by its leaves. Its
 * keys are wiped when it leaves the slot, whatever references remain.
 *
 * A leaf belongs to its epoch. It has no reference count: packets do not hold a
 * leaf. Once no lookup can find the leaf, its key is wiped in process context a
 * grace period later. A leaf derived for packets far ahead belongs to the
 * worker until one of those packets authenticates.
 *
 * So looking up a flow by eid, an epoch or a leaf needs RCU only.
 *
 * The worker of a flow holds no reference. Code that queues the worker holds a
 * reference or is inside an RCU read-side section, and the flow is freed after
 * a grace period by a work item that cancels the worker first.
 * Once IPCP_FLOW_STOPPED is set, a worker that runs does nothing, and is queued
 * at most by code that tested the bit before.
 *
 * None of these objects outlives the network namespace. Its exit destroys the
 * flows and waits until they are freed, and their cached routes and their
 * charges to users and control groups are released with them. So a flow may use
 * its struct ipcp_net until it is freed, and nothing that can be kept for an
 * unbounded time by others may hold a flow.
 *
 * A message in flight may be kept for an unbounded time, by a queue of another
 * subsystem or by the ring of a provider. So the message refers to the flow's
 * count of messages in flight (struct ipcp_inflight) and to nothing else of the
 * flow. The flow has a share of that count. The count is freed a grace period
 * after the flow's share and the last message are gone. The count holds the
 * user that pays for the messages, and the flow's consumer, which is woken when
 * messages are freed. The first message in flight takes a module reference, and
 * the last one drops it. A message over IPv6 also points to a socket of the
 * module (udp-marker.c), which thus outlives the message.
 *
 * A pool of pages (pool.c) exists from the start of the module until its exit,
 * for each processor. If buffers with its pages are left then, at packet sockets
 * and in the queues of receivers, the kernel keeps the pool until the last one
 * is freed. The pool does not refer to the module.
 *
 * A provider (struct ipcp_provider) belongs to its file, which pins the
 * namespace. Flows know the number of the provider only, and look the provider
 * up under RCU for each packet.
 *
 * A user (struct ipcp_user) belongs to no namespace. References are held by the
 * payers of flows and names, by counts of messages in flight, by upcalls, and
 * by a namespace for the user of its agent. Dropping the last reference frees
 * the user.
 *
 * The consumer of a flow (struct ipcp_consumer) is the place where a program
 * sleeps, or the handle that kernel code has of the flow. References are held
 * by the user, by the flow's ring, by the count of messages in flight and, for
 * a name, by its grant. A provider's ring holds one, too. The consumer is freed
 * a grace period after the last reference is dropped, so it can be woken at any
 * time. A wakeup does nothing once the user of the consumer has released the
 * flow.
 *
 * Lock order, outermost first
 * ---------------------------
 * file->lock (mutex)      role of an open file; held while IPCP_IOC_LISTEN
 *                         and IPCP_IOC_PROVIDE wait for the agent's answer
 * RTNL                    interfaces; other code only tries to take it
 * nets_lock (mutex)       namespaces; netns.c
 * ipcp_dev->lock (mutex)  role and flow of an interface
 * net->agent_lock (mutex) agent and sockets; the worker of a flow never takes
 *                         it, so its holder may wait for a worker
 * net->pending_lock (mutex)  path and keys of pending flows
 * net->lock (mutex)       grants and listeners, and flows that wait at them
 * epoch->derive (mutex)   key schedule; process context only
 * n_rb.queue.lock         ring; no other lock is taken inside
 * waiting.queue.lock      packets that wait for their leaf key
 * ctl.lock                control packets for the worker
 * flow->lock              state, re-key state, epoch slots
 * epoch->lock             pointers to leaves
 * leaf->lock              replay window
 * flow->peer_lock         addresses of a flow
 * net->upcall_lock        queues to the agent, messages of flows in them
 * inflight->lock          memory reserved for messages in flight
 * lock of the users       the table of users; no other lock is taken inside
 * kflow->held.lock        messages of kernel code that wait for a key
 * ipcp_pools.lock (local) unused pages of a processor; held for an allocation
 * wait->wq.lock           sleeping programs; also taken with interrupts off
 *
 * The last three are never nested. RTNL is a mutex, too. The others are
 * spinlocks, or a local lock, taken with bottom halves off.
 *
 * Contexts
 * --------
 * A datagram is decrypted in the softirq that it arrives in, and its message is
 * queued. If its key is not derived yet, the flow's worker derives the key and
 * decrypts the packet, with bottom halves off.
 *
 * Workers and system calls of programs derive keys and may sleep. Bottom halves
 * are off from claiming a counter until the stack has the packet.
 *
 * Seeds are expanded in the agent's system call. The callbacks of a flow of kernel
 * code run in a softirq, in a work item of the flow's consumer. That work item
 * activates seeds, too, but does not derive keys. The callbacks of a name that is
 * served may sleep (include/net/ipcp_flow.h).
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#include "chardev.h"
#include "flow.h"
#include "netdev.h"
#include "netlink.h"
#include "netns.h"
#include "pool.h"
#include "udp.h"
#include "version.h"

static int vm_fork(struct notifier_block *nb, unsigned long action, void *data)
{
	ipcp_netns_copied();
	return NOTIFY_DONE;
}

static struct notifier_block vm_notifier = { .notifier_call = vm_fork };

static int pm_event(struct notifier_block *nb, unsigned long action, void *data)
{
	switch (action) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
		ipcp_netns_sleep();
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
		ipcp_netns_wake();
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pm_notifier = { .notifier_call = pm_event };

/* Wait until all that flows and messages use is freed, then free the rest. */
static void free_rest(void)
{
	/* The destructor of the last message may still have to return. */
	synchronize_rcu_tasks();
	/*
	 * Flows and leaves are freed by work items a grace period after the
	 * last reference is dropped. Such a work item may itself drop the last
	 * reference to another object, so do this twice.
	 */
	for (int i = 0; i < 2; i++) {
		rcu_barrier();
		flush_workqueue(ipcp_wq);
	}
	destroy_workqueue(ipcp_wq);
	rcu_barrier();	/* epochs are freed by RCU callbacks */
	ipcp_pool_exit();
}

static int __init ipcp_init(void)
{
	int err;

	ipcp_wq = alloc_workqueue("ipcp_rekey", WQ_UNBOUND, 0);
	if (!ipcp_wq)
		return -ENOMEM;
	err = ipcp_pool_init();
	if (err)
		goto err_wq;
	err = ipcp_udp_marker_init();
	if (err)
		goto err_pool;
	err = ipcp_netns_init();
	if (err)
		goto err_marker;
	err = register_pm_notifier(&pm_notifier);
	if (err)
		goto err_netns;
	err = register_random_vmfork_notifier(&vm_notifier);
	if (err)
		goto err_pm;
	/*
	 * ORDER: the user interfaces last, once all that they use exists. After
	 * the device nothing may fail, since a file can be open already.
	 */
	err = ipcp_netlink_init();
	if (err)
		goto err_vm;
	err = ipcp_netdev_init();
	if (err)
		goto err_netlink;
	err = ipcp_chardev_init();
	if (err)
		goto err_netdev;
	return 0;

err_netdev:
	ipcp_netdev_exit();
err_netlink:
	ipcp_netlink_exit();
err_vm:
	unregister_random_vmfork_notifier(&vm_notifier);
err_pm:
	unregister_pm_notifier(&pm_notifier);
err_netns:
	ipcp_netns_exit();
err_marker:
	ipcp_udp_marker_exit();
err_pool:
	free_rest();
	return err;
err_wq:
	destroy_workqueue(ipcp_wq);
	return err;
}

static void __exit ipcp_exit(void)
{
	ipcp_chardev_exit();
	ipcp_netdev_exit();
	ipcp_netlink_exit();
	unregister_random_vmfork_notifier(&vm_notifier);
	unregister_pm_notifier(&pm_notifier);
	ipcp_netns_exit();
	ipcp_udp_marker_exit();
	free_rest();
}

module_init(ipcp_init);
module_exit(ipcp_exit);

MODULE_AUTHOR("The ipcp_rekey contributors");
MODULE_DESCRIPTION("Encrypted flows that re-key themselves");
MODULE_LICENSE("GPL");
MODULE_VERSION(IPCP_VERSION_STRING);
MODULE_ALIAS_RTNL_LINK("ipcp_rekey");
MODULE_ALIAS_GENL_FAMILY(IPCP_REKEY_FAMILY_NAME);
MODULE_SOFTDEP("pre: aesni_intel gcm");
