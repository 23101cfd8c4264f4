// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Read and write the packets of a provider, one per call or in batches. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "chardev.h"
#include "provider.h"
#include "wait.h"
#include "wire.h"

/*
 * Return the provider of a file if the name was granted, or an error. Unless
 * @nonblock, wait for the agent's answer for at most *@timeo jiffies, of which
 * the rest is returned there.
 */
static struct ipcp_provider *granted(struct ipcp_file *f, bool nonblock,
				     long *timeo)
{
	struct ipcp_provider *p = ipcp_file_provider(f);
	long left;
	int err;

	if (!p)
		return ERR_PTR(ipcp_file_no_flow(f));
	if (!ipcp_grant_answered(&p->grant)) {
		if (nonblock)
			return ERR_PTR(-EAGAIN);
		left = wait_event_interruptible_timeout(f->wait->wq,
							ipcp_grant_answered(&p->grant),
							*timeo);
		err = ipcp_wait_slept(left, timeo);
		if (err)
			return ERR_PTR(err);
	}
	err = ipcp_grant_refusal(&p->grant);
	return err ? ERR_PTR(-err) : p;
}

/*
 * Take the next packet. Return its buffer, or an error. Unless @nonblock, wait
 * for a packet for at most @timeo jiffies.
 */
static struct sk_buff *take_packet(struct ipcp_file *f, struct ipcp_provider *p,
				   bool nonblock, long timeo,
				   unsigned int *pos, unsigned int *len)
{
	wait_queue_head_t *wq = &f->wait->wq;
	struct sk_buff *skb;
	long left;
	int err;

	while (!(skb = ipcp_provider_next(p, pos, len))) {
		if (nonblock)
			return ERR_PTR(-EAGAIN);
		left = wait_event_interruptible_timeout(*wq,
							!ipcp_rbuff_empty(&p->n_1_rb),
							timeo);
		err = ipcp_wait_slept(left, &timeo);
		if (err)
			return ERR_PTR(err);
	}
	return skb;
}

/* Read a packet. Return the length of the packet, or an error. */
static int read_packet(struct ipcp_file *f, struct iov_iter *to, bool nonblock)
{
	long timeo = READ_ONCE(f->rcvtimeo);
	struct ipcp_provider *p;
	unsigned int pos, len;
	struct sk_buff *skb;
	int err;

	p = granted(f, nonblock, &timeo);
	if (IS_ERR(p))
		return PTR_ERR(p);
	skb = take_packet(f, p, nonblock, timeo, &pos, &len);
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	err = skb_copy_datagram_iter(skb, pos, to,
				     min_t(size_t, len, iov_iter_count(to)));
	consume_skb(skb);
	return err ?: len;
}

/* Write a packet. Return its length, or an error. */
static int write_packet(struct ipcp_file *f, struct iov_iter *from,
			bool nonblock, gfp_t gfp)
{
	long timeo = READ_ONCE(f->sndtimeo);
	size_t len = iov_iter_count(from);
	struct ipcp_provider *p;
	struct sk_buff *skb;

	p = granted(f, nonblock, &timeo);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (len < IPCP_HDR_LEN)
		return -EINVAL;
	if (len > IPCP_PROVIDER_MTU)
		return -EMSGSIZE;
	skb = alloc_skb(NET_SKB_PAD + len, gfp | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, NET_SKB_PAD);
	if (!copy_from_iter_full(skb_put(skb, len), len, from)) {
		kfree_skb(skb);
		return -EFAULT;
	}
	ipcp_provider_rx(p, skb);
	return len;
}

/**
 * ipcp_provide_read() - Read a packet of a provider (read_iter)
 * @iocb: file that is no flow, and whether to wait
 * @to: destination; a packet that does not fit is truncated
 *
 * Context: Process context.
 * Return: length in bytes, or an errno of Documentation/device.md.
 */
ssize_t ipcp_provide_read(struct kiocb *iocb, struct iov_iter *to)
{
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK ||
			iocb->ki_flags & IOCB_NOWAIT;
	size_t room = iov_iter_count(to);
	int len;

	if (!room)
		return PTR_ERR_OR_ZERO(granted(iocb->ki_filp->private_data, true,
					       NULL));
	len = read_packet(iocb->ki_filp->private_data, to, nonblock);
	return len < 0 ? len : min_t(size_t, len, room);
}

