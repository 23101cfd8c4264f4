// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The UDP sockets of a namespace.
 *
 * A group of sockets shares the port that the namespace is known by. The stack
 * delivers a packet to the member for the CPU that the packet arrives on. Other
 * sockets have ports of their own: packets of flows that this side allocates
 * leave from these, so that the network and the peer spread the flows over
 * queues and CPUs. Whichever socket a packet arrives at, its flow is looked up
 * by endpoint id.
 *
 * A work item creates the sockets. If the agent itself created them, they would
 * belong to the agent's control group, whose limits and filters would then
 * apply to all flows.
 */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/sock.h>

#include "compat/socket.h"
#include "flow.h"
#include "registry.h"
#include "udp-int.h"
#include "udp.h"
#include "upcall.h"
#include "users.h"

/*
 * Receive buffers of all sockets of a namespace together, in bytes, and the
 * minimum of one socket, which has to fit a burst of a few large GRO packets.
 */
#define IPCP_UDP_RCVBUF		(8U * 1024 * 1024)
#define IPCP_UDP_RCVBUF_MIN	(1024U * 1024)

static int set_int(struct socket *sock, int level, int option, int value)
{
	return sock->ops->setsockopt(sock, level, option, KERNEL_SOCKPTR(&value),
				     sizeof(value));
}

static int bind_any(struct socket *sock, int family, u16 port)
{
	struct sockaddr_storage any = { .ss_family = family };

	if (family == AF_INET)
		((struct sockaddr_in *)&any)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&any)->sin6_port = htons(port);
	return ipcp_kernel_bind(sock, &any, family == AF_INET ?
				sizeof(struct sockaddr_in) :
				sizeof(struct sockaddr_in6));
}

/* Join the group as the socket that the stack prefers for packets of a CPU. */
static int join_group(struct socket *sock, int cpu)
{
	sock_set_reuseport(sock->sk);
	return sock_setsockopt(sock, SOL_SOCKET, SO_INCOMING_CPU,
			       KERNEL_SOCKPTR(&cpu), sizeof(cpu));
}

static int set_up(struct ipcp_udp_sock *us, struct socket *sock, int family)
{
	struct ipcp_net *ipn = us->ipn;
	struct sock *sk = sock->sk;
	int err;

	sk->sk_mark = READ_ONCE(ipn->mark);
	ipcp_sock_no_busy_poll(sk);
	/* Receive GRO packets without segmenting them. */
	err = set_int(sock, SOL_UDP, UDP_GRO, 1);
	if (!err && family == AF_INET6)
		err = set_int(sock, SOL_IPV6, IPV6_V6ONLY, 1);
	/* The MTU of the device limits packets, but no path MTU from ICMP. */
	if (!err && family == AF_INET)
		err = set_int(sock, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	if (!err && us->slot < IPCP_NET_GROUP)
		err = join_group(sock, us->slot);
	if (err)
		return err;
	/*
	 * The stack sets this flag only for a port that the caller chose.
	 * Without the flag, udp_abort() ("ss -K") takes away the port, and
	 * flows would send from port 0. No lock is needed before the bind:
	 * nothing else can find the socket.
	 */
	sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	ipcp_udp_attach(us);	/* before a datagram can arrive */
	return bind_any(sock, family, us->slot < IPCP_NET_GROUP ? ipn->port : 0);
}

static struct ipcp_udp_sock *open_one(struct ipcp_net *ipn, int family,
				      unsigned int slot)
{
	struct ipcp_udp_sock *us = kzalloc(sizeof(*us), GFP_KERNEL);
	struct socket *sock;
	int err;

	if (!us)
		return ERR_PTR(-ENOMEM);
	err = sock_create_kern(ipn->net, family, SOCK_DGRAM, IPPROTO_UDP, &sock);
	if (err)
		goto err_free;
	us->sk = sock->sk;
	us->ipn = ipn;
	us->slot = slot;
	ipcp_udp_prepare(us);
	err = set_up(us, sock, family);
	if (err)
		goto err_sock;
	return us;

err_sock:
	/* A datagram may have arrived before the bind failed. */
	rcu_assign_sk_user_data(sock->sk, NULL);
	synchronize_net();
	cancel_work_sync(&us->rest);
	sock_release(sock);
err_free:
	kfree(us);
	return ERR_PTR(err);
}

/* True if the kernel has no IPv6, which is not an error. */
static bool no_family(int err)
{
	return err == -EAFNOSUPPORT || err == -EPFNOSUPPORT;
}

static int open_slot(struct ipcp_net *ipn, unsigned int slot)
{
	struct ipcp_net_slot *s = &ipn->slots[slot];
	struct ipcp_udp_sock *us;

	if (!rcu_access_pointer(s->sock4)) {
		us = open_one(ipn, AF_INET, slot);
		if (IS_ERR(us))
			return PTR_ERR(us);
		rcu_assign_pointer(s->sock4, us);
	}
	if (!rcu_access_pointer(s->sock6)) {
		us = open_one(ipn, AF_INET6, slot);
		if (IS_ERR(us))
			return no_family(PTR_ERR(us)) ? 0 : PTR_ERR(us);
		rcu_assign_pointer(s->sock6, us);
	}
	return 0;
}

/*
 * Test that no other socket uses a port. Members of a group could otherwise
 * share the port with another program's group.
 */
static int test_port(struct ipcp_net *ipn, int family)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(ipn->net, family, SOCK_DGRAM, IPPROTO_UDP, &sock);
	if (err)
		return no_family(err) && family == AF_INET6 ? 0 : err;
	if (family == AF_INET6)
		err = set_int(sock, SOL_IPV6, IPV6_V6ONLY, 1);
	if (!err)
		err = bind_any(sock, family, ipn->port);
	sock_release(sock);
	return err;
}

