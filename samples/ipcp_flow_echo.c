// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp_flow_echo: a server that echoes messages, and a probe that measures the
 * round-trip time. This is an example of the kernel API.
 *
 *	cd /sys/module/ipcp_flow_echo/parameters
 *	echo NAME >serve	# serve the name in this network namespace
 *	echo NAME >probe	# start a probe, which keeps messages in flight
 *	cat probe		# show counts and round-trip times
 *	echo Y >drain		# send no new messages
 *	echo >probe		# end the probe
 *
 * A flow may lose messages, as UDP does. The probe counts lost messages as in
 * flight forever, so it stops after losing as many as it keeps in flight.
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/ipcp_flow.h>

static unsigned int size = 64;
module_param(size, uint, 0644);
MODULE_PARM_DESC(size, "size of the probe's messages in bytes, at least 8");

static unsigned int window = 16;
module_param(window, uint, 0644);
MODULE_PARM_DESC(window, "number of messages that the probe keeps in flight");

static bool drain;
module_param(drain, bool, 0644);
MODULE_PARM_DESC(drain, "the probe sends no new messages");

static bool gone;	/* protected by kernel_param_lock() */

/* --- the server: any number of flows --- */

struct echo {
	struct list_head list;
	struct ipcp_kflow *flow;
};

static struct ipcp_klisten *listener;
static LIST_HEAD(echoes);
static DEFINE_MUTEX(echoes_lock);
static atomic_long_t echoed;

static void echo_receive(struct ipcp_kflow *flow, struct sk_buff *skb)
{
	int err = ipcp_kflow_send(flow, skb);

	if (!err)
		atomic_long_inc(&echoed);
	else if (err == -EAGAIN)
		kfree_skb(skb);		/* no room: drop the answer */
}

/* Release the flows that are down, or all flows. */
static void release_echoes(bool all)
{
	struct echo *echo, *next;

	mutex_lock(&echoes_lock);
	list_for_each_entry_safe(echo, next, &echoes, list) {
		if (!all && !(ipcp_kflow_state(echo->flow) & IPCP_KFLOW_DOWN))
			continue;
		list_del(&echo->list);
		ipcp_kflow_release(echo->flow);
		kfree(echo);
	}
	mutex_unlock(&echoes_lock);
}

static void reap(struct work_struct *work)
{
	release_echoes(false);
}

static DECLARE_WORK(reap_work, reap);

/* Runs in a softirq, which cannot release flows. */
static void echo_changed(struct ipcp_kflow *flow, unsigned int state)
{
	if (state & IPCP_KFLOW_DOWN)
		schedule_work(&reap_work);
}

static int echo_accept(struct ipcp_kflow *flow)
{
	struct echo *echo = kzalloc(sizeof(*echo), GFP_KERNEL);

	if (!echo)
		return -ENOMEM;
	echo->flow = flow;
	mutex_lock(&echoes_lock);
	list_add(&echo->list, &echoes);
	mutex_unlock(&echoes_lock);
	return 0;
}

static const struct ipcp_kflow_ops echo_ops = {
	.receive = echo_receive,
	.changed = echo_changed,
	.accept = echo_accept,
};

static void serve_end(void)
{
	/* ORDER: stop new flows, release all flows, then stop the work item. */
	if (listener)
		ipcp_kflow_unlisten(listener);
	listener = NULL;
	release_echoes(true);
	cancel_work_sync(&reap_work);
}

static int serve_begin(const char *name)
{
	struct ipcp_klisten *l;

	l = ipcp_kflow_listen(current->nsproxy->net_ns, name, 16, &echo_ops,
			      NULL);
	if (IS_ERR(l))
		return PTR_ERR(l);
	listener = l;
	return 0;
}

static int serve_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "echoed %ld\n", atomic_long_read(&echoed));
}

/* --- the probe: one flow --- */

/*
 * The callbacks of a flow are called one at a time. The lock protects the
 * counters, since probe_get() reads them concurrently.
 */
static struct probe {
	struct ipcp_kflow *flow;	/* protected by kernel_param_lock() */
	spinlock_t lock;		/* protects the members below */
	u64 sent;
	u64 received;
	u64 min;
	u64 max;
	u64 sum;
} probe = { .lock = __SPIN_LOCK_UNLOCKED(probe.lock) };

static int probe_send(struct ipcp_kflow *flow)
{
	unsigned int len = max_t(unsigned int, READ_ONCE(size), sizeof(u64));
	struct sk_buff *skb = ipcp_kflow_buffer(len, GFP_ATOMIC);
	u64 now = ktime_get_ns();
	int err;

	if (!skb)
		return -ENOMEM;
	skb_put_zero(skb, len);
	memcpy(skb->data, &now, sizeof(now));
	err = ipcp_kflow_send(flow, skb);
	if (err == -EAGAIN)
		kfree_skb(skb);		/* probe_fill() runs on ->room() */
	return err;
}

