// SPDX-License-Identifier: GPL-2.0
/*
 * The registry: the flows of each network namespace, by number for people and
 * agents, by endpoint id for packets. Nothing is shared between namespaces.
 *
 * The functions of Ouroboros's registry that deal with re-keying keep their
 * names; what they do to keys is in keyrot.c.
 */
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <net/netns/generic.h>

#include "keyrot.h"
#include "local.h"
#include "netdev.h"
#include "notify.h"
#include "registry.h"
#include "udp.h"
#include "upcall.h"

static unsigned int ipcp_net_id __read_mostly;

/* The machine is about to sleep, or to be written to disk. */
static bool asleep;

/*
 * Endpoint ids are random numbers of our own, so they spread as they are. With
 * these two, a lookup has neither a hash nor a comparison of any length to call.
 */
static u32 eid_hash(const void *eid, u32 len, u32 seed)
{
	return *(const u32 *)eid ^ seed;
}

static int eid_differs(struct rhashtable_compare_arg *arg, const void *flow)
{
	return ((const struct ipcp_flow *)flow)->eid != *(const u32 *)arg->key;
}

static const struct rhashtable_params by_eid_params = {
	.key_len = sizeof_field(struct ipcp_flow, eid),
	.key_offset = offsetof(struct ipcp_flow, eid),
	.head_offset = offsetof(struct ipcp_flow, node),
	.hashfn = eid_hash,
	.obj_cmpfn = eid_differs,
	.automatic_shrinking = true,
};

/**
 * ipcp_net() - What a network namespace has of this module
 * @net: namespace
 *
 * Context: Any context.
 * Return: it, never NULL.
 */
struct ipcp_net *ipcp_net(struct net *net)
{
	return net_generic(net, ipcp_net_id);
}

/* An endpoint id that no packet can guess and no other flow has. */
static int hash_flow(struct ipcp_flow *flow)
{
	int err;

	do {
		do {
			flow->eid = get_random_u32();
		} while (!flow->eid);
		err = rhashtable_lookup_insert_fast(&flow->net->by_eid,
						    &flow->node, by_eid_params);
	} while (err == -EEXIST);
	return err;
}

/**
 * ipcp_registry_add() - Give a flow its numbers and let it be found
 * @flow: flow; its first reference is the registry's from now on
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, -EBUSY if no number is free.
 */
int ipcp_registry_add(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;
	int err;

	/* The number is reserved first: once hashed, packets find the flow. */
	err = xa_alloc_cyclic(&ipn->flows, &flow->id, NULL,
			      XA_LIMIT(1, INT_MAX), &ipn->next_id,
			      GFP_KERNEL_ACCOUNT);
	if (err < 0)
		return err;
	err = hash_flow(flow);
	if (err) {
		xa_release(&ipn->flows, flow->id);
		return err;
	}
	set_bit(IPCP_FLOW_HASHED, &flow->bits);
	/* Needs no memory, since the place is reserved. */
	xa_store(&ipn->flows, flow->id, flow, GFP_KERNEL_ACCOUNT);
	return 0;
}

/**
 * ipcp_registry_del() - Let a flow be found no more
 * @flow: flow
 *
 * The registry's reference is put, by the first to call this.
 *
 * Context: Process context.
 */
void ipcp_registry_del(struct ipcp_flow *flow)
{
	struct ipcp_net *ipn = flow->net;

	if (!test_and_clear_bit(IPCP_FLOW_HASHED, &flow->bits))
		return;
	rhashtable_remove_fast(&ipn->by_eid, &flow->node, by_eid_params);
	xa_erase(&ipn->flows, flow->id);
	ipcp_flow_put(flow);
}

