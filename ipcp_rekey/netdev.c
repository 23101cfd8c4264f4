// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Network interfaces of the kind "ipcp_rekey": a link from point to point over
 * one flow, as any other kernel code could have it (api.c).
 *
 * What an interface is to have, a flow to a name or a name to serve, is written
 * down by who configures it, with the right to; a work item sees that it has
 * it, tries again when it is lost, and lets the carrier and the MTU follow. So
 * nothing depends on whether an agent runs at that moment.
 *
 * The flow stays in the namespace in which the interface was made, wherever the
 * interface goes. It does not hold it: when that namespace ends, the flow does.
 */
#include <linux/cred.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <net/gso.h>
#include <net/icmp.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>
#include <uapi/linux/ipcp_rekey_link.h>

#include "compat/rtnetlink.h"
#include "api.h"
#include "deadline.h"
#include "listen.h"
#include "listener.h"
#include "netdev.h"
#include "registry.h"
#include "tx.h"
#include "wire.h"

#define IPCP_DEV_RXQ		1024	/* packets on their way to NAPI */
#define IPCP_DEV_RETRY_MAX	(32 * HZ)
/* What fits a path of 1500 bytes that may be IPv6's. */
#define IPCP_DEV_MTU \
	(ETH_DATA_LEN - (int)IPCP_TX_HEADROOM - IPCP_TAG_LEN)

static_assert((int)IPCP_REKEY_LINK_UP == IPCP_KFLOW_UP);
static_assert((int)IPCP_REKEY_LINK_SILENT == IPCP_KFLOW_SILENT);
static_assert((int)IPCP_REKEY_LINK_KEYLESS == IPCP_KFLOW_KEYLESS);

enum ipcp_dev_role {
	IPCP_DEV_IDLE,
	IPCP_DEV_CONNECT,
	IPCP_DEV_LISTEN,
};

/**
 * struct ipcp_dev - an interface
 * @dev: the device
 * @list: in the outer namespace's list, under RTNL
 * @ipn: outer namespace, NULL when it has ended; changes under RTNL and @lock
 * @lock: protects what follows; taken inside of RTNL
 * @role: what it is to have
 * @name: to or of which
 * @cred: of who said so
 * @anew: that was said since the work looked
 * @fit: the MTU is to be that of the flow
 * @flow: flow, if it has one
 * @listener: the name it serves, if it does
 * @accepted: a flow that is to replace @flow; exchanged, not under @lock
 * @retry: jiffies between the last attempt and the next
 * @again: jiffies when that is
 * @flows: flows it has had
 * @work: sees to it all
 * @rxq: packets for @napi
 * @napi: hands them up
 */
struct ipcp_dev {
	struct net_device *dev;
	struct list_head list;
	struct ipcp_net *ipn;
	struct mutex lock;	/* see above */
	enum ipcp_dev_role role;
	char name[IPCP_NAME_LEN + 1];
	const struct cred *cred;
	bool anew;
	bool fit;
	struct ipcp_kflow __rcu *flow;
	struct ipcp_klisten *listener;
	struct ipcp_kflow *accepted;
	unsigned long retry;
	unsigned long again;
	u64 flows;
	struct delayed_work work;
	struct sk_buff_head rxq;
	struct napi_struct napi;
};

static void tend_soon(struct ipcp_dev *d)
{
	mod_delayed_work(ipcp_wq, &d->work, 0);
}

/* --- receiving --- */

/* Makes it a packet of the interface. False if it is none. */
static bool decapsulate_packet(struct net_device *dev, struct sk_buff *skb)
{
	u8 outer = ipcp_kflow_cb(skb)->dsfield;

	skb->dev = dev;
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb->protocol = ip_tunnel_parse_protocol(skb);
	if (!skb->protocol || !pskb_inet_may_pull(skb))
		return false;
	/* Marked as congested outside, and that cannot be told inside: RFC 6040. */
	if (INET_ECN_decapsulate(skb, outer,
				 ip_tunnel_get_dsfield(ip_hdr(skb), skb)) > 1)
		return false;
	/* It is what the peer sent: that was authenticated. */
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->csum_level = ~0;
	return true;
}

