// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The flow of an interface. A work item sets up the flow or the listener that
 * the role asks for, tries again after a failure or a loss, and updates the
 * carrier and the MTU.
 */
#include <linux/cred.h>
#include <linux/rtnetlink.h>
#include <net/ipv6.h>

#include "deadline.h"
#include "netdev-int.h"

#define IPCP_DEV_RETRY_MAX	(32 * HZ)

static void link_room(struct ipcp_kflow *flow)
{
	netif_wake_queue(ipcp_kflow_priv(flow));
}

static void link_changed(struct ipcp_kflow *flow, unsigned int state)
{
	ipcp_netdev_tend_soon(netdev_priv(ipcp_kflow_priv(flow)));
}

static void link_served(void *priv, int err)
{
	struct ipcp_dev *d = netdev_priv(priv);

	if (!err)
		return;
	WRITE_ONCE(d->refused, err);
	ipcp_netdev_tend_soon(d);
}

/* Use the newest flow: the peer may have lost the previous one. */
static int link_accept(struct ipcp_kflow *flow)
{
	struct ipcp_dev *d = netdev_priv(ipcp_kflow_priv(flow));
	struct ipcp_kflow *before = xchg(&d->accepted, flow);

	if (before)
		ipcp_kflow_release(before);
	ipcp_netdev_tend_soon(d);
	return 0;
}

static const struct ipcp_kflow_ops link_flow_ops = {
	.receive = ipcp_netdev_receive,
	.receive_paged = ipcp_netdev_receive,
	.room = link_room,
	.changed = link_changed,
	.served = link_served,
	.accept = link_accept,
};

static void set_link_flow(struct ipcp_dev *d, struct ipcp_kflow *flow)
{
	struct ipcp_kflow *old;

	if (flow) {
		ipcp_api_set_dev(flow, d->dev);
		d->flows++;
	}
	old = rcu_replace_pointer(d->flow, flow, lockdep_is_held(&d->lock));
	if (!old)
		return;
	synchronize_net();	/* wait for senders that use the old flow */
	ipcp_api_set_dev(old, NULL);
	ipcp_kflow_release(old);
	netif_wake_queue(d->dev);	/* the old flow no longer does */
}

/**
 * ipcp_netdev_end_flow() - End the flow and the listener
 * @d: interface
 *
 * Context: Process context with d->lock held; sleeps.
 */
void ipcp_netdev_end_flow(struct ipcp_dev *d)
{
	struct ipcp_kflow *accepted;

	lockdep_assert_held(&d->lock);
	if (d->listener)
		ipcp_kflow_unlisten(d->listener);
	d->listener = NULL;
	accepted = xchg(&d->accepted, NULL);
	if (accepted)
		ipcp_kflow_release(accepted);
	set_link_flow(d, NULL);
}

/*
 * Start to connect or to listen, with the credentials of the task that
 * configured the interface, and charged to the control group of that task.
 */
static int begin_flow(struct ipcp_dev *d)
{
	struct mem_cgroup *payer = set_active_memcg(d->memcg);
	const struct cred *before = override_creds(d->cred);
	struct ipcp_klisten *l;
	struct ipcp_kflow *k;
	int err = 0;

	if (d->role == IPCP_DEV_CONNECT) {
		k = ipcp_api_alloc(d->ipn, d->name, &link_flow_ops, d->dev,
				   false);
		err = PTR_ERR_OR_ZERO(k);
		if (!err)
			set_link_flow(d, k);
	} else {
		WRITE_ONCE(d->refused, 0);
		l = ipcp_api_listen(d->ipn, d->name, 4, &link_flow_ops,
				    d->dev, false);
		err = PTR_ERR_OR_ZERO(l);
		if (!err)
			d->listener = l;
	}
	revert_creds(before);
	set_active_memcg(payer);
	return err;
}

/* True if the role asks for a flow or a listener that does not exist. */
static bool wants_flow(struct ipcp_dev *d)
{
	if (!d->ipn || d->role == IPCP_DEV_IDLE)
		return false;
	return d->role == IPCP_DEV_CONNECT ? !ipcp_netdev_flow(d) : !d->listener;
}

/* Schedule the next attempt, with exponential backoff. */
static void queue_later(struct ipcp_dev *d, unsigned long *next)
{
	d->retry = clamp(2 * d->retry, (unsigned long)HZ,
			 (unsigned long)IPCP_DEV_RETRY_MAX);
	d->again = ipcp_deadline_in(next, d->retry);
}

/*
 * Drop a listener whose name was refused, or whose agent went away before it
 * answered. Return true if there was one.
 */