/**
 * ipcp_registry_get() - Look a flow up by its number
 * @ipn: namespace
 * @id: number
 *
 * Context: Any context.
 * Return: it, with a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_get(struct ipcp_net *ipn, u32 id)
{
	struct ipcp_flow *flow;

	rcu_read_lock();
	flow = xa_load(&ipn->flows, id);
	if (flow && !refcount_inc_not_zero(&flow->refs))
		flow = NULL;
	rcu_read_unlock();
	return flow;
}

/**
 * ipcp_registry_next() - The next flow of a walk
 * @ipn: namespace
 * @id: in and out, where the walk is; begins with 0
 *
 * Flows may come and go meanwhile; one that is there all the time is seen.
 *
 * Context: Any context.
 * Return: the first flow with at least this number and a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_next(struct ipcp_net *ipn, unsigned long *id)
{
	struct ipcp_flow *flow;

	rcu_read_lock();
	for (;;) {
		flow = xa_find(&ipn->flows, id, ULONG_MAX, XA_PRESENT);
		if (!flow || refcount_inc_not_zero(&flow->refs))
			break;
		++*id;
	}
	rcu_read_unlock();
	return flow;
}

/**
 * ipcp_registry_count() - How many flows there are
 * @ipn: namespace
 *
 * Context: Any context.
 * Return: number of flows, in all states.
 */
u32 ipcp_registry_count(struct ipcp_net *ipn)
{
	return atomic_read(&ipn->by_eid.nelems);
}

/**
 * ipcp_registry_by_eid() - The flow that a packet is for
 * @ipn: namespace
 * @eid: endpoint id of the packet
 *
 * Context: Under RCU, which keeps the flow in being.
 * Return: it, without a reference, or NULL.
 */
struct ipcp_flow *ipcp_registry_by_eid(struct ipcp_net *ipn, u32 eid)
{
	return rhashtable_lookup(&ipn->by_eid, &eid, by_eid_params);
}

/**
 * ipcp_registry_set_rekey() - This flow will have keys, and is to be re-keyed
 * @flow: flow
 * @cipher: enum ipcp_rekey_cipher
 *
 * Called by flow-allocate, before the first seed is parked. The side that
 * allocates drives re-keys; that, and so the direction that it sends in, is
 * settled here once and for all. If no seed could be parked after that, for
 * want of memory, it may be called again with the same cipher.
 *
 * Context: Any context.
 * Return: false if the flow is not pending, or has a seed or another cipher.
 */
bool ipcp_registry_set_rekey(struct ipcp_flow *flow, u16 cipher)
{
	bool may;

	spin_lock_bh(&flow->lock);
	may = ipcp_flow_pending(flow) && !flow->rk.nseeds &&
	      (!flow->rk.encrypted || flow->cipher == cipher);
	if (may) {
		flow->cipher = cipher;
		flow->rk.initiator =
			flow->state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
		flow->rk.epoch = 0;
		/* Packets may come from here on: the last to be written. */
		smp_store_release(&flow->rk.encrypted, true);
	}
	spin_unlock_bh(&flow->lock);
	return may;
}

/**
 * ipcp_registry_get_epoch() - Epoch that the flow took last
 * @flow: flow
 *
 * Context: Any context. Used by flow-get and by IPCP_IOC_GET_INFO.
 * Return: 0 to 255, or -ENOENT if the flow is not encrypted.
 */
int ipcp_registry_get_epoch(struct ipcp_flow *flow)
{
	return READ_ONCE(flow->rk.encrypted) ? READ_ONCE(flow->rk.epoch) :
					       -ENOENT;
}

/**
 * ipcp_registry_rekey_pending() - Does a seed wait to be taken?
 * @flow: flow
 *
 * Context: Any context. Used by flow-get.
 * Return: true if so.
 */
bool ipcp_registry_rekey_pending(struct ipcp_flow *flow)
{
	return READ_ONCE(flow->rk.has_pending);
}

/**
 * ipcp_registry_get_n_1_pid() - Who carries the flow's packets
 * @flow: flow
 *
 * Context: Any context. Used by flow-get and rekey-claim.
 * Return: the process of a provider, or NULL for the kernel's own UDP.
 */
struct pid *ipcp_registry_get_n_1_pid(struct ipcp_flow *flow)
{
	return NULL;
}

/**
 * ipcp_registry_is_direct() - Are both ends on this host?
 * @flow: flow
 *
 * Context: Any context. Used by flow-get.
 * Return: true if packets do not leave the host; such a flow has no keys.
 */