static void link_receive(struct ipcp_kflow *flow, struct sk_buff *skb)
{
	struct net_device *dev = ipcp_kflow_priv(flow);
	struct ipcp_dev *d = netdev_priv(dev);
	unsigned int len = skb->len;

	if (!decapsulate_packet(dev, skb)) {
		DEV_STATS_INC(dev, rx_errors);
		DEV_STATS_INC(dev, rx_frame_errors);
		kfree_skb(skb);
	} else if (!netif_running(dev) ||
		   skb_queue_len_lockless(&d->rxq) >= IPCP_DEV_RXQ) {
		DEV_STATS_INC(dev, rx_dropped);
		kfree_skb(skb);
	} else {
		dev_sw_netstats_rx_add(dev, len);
		skb_queue_tail(&d->rxq, skb);
		napi_schedule(&d->napi);
	}
}

static int link_poll(struct napi_struct *napi, int budget)
{
	struct ipcp_dev *d = container_of(napi, struct ipcp_dev, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget && (skb = skb_dequeue(&d->rxq))) {
		napi_gro_receive(napi, skb);
		done++;
	}
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}

/* --- sending --- */

static bool too_long(const struct sk_buff *skb, unsigned int mtu)
{
	return skb_is_gso(skb) ? !skb_gso_validate_network_len(skb, mtu) :
				 skb->len > mtu;
}

/* Tells the sender what fits, and has the interface follow. */
static void tell_mtu(struct ipcp_dev *d, struct sk_buff *skb, unsigned int mtu)
{
	if (mtu < READ_ONCE(d->dev->mtu))
		tend_soon(d);
	skb_dst_update_pmtu_no_confirm(skb, mtu);
	if (skb->protocol == htons(ETH_P_IP))
		icmp_ndo_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED,
			      htonl(mtu));
	else
		icmpv6_ndo_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
}

/* Sends a packet, or a list of its segments. */
static void send_all(struct net_device *dev, struct ipcp_kflow *flow,
		     struct sk_buff *skb)
{
	unsigned int packets = 0, bytes = 0;
	struct sk_buff *next;

	skb_list_walk_safe(skb, skb, next) {
		u8 ds = ip_tunnel_ecn_encap(0, ip_hdr(skb), skb);
		unsigned int len = skb->len;

		skb_mark_not_on_list(skb);
		if (ipcp_api_send(flow, skb, ds)) {
			DEV_STATS_INC(dev, tx_dropped);
			continue;
		}
		packets++;
		bytes += len;
	}
	dev_sw_netstats_tx_add(dev, packets, bytes);
}

/* Why a packet cannot be sent, as a counter; NULL if it can. */
static atomic_long_t *check_packet(struct ipcp_dev *d, struct ipcp_kflow *flow,
				   struct sk_buff *skb)
{
	struct net_device *dev = d->dev;
	unsigned int mtu;

	if (!flow || !(ipcp_kflow_state(flow) & IPCP_KFLOW_UP))
		return &dev->stats.__tx_carrier_errors;
	if (ip_tunnel_parse_protocol(skb) != skb->protocol ||
	    !pskb_inet_may_pull(skb))
		return &dev->stats.__tx_errors;
	mtu = ipcp_kflow_mtu(flow);
	if (likely(!too_long(skb, mtu)))
		return NULL;
	tell_mtu(d, skb, mtu);
	return &dev->stats.__tx_errors;
}

/* Cuts a long packet. NULL, and it is freed, if that cannot be. */
static struct sk_buff *segment_packet(struct sk_buff *skb)
{
	struct sk_buff *segs;

	if (!skb_is_gso(skb))
		return skb;
	segs = skb_gso_segment(skb, 0);
	if (IS_ERR_OR_NULL(segs)) {
		kfree_skb(skb);
		return NULL;
	}
	consume_skb(skb);
	return segs;
}

/* Is there no room? The queue is stopped, then, and room() wakes it. */
static bool is_stopped(struct net_device *dev, struct ipcp_kflow *flow)
{
	if (likely(ipcp_api_room(flow)))
		return false;
	netif_stop_queue(dev);
	if (ipcp_api_want_room(flow))
		return true;
	netif_start_queue(dev);
	return false;
}

static netdev_tx_t link_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);
	struct ipcp_kflow *flow = rcu_dereference_bh(d->flow);
	atomic_long_t *why = check_packet(d, flow, skb);

	if (unlikely(why)) {
		atomic_long_inc(why);
		kfree_skb(skb);
		return NETDEV_TX_OK;
	}
	if (unlikely(is_stopped(dev, flow)))
		return NETDEV_TX_BUSY;
	skb = segment_packet(skb);
	if (likely(skb))
		send_all(dev, flow, skb);
	else
		DEV_STATS_INC(dev, tx_dropped);
	return NETDEV_TX_OK;
}

