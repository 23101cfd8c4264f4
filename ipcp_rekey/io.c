// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Read and write messages, one per call or in batches. Consecutive messages of
 * the same length in a batch share one buffer, which passes through the network
 * stack once, so that each message costs little more than sealing and copying.
 */
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "chardev.h"
#include "keyrot.h"
#include "reader.h"
#include "registry.h"
#include "rekey.h"
#include "tx.h"
#include "wait.h"
#include "wire.h"

/* Number of message descriptors copied at a time: those of one buffer. */
#define IPCP_MSGS	IPCP_SEGS_MAX

static bool is_nonblocking(const struct kiocb *iocb)
{
	return iocb->ki_filp->f_flags & O_NONBLOCK ||
	       iocb->ki_flags & IOCB_NOWAIT;
}

/*
 * io_uring first calls with IOCB_NOWAIT, which forbids sleeping for memory too,
 * and retries from a context that may sleep. O_NONBLOCK only concerns waiting
 * for messages. A writer whose key the worker has not derived yet derives the
 * key itself, which may sleep in both cases.
 */
static gfp_t gfp_of(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ? GFP_NOWAIT : GFP_KERNEL;
}

static ssize_t without_memory(const struct kiocb *iocb)
{
	return iocb->ki_flags & IOCB_NOWAIT ? -EAGAIN : -ENOMEM;
}

/**
 * ipcp_io_not_allocated() - Return why a flow cannot be used
 * @flow: flow that is not allocated
 *
 * Context: Any context.
 * Return: negative errno.
 */
int ipcp_io_not_allocated(const struct ipcp_flow *flow)
{
	int error;

	if (ipcp_flow_pending(flow))
		return -EAGAIN;
	smp_rmb();	/* pairs with smp_store_release() in set_failed() */
	error = READ_ONCE(flow->error);
	return error ? -error : -ENOTCONN;
}

static int read_error(const struct ipcp_flow *flow)
{
	int flags = ipcp_rbflags(&flow->n_rb.flags);

	if (READ_ONCE(flow->state) != IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return ipcp_io_not_allocated(flow);
	if (!ipcp_rbuff_empty(&flow->n_rb))
		return 0;
	if (flags & IPCP_RB_FLOWDOWN)
		return -ESHUTDOWN;
	if (flags & IPCP_RB_FLOWPEER)
		return -EPIPE;
	return -EAGAIN;
}

/* True if a sleeping reader has to check again. */
static bool read_wakes(const struct ipcp_flow *flow)
{
	int flags = ipcp_rbflags(&flow->n_rb.flags);

	return read_error(flow) != -EAGAIN || flags & IPCP_RB_REKEY ||
	       !(flags & IPCP_RB_RD);
}

/* Wait for the next message if necessary. Return its length, or an errno. */
static int next_message(struct ipcp_file *f, struct ipcp_reader *r,
			bool nonblock, const u8 **msg)
{
	struct ipcp_flow *flow = r->flow;
	long timeo = READ_ONCE(f->rcvtimeo);

	for (;;) {
		int err, len = -EAGAIN;

		ipcp_registry_take_pending(flow);
		if (!(ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_RD))
			return -EPERM;
		/*
		 * Read the error first, so that a packet queued before it is
		 * not missed.
		 */
		err = read_error(flow);
		if (!err)
			len = ipcp_reader_next(r, msg);
		if (len != -EAGAIN)
			return len;
		if (err && err != -EAGAIN)
			return err;
		/*
		 * If all queued messages were dropped, the error may have
		 * changed.
		 */
		if (nonblock)
			return read_error(flow) ?: -EAGAIN;
		if (signal_pending(current))
			return sock_intr_errno(timeo);
		if (!err)
			continue;	/* all queued messages were dropped */
		err = ipcp_wait_slept(ipcp_wait_until(f->wait, IPCP_WAIT_READ,
						      read_wakes, flow, timeo),
				      &timeo);
		if (err)
			return err;
	}
}

/**
 * ipcp_io_read() - Read a message (read_iter)
 * @iocb: file, and whether to wait
 * @to: destination; a message that does not fit is truncated, as for SOCK_DGRAM
 *
 * Context: Process context.
 * Return: length in bytes, or an errno of Documentation/device.md.
 */
ssize_t ipcp_io_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct ipcp_file *f = iocb->ki_filp->private_data;
	struct ipcp_flow *flow = ipcp_file_flow(f);
	struct ipcp_reader r;
	const u8 *msg;
	int len;

	if (!flow)
		return ipcp_provide_read(iocb, to);
	if (!iov_iter_count(to))
		return 0;	/* as for a socket, no message is consumed */
	ipcp_reader_init(&r, flow);
	len = next_message(f, &r, is_nonblocking(iocb), &msg);
	if (len > 0) {
		len = min_t(size_t, len, iov_iter_count(to));
		if (copy_to_iter(msg, len, to) != len)
			len = -EFAULT;
	}
	ipcp_reader_end(&r);
	return len;
}