/* Call a function for each socket. Locking: net->agent_lock. */
static void each_sock(struct ipcp_net *ipn,
		      void (*fn)(struct ipcp_udp_sock *us, int arg), int arg)
{
	for (unsigned int i = 0; i < IPCP_NET_SLOTS; i++) {
		struct ipcp_net_slot *s = &ipn->slots[i];

		if (rcu_access_pointer(s->sock4))
			fn(rcu_dereference_protected(s->sock4, true), arg);
		if (rcu_access_pointer(s->sock6))
			fn(rcu_dereference_protected(s->sock6, true), arg);
	}
}

static void set_rcvbuf(struct ipcp_udp_sock *us, int bytes)
{
	WRITE_ONCE(us->sk->sk_rcvbuf, bytes);
}

static void set_sk_mark(struct ipcp_udp_sock *us, int mark)
{
	WRITE_ONCE(us->sk->sk_mark, mark);
}

static int open_slots(struct ipcp_net *ipn, unsigned int first,
		      unsigned int count)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < count; i++)
		err = open_slot(ipn, first + i);
	return err;
}

/**
 * struct opening - sockets to create
 * @ipn: namespace
 * @group: create the group, too
 * @sources: number of sockets with a port of their own
 * @failed: (output) the step that failed
 */
struct opening {
	struct ipcp_net *ipn;
	bool group;
	unsigned int sources;
	const char *failed;
};

static int make_socks(void *arg)
{
	struct opening *o = arg;
	struct ipcp_net *ipn = o->ipn;
	int err;

	if (o->group) {
		o->failed = "cannot bind the UDP port";
		err = test_port(ipn, AF_INET);
		if (err)
			return err;
		o->failed = "cannot bind the UDP port for IPv6";
		err = test_port(ipn, AF_INET6);
		if (err)
			return err;
		o->failed = "cannot make the sockets of the UDP port";
		err = open_slots(ipn, 0, ipn->group);
		if (err)
			return err;
	}
	o->failed = "cannot make a socket with a source port";
	return open_slots(ipn, IPCP_NET_GROUP, o->sources);
}

static unsigned int count_socks(const struct ipcp_net *ipn)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < IPCP_NET_SLOTS; i++)
		n += !!rcu_access_pointer(ipn->slots[i].sock4) +
		     !!rcu_access_pointer(ipn->slots[i].sock6);
	return n;
}

static int open_socks(struct ipcp_net *ipn, bool group, unsigned int sources,
		      struct netlink_ext_ack *extack)
{
	struct opening o = { .ipn = ipn, .group = group, .sources = sources };
	int err = ipcp_udp_by_worker(make_socks, &o);