/* --- having a flow --- */

static void link_room(struct ipcp_kflow *flow)
{
	netif_wake_queue(ipcp_kflow_priv(flow));
}

static void link_changed(struct ipcp_kflow *flow, unsigned int state)
{
	tend_soon(netdev_priv(ipcp_kflow_priv(flow)));
}

static void link_served(void *priv, int err)
{
	struct ipcp_dev *d = netdev_priv(priv);

	if (err)
		netdev_info(d->dev, "the agent does not let it serve the name: %pe\n",
			    ERR_PTR(err));
}

/* The newest flow counts: the peer may have lost the one before. */
static int link_accept(struct ipcp_kflow *flow)
{
	struct ipcp_dev *d = netdev_priv(ipcp_kflow_priv(flow));
	struct ipcp_kflow *before = xchg(&d->accepted, flow);

	if (before)
		ipcp_kflow_release(before);
	tend_soon(d);
	return 0;
}

static const struct ipcp_kflow_ops link_flow_ops = {
	.receive = link_receive,
	.room = link_room,
	.changed = link_changed,
	.served = link_served,
	.accept = link_accept,
};

static struct ipcp_kflow *flow_of(struct ipcp_dev *d)
{
	return rcu_dereference_protected(d->flow, lockdep_is_held(&d->lock));
}

static void set_link_flow(struct ipcp_dev *d, struct ipcp_kflow *flow)
{
	struct ipcp_kflow *old;

	old = rcu_replace_pointer(d->flow, flow, lockdep_is_held(&d->lock));
	if (flow) {
		d->flows++;
		d->fit = true;
	}
	if (!old)
		return;
	synchronize_net();	/* no sender has it any more */
	ipcp_kflow_release(old);
	netif_wake_queue(d->dev);	/* nobody else would */
}

/* Ends all that it has. */
static void end_all(struct ipcp_dev *d)
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

/* Begins what it is to have, in the name of who said so. */
static int begin_flow(struct ipcp_dev *d)
{
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
		l = ipcp_api_listen(d->ipn, d->name, 4, &link_flow_ops,
				    d->dev, false);
		err = PTR_ERR_OR_ZERO(l);
		if (!err)
			d->listener = l;
	}
	revert_creds(before);
	return err;
}

/* Is there something to begin? */
static bool wants_flow(struct ipcp_dev *d)
{
	if (!d->ipn || d->role == IPCP_DEV_IDLE)
		return false;
	return d->role == IPCP_DEV_CONNECT ? !flow_of(d) : !d->listener;
}

/* The next attempt is later than the one before. */
static void queue_later(struct ipcp_dev *d, unsigned long *next)
{
	d->retry = clamp(2 * d->retry, (unsigned long)HZ,
			 (unsigned long)IPCP_DEV_RETRY_MAX);
	d->again = ipcp_deadline_in(next, d->retry);
}

/* Has what it is to have, or tries again later. */
static void see_to_flow(struct ipcp_dev *d)
{
	struct ipcp_kflow *new = xchg(&d->accepted, NULL);
	unsigned long next = ipcp_deadline_never();

	if (new)
		set_link_flow(d, new);
	if (flow_of(d) && ipcp_kflow_state(flow_of(d)) & IPCP_KFLOW_DOWN) {
		set_link_flow(d, NULL);
		queue_later(d, &next);
	}
	if (wants_flow(d) && !ipcp_deadline_add(&next, d->again) &&
	    begin_flow(d))
		queue_later(d, &next);
	if (wants_flow(d))
		queue_delayed_work(ipcp_wq, &d->work, ipcp_deadline_delay(next));
}

/* The MTU that it ought to have. Under the lock. */
static unsigned int want_mtu(struct ipcp_dev *d, struct ipcp_kflow *flow)
{
	unsigned int mtu = READ_ONCE(d->dev->mtu);
	bool fit = d->fit;

	d->fit = false;
	return fit ? ipcp_kflow_mtu(flow) : min(mtu, ipcp_kflow_mtu(flow));
}

/*
 * Carrier and MTU are those of the flow. Returns the MTU, to be set without the
 * lock, since who is told of it may ask us for more; 0 without a flow.
 */