static int write_error(const struct ipcp_flow *flow)
{
	int flags = ipcp_rbflags(&flow->n_rb.flags);

	if (READ_ONCE(flow->state) != IPCP_REKEY_FLOW_STATE_ALLOCATED)
		return ipcp_io_not_allocated(flow);
	if (flags & IPCP_RB_FLOWDOWN)
		return -ESHUTDOWN;
	if (!(flags & IPCP_RB_WR))
		return -EPERM;
	if (!ipcp_tx_room(flow))
		return -EAGAIN;
	if (!rcu_access_pointer(flow->tx) && !ipcp_flow_is_direct(flow))
		return -EAGAIN;
	return 0;
}

static bool write_wakes(const struct ipcp_flow *flow)
{
	return write_error(flow) != -EAGAIN ||
	       ipcp_rbflags(&flow->n_rb.flags) & IPCP_RB_REKEY;
}

/* Wait until a message can be sent. */
static int wait_to_write(struct ipcp_file *f, struct ipcp_flow *flow,
			 bool nonblock, long *timeo)
{
	for (;;) {
		int err;

		ipcp_registry_take_pending(flow);
		if (unlikely(test_bit(IPCP_FLOW_PROMOTE, &flow->bits)))
			ipcp_keyrot_promote(flow);
		err = write_error(flow);
		if (err != -EAGAIN || nonblock)
			return err;
		err = ipcp_wait_slept(ipcp_wait_until(f->wait, IPCP_WAIT_WRITE,
						      write_wakes, flow, *timeo),
				      timeo);
		if (err)
			return err;
	}
}

/* Send a message; on error, leave @from unchanged. Return 1 or an error. */
static int write_one(struct ipcp_flow *flow, struct iov_iter *from, gfp_t gfp)
{
	size_t len = iov_iter_count(from);
	struct sk_buff *skb;
	int err;

	if (unlikely(len > READ_ONCE(flow->mtu))) {
		ipcp_flow_too_long(flow);
		return -EMSGSIZE;
	}
	skb = ipcp_tx_alloc_pooled(len, gfp | __GFP_NOWARN);
	if (!skb)
		return -ENOMEM;
	if (!copy_from_iter_full(skb_put(skb, len), len, from)) {
		kfree_skb(skb);
		return -EFAULT;
	}
	ipcp_tx_wrap(skb, IPCP_PDU_DATA, 0);
	err = ipcp_tx_send(flow, skb);
	if (err < 0)
		iov_iter_revert(from, len);
	return err;
}

/**
 * ipcp_io_write() - Write a message (write_iter)
 * @iocb: file, and whether to wait
 * @from: message
 *
 * Context: Process context.
 * Return: length in bytes, or an errno of Documentation/device.md.
 */
ssize_t ipcp_io_write(struct kiocb *iocb, struct iov_iter *from)
{
	struct ipcp_file *f = iocb->ki_filp->private_data;
	struct ipcp_flow *flow = ipcp_file_flow(f);
	size_t len = iov_iter_count(from);
	bool nonblock = is_nonblocking(iocb);
	long timeo;
	int err;

	if (!flow)
		return ipcp_provide_write(iocb, from);
	timeo = READ_ONCE(f->sndtimeo);
	do {
		err = wait_to_write(f, flow, nonblock, &timeo);
		if (!err)
			err = write_one(flow, from, gfp_of(iocb));
		/* If keys were dropped in the meantime, wait for new ones. */
	} while (err == -EAGAIN && !nonblock);
	if (unlikely(err == -ENOMEM))
		return without_memory(iocb);
	return err < 0 ? err : len;
}

/* Return how many of the messages fit one buffer; the last may be shorter. */
static unsigned int segs_of(const struct ipcp_msg *msg, unsigned int n)
{
	unsigned int len = msg->len, count = 1;

	n = min(n, ipcp_tx_segs_max(len));
	while (count < n && msg[count].len == len && !msg[count].flags)
		count++;
	if (count < n && msg[count].len < len && !msg[count].flags)
		count++;
	return count;
}

