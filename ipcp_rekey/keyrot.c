// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * keyrot: the epochs of a flow.
 *
 *  park       a seed is expanded; its epoch can be received from then on
 *  activate   the program, or the grace time, takes the seed; the epoch may be
 *             sent in
 *  observe    a packet of the peer authenticated in the epoch
 *  promote    this side begins to send in the epoch
 *  confirmed  the peer has seen this side send in the epoch
 *  linger     time for which the previous epoch is still received
 *  retire     the keys of the epoch are wiped (keyrot-retire.c)
 *
 * keyrot-due.c decides when a new seed is due.
 *
 * Both ends hold the same seed for an epoch, for the following reasons. The
 * responder's agent parks a seed before it answers, so when the initiator parks
 * the seed of exchange n, the responder has parked it too. The initiator issues
 * exchange n + 1 only when it can no longer park n, since a claim ends with its
 * seed or is refused forever; so the responder holds nothing newer than n at
 * that time. The responder cannot know whether its answer arrived. Therefore it
 * sends in an epoch only after the peer was observed in it, and a seed in whose
 * epoch the peer was never observed may be replaced by the seed of a later
 * exchange. The replaced keys were used for receiving only, and the counters of
 * the new ones start at 0 under different keys.
 *
 * Parking does everything that can fail before it changes any state. activate,
 * observe and promote change bits and pointers under flow->lock; they never
 * fail or sleep.
 */
#include <linux/slab.h>
#include <net/netlink.h>

#include "deadline.h"
#include "keyrot.h"
#include "leaf.h"
#include "notify.h"
#include "question.h"
#include "trace.h"

/*
 * True from the notice of suspend or hibernation until the machine has woken
 * up.
 */
static bool asleep;

/**
 * ipcp_keyrot_set_asleep() - Refuse seeds until the machine has woken up
 * @yes: true if the machine is about to sleep, false to accept seeds again
 *
 * Context: Process context. The caller drops all existing keys after setting
 * it.
 */
void ipcp_keyrot_set_asleep(bool yes)
{
	WRITE_ONCE(asleep, yes);
}

/**
 * ipcp_keyrot_asleep() - Test whether seeds are refused
 *
 * Context: Any context.
 * Return: true from the notice that the machine will sleep until it has woken
 * up.
 */
bool ipcp_keyrot_asleep(void)
{
	return READ_ONCE(asleep);
}

/*
 * Expand the root of a new epoch. Called with what the seed is mixed with in
 * @chain; returns there what the next one is.
 */
static struct ipcp_epoch *epoch_new(struct ipcp_flow *flow,
				    struct ipcp_delivery *d,
				    struct ipcp_chain *chain)
{
	struct ipcp_epoch *ep = kzalloc(sizeof(*ep), GFP_KERNEL_ACCOUNT);
	struct ipcp_node_keys *nodes;
	struct ipcp_root root;

	if (!ep)
		return NULL;
	ep->flow = flow;
	refcount_set(&ep->refs, 1);
	ep->no = d->epoch;
	ep->cipher = flow->cipher;
	ep->ppl_shift = READ_ONCE(flow->ppl_shift);
	ep->exchange = d->exchange;
	ep->backoff = msecs_to_jiffies(IPCP_CONFIRM_MIN_MS);
	mutex_init(&ep->derive);
	spin_lock_init(&ep->lock);
	for (int dir = 0; dir < IPCP_DIRS; dir++)
		ep->leaves[dir].set.node = -1;