bool ipcp_registry_is_direct(const struct ipcp_flow *flow)
{
	return ipcp_flow_is_direct(flow);
}

/* May an agent claim this flow, its newest epoch settled one way or another? */
static bool rekey_is_due(struct ipcp_flow *flow, unsigned long min_age,
			 bool anyway)
{
	const struct ipcp_rk *rk = &flow->rk;
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow);

	lockdep_assert_held(&flow->lock);
	if (flow->state != IPCP_REKEY_FLOW_STATE_ALLOCATED ||
	    ipcp_registry_is_direct(flow) || !rk->encrypted || !rk->initiator ||
	    rk->in_flight || rk->has_pending || ipcp_registry_asleep() ||
	    ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_FLOWDOWN)
		return false;
	if (!ep)
		return true;	/* no keys */
	if (!test_bit(IPCP_EP_CONFIRMED, &ep->flags) &&
	    !ipcp_epoch_confirm_overdue(ep))
		return false;
	return anyway || rk->due || time_after_eq(jiffies, ep->parked + min_age);
}

static bool claim_flow(struct ipcp_flow *flow, unsigned long min_age,
		       bool anyway, struct ipcp_claim *c)
{
	struct ipcp_rk *rk = &flow->rk;
	bool claimed;

	spin_lock_bh(&flow->lock);
	claimed = rekey_is_due(flow, min_age, anyway);
	if (claimed) {
		rk->in_flight = true;
		rk->claim++;	/* never one that was claimed or delivered */
		c->flow = flow;
		c->exchange = rk->claim;
		c->epoch = rk->newest + 1;
		c->due = rk->due;
		ipcp_notify(flow, IPCP_REKEY_EVENT_CLAIMED, c->epoch,
			    rk->claim);
	}
	spin_unlock_bh(&flow->lock);
	return claimed;
}

/* Claims flows whose numbers are from first to last. */
static int claim_range(struct ipcp_net *ipn, unsigned long first,
		       unsigned long last, unsigned long min_age,
		       struct ipcp_claim *claims, int max)
{
	unsigned long id = first;
	int n = 0;

	for (; n < max; id++) {
		struct ipcp_flow *flow = ipcp_registry_next(ipn, &id);

		if (!flow)
			break;
		if (id <= last &&
		    claim_flow(flow, min_age, false, &claims[n])) {
			n++;
			continue;
		}
		ipcp_flow_put(flow);
		if (id >= last)
			break;
	}
	return n;
}

/**
 * ipcp_registry_snapshot_rekey_due() - Claim flows that want a new seed
 * @ipn: namespace
 * @only: number of the one flow to claim, whether it is due or not; or 0
 * @min_age: jiffies; a flow is due as well if its newest epoch is that old
 * @claims: out
 * @max: room in @claims
 *
 * A claim ends with store_pending, clear_in_flight or the end of the agent.
 * Flows have their turn one after the other: those whose re-keys fail do not
 * keep the others waiting.
 *
 * Context: Process context. The operation rekey-claim.
 * Return: number of flows claimed, each with a reference.
 */
int ipcp_registry_snapshot_rekey_due(struct ipcp_net *ipn, u32 only,
				     unsigned long min_age,
				     struct ipcp_claim *claims, int max)
{
	u32 last = READ_ONCE(ipn->claimed);
	struct ipcp_flow *flow;
	int n;

	if (only) {
		flow = ipcp_registry_get(ipn, only);
		if (flow && max && claim_flow(flow, min_age, true, claims))
			return 1;
		if (flow)
			ipcp_flow_put(flow);
		return 0;
	}
	n = claim_range(ipn, last + 1UL, U32_MAX, min_age, claims, max);
	n += claim_range(ipn, 0, last, min_age, claims + n, max - n);
	if (n)
		WRITE_ONCE(ipn->claimed, claims[n - 1].flow->id);
	return n;
}

/**
 * ipcp_registry_clear_in_flight() - A claim ended without a seed
 * @flow: flow
 * @exchange: number of the claim
 *
 * From now on no seed is taken for that number.
 *
 * Context: Any context. The operation rekey-clear.
 * Return: 0, or -ESTALE if that claim is not in flight.
 */