static unsigned int follow_flow(struct ipcp_dev *d)
{
	struct ipcp_kflow *flow = flow_of(d);
	unsigned int state = flow ? ipcp_kflow_state(flow) : 0;

	lockdep_assert_held(&d->lock);
	if (!(state & IPCP_KFLOW_UP) || state & IPCP_KFLOW_SILENT) {
		netif_carrier_off(d->dev);
	} else {
		d->retry = 0;
		netif_carrier_on(d->dev);
	}
	return state & IPCP_KFLOW_UP ? want_mtu(d, flow) : 0;
}

/* Sets the MTU. Who has RTNL may wait for us: false to come again. */
static bool set_mtu(struct net_device *dev, unsigned int mtu)
{
	if (!rtnl_trylock())
		return false;
	if (mtu < IPV6_MIN_MTU)
		netdev_info(dev, "%u bytes fit the path: no IPv6, which needs %u\n",
			    mtu, IPV6_MIN_MTU);
	dev_set_mtu(dev, mtu);
	rtnl_unlock();
	return true;
}

static void tend_link(struct work_struct *work)
{
	struct ipcp_dev *d = container_of(to_delayed_work(work),
					  struct ipcp_dev, work);
	unsigned int mtu;

	mutex_lock(&d->lock);
	if (d->anew) {
		d->anew = false;
		d->retry = 0;
		d->again = jiffies;
		end_all(d);
	}
	see_to_flow(d);
	mtu = follow_flow(d);
	mutex_unlock(&d->lock);

	if (!mtu || mtu == READ_ONCE(d->dev->mtu) || set_mtu(d->dev, mtu))
		return;
	mutex_lock(&d->lock);
	d->fit = true;
	mutex_unlock(&d->lock);
	mod_delayed_work(ipcp_wq, &d->work, 1);
}

/* --- the device --- */

static int link_open(struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	napi_enable(&d->napi);
	netif_start_queue(dev);
	return 0;
}

static int link_stop(struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	netif_stop_queue(dev);
	napi_disable(&d->napi);
	skb_queue_purge(&d->rxq);
	return 0;
}

/* Nobody sends any more; under RTNL. */
static void link_uninit(struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	disable_delayed_work_sync(&d->work);
	mutex_lock(&d->lock);
	end_all(d);
	mutex_unlock(&d->lock);
	skb_queue_purge(&d->rxq);
	list_del_init(&d->list);
	if (d->cred)
		put_cred(d->cred);
}

static const struct net_device_ops netdev_ops = {
	.ndo_open = link_open,
	.ndo_stop = link_stop,
	.ndo_uninit = link_uninit,
	.ndo_start_xmit = link_xmit,
};

static const struct device_type link_type = { .name = "ipcp_rekey" };

static void link_setup(struct net_device *dev)
{
	const netdev_features_t features = NETIF_F_SG | NETIF_F_FRAGLIST |
					   NETIF_F_HIGHDMA | NETIF_F_HW_CSUM |
					   NETIF_F_RXCSUM | NETIF_F_GSO_SOFTWARE;

	dev->netdev_ops = &netdev_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->needs_free_netdev = true;
	dev->lltx = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->features |= features;
	dev->hw_features |= features;
	dev->hw_enc_features |= features;
	dev->needed_headroom = IPCP_TX_HEADROOM + LL_MAX_HEADER;
	dev->needed_tailroom = IPCP_TAG_LEN;
	dev->mtu = IPCP_DEV_MTU;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = IP_MAX_MTU - IPCP_TX_HEADROOM - IPCP_TAG_LEN;
	dev->tx_queue_len = 1000;
	SET_NETDEV_DEVTYPE(dev, &link_type);
	netif_keep_dst(dev);
}

/* --- rtnetlink --- */

static const struct nla_policy link_policy[IFLA_IPCP_REKEY_MAX + 1] = {
	[IFLA_IPCP_REKEY_CONNECT] = { .type = NLA_NUL_STRING,
				      .len = IPCP_NAME_LEN },
	[IFLA_IPCP_REKEY_LISTEN] = { .type = NLA_NUL_STRING,
				     .len = IPCP_NAME_LEN },
};