	nodes = kmalloc(sizeof(*nodes), GFP_KERNEL_ACCOUNT);
	if (!nodes)
		goto err_free;
	ipcp_chain_mix(&root, chain, &d->seed);
	ipcp_chain_next(chain, &root);
	ipcp_keysched_init(&ep->ks, nodes, &root);
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

/* True if the keys of the epoch may be replaced: see the top of this file. */
static bool may_replace(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	return !flow->rk.initiator &&
	       !test_bit(IPCP_EP_OBSERVED, &ep->flags) &&
	       rcu_access_pointer(flow->tx) != ep;
}

/*
 * True if an exchange number is further ahead than an initiator comes that begins
 * exchanges as fast as it may, however long it had no answer. Otherwise whoever
 * proves an identity once could use up the numbers.
 */
static bool too_far(const struct ipcp_rk *rk, u32 exchange)
{
	u64 seconds = (jiffies - rk->exchanged) / HZ;

	return exchange - rk->exchange >
	       IPCP_EXCHANGE_STEP + IPCP_EXCHANGE_RATE * seconds;
}

/**
 * ipcp_keyrot_check_exchange() - Check an exchange number at the responder
 * @flow: flow. The caller holds flow->lock.
 * @exchange: number, in serial number arithmetic (RFC 1982)
 * @extack: reports the reason of a refusal
 *
 * Context: Any context.
 * Return: 0; -EALREADY if this exchange delivered the last seed; -ESTALE if a
 * later one did; -ERANGE if it is too far ahead.
 */
int ipcp_keyrot_check_exchange(struct ipcp_flow *flow, u32 exchange,
			       struct netlink_ext_ack *extack)
{
	const struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	if (exchange == rk->exchange) {
		NL_SET_ERR_MSG(extack, "this exchange already delivered its seed");
		return -EALREADY;
	}
	if ((s32)(exchange - rk->exchange) < 0) {
		NL_SET_ERR_MSG(extack, "a later exchange delivered a seed");
		return -ESTALE;
	}
	if (too_far(rk, exchange)) {
		NL_SET_ERR_MSG(extack, "the exchange number is too far ahead");
		return -ERANGE;
	}
	return 0;
}

/* Check that an exchange number is that of the claim in flight. */
static int check_claim(const struct ipcp_rk *rk, u32 exchange,
		       struct netlink_ext_ack *extack)
{
	if (rk->in_flight && exchange == rk->claim)
		return 0;
	NL_SET_ERR_MSG(extack, "no claim in flight has this exchange number");
	return !rk->in_flight && exchange == rk->exchange ? -EALREADY : -ESTALE;
}

/*
 * True if the seed of an exchange may be mixed with no chain: there are no keys
 * to ask the peer under, the initiator claimed the flow for one, or the
 * responder asked for this exchange whether the peer has the keys, and the peer
 * was silent.
 */
static bool may_be_fresh(struct ipcp_flow *flow, u32 exchange)
{
	const struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	if (rk->nseeds && !rk->recoverable)
		return false;
	if (!ipcp_question_needed(flow))
		return true;
	if (rk->initiator)
		return rk->may_fresh && !ipcp_question_answered(flow);
	return flow->question.exchange == exchange &&
	       ipcp_question_permits(flow);
}

/*
 * Find the chain that a seed is mixed with: that of the newest epoch, or that of
 * the epoch before for a seed that replaces it. Which one the exchange names,
 * since it cannot be told from the number of the epoch alone what the peer will
 * mix. Return NULL if this side does not hold it.
 */
static const struct ipcp_chain *find_chain(struct ipcp_flow *flow,
					   const struct ipcp_delivery *d)
{
	static const struct ipcp_chain none;
	struct ipcp_epoch *newest = ipcp_epoch_newest(flow);
	const struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	if (d->chain == IPCP_CHAIN_FRESH)
		return may_be_fresh(flow, d->exchange) ? &none : NULL;
	if (!newest)
		return NULL;
	if (d->epoch == newest->no)
		return d->chain == rk->before_id ? &rk->before : NULL;
	return d->chain == rk->chain_id ? &rk->chain : NULL;
}

/* Check that a seed comes in turn. Called with flow->lock held. */
static int check_turn(struct ipcp_flow *flow, const struct ipcp_delivery *d,
		      struct netlink_ext_ack *extack)
{
	struct ipcp_epoch *newest = ipcp_epoch_newest(flow);
	int err;