int ipcp_registry_clear_in_flight(struct ipcp_flow *flow, u32 exchange)
{
	int err = 0;

	spin_lock_bh(&flow->lock);
	if (!flow->rk.in_flight || flow->rk.claim != exchange) {
		err = -ESTALE;
	} else {
		flow->rk.in_flight = false;
		ipcp_notify(flow, IPCP_REKEY_EVENT_CLEARED, flow->rk.newest + 1,
			    exchange);
	}
	spin_unlock_bh(&flow->lock);
	return err;
}

/**
 * ipcp_registry_store_pending() - Park a seed
 * @flow: flow
 * @seed: root seed, wiped on every path
 * @epoch: its epoch
 * @exchange: number of the exchange that delivered it
 * @extack: for the reason of a refusal
 *
 * Context: Process context, may sleep. The operation seed-set.
 * Return: as ipcp_keyrot_park().
 */
int ipcp_registry_store_pending(struct ipcp_flow *flow, struct ipcp_root *seed,
				u8 epoch, u32 exchange,
				struct netlink_ext_ack *extack)
{
	return ipcp_keyrot_park(flow, seed, epoch, exchange, extack);
}

/**
 * ipcp_registry_take_pending() - Install the seed that waits
 * @flow: flow
 *
 * Context: Any context but hard interrupts. read, write, IPCP_IOC_REKEY.
 * Return: true if there was one.
 */
bool ipcp_registry_take_pending(struct ipcp_flow *flow)
{
	if (likely(!(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY)))
		return false;
	return ipcp_keyrot_activate(flow);
}

/**
 * ipcp_registry_notify_flow() - Wake the program that owns a flow
 * @flow: flow
 *
 * State is set before; this is a hint to look at it.
 *
 * Context: Any context.
 */
void ipcp_registry_notify_flow(struct ipcp_flow *flow)
{
	ipcp_rbflags_wake(&flow->n_rb.flags, IPCP_WAKE_ALL);
}

/**
 * ipcp_registry_lapse() - The agent is gone: end what it had begun
 * @ipn: namespace
 *
 * Claims lapse, so that the next agent can claim the flows, and allocations
 * that wait for an agent fail.
 *
 * Context: Process context, may sleep.
 */
void ipcp_registry_lapse(struct ipcp_net *ipn)
{
	struct ipcp_flow *flow;
	unsigned long id = 0;

	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		bool claimed, pending;
		u32 exchange;

		spin_lock_bh(&flow->lock);
		claimed = flow->rk.in_flight;
		exchange = flow->rk.claim;
		pending = flow->state == IPCP_REKEY_FLOW_STATE_ALLOC_PENDING;
		spin_unlock_bh(&flow->lock);
		if (claimed)
			ipcp_registry_clear_in_flight(flow, exchange);
		if (pending)
			ipcp_flow_fail(flow, ENOTCONN, "the agent went away");
		ipcp_flow_put(flow);
	}
}

/* Does something with all flows of the machine. */
static void each_flow(void (*fn)(struct ipcp_flow *flow))
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		struct ipcp_net *ipn = ipcp_net(net);
		struct ipcp_flow *flow;
		unsigned long id = 0;

		for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
			fn(flow);
			ipcp_flow_put(flow);
		}
	}
	up_read(&net_rwsem);
}

static void drop_keys(struct ipcp_flow *flow)
{
	if (!READ_ONCE(flow->rk.encrypted))
		return;
	ipcp_keyrot_drop(flow);
	ipcp_keyrot_due(flow, IPCP_REKEY_DUE_NO_KEYS);
}

/*
 * Wipes all keys of all flows. When this returns, no packet is sealed or opened
 * with one of them any more, and none is left: leaves are wiped by work items
 * a grace period after nothing finds them, which is waited for.
 */
static void drop_all_keys(void)
{
	each_flow(drop_keys);
	rcu_barrier();
	flush_workqueue(ipcp_wq);
}

static void fail_pending(struct ipcp_flow *flow)
{
	ipcp_flow_fail(flow, ECONNABORTED, "the machine was copied meanwhile");
}