static int link_validate(struct nlattr *tb[], struct nlattr *data[],
			 struct netlink_ext_ack *extack)
{
	for (int i = 0; data && i <= IFLA_IPCP_REKEY_MAX; i++) {
		if (!data[i])
			continue;
		if (i != IFLA_IPCP_REKEY_CONNECT && i != IFLA_IPCP_REKEY_LISTEN) {
			NL_SET_ERR_MSG_ATTR(extack, data[i],
					    "this is not to be set");
			return -EINVAL;
		}
		if (*(char *)nla_data(data[i]) &&
		    !ipcp_name_valid(nla_data(data[i]))) {
			NL_SET_ERR_MSG_ATTR(extack, data[i],
					    "a name has no spaces or control characters");
			return -EINVAL;
		}
	}
	if (data && data[IFLA_IPCP_REKEY_CONNECT] &&
	    data[IFLA_IPCP_REKEY_LISTEN]) {
		NL_SET_ERR_MSG(extack, "one flow: connect or listen");
		return -EINVAL;
	}
	return 0;
}

/* Writes down what it is to have, if anything is said of it. */
static int configure_link(struct ipcp_dev *d, struct nlattr *data[],
			  struct netlink_ext_ack *extack)
{
	const struct nlattr *connect = data ? data[IFLA_IPCP_REKEY_CONNECT] : NULL;
	const struct nlattr *listen = data ? data[IFLA_IPCP_REKEY_LISTEN] : NULL;
	const struct nlattr *name = connect ?: listen;

	if (!name)
		return 0;
	if (!d->ipn) {
		NL_SET_ERR_MSG(extack, "the namespace of the flow has ended");
		return -ENODEV;
	}
	if (!ns_capable(d->ipn->net->user_ns, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack, "not allowed in the namespace of the flow");
		return -EPERM;
	}
	mutex_lock(&d->lock);
	nla_strscpy(d->name, name, sizeof(d->name));
	d->role = !*d->name ? IPCP_DEV_IDLE :
		  connect ? IPCP_DEV_CONNECT : IPCP_DEV_LISTEN;
	if (d->cred)
		put_cred(d->cred);
	d->cred = get_current_cred();
	d->anew = true;
	mutex_unlock(&d->lock);
	tend_soon(d);
	return 0;
}

/**
 * ipcp_netdev_newlink() - Make an interface
 * @outer: namespace of its flow
 * @dev: device, set up and not registered
 * @data: attributes, or NULL
 * @extack: for the reason of a failure
 *
 * Context: Process context, under RTNL.
 * Return: 0 or a negative errno.
 */
int ipcp_netdev_newlink(struct net *outer, struct net_device *dev,
			struct nlattr *data[], struct netlink_ext_ack *extack)
{
	struct ipcp_dev *d = netdev_priv(dev);
	int err;

	d->dev = dev;
	d->ipn = ipcp_net(outer);
	mutex_init(&d->lock);
	INIT_DELAYED_WORK(&d->work, tend_link);
	INIT_LIST_HEAD(&d->list);
	skb_queue_head_init(&d->rxq);
	netif_napi_add(dev, &d->napi, link_poll);
	netif_carrier_off(dev);
	err = register_netdevice(dev);
	if (err)
		return err;
	list_add(&d->list, &d->ipn->netdevs);
	err = configure_link(d, data, extack);
	if (err)
		unregister_netdevice(dev);
	return err;
}

static int link_changelink(struct net_device *dev, struct nlattr *tb[],
			   struct nlattr *data[],
			   struct netlink_ext_ack *extack)
{
	return configure_link(netdev_priv(dev), data, extack);
}

static size_t link_get_size(const struct net_device *dev)
{
	return nla_total_size(IPCP_NAME_LEN + 1) +	/* _CONNECT or _LISTEN */
	       2 * nla_total_size(sizeof(u32)) +	/* _STATE, _FLOW */
	       nla_total_size(sizeof(u8)) +		/* _EPOCH */
	       3 * nla_total_size_64bit(sizeof(u64));	/* _*_LEFT, _REKEYS */
}