	if (!flow->rk.nseeds)
		return 0;
	err = flow->rk.initiator ?
	      check_claim(&flow->rk, d->exchange, extack) :
	      ipcp_keyrot_check_exchange(flow, d->exchange, extack);
	if (err || !newest)
		return err;
	if (d->epoch == newest->no && may_replace(flow, newest))
		return 0;
	if (d->epoch != (u8)(newest->no + 1)) {
		NL_SET_ERR_MSG_FMT(extack, "wrong epoch, the next one is %u",
				   (u8)(newest->no + 1));
		return -EINVAL;
	}
	/*
	 * The initiator checked this when the flow was claimed. A peer without
	 * keys cannot confirm anything.
	 */
	if (!flow->rk.initiator && d->chain != IPCP_CHAIN_FRESH &&
	    !test_bit(IPCP_EP_CONFIRMED, &newest->flags) &&
	    !ipcp_epoch_confirm_overdue(newest)) {
		NL_SET_ERR_MSG(extack, "the peer has not confirmed the previous epoch yet");
		return -EBUSY;
	}
	return 0;
}

/*
 * Check whether a seed may be parked; then @from is the chain to mix it with.
 * Called with flow->lock held.
 */
static int park_check(struct ipcp_flow *flow, const struct ipcp_delivery *d,
		      u64 id, const struct ipcp_chain **from,
		      struct netlink_ext_ack *extack)
{
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
	/*
	 * Checked under the lock: existing keys are dropped after the flag is
	 * set.
	 */
	if (READ_ONCE(asleep)) {
		NL_SET_ERR_MSG(extack, "the machine is about to sleep");
		return -EBUSY;
	}
	if (d->generation != flow->rk.drops) {
		NL_SET_ERR_MSG(extack, "all keys were dropped in the meantime");
		return -ESTALE;
	}
	if (seed_seen(&flow->rk, id)) {
		NL_SET_ERR_MSG(extack, "this seed was used before");
		return -EKEYREJECTED;
	}
	err = check_turn(flow, d, extack);
	if (err)
		return err;
	*from = find_chain(flow, d);
	if (!*from) {
		if (d->chain == IPCP_CHAIN_FRESH)
			NL_SET_ERR_MSG(extack, "no silence of the peer permits a fresh seed");
		else
			NL_SET_ERR_MSG(extack, "the flow does not hold this chain");
		return -ESTALE;
	}
	return 0;
}

/*
 * Keep what the next seed is mixed with, and what this one was: see struct
 * ipcp_rk.
 */
static void keep_chains(struct ipcp_flow *flow, bool replaces,
			const struct ipcp_chain *next, u64 next_id)
{
	struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	if (!replaces && !rk->initiator) {
		rk->before = rk->chain;
		rk->before_id = rk->chain_id;
	}
	rk->chain = *next;
	rk->chain_id = next_id;
	rk->may_fresh = false;
	ipcp_question_forget(flow);
}

/*
 * Publish a parked epoch; cannot fail. Return the epoch that was in its slot.
 */
static struct ipcp_epoch *park_commit(struct ipcp_flow *flow,
				      struct ipcp_epoch *ep, u64 id,
				      const struct ipcp_delivery *d,
				      const struct ipcp_chain *next, u64 next_id)
{
	struct ipcp_epoch __rcu **slot = &flow->slots[ep->no % IPCP_EPOCH_SLOTS];
	struct ipcp_epoch *newest = ipcp_epoch_newest(flow), *old;
	struct ipcp_rk *rk = &flow->rk;

	if (rk->nseeds && d->chain == IPCP_CHAIN_FRESH)
		set_bit(IPCP_EP_RECOVERY, &ep->flags);
	if (newest && d->chain == IPCP_CHAIN_FRESH)
		set_bit(IPCP_EP_FRESH, &ep->flags);
	keep_chains(flow, newest && newest->no == ep->no, next, next_id);
	old = rcu_replace_pointer(*slot, ep, lockdep_is_held(&flow->lock));
	if (old && old == rcu_access_pointer(flow->tx))
		RCU_INIT_POINTER(flow->tx, NULL);
	if (rk->nseeds)
		WRITE_ONCE(flow->rekeys, flow->rekeys + 1);
	rk->seeds[rk->nseeds++ % IPCP_SEEDS_KEPT] = id;
	WRITE_ONCE(rk->newest, ep->no);
	WRITE_ONCE(rk->has_pending, true);
	WRITE_ONCE(rk->in_flight, false);
	rk->held_off = false;
	WRITE_ONCE(rk->exchange, ep->exchange);
	rk->exchanged = jiffies;
	/* Equal already at the initiator, except for the first seed. */
	rk->claim = ep->exchange;
	WRITE_ONCE(rk->due, 0);
	atomic64_set(&flow->auth_failures, 0);
	ipcp_notify(flow, IPCP_REKEY_EVENT_PARKED, ep->no, ep->exchange);
	/* Changed under the lock, so the flag is never set without a seed. */
	ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_REKEY, 0);
	return old;
}

