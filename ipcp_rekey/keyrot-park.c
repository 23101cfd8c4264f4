// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Park a seed: check that the seed may follow, expand it, and publish its epoch
 * for receiving. Everything that can fail comes before any state changes.
 */
#include <linux/slab.h>
#include <net/netlink.h>

#include "keyrot.h"
#include "leaf.h"
#include "notify.h"
#include "question.h"

/*
 * Expand a seed to a new epoch. @chain is the chain to mix the seed with, and
 * is replaced with the chain for the next seed. Return the epoch; -ENOMEM; or
 * an error as ipcp_leaves_init().
 */
static struct ipcp_epoch *epoch_new(struct ipcp_flow *flow,
				    struct ipcp_delivery *d,
				    struct ipcp_chain *chain)
{
	struct ipcp_epoch *ep = kzalloc(sizeof(*ep), IPCP_GFP_PAYER);
	struct ipcp_node_keys *nodes;
	struct ipcp_root root;
	int err = -ENOMEM;

	if (!ep)
		return ERR_PTR(err);
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

	nodes = kmalloc(sizeof(*nodes), IPCP_GFP_PAYER);
	if (!nodes)
		goto err_free;
	ipcp_chain_mix(&root, chain, &d->seed);
	ipcp_chain_next(chain, &root);
	ipcp_keysched_init(&ep->ks, nodes, &root);
	for (int dir = 0; dir < IPCP_DIRS; dir++) {
		err = ipcp_leaves_init(ep, dir);
		if (err)
			goto err_close;
	}
	ep->parked = jiffies;
	return ep;

err_close:
	ipcp_keyrot_wipe(ep);
err_free:
	ipcp_epoch_put(ep);
	return ERR_PTR(err);
}

static bool seed_seen(const struct ipcp_rk *rk, u64 id)
{
	for (int i = 0; i < min(rk->nseeds, IPCP_SEEDS_KEPT); i++)
		if (rk->seeds[i] == id)
			return true;
	return false;
}

/* True if the keys of the epoch may be replaced: see the top of keyrot.c. */
static bool may_replace(struct ipcp_flow *flow, struct ipcp_epoch *ep)
{
	return !flow->rk.initiator &&
	       !test_bit(IPCP_EP_OBSERVED, &ep->flags) &&
	       rcu_access_pointer(flow->tx) != ep;
}

/*
 * True if an exchange number is further ahead than an initiator gets that
 * begins exchanges at the highest rate and receives no answer. Without this
 * limit, a peer that proves its identity once could use up the numbers.
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
 * True if the seed of an exchange may be mixed with no chain. The first seed of
 * a flow always may. A later seed needs a recoverable flow and one of: this
 * side has no keys to ask the peer under; the initiator has claimed the flow
 * for a fresh seed, and has not heard the peer since the question; the
 * responder has asked the peer for this exchange, and the peer was silent.
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
 * Find the chain to mix a seed with: that of the newest epoch, or for a seed
 * that replaces the newest epoch, that of the epoch before. The exchange names
 * the chain, since the number of the epoch alone does not tell which chain the
 * peer will use. Return NULL if this side does not hold the chain.
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
 * Check whether a seed may be parked. On success, @from is the chain to mix the
 * seed with. Called with flow->lock held.
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
	if (ipcp_keyrot_asleep()) {
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
 * Keep the chain for the next seed, and the chain that this seed was mixed
 * with: see struct ipcp_rk.
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
	/* An initiator has this number already, except for the first seed. */
	rk->claim = ep->exchange;
	WRITE_ONCE(rk->due, 0);
	atomic64_set(&flow->auth_failures, 0);
	ipcp_notify(flow, IPCP_REKEY_EVENT_PARKED, ep->no, ep->exchange);
	/* Changed under the lock, so the flag is never set without a seed. */
	ipcp_rbflags_change(&flow->n_rb.flags, IPCP_RB_REKEY, 0);
	return old;
}

/* Report why a seed cannot be expanded. Return the error for the agent. */
static int cannot_expand(int err, struct netlink_ext_ack *extack)
{
	switch (err) {
	case -ENOENT:
	case -EINVAL:
	case -ELIBBAD:	/* as crypto_alloc_tfm() fails for an algorithm */
		NL_SET_ERR_MSG(extack, "this kernel lacks the cipher: set another one in enc.conf");
		return -EOPNOTSUPP;
	case -ENOMEM:
		NL_SET_ERR_MSG(extack, "no memory for the keys: raise memory.max of the program");
		return err;
	default:
		NL_SET_ERR_MSG(extack, "cannot set up the cipher");
		return err;
	}
}

/**
 * ipcp_keyrot_park() - Expand a seed and let its epoch be received
 * @flow: flow
 * @d: seed with the parameters of its exchange; the seed is wiped on every path
 * @extack: reports the reason of a refusal
 *
 * Context: Process context, may sleep.
 * Return: 0; -EALREADY if this exchange already delivered a seed; -ESTALE if
 * its claim has ended, a later exchange delivered a seed, all keys were dropped
 * in the meantime, or the flow does not hold the chain to mix the seed with, or
 * may not have a fresh seed; -ERANGE if the exchange number is too far ahead;
 * -EBUSY if the previous epoch is not confirmed, or the machine is about to
 * sleep; -EINVAL if the epoch is wrong; -EKEYREJECTED if the seed was used
 * before; -EOPNOTSUPP if the flow is not encrypted, or the kernel cannot use
 * its cipher; -ESHUTDOWN if the flow is closed; -ENOMEM; another error of
 * allocating a transform.
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
	if (IS_ERR(ep)) {
		err = cannot_expand(PTR_ERR(ep), extack);
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
