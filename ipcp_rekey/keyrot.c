// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * keyrot: the epochs of a flow. A seed comes (park), the program or the grace
 * time takes it (activate), the peer is heard under it (observe), this side sends
 * under it (promote), and the epoch before goes after its linger (retire, which is
 * keyrot-retire.c's). When a seed is due says keyrot-due.c.
 *
 * Why it may be known that both ends hold the same seed for an epoch: the
 * responder's agent parks a seed before it answers, so when the initiator parks
 * the seed of exchange n, the responder has parked it too. The initiator issues
 * exchange n + 1 only when it can no longer park n, since a claim ends with the
 * seed or is refused for ever; so the responder holds nothing newer than n at
 * that time. The responder cannot know whether its answer arrived. Therefore
 * it sends in an epoch only once the peer was heard in it, and a seed that was
 * never heard under may be replaced by that of a later exchange. Replaced keys
 * were used for receiving only, and the new ones count from 0 under other keys.
 *
 * park does all that can fail before it changes anything. activate, observe
 * and promote change bits and pointers under flow->lock; they never fail or sleep.
 */
#include <linux/slab.h>
#include <net/netlink.h>

#include "deadline.h"
#include "keyrot.h"
#include "leaf.h"
#include "notify.h"
#include "trace.h"

/* The machine is about to sleep, or to be written to disk. */
static bool asleep;

/**
 * ipcp_keyrot_set_asleep() - Take no seed until the machine woke up, or do again
 * @yes: the machine is about to sleep
 *
 * Context: Process context. Keys that there are have to be dropped after that.
 */
void ipcp_keyrot_set_asleep(bool yes)
{
	WRITE_ONCE(asleep, yes);
}

/**
 * ipcp_keyrot_asleep() - Are no new keys to be had?
 *
 * Context: Any context.
 * Return: true from the notice that the machine will sleep until it woke up.
 */
bool ipcp_keyrot_asleep(void)
{
	return READ_ONCE(asleep);
}

static struct ipcp_epoch *epoch_new(struct ipcp_flow *flow,
				    struct ipcp_root *seed, u8 no, u32 exchange)
{
	struct ipcp_epoch *ep = kzalloc(sizeof(*ep), GFP_KERNEL_ACCOUNT);
	struct ipcp_node_keys *nodes;

	if (!ep)
		return NULL;
	ep->flow = flow;
	refcount_set(&ep->refs, 1);
	ep->no = no;
	ep->cipher = flow->cipher;
	ep->ppl_shift = flow->ppl_shift;
	ep->exchange = exchange;
	mutex_init(&ep->derive);
	spin_lock_init(&ep->lock);
	for (int dir = 0; dir < IPCP_DIRS; dir++)
		ep->leaves[dir].set.node = -1;

	nodes = kmalloc(sizeof(*nodes), GFP_KERNEL_ACCOUNT);
	if (!nodes)
		goto err_free;
	ipcp_keysched_init(&ep->ks, nodes, seed);
	for (int dir = 0; dir < IPCP_DIRS; dir++)
		if (ipcp_leaves_init(ep, dir))
			goto err_close;
	ep->parked = jiffies;
	return ep;

err_close:
	ipcp_keyrot_wipe(ep);
err_free:
	ipcp_epoch_put(ep);
	return NULL;
}

static bool seed_seen(const struct ipcp_rk *rk, u64 id)
{
	for (int i = 0; i < min(rk->nseeds, IPCP_SEEDS_KEPT); i++)
		if (rk->seeds[i] == id)
			return true;
	return false;
}

/* May this epoch's keys be replaced? See the top of the file. */
static bool may_replace(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	return !flow->rk.initiator &&
	       !test_bit(IPCP_EP_OBSERVED, &ep->flags) &&
	       rcu_access_pointer(flow->tx) != ep;
}

static int check_exchange(struct ipcp_flow *flow, u32 exchange,
			  struct netlink_ext_ack *extack)
{
	const struct ipcp_rk *rk = &flow->rk;

	if (rk->initiator) {
		if (rk->in_flight && exchange == rk->claim)
			return 0;
		NL_SET_ERR_MSG(extack, "no claim in flight has this exchange number");
		return !rk->in_flight && exchange == rk->exchange ? -EALREADY :
								    -ESTALE;
	}
	if (exchange == rk->exchange) {
		NL_SET_ERR_MSG(extack, "this exchange delivered its seed already");
		return -EALREADY;
	}
	if ((s32)(exchange - rk->exchange) < 0) {
		NL_SET_ERR_MSG(extack, "a later exchange delivered a seed");
		return -ESTALE;
	}
	return 0;
}

/* Whether a seed may be parked, and whose keys it replaces. */
static int park_check(struct ipcp_flow *flow, u64 id, u8 epoch, u32 exchange,
		      unsigned int drops, struct netlink_ext_ack *extack)
{
	struct ipcp_epoch *newest = ipcp_epoch_newest(flow);
	int err;

	lockdep_assert_held(&flow->lock);
	if (flow->state == IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING ||
	    flow->state == IPCP_REKEY_FLOW_STATE_DEALLOCATED) {
		NL_SET_ERR_MSG(extack, "the flow is closed");
		return -ESHUTDOWN;
	}
	if (!flow->rk.encrypted) {
		NL_SET_ERR_MSG(extack, "the flow is not encrypted");
		return -EOPNOTSUPP;
	}
	/* Under the lock: the keys that there were are dropped after that. */
	if (READ_ONCE(asleep)) {
		NL_SET_ERR_MSG(extack, "the machine is about to sleep");
		return -EBUSY;
	}
	if (drops != flow->rk.drops) {
		NL_SET_ERR_MSG(extack, "all keys were dropped meanwhile");
		return -ESTALE;
	}
	if (seed_seen(&flow->rk, id)) {
		NL_SET_ERR_MSG(extack, "this seed was used before");
		return -EKEYREJECTED;
	}
	if (!flow->rk.nseeds)
		return 0;
	err = check_exchange(flow, exchange, extack);
	if (err || !newest)
		return err;
	if (epoch == newest->no && may_replace(flow, newest))
		return 0;
	if (epoch != (u8)(newest->no + 1)) {
		NL_SET_ERR_MSG_FMT(extack, "wrong epoch, the next is %u",
				   (u8)(newest->no + 1));
		return -EINVAL;
	}
	/* At the initiator the claim was the gate, when the exchange began. */
	if (!flow->rk.initiator &&
	    !test_bit(IPCP_EP_CONFIRMED, &newest->flags) &&
	    !ipcp_epoch_confirm_overdue(newest)) {
		NL_SET_ERR_MSG(extack, "the peer did not confirm the epoch before yet");
		return -EBUSY;
	}
	return 0;
}

/* The last step of parking: nothing in here can fail. */
static struct ipcp_epoch *park_commit(struct ipcp_flow *flow,
				      struct ipcp_epoch *ep, u64 id)
{
	struct ipcp_epoch __rcu **slot = &flow->slots[ep->no % IPCP_EPOCH_SLOTS];
	struct ipcp_rk *rk = &flow->rk;
	struct ipcp_epoch *old;

	old = rcu_replace_pointer(*slot, ep, lockdep_is_held(&flow->lock));
	if (old && old == rcu_access_pointer(flow->tx))
		RCU_INIT_POINTER(flow->tx, NULL);
	if (rk->nseeds)
		flow->rekeys++;
	rk->seeds[rk->nseeds++ % IPCP_SEEDS_KEPT] = id;
	WRITE_ONCE(rk->newest, ep->no);
	rk->pending_epoch = ep->no;
	rk->has_pending = true;
	rk->in_flight = false;
	rk->exchange = ep->exchange;
	rk->claim = ep->exchange;	/* it is, but for the first */
	WRITE_ONCE(rk->due, 0);
	atomic64_set(&flow->auth_failures, 0);
	ipcp_notify(flow, IPCP_REKEY_EVENT_PARKED, ep->no, ep->exchange);
	/* Under the lock that takes it: never set without a seed. */
	ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_REKEY, 0);
	return old;
}