/**
 * ipcp_keyrot_park() - Expand a seed and let its epoch be received
 * @flow: flow
 * @d: seed, and what its exchange says of it; consumed, the seed is wiped on
 *	every path
 * @extack: reports the reason of a refusal
 *
 * Context: Process context, may sleep.
 * Return: 0; -EALREADY if this exchange already delivered a seed; -ESTALE if
 * its claim has ended, a later exchange delivered a seed, all keys were dropped
 * in the meantime, or the flow does not hold the chain to mix it with, or may not
 * have a fresh seed; -ERANGE if the number is too far ahead; -EBUSY if
 * the previous epoch is not confirmed, or the machine is about to sleep; -EINVAL
 * if the epoch is wrong; -EKEYREJECTED if the seed was used before; -EOPNOTSUPP
 * if the flow is not encrypted; -ESHUTDOWN if the flow is closed; -ENOMEM.
 */
int ipcp_keyrot_park(struct ipcp_flow *flow, struct ipcp_delivery *d,
		     struct netlink_ext_ack *extack)
{
	u64 id = siphash(d->seed.bytes, sizeof(d->seed.bytes), &flow->secret);
	struct ipcp_epoch *ep = NULL, *old = NULL;
	const struct ipcp_chain *from;
	struct ipcp_chain chain = { };
	struct mem_cgroup *before;
	u64 next_id;
	int err;

	spin_lock_bh(&flow->lock);
	err = park_check(flow, d, id, &from, extack);
	if (!err)
		chain = *from;
	spin_unlock_bh(&flow->lock);
	if (err)
		goto wipe;

	before = ipcp_pay(&flow->payer);
	ep = epoch_new(flow, d, &chain);
	ipcp_pay_end(before);
	if (!ep) {
		err = -ENOMEM;
		goto wipe;
	}

	next_id = ipcp_chain_id(&chain);
	spin_lock_bh(&flow->lock);
	err = park_check(flow, d, id, &from, extack);
	if (!err)
		old = park_commit(flow, ep, id, d, &chain, next_id);
	if (old && old->no != d->epoch)
		WRITE_ONCE(flow->linger_cut, flow->linger_cut + 1);
	spin_unlock_bh(&flow->lock);
	if (err) {
		ipcp_keyrot_wipe(ep);
		ipcp_epoch_put(ep);
		goto wipe;
	}

	if (old && old->no == d->epoch)
		ipcp_notify(flow, IPCP_REKEY_EVENT_REPLACED, d->epoch,
			    old->exchange);
	if (old)
		ipcp_keyrot_retire(flow, old);
	ipcp_flow_kick(flow);
wipe:
	ipcp_chain_wipe(&chain);
	ipcp_seed_wipe(&d->seed);
	return err;
}

