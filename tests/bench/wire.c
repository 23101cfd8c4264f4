// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * A wire between the hosts that delivers buffers as the drivers of network
 * cards do: headers in linear memory, and the payload of each packet in a page
 * fragment of its own.
 *
 * Usage: wire linear|paged
 *
 * Makes the interface "wire" on each host, prints a line, and forwards frames
 * until it is killed. With "linear", payload follows the headers in linear
 * memory. Only a buffer of several packets that is longer than a page has its
 * payload in a few large fragments, and some packets are split across two.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAGS_MAX	17	/* MAX_SKB_FRAGS of most kernels */
#define OFFLOADS	(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | \
			 TUN_F_USO4 | TUN_F_USO6)

/* What a read returns. */
struct frame {
	struct virtio_net_hdr info;
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[UINT16_MAX];
} __attribute__((packed));

static void die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int ok(int ret, const char *what)
{
	if (ret < 0)
		die(what);
	return ret;
}

/* The interface of a host, with IFF_NAPI_FRAGS or no further flag. */
static int interface_of(const char *host, int flag)
{
	struct ifreq req = {
		.ifr_name = "wire",
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_NAPI | flag,
	};
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", host);
	fd = ok(open(path, O_RDONLY | O_CLOEXEC), path);
	ok(setns(fd, CLONE_NEWNET), "setns");
	close(fd);
	fd = ok(open("/dev/net/tun", O_RDWR | O_CLOEXEC), "/dev/net/tun");
	ok(ioctl(fd, TUNSETIFF, &req), "TUNSETIFF");
	ok(ioctl(fd, TUNSETOFFLOAD, OFFLOADS), "TUNSETOFFLOAD");
	return fd;
}

static int is_udp(const struct frame *f, size_t len)
{
	return len > offsetof(struct frame, payload) &&
	       f->eth.h_proto == htons(ETH_P_IP) && f->ip.version == 4 &&
	       f->ip.ihl == 5 && f->ip.protocol == IPPROTO_UDP;
}

/* Split a frame into the headers and the payload of each packet. */
static int split(struct frame *f, size_t len, struct iovec *iov)
{
	size_t pos = offsetof(struct frame, payload), some;
	int n = 1;

	iov[0] = (struct iovec){ f, pos };
	for (; pos < len; pos += some) {
		if (n > FRAGS_MAX) {
			fprintf(stderr, "wire: too many packets in a buffer\n");
			exit(1);
		}
		some = len - pos;
		if (f->info.gso_type && f->info.gso_size < some)
			some = f->info.gso_size;
		iov[n++] = (struct iovec){ (uint8_t *)f + pos, some };
	}
	return n;
}

/* One direction of the wire. */
struct direction {
	int from, to, paged;
};

static void *forward(void *arg)
{
	static _Thread_local struct frame f;
	struct iovec iov[1 + FRAGS_MAX];
	const struct direction *d = arg;

	for (;;) {
		size_t len = ok(read(d->from, &f, sizeof(f)), "read");
		int n = 1;

		if (d->paged && is_udp(&f, len))
			n = split(&f, len, iov);
		else
			iov[0] = (struct iovec){ &f, len };
		if (writev(d->to, iov, n) < 0 && errno != EIO)	/* not up yet */
			die("writev");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int paged = argc == 2 && !strcmp(argv[1], "paged");
	struct sched_param param = { 0 };
	struct direction there, back;
	pthread_t thread;
	int alice, bob;

	if (argc != 2 || (!paged && strcmp(argv[1], "linear"))) {
		fprintf(stderr, "usage: wire linear|paged\n");
		return 2;
	}
	alice = interface_of("alice", paged ? IFF_NAPI_FRAGS : 0);
	bob = interface_of("bob", paged ? IFF_NAPI_FRAGS : 0);
	there = (struct direction){ alice, bob, paged };
	back = (struct direction){ bob, alice, paged };
	/* Like the sender and the receiver, preempt no other process. */
	ok(sched_setscheduler(0, SCHED_BATCH, &param), "SCHED_BATCH");
	errno = pthread_create(&thread, NULL, forward, &back);
	if (errno)
		die("pthread_create");
	puts("ready");
	fclose(stdout);
	forward(&there);
}
