// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Flows of ipcp_rekey: the caller opens them, so they are only used here. */
#include <linux/ipcp_rekey.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pair.h"

static void send_flow(struct pair *p)
{
	want(ok(write(p->tx, p->out, p->size), "write"), p->size,
	     "bytes written");
}

static unsigned int recv_flow(struct pair *p)
{
	want(ok(read(p->rx, p->in, BUF_LEN), "read"), p->size,
	     "bytes received");
	return 1;
}

const struct way flow_way = {
	.name = "ipcp-rekey",
	.needs_fds = 1,
	.send = send_flow,
	.recv = recv_flow,
};

const struct way flow_local_way = {
	.name = "ipcp-rekey-local",
	.needs_fds = 1,
	.send = send_flow,
	.recv = recv_flow,
};

/* Filled in once, as a program would; each sender is a process with its own. */
static struct ipcp_msg tx_msgs[BATCH_MAX];

static void call(int fd, unsigned long number, struct ipcp_msg *msgs,
		 unsigned int count, const char *what, unsigned int *done)
{
	struct ipcp_batch batch = {
		.size = sizeof(batch),
		.msgs = (uintptr_t)msgs,
		.count = count,
	};

	*done = ok(ioctl(fd, number, &batch), what);
}

static void send_flow_batch(struct pair *p)
{
	unsigned int done;

	for (unsigned int i = 0; !tx_msgs[p->batch - 1].base; i++)
		tx_msgs[i] = (struct ipcp_msg){ (uintptr_t)p->out + i * p->size,
						p->size, 0 };
	call(p->tx, IPCP_IOC_SEND, tx_msgs, p->batch, "IPCP_IOC_SEND", &done);
	want(done, p->batch, "messages sent");
}

static unsigned int recv_flow_batch(struct pair *p)
{
	struct ipcp_msg msgs[BATCH_MAX];
	unsigned int done;

	for (unsigned int i = 0; i < p->batch; i++)
		msgs[i] = (struct ipcp_msg){ (uintptr_t)p->in + i * DATAGRAM_ROOM,
					     DATAGRAM_ROOM, 0 };
	call(p->rx, IPCP_IOC_RECV, msgs, p->batch, "IPCP_IOC_RECV", &done);
	for (unsigned int i = 0; i < done; i++)
		want(msgs[i].len, p->size, "bytes of a message");
	return done;
}

const struct way flow_batch_way = {
	.name = "ipcp-rekey-batch",
	.needs_fds = 1,
	.send = send_flow_batch,
	.recv = recv_flow_batch,
};