/**
 * ipcp_registry_copied() - The machine is a copy of another
 *
 * Wipes all keys: counters may have been set back, and another machine may go
 * on with them. An allocation that is under way fails, since the other machine
 * would get the same keys from it.
 *
 * Context: Process context, may sleep.
 */
void ipcp_registry_copied(void)
{
	each_flow(fail_pending);
	drop_all_keys();
}

/**
 * ipcp_registry_asleep() - May no new keys be had?
 *
 * Context: Any context.
 * Return: true from the notice that the machine will sleep until it woke up.
 */
bool ipcp_registry_asleep(void)
{
	return READ_ONCE(asleep);
}

/**
 * ipcp_registry_sleep() - The machine is about to sleep
 *
 * Wipes all keys and lets none come: what is in the memory that sleeps, or on
 * the disk, may fall into somebody else's hands, and agents run for a while yet.
 *
 * Context: Process context, may sleep.
 */
void ipcp_registry_sleep(void)
{
	WRITE_ONCE(asleep, true);
	drop_all_keys();
}

static void remind_agent(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	if (flow->rk.due)
		ipcp_notify(flow, IPCP_REKEY_EVENT_DUE, flow->rk.newest,
			    flow->rk.exchange);
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_registry_wake() - The machine woke up, or did not sleep after all
 *
 * Agents are told again which flows want keys: they could do nothing about it.
 *
 * Context: Process context, may sleep.
 */
void ipcp_registry_wake(void)
{
	WRITE_ONCE(asleep, false);
	each_flow(remind_agent);
}

static int __net_init net_init(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	int err;

	ipn->net = net;
	xa_init_flags(&ipn->flows, XA_FLAGS_ALLOC1);
	mutex_init(&ipn->agent_lock);
	mutex_init(&ipn->lock);
	INIT_LIST_HEAD(&ipn->listeners);
	INIT_LIST_HEAD(&ipn->netdevs);
	xa_init(&ipn->users);
	ipcp_upcall_net_init(ipn);
	ipcp_udp_net_init(ipn);
	ipn->drops = alloc_percpu(struct ipcp_drops);
	if (!ipn->drops)
		return -ENOMEM;
	err = rhashtable_init(&ipn->by_eid, &by_eid_params);
	if (err)
		free_percpu(ipn->drops);
	return err;
}

/*
 * An open file holds its namespace and the module, so there is none now, and
 * no listener either. What is left are flows that were closed and still tell
 * the peer, and what the agent made and nobody accepted.
 */
static void __net_exit net_exit(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	struct ipcp_flow *flow;
	unsigned long id = 0;

	ipcp_netdev_net_exit(ipn);
	mutex_lock(&ipn->agent_lock);
	ipn->agent = 0;
	ipcp_udp_close(ipn);	/* no packet comes in from here on */
	mutex_unlock(&ipn->agent_lock);
	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		ipcp_flow_destroy(flow);
		ipcp_flow_put(flow);
	}
	ipcp_upcall_net_exit(ipn);
	/*
	 * Flows are freed, and with them their use of @ipn, by the workqueue, a
	 * grace period after the last reference: which a worker may still be
	 * about to put, whose flow ended by itself and is not found any more.
	 */
	flush_workqueue(ipcp_wq);
	rcu_barrier();
	flush_workqueue(ipcp_wq);
	WARN_ON_ONCE(atomic_read(&ipn->living));
	rhashtable_destroy(&ipn->by_eid);
	xa_destroy(&ipn->flows);
	xa_destroy(&ipn->users);
	free_percpu(ipn->drops);
}

static struct pernet_operations ipcp_net_ops = {
	.init = net_init,
	.exit = net_exit,
	.id = &ipcp_net_id,
	.size = sizeof(struct ipcp_net),
};

/**
 * ipcp_registry_init() - Begin to have namespaces
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_registry_init(void)
{
	return register_pernet_device(&ipcp_net_ops);
}

/**
 * ipcp_registry_exit() - End of all namespaces' state
 *
 * Context: Module exit.
 */
void ipcp_registry_exit(void)
{
	unregister_pernet_device(&ipcp_net_ops);
}