/* Count a message before it is sent: the lock is not held during the send. */
static bool probe_claim(void)
{
	bool room;

	spin_lock_bh(&probe.lock);
	room = probe.sent - probe.received < READ_ONCE(window);
	probe.sent += room;
	spin_unlock_bh(&probe.lock);
	return room;
}

static void probe_unclaim(void)
{
	spin_lock_bh(&probe.lock);
	probe.sent--;
	spin_unlock_bh(&probe.lock);
}

static void probe_fill(struct ipcp_kflow *flow)
{
	while (!READ_ONCE(drain) && probe_claim()) {
		if (probe_send(flow)) {
			probe_unclaim();
			return;
		}
	}
}

static void probe_count(u64 took)
{
	spin_lock_bh(&probe.lock);
	probe.min = min(probe.min, took);
	probe.max = max(probe.max, took);
	probe.sum += took;
	probe.received++;
	spin_unlock_bh(&probe.lock);
}

static void probe_receive(struct ipcp_kflow *flow, struct sk_buff *skb)
{
	u64 then;

	if (skb->len >= sizeof(then)) {
		memcpy(&then, skb->data, sizeof(then));
		probe_count(ktime_get_ns() - then);
	}
	consume_skb(skb);
	probe_fill(flow);
}

static void probe_changed(struct ipcp_kflow *flow, unsigned int state)
{
	if (state & IPCP_KFLOW_UP)
		probe_fill(flow);
}

static const struct ipcp_kflow_ops probe_ops = {
	.receive = probe_receive,
	.room = probe_fill,
	.changed = probe_changed,
};

static void probe_end(void)
{
	if (probe.flow)
		ipcp_kflow_release(probe.flow);
	probe.flow = NULL;
}

static int probe_begin(const char *name)
{
	struct ipcp_kflow *flow;

	/* The last flow was released, so no callback runs. */
	probe.sent = 0;
	probe.received = 0;
	probe.min = U64_MAX;
	probe.max = 0;
	probe.sum = 0;
	flow = ipcp_kflow_alloc(current->nsproxy->net_ns, name, &probe_ops,
				NULL);
	if (IS_ERR(flow))
		return PTR_ERR(flow);
	probe.flow = flow;
	return 0;
}

static int probe_get(char *buf, const struct kernel_param *kp)
{
	struct ipcp_kflow_info info = { };
	const char *peer = NULL;
	u64 sent, received, shortest, longest, sum;

	if (probe.flow) {
		ipcp_kflow_info(probe.flow, &info);
		peer = ipcp_kflow_peer_name(probe.flow);
	}
	spin_lock_bh(&probe.lock);
	sent = probe.sent;
	received = probe.received;
	shortest = received ? probe.min : 0;
	longest = probe.max;
	sum = probe.sum;
	spin_unlock_bh(&probe.lock);
	return sysfs_emit(buf,
			  "sent %llu received %llu state %u error %u held %u stalls %llu rekeys %llu peer %s ns %llu %llu %llu\n",
			  sent, received, info.state, info.flow.error,
			  info.held, info.stalls, info.flow.rekeys,
			  peer ?: "-", shortest,
			  div64_u64(sum, max(received, 1)), longest);
}

/* --- parameters --- */

static int set(const char *val, int (*begin)(const char *name),
	       void (*end)(void))
{
	char name[IPCP_NAME_LEN + 2];	/* with line feed and NUL */

	if (gone)
		return -ENODEV;
	if (strscpy(name, val, sizeof(name)) < 0)
		return -EINVAL;
	end();
	return *strim(name) ? begin(strim(name)) : 0;
}

static int serve_set(const char *val, const struct kernel_param *kp)
{
	return set(val, serve_begin, serve_end);
}

static int probe_set(const char *val, const struct kernel_param *kp)
{
	return set(val, probe_begin, probe_end);
}

static const struct kernel_param_ops serve_param = {
	.set = serve_set,
	.get = serve_get,
};

static const struct kernel_param_ops probe_param = {
	.set = probe_set,
	.get = probe_get,
};

module_param_cb(serve, &serve_param, NULL, 0600);
MODULE_PARM_DESC(serve, "name to serve; empty for none");
module_param_cb(probe, &probe_param, NULL, 0600);
MODULE_PARM_DESC(probe, "name to send to; empty for none");

static int __init echo_init(void)
{
	return 0;
}

/* The parameters can be written until the module is removed. */
static void __exit echo_exit(void)
{
	kernel_param_lock(THIS_MODULE);
	gone = true;
	probe_end();
	serve_end();
	kernel_param_unlock(THIS_MODULE);
}

module_init(echo_init);
module_exit(echo_exit);

MODULE_DESCRIPTION("Echo server and latency probe over flows, as an example");
MODULE_LICENSE("GPL");