	if (err) {
		NL_SET_ERR_MSG_FMT(extack, "%s", o.failed);
		return err;
	}
	each_sock(ipn, set_rcvbuf,
		  max(IPCP_UDP_RCVBUF / count_socks(ipn), IPCP_UDP_RCVBUF_MIN));
	return 0;
}

/* Close the sockets of a slot and of all after it. */
static void close_slots(struct ipcp_net *ipn, unsigned int first)
{
	struct ipcp_udp_sock *all[2 * IPCP_NET_SLOTS];
	unsigned int n = 0;

	for (unsigned int i = first; i < IPCP_NET_SLOTS; i++) {
		all[n] = rcu_replace_pointer(ipn->slots[i].sock4, NULL, true);
		n += !!all[n];
		all[n] = rcu_replace_pointer(ipn->slots[i].sock6, NULL, true);
		n += !!all[n];
	}
	if (!n)
		return;
	for (unsigned int i = 0; i < n; i++)
		rcu_assign_sk_user_data(all[i]->sk, NULL);
	synchronize_net();	/* wait for senders and data_ready() */
	for (unsigned int i = 0; i < n; i++) {
		cancel_work_sync(&all[i]->rest);
		sock_release(all[i]->sk->sk_socket);
		kfree(all[i]);
	}
}

/* Set the mark and drop all cached routes, which may depend on the mark. */
static void set_mark(struct ipcp_net *ipn, u32 mark)
{
	struct ipcp_bind *bind;
	struct ipcp_flow *flow;
	unsigned long id = 0;

	if (ipn->mark == mark)
		return;
	WRITE_ONCE(ipn->mark, mark);
	synchronize_net();	/* wait for senders that cache a route of the old mark */
	each_sock(ipn, set_sk_mark, mark);
	for (; (flow = ipcp_registry_next(ipn, &id)); id++) {
		rcu_read_lock();
		bind = rcu_dereference(flow->bind);
		if (bind)
			dst_cache_reset(&bind->dst);
		rcu_read_unlock();
		ipcp_flow_put(flow);
	}
}

/* Return the number of sockets that spread flows over the CPUs. */
static unsigned int spread(unsigned int max)
{
	return min(num_online_cpus(), max);
}

/*
 * Return the bytes that a namespace with @socks sockets can hold for its agent:
 * the receive buffers, and the messages in the queue of upcalls.
 */
static unsigned long agent_bytes(unsigned int socks)
{
	return max(socks * IPCP_UDP_RCVBUF_MIN, IPCP_UDP_RCVBUF) +
	       IPCP_CTRL_BYTES + IPCP_SEALED_BYTES;
}

/* Return the number of slots in use from IPCP_NET_GROUP on. */
static unsigned int count_sources(const struct ipcp_net *ipn)
{
	unsigned int n = 0;

	while (n < IPCP_NET_SOURCES &&
	       rcu_access_pointer(ipn->slots[IPCP_NET_GROUP + n].sock4))
		n++;
	return n;
}

static void end_payer(struct ipcp_net *ipn)
{
	ipcp_user_release(ipn->payer, ipn->paid);
	ipcp_user_put(ipn->payer);
	ipn->payer = NULL;
	ipn->paid = 0;
}

/*
 * Reserve the bytes that the namespace will hold for its agent with @socks
 * sockets, from the user of the current process. If the same user paid before,
 * only the difference is reserved. Store the user in @user, NULL for a user
 * without limits, and the number of bytes reserved in @bytes.
 */
static int begin_payer(struct ipcp_net *ipn, unsigned int socks,
		       struct ipcp_user **user, unsigned long *bytes,
		       struct netlink_ext_ack *extack)
{
	unsigned long need = agent_bytes(socks);

	*user = NULL;
	*bytes = 0;
	if (capable(CAP_SYS_RESOURCE))
		return 0;
	*user = ipcp_user_get(current_euid());
	if (!*user)
		return -ENOMEM;
	if (*user == ipn->payer)
		need -= min(need, ipn->paid);
	if (!ipcp_user_reserve(*user, need)) {
		ipcp_user_put(*user);
		NL_SET_ERR_MSG(extack,
			       "this user's sockets and queues hold too much; see max_user_mib in ipcp_rekey(4)");
		return -EDQUOT;
	}
	*bytes = need;
	return 0;
}