static int fill_flow(struct sk_buff *skb, struct ipcp_kflow *flow)
{
	struct ipcp_kflow_info info;

	ipcp_kflow_info(flow, &info);
	if (nla_put_u32(skb, IFLA_IPCP_REKEY_STATE,
			info.state & ~IPCP_KFLOW_DOWN) ||
	    nla_put_u32(skb, IFLA_IPCP_REKEY_FLOW, info.flow.id) ||
	    nla_put_u8(skb, IFLA_IPCP_REKEY_EPOCH, info.flow.tx_epoch) ||
	    nla_put_u64_64bit(skb, IFLA_IPCP_REKEY_TX_LEFT, info.flow.tx_left,
			      IFLA_IPCP_REKEY_PAD) ||
	    nla_put_u64_64bit(skb, IFLA_IPCP_REKEY_RX_LEFT, info.flow.rx_left,
			      IFLA_IPCP_REKEY_PAD) ||
	    nla_put_u64_64bit(skb, IFLA_IPCP_REKEY_REKEYS, info.flow.rekeys,
			      IFLA_IPCP_REKEY_PAD))
		return -EMSGSIZE;
	return 0;
}

static int link_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);
	int err = 0;

	mutex_lock(&d->lock);
	if (d->role != IPCP_DEV_IDLE)
		err = nla_put_string(skb, d->role == IPCP_DEV_CONNECT ?
				     IFLA_IPCP_REKEY_CONNECT :
				     IFLA_IPCP_REKEY_LISTEN, d->name);
	if (!err)
		err = flow_of(d) ? fill_flow(skb, flow_of(d)) :
				   nla_put_u32(skb, IFLA_IPCP_REKEY_STATE, 0);
	mutex_unlock(&d->lock);
	return err;
}

static size_t link_get_xstats_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(struct ipcp_rekey_link_xstats));
}

static int link_fill_xstats(struct sk_buff *skb, const struct net_device *dev)
{
	struct ipcp_rekey_link_xstats x = { };
	struct ipcp_dev *d = netdev_priv(dev);
	struct ipcp_kflow_info info;

	mutex_lock(&d->lock);
	x.flows = d->flows;
	if (flow_of(d)) {
		ipcp_kflow_info(flow_of(d), &info);
		x.held = info.held;
		x.stalls = info.stalls;
	}
	mutex_unlock(&d->lock);
	return nla_put(skb, IFLA_INFO_XSTATS, sizeof(x), &x);
}

static struct net *link_get_link_net(const struct net_device *dev)
{
	struct ipcp_dev *d = netdev_priv(dev);

	return d->ipn ? d->ipn->net : dev_net(dev);
}

static struct rtnl_link_ops rtnl_ops __read_mostly = {
	.kind = "ipcp_rekey",
	.priv_size = sizeof(struct ipcp_dev),
	.setup = link_setup,
	.maxtype = IFLA_IPCP_REKEY_MAX,
	.policy = link_policy,
	.validate = link_validate,
	.newlink = ipcp_newlink,
	.changelink = link_changelink,
	.get_size = link_get_size,
	.fill_info = link_fill_info,
	.get_xstats_size = link_get_xstats_size,
	.fill_xstats = link_fill_xstats,
	.get_link_net = link_get_link_net,
};

static int __net_init netdev_net_init(struct net *net)
{
	INIT_LIST_HEAD(&ipcp_net(net)->netdevs);
	return 0;
}

/*
 * The namespace of flows ends. Interfaces that have gone elsewhere stay, without a
 * flow for ever.
 */
static void __net_exit netdev_net_exit(struct net *net)
{
	struct ipcp_net *ipn = ipcp_net(net);
	struct ipcp_dev *d, *next;

	rtnl_lock();
	list_for_each_entry_safe(d, next, &ipn->netdevs, list) {
		list_del_init(&d->list);
		mutex_lock(&d->lock);
		end_all(d);
		d->ipn = NULL;
		mutex_unlock(&d->lock);
		netif_carrier_off(d->dev);
	}
	rtnl_unlock();
}

/* ORDER: registered after the namespaces' own, so its exit comes before. */
static struct pernet_operations netdev_net_ops = {
	.init = netdev_net_init,
	.exit = netdev_net_exit,
};

/**
 * ipcp_netdev_init() - Interfaces can be made
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_netdev_init(void)
{
	int err = register_pernet_device(&netdev_net_ops);

	if (err)
		return err;
	err = rtnl_link_register(&rtnl_ops);
	if (err)
		unregister_pernet_device(&netdev_net_ops);
	return err;
}

/**
 * ipcp_netdev_exit() - All interfaces go, and none can be made
 *
 * Context: Module exit; none has a flow.
 */
void ipcp_netdev_exit(void)
{
	rtnl_link_unregister(&rtnl_ops);
	unregister_pernet_device(&netdev_net_ops);
}
