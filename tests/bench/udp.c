// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Connected UDP sockets: one call a message, or batches that cross the stack
 * as one packet (UDP_SEGMENT and UDP_GRO). In clear, or sealed by the program.
 */
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"

#define RCVBUF		(8 << 20)	/* what our module gives its sockets */
#define DATAGRAM_MAX	65507
#define MMSG_MAX	8		/* for a batch of the longest */

static size_t on_wire(const struct pair *p)
{
	return p->sealer ? HDR_LEN + p->size + TAG_LEN : p->size;
}

static void open_udp(struct pair *p, unsigned int number)
{
	struct sockaddr_in alice = address_of("alice", number);
	struct sockaddr_in bob = address_of("bob", number);
	int size = RCVBUF;

	p->tx = socket_in("alice", SOCK_DGRAM);
	p->rx = socket_in("bob", SOCK_DGRAM);
	ok(bind(p->tx, (void *)&alice, sizeof(alice)), "bind");
	ok(bind(p->rx, (void *)&bob, sizeof(bob)), "bind");
	ok(connect(p->tx, (void *)&bob, sizeof(bob)), "connect");
	ok(connect(p->rx, (void *)&alice, sizeof(alice)), "connect");
	ok(setsockopt(p->rx, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)),
	   "SO_RCVBUFFORCE");
	if (p->cipher != CIPHER_NONE)
		p->sealer = sealer_new(p->cipher);
}

static void send_one(struct pair *p)
{
	size_t len = p->size;
	uint8_t *from = p->out;

	if (p->sealer) {
		len = seal(p->sealer, p->wire, p->out, p->size);
		from = p->wire;
	}
	want(ok(send(p->tx, from, len, 0), "send"), len, "bytes sent");
}

static unsigned int recv_one(struct pair *p)
{
	ssize_t len;

	if (!p->sealer) {
		len = ok(recv(p->rx, p->in, BUF_LEN, 0), "recv");
	} else {
		len = ok(recv(p->rx, p->wire, BUF_LEN, 0), "recv");
		len = unseal(p->sealer, p->in, p->wire, len);
	}
	want(len, p->size, "bytes received");
	return 1;
}

const struct way udp_way = {
	.name = "udp",
	.open = open_udp,
	.send = send_one,
	.recv = recv_one,
};

/*
 * Buffers to receive into: without offload, each message is a datagram of its
 * own. Filled in once, as a program would; each receiver is a process with its
 * own.
 */
static struct {
	struct mmsghdr msgs[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	uint8_t control[BATCH_MAX][CMSG_SPACE(sizeof(int))];
} rx;

static void open_batch(struct pair *p, unsigned int number)
{
	int on = 1, size;

	open_udp(p, number);
	size = on_wire(p);
	ok(setsockopt(p->tx, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)),
	   "UDP_SEGMENT");
	ok(setsockopt(p->rx, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)),
	   "UDP_GRO");
}

static void prepare(struct pair *p, unsigned int i)
{
	uint8_t *to = p->sealer ? p->wire : p->in;
	struct msghdr *hdr = &rx.msgs[i].msg_hdr;

	rx.iov[i] = (struct iovec){ to + i * DATAGRAM_ROOM, DATAGRAM_ROOM };
	hdr->msg_iov = &rx.iov[i];
	hdr->msg_iovlen = 1;
	hdr->msg_control = rx.control[i];
	hdr->msg_controllen = sizeof(rx.control[i]);
}

/* Sends as few datagrams as possible, each of whole messages. */
static void send_batch(struct pair *p)
{
	unsigned int fit = DATAGRAM_MAX / on_wire(p), left = p->batch, n = 0;
	struct mmsghdr msgs[MMSG_MAX] = { 0 };
	struct iovec iov[MMSG_MAX];
	uint8_t *from = p->out;

	if (p->sealer) {
		from = p->wire;
		for (unsigned int i = 0; i < p->batch; i++)
			seal(p->sealer, from + i * on_wire(p),
			     p->out + i * p->size, p->size);
	}
	for (; left; n++) {
		unsigned int some = left < fit ? left : fit;

		iov[n] = (struct iovec){ from, some * on_wire(p) };
		msgs[n].msg_hdr.msg_iov = &iov[n];
		msgs[n].msg_hdr.msg_iovlen = 1;
		from += iov[n].iov_len;
		left -= some;
	}
	want(ok(sendmmsg(p->tx, msgs, n, 0), "sendmmsg"), n, "datagrams sent");
}

/* Number of messages in a datagram: GRO may have merged several of one size. */
static unsigned int count(struct pair *p, struct msghdr *hdr, size_t len)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr);
	int size = len;

	if (cmsg && cmsg->cmsg_level == IPPROTO_UDP &&
	    cmsg->cmsg_type == UDP_GRO)
		memcpy(&size, CMSG_DATA(cmsg), sizeof(size));
	want(size, on_wire(p), "bytes of a message");
	want(len % size, 0, "bytes after the last message");
	return len / size;
}

static unsigned int recv_batch(struct pair *p)
{
	unsigned int total = 0;
	int n;

	for (unsigned int i = 0; !rx.msgs[p->batch - 1].msg_hdr.msg_iov; i++)
		prepare(p, i);
	n = ok(recvmmsg(p->rx, rx.msgs, p->batch, MSG_WAITFORONE, NULL),
	       "recvmmsg");
	for (int i = 0; i < n; i++) {
		struct msghdr *hdr = &rx.msgs[i].msg_hdr;
		unsigned int some = count(p, hdr, rx.msgs[i].msg_len);

		hdr->msg_controllen = sizeof(rx.control[i]);
		for (unsigned int j = 0; p->sealer && j < some; j++)
			unseal(p->sealer, p->in + (total + j) * p->size,
			       rx.iov[i].iov_base + j * on_wire(p), on_wire(p));
		total += some;
	}
	return total;
}

const struct way udp_batch_way = {
	.name = "udp-batch",
	.open = open_batch,
	.send = send_batch,
	.recv = recv_batch,
};