/*
 * True if this side may send in an epoch. The responder has parked the seed
 * before the initiator parks it, so only the initiator may send without having
 * observed the peer.
 */
static bool may_send(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	lockdep_assert_held(&flow->lock);
	if (test_bit(IPCP_EP_OBSERVED, &ep->flags))
		return true;
	return flow->rk.initiator &&
	       (!rcu_access_pointer(flow->tx) ||
		time_after_eq(jiffies, ep->parked + READ_ONCE(flow->grace)));
}

/*
 * Find the epoch to send in: the newest, once it was taken, or else the newest in
 * which the peer was observed. With another seed parked above it, that one counts
 * as taken. Return NULL if there is none.
 */
static struct ipcp_epoch *find_sendable(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow), *newest = ep;

	if (ep && test_bit(IPCP_EP_ACTIVE, &ep->flags) && may_send(flow, ep))
		return ep;
	ep = ipcp_epoch_find(flow, flow->rk.observed);
	return ep && ep != newest && test_bit(IPCP_EP_OBSERVED, &ep->flags) ?
	       ep : NULL;
}

/* True if senders need not try to promote: nothing waits but for the peer. */
static bool is_promoted(struct ipcp_flow *flow)
{
	struct ipcp_epoch *newest = ipcp_epoch_newest(flow);

	return !newest || !test_bit(IPCP_EP_ACTIVE, &newest->flags) ||
	       rcu_access_pointer(flow->tx) == newest;
}

/* Send in a newer epoch from now on, if allowed. */
static void __promote(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep, *tx;

	lockdep_assert_held(&flow->lock);
	ep = find_sendable(flow);
	tx = rcu_dereference_protected(flow->tx, lockdep_is_held(&flow->lock));
	if (!ep || (tx && !ipcp_epoch_before(tx->no, ep->no))) {
		if (is_promoted(flow))
			clear_bit(IPCP_FLOW_PROMOTE, &flow->bits);
		return;
	}

	rcu_assign_pointer(flow->tx, ep);
	if (is_promoted(flow))
		clear_bit(IPCP_FLOW_PROMOTE, &flow->bits);
	ep->promoted = jiffies;
	WRITE_ONCE(ep->confirm, jiffies);
	/*
	 * Pairs with test_bit_acquire() in confirm_by(): the times are visible
	 * before the bit is.
	 */
	smp_mb__before_atomic();
	set_bit(IPCP_EP_SENDING, &ep->flags);
	ipcp_notify(flow, IPCP_REKEY_EVENT_PROMOTED, ep->no, ep->exchange);
	ipcp_rbflags_wake(&flow->n_rb.flags, EPOLLOUT | EPOLLWRNORM);
	ipcp_flow_kick(flow);
}

/**
 * ipcp_keyrot_promote() - Send in the newest epoch, if allowed
 * @flow: flow
 *
 * Context: Any context except hard interrupts; does not sleep.
 */
void ipcp_keyrot_promote(struct ipcp_flow *flow)
{
	spin_lock_bh(&flow->lock);
	__promote(flow);
	spin_unlock_bh(&flow->lock);
}

/* Activate the parked seed. Return false if there is none. */
static bool __activate(struct ipcp_flow *flow)
{
	struct ipcp_epoch *ep = ipcp_epoch_newest(flow);
	struct ipcp_rk *rk = &flow->rk;

	lockdep_assert_held(&flow->lock);
	if (!rk->has_pending || !ep)
		return false;
	WRITE_ONCE(rk->epoch, ep->no);
	WRITE_ONCE(rk->has_pending, false);
	WRITE_ONCE(ep->confirm, jiffies);
	set_bit(IPCP_EP_ACTIVE, &ep->flags);
	set_bit(IPCP_FLOW_PROMOTE, &flow->bits);
	ipcp_notify(flow, IPCP_REKEY_EVENT_TAKEN, ep->no, ep->exchange);
	ipcp_rbflags_change(&flow->n_rb.flags, 0, IPCP_RB_REKEY);
	__promote(flow);
	return true;
}

