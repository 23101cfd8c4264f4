// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * /dev/ipcp_rekey: flows for programs. A new file can become a flow, a listener
 * for a name or a provider of a name, once. A file has one wait queue for its
 * whole life, so epoll may be set up at any time.
 *
 * This file implements opening, polling and closing, chardev-ioctl.c the
 * ioctls, and io.c and io-provide.c reading and writing.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include <net/sock.h>

#include "chardev.h"
#include "flow.h"
#include "listen.h"
#include "listener.h"
#include "provider.h"
#include "registry.h"
#include "state.h"
#include "tx.h"
#include "wait.h"

/* Events of a flow that has ended, or of a refused name: no call blocks. */
#define IPCP_POLL_DEAD		(EPOLLHUP | EPOLLRDHUP | EPOLLIN | EPOLLRDNORM | \
				 EPOLLOUT | EPOLLWRNORM)

static int chardev_open(struct inode *inode, struct file *file)
{
	struct ipcp_wait *wait = ipcp_wait_new();
	struct ipcp_file *f;

	if (!wait)
		return -ENOMEM;
	f = ipcp_file_new(ipcp_net(current->nsproxy->net_ns), wait);
	if (!f) {
		ipcp_consumer_put(&wait->consumer);
		return -ENOMEM;
	}
	file->private_data = f;
	file->f_mode |= FMODE_NOWAIT;
	return nonseekable_open(inode, file);
}

static int chardev_release(struct inode *inode, struct file *file)
{
	struct ipcp_file *f = file->private_data;

	if (f->flow) {
		ipcp_state_close(f->flow);
		ipcp_flow_put(f->flow);
	}
	if (f->listener)
		ipcp_listen_end(f->listener);
	if (f->provider)
		ipcp_provider_end(f->provider);
	ipcp_file_free(f);
	return 0;
}

static __poll_t poll_flow(struct ipcp_flow *flow)
{
	int flags = ipcp_rbflags(&flow->n_rb.flags);
	__poll_t mask = 0;

	if (ipcp_flow_pending(flow))
		return 0;
	if (READ_ONCE(flow->state) != IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return IPCP_POLL_DEAD | EPOLLERR;
	if (!ipcp_rbuff_empty(&flow->n_rb) && flags & IPCP_RB_RD)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (ipcp_tx_room(flow) && ipcp_tx_ready(flow) &&
	    !ipcp_tx_refused(flow) && flags & IPCP_RB_WR)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (flags & IPCP_RB_REKEY)
		mask |= EPOLLPRI;
	if (flags & IPCP_RB_FLOWPEER)
		mask |= EPOLLRDHUP;
	if (flags & IPCP_RB_FLOWDOWN)
		mask |= IPCP_POLL_DEAD;
	if (flags & IPCP_RB_FLOWDOWN &&
	    !test_bit(IPCP_FLOW_PEER_CLOSED, &flow->bits))
		mask |= EPOLLERR;
	return mask;
}

/*
 * Return the events of a name that is served or provided. @ready is true if a
 * flow can be accepted, or a packet read.
 */
static __poll_t poll_name(const struct ipcp_grant *g, bool ready)
{
	__poll_t mask = EPOLLOUT | EPOLLWRNORM;

	if (!ipcp_grant_answered(g))
		return 0;
	if (ipcp_grant_refusal(g))
		return IPCP_POLL_DEAD | EPOLLERR;
	return ready ? mask | EPOLLIN | EPOLLRDNORM : mask;
}

static __poll_t chardev_poll(struct file *file, poll_table *wait)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_provider *p;
	struct ipcp_listener *l;
	struct ipcp_flow *flow;

	poll_wait(file, &f->wait->wq, wait);
	flow = ipcp_file_flow(f);
	if (flow)
		return poll_flow(flow);
	l = ipcp_file_listener(f);
	if (l)
		return poll_name(&l->grant, ipcp_listener_waiting(l));
	p = ipcp_file_provider(f);
	return p ? poll_name(&p->grant, !ipcp_rbuff_empty(&p->n_1_rb)) : 0;
}

/* Show a line of fdinfo. Escape bytes that a terminal would interpret. */
static void show_name(struct seq_file *m, const char *what, const char *name)
{
	seq_printf(m, "ipcp-%s:\t", what);
	seq_escape_str(m, name, ESCAPE_ANY_NP, NULL);
	seq_putc(m, '\n');
}

static void show_flow(struct seq_file *m, const struct ipcp_flow *flow)
{
	static const char * const states[] = {
		[IPCP_REKEY_FLOW_STATE_INIT] = "init",
		[IPCP_REKEY_FLOW_STATE_ALLOC_PENDING] = "alloc-pending",
		[IPCP_REKEY_FLOW_STATE_ACCEPT_PENDING] = "accept-pending",
		[IPCP_REKEY_FLOW_STATE_ALLOCATED] = "allocated",
		[IPCP_REKEY_FLOW_STATE_DEALLOC_PENDING] = "dealloc-pending",
		[IPCP_REKEY_FLOW_STATE_DEALLOCATED] = "deallocated",
	};
	const char *peer = ipcp_flow_peer_name(flow);

	seq_printf(m, "ipcp-flow:\t%u\n", flow->id);
	show_name(m, "name", flow->name);
	seq_printf(m, "ipcp-state:\t%s\n", states[READ_ONCE(flow->state)]);
	if (peer)
		show_name(m, "peer", peer);
	if (READ_ONCE(flow->rk.encrypted))
		seq_printf(m, "ipcp-epoch:\t%u\n", READ_ONCE(flow->rk.epoch));
}

static void chardev_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ipcp_flow *flow = ipcp_file_flow(file->private_data);
	struct ipcp_listener *l = ipcp_file_listener(file->private_data);
	struct ipcp_provider *p = ipcp_file_provider(file->private_data);

	if (flow)
		show_flow(m, flow);
	else if (l)
		show_name(m, "listen", l->grant.name);
	else if (p)
		show_name(m, "provide", p->grant.name);
}

static const struct file_operations chardev_fops = {
	.owner = THIS_MODULE,
	.open = chardev_open,
	.release = chardev_release,
	.read_iter = ipcp_io_read,
	.write_iter = ipcp_io_write,
	.poll = chardev_poll,
	.unlocked_ioctl = ipcp_chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = chardev_show_fdinfo,
};

static struct miscdevice ipcp_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ipcp_rekey",
	.fops = &chardev_fops,
	.mode = 0600,
};

/**
 * ipcp_chardev_init() - Register the device
 *
 * Context: Module init.
 * Return: 0 or a negative errno.
 */
int ipcp_chardev_init(void)
{
	return misc_register(&ipcp_misc);
}

/**
 * ipcp_chardev_exit() - Unregister the device
 *
 * Context: Module exit; no file is open.
 */
void ipcp_chardev_exit(void)
{
	misc_deregister(&ipcp_misc);
}