static bool drop_refused(struct ipcp_dev *d)
{
	int err = READ_ONCE(d->refused);

	if (!d->listener || !err)
		return false;
	if (!d->retry)
		netdev_info(d->dev, "cannot serve the name, will try again: %pe\n",
			    ERR_PTR(err));
	ipcp_kflow_unlisten(d->listener);
	d->listener = NULL;
	return true;
}

/* Set up the flow or the listener if necessary, or schedule an attempt. */
static void see_to_flow(struct ipcp_dev *d)
{
	struct ipcp_kflow *new = xchg(&d->accepted, NULL);
	unsigned long next = ipcp_deadline_never();
	struct ipcp_kflow *flow;

	if (new)
		set_link_flow(d, new);
	flow = ipcp_netdev_flow(d);
	if (flow && ipcp_kflow_state(flow) & IPCP_KFLOW_DOWN) {
		set_link_flow(d, NULL);
		queue_later(d, &next);
	}
	if (drop_refused(d))
		queue_later(d, &next);
	if (wants_flow(d) && !ipcp_deadline_add(&next, d->again) &&
	    begin_flow(d))
		queue_later(d, &next);
	if (wants_flow(d))
		queue_delayed_work(ipcp_wq, &d->work, ipcp_deadline_delay(next));
}

/*
 * Return the MTU to set: that of the flow, or less if an administrator has set
 * less. Keep the MTU while the flow searches for the size that its path
 * carries: below 1280 bytes the stack would remove all IPv6 addresses and
 * routes. A path within the host may carry more than the maximum of an
 * interface. Locking: d->lock.
 */
static unsigned int want_mtu(struct ipcp_dev *d)
{
	struct ipcp_kflow *flow = ipcp_netdev_flow(d);
	unsigned int mtu;

	if (!flow || !(ipcp_kflow_state(flow) & IPCP_KFLOW_UP) ||
	    !ipcp_api_lasting_mtu(flow, &mtu))
		return READ_ONCE(d->dev->mtu);
	return min3(mtu, READ_ONCE(d->limit), d->dev->max_mtu);
}

/* Update the carrier. Return true if the MTU has to be set, too. */
static bool follow_flow(struct ipcp_dev *d)
{
	struct ipcp_kflow *flow = ipcp_netdev_flow(d);
	unsigned int state = flow ? ipcp_kflow_state(flow) : 0;

	lockdep_assert_held(&d->lock);
	if (!(state & IPCP_KFLOW_UP) || state & IPCP_KFLOW_SILENT) {
		netif_carrier_off(d->dev);
	} else {
		d->retry = 0;
		netif_carrier_on(d->dev);
	}
	return want_mtu(d) != READ_ONCE(d->dev->mtu);
}

/*
 * Set the MTU, without d->lock, since a notifier may call back into this
 * driver. Only try to take RTNL: the holder may be waiting for this work item.
 * Return false if the caller has to try again.
 */
static bool resize_link(struct ipcp_dev *d)
{
	struct net_device *dev = d->dev;
	unsigned int mtu;

	if (!rtnl_trylock())
		return false;
	mutex_lock(&d->lock);
	mtu = want_mtu(d);
	mutex_unlock(&d->lock);
	if (mtu < IPV6_MIN_MTU && dev->mtu >= IPV6_MIN_MTU)
		netdev_info(dev, "MTU %u is too small for IPv6, which needs %u\n",
			    mtu, IPV6_MIN_MTU);
	d->following = true;
	dev_set_mtu(dev, mtu);
	d->following = false;
	rtnl_unlock();
	return true;
}

/**
 * ipcp_netdev_change_mtu() - Set the MTU, and note an administrator's limit
 * @dev: interface
 * @mtu: MTU in bytes
 *
 * Context: ndo_change_mtu, under RTNL.
 * Return: 0.
 */
int ipcp_netdev_change_mtu(struct net_device *dev, int mtu)
{
	struct ipcp_dev *d = netdev_priv(dev);

	WRITE_ONCE(dev->mtu, mtu);
	if (!d->following) {
		WRITE_ONCE(d->limit, mtu);
		ipcp_netdev_tend_soon(d);	/* the flow may take less */
	}
	return 0;
}

/**
 * ipcp_netdev_tend() - Bring the flow of an interface in line with its role
 * @work: ipcp_dev.work
 *
 * Context: Work item, without RTNL.
 */
void ipcp_netdev_tend(struct work_struct *work)
{
	struct ipcp_dev *d = container_of(to_delayed_work(work),
					  struct ipcp_dev, work);
	bool resize;

	mutex_lock(&d->lock);
	if (d->anew) {
		d->anew = false;
		d->retry = 0;
		d->again = jiffies;
		ipcp_netdev_end_flow(d);
	}
	see_to_flow(d);
	resize = follow_flow(d);
	mutex_unlock(&d->lock);

	if (resize && !resize_link(d))
		mod_delayed_work(ipcp_wq, &d->work, 1);
}