/*
 * Copy a message to @to, which ipcp_cursor_check() has checked. Return false on
 * a fault.
 */
static bool get_msg(u8 *to, const struct ipcp_msg *m)
{
	struct iov_iter from;

	/* _copy_from_iter() checks that the address is one of user space. */
	iov_iter_ubuf(&from, ITER_SOURCE, u64_to_user_ptr(m->base), m->len);
	return _copy_from_iter(to, m->len, &from) == m->len;
}

/* Copy messages to their buffer. Return the number of messages copied. */
static unsigned int copy_segs(struct sk_buff *skb, const struct ipcp_msg *msg,
			      unsigned int count)
{
	struct ipcp_cursor c;
	unsigned int i;

	ipcp_cursor_init(&c, skb, 0);
	for (i = 0; i < count; i++) {
		u8 *to = ipcp_tx_next(&c, msg[i].len);

		ipcp_cursor_check(&c, false);
		if (unlikely(!get_msg(to, &msg[i])))
			break;
	}
	return i;
}

static int send_segs(struct ipcp_flow *flow, const struct ipcp_msg *msg,
		     unsigned int count)
{
	struct sk_buff *skb;
	unsigned int got;

	skb = ipcp_tx_segs_alloc(msg->len, msg[count - 1].len, count,
				 GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	got = copy_segs(skb, msg, count);
	if (unlikely(!got)) {
		kfree_skb(skb);
		return -EFAULT;
	}
	if (unlikely(got < count))
		ipcp_tx_segs_trim(skb, got);
	return ipcp_tx_send(flow, skb);
}

static int send_alone(struct ipcp_flow *flow, const struct ipcp_msg *msg)
{
	struct iov_iter from;
	int err;

	err = import_ubuf(ITER_SOURCE, u64_to_user_ptr(msg->base), msg->len,
			  &from);
	return err ?: write_one(flow, &from, GFP_KERNEL);
}

/*
 * Send the first of these messages, as many as one buffer takes. Return how
 * many were sent, or an error.
 */
static int send_some(struct ipcp_flow *flow, const struct ipcp_msg *msg,
		     unsigned int n)
{
	unsigned int count;
	int err;

	if (msg->flags)
		return -EINVAL;
	if (unlikely(msg->len > READ_ONCE(flow->mtu))) {
		ipcp_flow_too_long(flow);
		return -EMSGSIZE;
	}
	count = segs_of(msg, n);
	if (count > 1) {
		err = send_segs(flow, msg, count);
		if (err != -ENOMEM)
			return err;
	}
	return send_alone(flow, msg);
}

static bool may_wait(const struct file *file, const struct ipcp_batch *batch)
{
	return !(file->f_flags & O_NONBLOCK) &&
	       !(batch->flags & IPCP_BATCH_DONTWAIT);
}

static struct ipcp_msg *alloc_msgs(const struct ipcp_batch *batch)
{
	return kmalloc_array(min(batch->count, IPCP_MSGS),
			     sizeof(struct ipcp_msg), GFP_KERNEL);
}

/* Copy the next descriptors of a batch. Return how many, or an error. */
static int get_msgs(struct ipcp_msg *msg, const struct ipcp_batch *batch,
		    unsigned int from)
{
	unsigned int n = min(batch->count - from, IPCP_MSGS);
	struct ipcp_msg __user *user = u64_to_user_ptr(batch->msgs);

	return copy_from_user(msg, user + from, n * sizeof(*msg)) ? -EFAULT : n;
}

/**
 * ipcp_io_send() - Send a batch of messages (IPCP_IOC_SEND)
 * @file: file of a flow
 * @batch: batch, checked by the caller
 *
 * Context: Process context.
 * Return: number of leading messages that were sent; an errno of
 * Documentation/device.md if there are none.
 */
int ipcp_io_send(struct file *file, const struct ipcp_batch *batch)
{
	struct ipcp_file *f = file->private_data;
	struct ipcp_flow *flow = ipcp_file_flow(f);
	long timeo = READ_ONCE(f->sndtimeo);
	struct ipcp_msg *msg = alloc_msgs(batch);
	unsigned int sent = 0, at = 0;
	int err = 0, n = 0;

	if (!msg)
		return -ENOMEM;
	while (sent < batch->count) {
		if (at == n) {
			n = get_msgs(msg, batch, sent);
			at = 0;
			err = min(n, 0);
		}
		if (!err)
			err = wait_to_write(f, flow,
					    sent || !may_wait(file, batch),
					    &timeo);
		if (!err)
			err = send_some(flow, msg + at, n - at);
		if (err == -EAGAIN && !sent && may_wait(file, batch)) {
			err = 0;	/* keys were dropped */
			continue;
		}
		if (err < 0)
			break;
		sent += err;
		at += err;
		err = 0;
	}
	kfree(msg);
	return sent ?: err;
}

/* Copy a message to user space and update its descriptor. */
static int put_msg(struct ipcp_msg *m, struct ipcp_reader *r, const u8 *msg,
		   unsigned int len)
{
	struct iov_iter to;
	size_t done;

	m->flags = len > m->len ? IPCP_MSG_TRUNC : 0;
	m->len = min(len, m->len);
	iov_iter_ubuf(&to, ITER_DEST, u64_to_user_ptr(m->base), m->len);
	if (r->message) {
		done = copy_to_iter(msg, m->len, &to);
	} else {
		ipcp_cursor_check(&r->cursor, true);
		done = _copy_to_iter(msg, m->len, &to);
	}
	return done == m->len ? 0 : -EFAULT;
}

/* Store the full length and the time of message @i, if the batch wants them. */
static int put_details(const struct ipcp_batch *batch,
		       const struct ipcp_reader *r, struct ipcp_msg *m,
		       unsigned int len, unsigned int i)
{
	s64 __user *times = u64_to_user_ptr(batch->times);

	if (batch->flags & IPCP_BATCH_TRUNC)
		m->len = len;
	return batch->times ? put_user(ipcp_reader_time(r), times + i) : 0;
}

/*
 * Receive messages @got to @got + @n - 1 of a batch; wait for the first of the
 * batch. Return how many were received, or an error.
 */
static int recv_some(struct file *file, struct ipcp_reader *r,
		     const struct ipcp_batch *batch, unsigned int got,
		     struct ipcp_msg *m, unsigned int n)
{
	bool details = batch->flags & IPCP_BATCH_TRUNC || batch->times;
	bool nonblock = got || !may_wait(file, batch);
	unsigned int i;
	const u8 *msg;
	int len, err;

	r->want = n;
	for (i = 0; i < n; i++) {
		if (m[i].flags)
			return i ?: -EINVAL;
		len = i ? ipcp_reader_next(r, &msg) :
			  next_message(file->private_data, r, nonblock, &msg);
		if (len < 0)
			return i ?: len;
		err = put_msg(&m[i], r, msg, len);
		if (unlikely(details) && !err)
			err = put_details(batch, r, &m[i], len, got + i);
		if (err)
			return i ?: err;
	}
	return i;
}

/**
 * ipcp_io_next_len() - Return the length of the next message (FIONREAD)
 * @flow: flow
 *
 * Context: Process context.
 * Return: length in bytes, 0 if no message waits.
 */
int ipcp_io_next_len(struct ipcp_flow *flow)
{
	struct ipcp_reader r;
	const u8 *msg;
	int len;

	ipcp_reader_init(&r, flow);
	r.peek = true;
	len = ipcp_reader_next(&r, &msg);
	ipcp_reader_end(&r);
	return max(len, 0);
}

/**
 * ipcp_io_recv() - Receive a batch of messages (IPCP_IOC_RECV)
 * @file: file of a flow
 * @batch: batch, checked by the caller
 *
 * Context: Process context.
 * Return: number of messages that were read; an errno of
 * Documentation/device.md if there are none.
 */
int ipcp_io_recv(struct file *file, const struct ipcp_batch *batch)
{
	struct ipcp_msg __user *user = u64_to_user_ptr(batch->msgs);
	struct ipcp_file *f = file->private_data;
	struct ipcp_msg *msg = alloc_msgs(batch);
	unsigned int got = 0;
	struct ipcp_reader r;
	int n, err = 0;

	if (!msg)
		return -ENOMEM;
	ipcp_reader_init(&r, ipcp_file_flow(f));
	r.peek = batch->flags & IPCP_BATCH_PEEK;
	while (got < batch->count) {
		n = get_msgs(msg, batch, got);
		err = n < 0 ? n : recv_some(file, &r, batch, got, msg, n);
		if (err < 0)
			break;
		if (copy_to_user(user + got, msg, err * sizeof(*msg))) {
			err = -EFAULT;
			break;
		}
		got += err;
		if (err < n)
			break;
	}
	ipcp_reader_end(&r);
	kfree(msg);
	return got ?: err;
}