/**
 * ipcp_keyrot_park() - Expand a seed and let its epoch be received
 * @flow: flow
 * @seed: root seed; moved, that is wiped, on every path
 * @epoch: number of the epoch
 * @exchange: number of the exchange that delivered it
 * @extack: for the reason of a refusal
 *
 * Context: Process context, may sleep.
 * Return: 0; -EALREADY this exchange delivered before; -ESTALE its claim ended
 * or a later one delivered; -EBUSY the epoch before is not confirmed, or the
 * machine is about to sleep;
 * -EINVAL wrong epoch; -EKEYREJECTED used seed; -EOPNOTSUPP no encryption;
 * -ESHUTDOWN; -ENOMEM.
 */
int ipcp_keyrot_park(struct ipcp_flow *flow, struct ipcp_root *seed, u8 epoch,
		     u32 exchange, struct netlink_ext_ack *extack)
{
	u64 id = siphash(seed->bytes, sizeof(seed->bytes), &flow->secret);
	struct ipcp_epoch *ep = NULL, *old = NULL;
	struct mem_cgroup *before;
	unsigned int drops;
	int err;

	spin_lock_bh(&flow->lock);
	drops = flow->rk.drops;
	err = park_check(flow, id, epoch, exchange, drops, extack);
	spin_unlock_bh(&flow->lock);
	if (err)
		goto wipe;

	before = ipcp_pay(&flow->payer);
	ep = epoch_new(flow, seed, epoch, exchange);
	ipcp_pay_end(before);
	if (!ep) {
		err = -ENOMEM;
		goto wipe;
	}

	spin_lock_bh(&flow->lock);
	err = park_check(flow, id, epoch, exchange, drops, extack);
	if (!err)
		old = park_commit(flow, ep, id);
	spin_unlock_bh(&flow->lock);
	if (err) {
		ipcp_keyrot_wipe(ep);
		ipcp_epoch_put(ep);
		goto wipe;
	}

	if (old && old->no == epoch)
		ipcp_notify(flow, IPCP_REKEY_EVENT_REPLACED, epoch,
			    old->exchange);
	else if (old)
		flow->linger_cut++;
	if (old)
		ipcp_keyrot_retire(flow, old);
	ipcp_flow_kick(flow);
wipe:
	ipcp_root_wipe(seed);
	return err;
}

