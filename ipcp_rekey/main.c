// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp_rekey: flows, that is named, authenticated, encrypted channels of
 * messages that re-key themselves.
 *
 * Documentation/architecture.md lists the source files by floors: a file uses
 * lower ones only.
 *
 * Objects and how long they live
 * ------------------------------
 * An open file pins the module, its network namespace (struct ipcp_net) and
 * its flow or listener; so does kernel code that has a flow or listener, until the
 * release, but for an interface, which releases its flow when the flow's namespace
 * ends. A flow is held by the registry until it is dead, by
 * its file, by a listener it waits at, by the upcall that asks for it, and by
 * whoever looked it up; it is freed a grace period after the last of them. The
 * ends of a direct flow hold each other until they are finished. An
 * epoch is held by its slot in the flow and by its leaves; its keys go when it
 * leaves the slot, whoever holds the rest. A leaf is the epoch's alone: when
 * nothing finds it any more its key is wiped, in process context, a grace period
 * later. Packets do not hold one. A leaf that is derived for packets far ahead is
 * the worker's until one of them authenticated. So lookups by eid, of epochs and
 * of leaves need RCU only.
 *
 * A flow's worker needs no reference: whoever queues it has one or is under
 * RCU, and the flow is freed after a grace period by a work item that cancels
 * it. IPCP_FLOW_STOPPED keeps it from being queued for ever.
 *
 * None of those outlives the network namespace, whose end destroys its flows
 * and waits until they are freed: with them go their route and what their user
 * and control group have of them. So a flow may use its struct ipcp_net to the
 * end, and nothing may hold a flow that others can keep for any time.
 *
 * Messages on their way out are such: a queue of somebody else's has them for as
 * long as it likes. They have the flow's count of them (struct ipcp_inflight)
 * and nothing else of the flow. The count has a share of the flow's, is freed a
 * grace period after that and the last message are gone, and holds the flow's
 * consumer, whom the messages wake. The message that finds no other on its way
 * takes a reference to the module, the one that leaves none puts it.
 *
 * The consumer (struct ipcp_consumer) of a flow is the place where a program
 * sleeps, or what kernel code has of the flow. The user, the flow's ring, the count
 * and, of a name, the listener hold it; it is freed a grace period after the last
 * of them. So it can be woken at any time, and once its user has released the flow
 * being woken does nothing.
 *
 * Locks, in the order in which they are taken
 * -------------------------------------------
 * RTNL                  interfaces; others only try to take it
 * an interface's lock (mutex) what it is to have, and has
 * net->agent_lock (mutex) who is the agent, the sockets; a flow's worker never
 *                       takes it, so its holder may wait for one
 * net->lock (mutex)     listeners, flows that wait at them
 * epoch->derive (mutex) key schedule; process context only
 * n_rb.queue.lock       ring; nothing is taken inside of it but a user's limit
 * waiting.queue.lock    packets that wait for their leaf key
 * ctl.lock              what control packets said
 * flow->lock            state, re-key state, epochs' slots
 * epoch->lock           pointers to leaves
 * leaf->lock            replay window
 * flow->peer_lock       address of the peer
 * net->upcall_lock      queue to the agent
 * net->users' lock      who has flows; nothing is taken inside of it
 * kflow->held.lock      messages that kernel code sent and that wait for a key
 * wait->wq.lock         programs that sleep, also with interrupts off
 *
 * All but the mutexes are spinlocks taken with bottom halves off. Of the last
 * two none is taken inside the other.
 *
 * Contexts
 * --------
 * A datagram is decrypted in the softirq that it arrives in, and its message is
 * queued. If its key is not derived yet the flow's worker does that and decrypts
 * it, with bottom halves off. Workers and programs' calls derive keys and may
 * sleep; from the claim of a counter until the stack has the packet bottom halves
 * are off. Seeds are expanded by the agent's system call. Kernel code is called
 * in a softirq, by a work item of the flow's consumer, which does not derive keys;
 * it activates seeds, too.
 */
#include <linux/module.h>
#include <linux/random.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#include "chardev.h"
#include "flow.h"
#include "netdev.h"
#include "netlink.h"
#include "netns.h"
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

static int __init ipcp_init(void)
{
	int err;

	ipcp_wq = alloc_workqueue("ipcp_rekey", WQ_UNBOUND, 0);
	if (!ipcp_wq)
		return -ENOMEM;
	err = ipcp_netns_init();
	if (err)
		goto err_wq;
	err = register_pm_notifier(&pm_notifier);
	if (err)
		goto err_netns;
	err = register_random_vmfork_notifier(&vm_notifier);
	if (err)
		goto err_pm;
	/* ORDER: the doors last, when everything behind them is there. */
	err = ipcp_netlink_init();
	if (err)
		goto err_vm;
	err = ipcp_chardev_init();
	if (err)
		goto err_netlink;
	err = ipcp_netdev_init();
	if (err)
		goto err_chardev;
	return 0;

err_chardev:
	ipcp_chardev_exit();
err_netlink:
	ipcp_netlink_exit();
err_vm:
	unregister_random_vmfork_notifier(&vm_notifier);
err_pm:
	unregister_pm_notifier(&pm_notifier);
err_netns:
	ipcp_netns_exit();
err_wq:
	rcu_barrier();
	destroy_workqueue(ipcp_wq);
	return err;
}

static void __exit ipcp_exit(void)
{
	ipcp_netdev_exit();
	ipcp_chardev_exit();
	ipcp_netlink_exit();
	unregister_random_vmfork_notifier(&vm_notifier);
	unregister_pm_notifier(&pm_notifier);
	ipcp_netns_exit();
	/*
	 * Flows and leaves are freed by work items a grace period after the last
	 * that has them, which may be such a work item: two rounds.
	 */
	for (int i = 0; i < 2; i++) {
		rcu_barrier();
		flush_workqueue(ipcp_wq);
	}
	destroy_workqueue(ipcp_wq);
	rcu_barrier();	/* epochs */
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