/*
 * Let a user pay for the sockets that were created, in place of the payer
 * before. Consumes the reference and the reservation of begin_payer(), and
 * releases the bytes reserved for sockets that were not created, such as IPv6
 * sockets on a kernel without IPv6.
 */
static void set_payer(struct ipcp_net *ipn, struct ipcp_user *user,
		      unsigned long bytes)
{
	unsigned long paid = agent_bytes(count_socks(ipn));

	if (user && user == ipn->payer) {
		bytes += ipn->paid;
		ipn->paid = 0;
	}
	end_payer(ipn);
	ipn->payer = user;
	ipn->paid = user ? paid : 0;
	ipcp_user_release(user, bytes - ipn->paid);
}

/**
 * ipcp_udp_open() - Open the sockets of a namespace
 * @ipn: namespace, its agent_lock held
 * @settings: settings from the agent
 * @extack: for the reason of a failure
 *
 * Sockets of an earlier agent are kept if the port is the same, since flows use
 * them. If the port is the same and further sockets cannot be created, nothing
 * changes, and the same user pays.
 *
 * Context: Process context, may sleep.
 * Return: 0; -EBUSY if flows use another port; -EDQUOT if the user of the
 * current process has too much memory in queues; an error of creating or
 * binding a socket.
 */
int ipcp_udp_open(struct ipcp_net *ipn, const struct ipcp_udp_settings *settings,
		  struct netlink_ext_ack *extack)
{
	u16 port = settings->port ?: IPCP_REKEY_PORT;
	unsigned int sources = settings->sources;
	bool group = ipn->port != port;
	struct ipcp_user *user;
	unsigned long bytes;
	unsigned int had;
	int err;

	if (group && ipn->port && !xa_empty(&ipn->flows)) {
		NL_SET_ERR_MSG(extack, "flows of an earlier agent use another port");
		return -EBUSY;
	}
	if (!sources)
		sources = spread(IPCP_NET_SOURCES);
	else if (sources == 1)
		sources = 0;	/* the port of the namespace */
	if (group)
		ipcp_udp_close(ipn);
	had = count_sources(ipn);
	err = begin_payer(ipn, 2 * ((group ? spread(IPCP_NET_GROUP) : ipn->group) +
				    max(had, sources)), &user, &bytes, extack);
	if (err)
		return err;
	if (group) {
		ipn->port = port;
		WRITE_ONCE(ipn->group, spread(IPCP_NET_GROUP));
	}
	err = open_socks(ipn, group, sources, extack);
	if (err) {
		if (group)
			ipcp_udp_close(ipn);
		else
			close_slots(ipn, IPCP_NET_GROUP + had);
		ipcp_user_release(user, bytes);
		ipcp_user_put(user);
		return err;
	}
	set_payer(ipn, user, bytes);
	WRITE_ONCE(ipn->sources, sources);
	set_mark(ipn, settings->mark);
	return 0;
}

/**
 * ipcp_udp_close() - Close the sockets of a namespace
 * @ipn: namespace, its agent_lock held
 *
 * Context: Process context, sleeps.
 */
void ipcp_udp_close(struct ipcp_net *ipn)
{
	ipn->port = 0;
	close_slots(ipn, 0);
	end_payer(ipn);
}

/**
 * ipcp_udp_choose() - Choose the socket for a flow that this side allocates
 * @ipn: namespace
 * @n: number that spreads flows over sockets
 *
 * Context: Any context.
 * Return: the slot of the socket.
 */
u8 ipcp_udp_choose(const struct ipcp_net *ipn, u32 n)
{
	unsigned int sources = READ_ONCE(ipn->sources);

	if (sources)
		return IPCP_NET_GROUP + n % sources;
	return n % max_t(unsigned int, READ_ONCE(ipn->group), 1);
}

/**
 * ipcp_udp_has() - Test whether a namespace has a socket
 * @ipn: namespace
 * @slot: slot, of any value
 *
 * Context: Any context.
 * Return: true if packets can leave from @slot.
 */
bool ipcp_udp_has(const struct ipcp_net *ipn, u32 slot)
{
	return slot < IPCP_NET_SLOTS &&
	       rcu_access_pointer(ipn->slots[slot].sock4);
}