/* Sends in the newest epoch from now on, if it may. */
static void __promote(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow);
	bool may;

	lockdep_assert_held(&flow->lock);
	if (!ep || !test_bit(IPCP_EP_ACTIVE, &ep->flags) ||
	    rcu_access_pointer(flow->tx) == ep) {
		clear_bit(IPCP_FLOW_PROMOTE, &flow->bits);
		return;
	}
	may = test_bit(IPCP_EP_OBSERVED, &ep->flags);
	/* Only the initiator knows that the peer's kernel has the seed. */
	if (flow->rk.initiator &&
	    (!rcu_access_pointer(flow->tx) ||
	     time_after_eq(jiffies, ep->parked + flow->grace)))
		may = true;
	if (!may)
		return;

	rcu_assign_pointer(flow->tx, ep);
	clear_bit(IPCP_FLOW_PROMOTE, &flow->bits);
	ep->promoted = jiffies;
	ep->confirm = jiffies;
	/* Whoever sees the bit sees the times. */
	smp_mb__before_atomic();
	set_bit(IPCP_EP_SENDING, &ep->flags);
	ipcp_notify(flow, IPCP_REKEY_EVENT_PROMOTED, ep->no, ep->exchange);
	ipcp_rbflags_wake(&flow->n_rb.flags, EPOLLOUT | EPOLLWRNORM);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_keyrot_promote() - See whether this side may send in the newest epoch
 * @flow: flow
 *
 * Context: Any context but hard interrupts; does not sleep.
 */