/**
 * ipcp_keyrot_activate() - Activate the parked seed
 * @flow: flow
 *
 * Context: Any context except hard interrupts; does not sleep, cannot fail.
 * Return: true if a seed was pending.
 */
bool ipcp_keyrot_activate(struct ipcp_flow *flow)
{
	bool taken;

	spin_lock_bh(&flow->lock);
	taken = __activate(flow);
	spin_unlock_bh(&flow->lock);
	if (taken)
		ipcp_flow_kick(flow);
	return taken;
}

/*
 * Note the newest epoch in which the peer was observed, whose packets tell the
 * address of the peer.
 */
static void note_observed(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	const struct ipcp_epoch *before = ipcp_epoch_find(flow,
							  flow->rk.observed);

	lockdep_assert_held(&flow->lock);
	if (!before || before == ep || ipcp_epoch_before(before->no, ep->no) ||
	    !test_bit(IPCP_EP_OBSERVED, &before->flags))
		WRITE_ONCE(flow->rk.observed, ep->no);
}

/* Note that both ends have keys again after one had lost them. */
static void note_recovery(struct ipcp_flow *flow, const struct ipcp_epoch *ep)
{
	lockdep_assert_held(&flow->lock);
	WRITE_ONCE(flow->recovered, ktime_get_boottime_seconds());
	/* Pairs with smp_load_acquire() in recovery_age(). */
	smp_store_release(&flow->recoveries, flow->recoveries + 1);
	ipcp_notify(flow, IPCP_REKEY_EVENT_RECOVERED, ep->no, ep->exchange);
}

static void __observe(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		      bool sending)
{
	if (!test_and_set_bit(IPCP_EP_OBSERVED, &ep->flags)) {
		note_observed(flow, ep);
		ipcp_notify(flow, IPCP_REKEY_EVENT_OBSERVED, ep->no,
			    ep->exchange);
		if (test_bit(IPCP_EP_RECOVERY, &ep->flags))
			note_recovery(flow, ep);
		if (ep == ipcp_epoch_newest(flow)) {
			ipcp_keyrot_forget(flow);
			/* The peer has no other keys: no use in waiting. */
			if (test_bit(IPCP_EP_FRESH, &ep->flags))
				__activate(flow);
		}
		__promote(flow);
	}
	if (sending && !test_bit(IPCP_EP_PEER_SENDING, &ep->flags)) {
		ep->linger = jiffies + READ_ONCE(flow->linger_time);
		set_bit(IPCP_EP_PEER_SENDING, &ep->flags);
	}
}

/**
 * ipcp_keyrot_observe() - Handle an authentic packet of the peer
 * @flow: flow
 * @ep: epoch of the packet
 * @sending: true if the peer sends its data in this epoch
 *
 * Context: Any context except hard interrupts; does not sleep.
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
 * ipcp_keyrot_grace() - Activate a seed at the end of its grace time
 * @flow: flow
 * @ep: newest epoch of @flow
 * @next: (in/out) jiffies when to check again
 *
 * From then on the initiator may send in the epoch even if the peer was not
 * observed in it.
 *
 * Context: The worker of the flow.
 */
void ipcp_keyrot_grace(struct ipcp_flow *flow, struct ipcp_epoch *ep,
		       unsigned long *next)
{
	if (test_bit(IPCP_EP_SENDING, &ep->flags) ||
	    ipcp_deadline_add(next, ep->parked + READ_ONCE(flow->grace)))
		return;
	ipcp_keyrot_activate(flow);
	ipcp_keyrot_promote(flow);
}