/**
 * ipcp_provide_write() - Write a packet of a provider (write_iter)
 * @iocb: file that is no flow, and whether to wait
 * @from: packet
 *
 * Context: Process context.
 * Return: length in bytes, or an errno of Documentation/device.md.
 */
ssize_t ipcp_provide_write(struct kiocb *iocb, struct iov_iter *from)
{
	bool nowait = iocb->ki_flags & IOCB_NOWAIT;
	int err;

	err = write_packet(iocb->ki_filp->private_data, from,
			   nowait || iocb->ki_filp->f_flags & O_NONBLOCK,
			   nowait ? GFP_NOWAIT : GFP_KERNEL);
	/* io_uring calls again from a context that may sleep. */
	return err == -ENOMEM && nowait ? -EAGAIN : err;
}

static bool is_nonblock(const struct file *file, const struct ipcp_batch *batch,
			bool first)
{
	return !first || file->f_flags & O_NONBLOCK ||
	       batch->flags & IPCP_BATCH_DONTWAIT;
}

static int send_msg(struct file *file, const struct ipcp_batch *batch,
		    struct ipcp_msg __user *user, bool first)
{
	struct iov_iter from;
	struct ipcp_msg m;
	int err;

	if (copy_from_user(&m, user, sizeof(m)))
		return -EFAULT;
	if (m.flags)
		return -EINVAL;
	err = import_ubuf(ITER_SOURCE, u64_to_user_ptr(m.base), m.len, &from);
	if (err)
		return err;
	err = write_packet(file->private_data, &from,
			   is_nonblock(file, batch, first), GFP_KERNEL);
	return min(err, 0);
}

static int recv_msg(struct file *file, const struct ipcp_batch *batch,
		    struct ipcp_msg __user *user, bool first)
{
	struct iov_iter to;
	struct ipcp_msg m;
	int len, err;

	if (copy_from_user(&m, user, sizeof(m)))
		return -EFAULT;
	if (m.flags)
		return -EINVAL;
	err = import_ubuf(ITER_DEST, u64_to_user_ptr(m.base), m.len, &to);
	if (err)
		return err;
	len = read_packet(file->private_data, &to,
			  is_nonblock(file, batch, first));
	if (len < 0)
		return len;
	if (len > m.len)
		m.flags = IPCP_MSG_TRUNC;
	if (len < m.len || batch->flags & IPCP_BATCH_TRUNC)
		m.len = len;
	return copy_to_user(user, &m, sizeof(m)) ? -EFAULT : 0;
}

/*
 * Call @move for each message until one fails. Return the number of messages
 * moved, or the error if there are none.
 */
static int move_batch(struct file *file, const struct ipcp_batch *batch,
		      int (*move)(struct file *file,
				  const struct ipcp_batch *batch,
				  struct ipcp_msg __user *user, bool first))
{
	struct ipcp_msg __user *user = u64_to_user_ptr(batch->msgs);
	unsigned int i;
	int err = 0;

	for (i = 0; i < batch->count; i++) {
		err = move(file, batch, user + i, !i);
		if (err)
			break;
	}
	return i ?: err;
}

/**
 * ipcp_provide_send() - Write packets of a provider (IPCP_IOC_SEND)
 * @file: file that is no flow
 * @batch: batch, checked by the caller
 *
 * Context: Process context.
 * Return: number of leading packets that were written; an errno of
 * Documentation/device.md if there are none.
 */
int ipcp_provide_send(struct file *file, const struct ipcp_batch *batch)
{
	return move_batch(file, batch, send_msg);
}

/**
 * ipcp_provide_recv() - Read packets of a provider (IPCP_IOC_RECV)
 * @file: file that is no flow
 * @batch: batch, checked by the caller
 *
 * Context: Process context.
 * Return: number of packets that were read; an errno of Documentation/device.md
 * if there are none.
 */
int ipcp_provide_recv(struct file *file, const struct ipcp_batch *batch)
{
	if (batch->times || batch->flags & IPCP_BATCH_PEEK)
		return -EINVAL;
	return move_batch(file, batch, recv_msg);
}