void ipcp_keyrot_promote(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	__promote(flow);
	spin_unlock_bh(&flow->lock);
}

/**
 * ipcp_keyrot_activate() - Install the seed that waits
 * @flow: flow
 *
 * Context: Any context but hard interrupts; does not sleep, cannot fail.
 * Return: true if there was one.
 */
bool ipcp_keyrot_activate(struct ipcp_flow *flow)
{
	struct ipcp_rk *rk = &flow->rk;
	struct ipcp_epoch *ep;
	bool taken;

	spin_lock_bh(&flow->lock);
	ep = ipcp_epoch_newest(flow);
	taken = rk->has_pending && ep;
	if (taken) {
		rk->epoch = rk->pending_epoch;
		rk->has_pending = false;
		ep->confirm = jiffies;
		ep->backoff = msecs_to_jiffies(IPCP_CONFIRM_MIN_MS);
		set_bit(IPCP_EP_ACTIVE, &ep->flags);
		set_bit(IPCP_FLOW_PROMOTE, &flow->bits);
		ipcp_notify(flow, IPCP_REKEY_EVENT_TAKEN, ep->no, ep->exchange);
		ipcp_rbflags_change(&flow->n_rb.flags, 0, IPCP_RB_REKEY);
		__promote(flow);
	}
	spin_unlock_bh(&flow->lock);
	if (taken)
		ipcp_flow_kick(flow);
	return taken;
}

/* Remember the newest epoch that the peer was seen in: it says where the peer is. */
static void note_observed(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	const struct ipcp_epoch *before = ipcp_epoch_find(flow,
							  flow->rk.observed);

	lockdep_assert_held(&flow->lock);
	if (!before || before == ep || ipcp_epoch_before(before->no, ep->no) ||
	    !test_bit(IPCP_EP_OBSERVED, &before->flags))
		WRITE_ONCE(flow->rk.observed, ep->no);
}

static void __observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      bool sending)
{
	if (!test_and_set_bit(IPCP_EP_OBSERVED, &ep->flags)) {
		note_observed(flow, ep);
		ipcp_notify(flow, IPCP_REKEY_EVENT_OBSERVED, ep->no,
			    ep->exchange);
		__promote(flow);
	}
	if (sending && !test_bit(IPCP_EP_PEER_SENDING, &ep->flags)) {
		ep->linger = jiffies + flow->linger_time;
		/* Whoever sees the bit sees the time. */
		smp_mb__before_atomic();
		set_bit(IPCP_EP_PEER_SENDING, &ep->flags);
	}
}

/**
 * ipcp_keyrot_observe() - A packet of the peer authenticated
 * @flow: flow
 * @ep: its epoch
 * @sending: the peer's data is in this epoch
 *
 * Context: Any context but hard interrupts; does not sleep.
 */
void ipcp_keyrot_observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
			 bool sending)
{
	unsigned long want = BIT(IPCP_EP_OBSERVED);

	if (sending)
		want |= BIT(IPCP_EP_PEER_SENDING);
	if (likely((READ_ONCE(ep->flags) & want) == want))
		return;

	spin_lock_bh(&flow->lock);
	if (ipcp_epoch_find(flow, ep->no) == ep)
		__observe(flow, ep, sending);
	spin_unlock_bh(&flow->lock);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_keyrot_grace() - Take a seed that nobody took, when its grace time is over
 * @flow: flow
 * @ep: its newest epoch
 * @next: jiffies when to look again
 *
 * The initiator may send in the epoch from then on, whether or not the peer was
 * heard there.
 *
 * Context: The flow's worker.
 */
void ipcp_keyrot_grace(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       unsigned long *next)
{
	if (test_bit(IPCP_EP_SENDING, &ep->flags) ||
	    ipcp_deadline_add(next, ep->parked + flow->grace))
		return;
	ipcp_keyrot_activate(flow);
	ipcp_keyrot_promote(flow);
}
