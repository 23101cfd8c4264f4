// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Kernel TLS 1.3 over TCP. A message is a record. All messages of a batch are
 * written, and read, in one call, in as few records as the kernel makes of
 * them.
 */
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"

#ifndef SOL_TLS
#define SOL_TLS	282
#endif

static void set_key(int fd, int direction, enum cipher cipher)
{
	struct tls12_crypto_info_aes_gcm_256 aes = {
		.info = { TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_256 },
	};
	struct tls12_crypto_info_chacha20_poly1305 chacha = {
		.info = { TLS_1_3_VERSION, TLS_CIPHER_CHACHA20_POLY1305 },
	};

	if (cipher == CIPHER_AES)
		ok(setsockopt(fd, SOL_TLS, direction, &aes, sizeof(aes)),
		   "TLS key");
	else
		ok(setsockopt(fd, SOL_TLS, direction, &chacha, sizeof(chacha)),
		   "TLS key");
}

static void open_tls(struct pair *p, unsigned int number)
{
	struct sockaddr_in bob = address_of("bob", number);
	int listener = socket_in("bob", SOCK_STREAM), on = 1;

	ok(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
	   "SO_REUSEADDR");
	ok(bind(listener, (void *)&bob, sizeof(bob)), "bind");
	ok(listen(listener, 1), "listen");
	p->tx = socket_in("alice", SOCK_STREAM);
	ok(connect(p->tx, (void *)&bob, sizeof(bob)), "connect");
	p->rx = ok(accept(listener, NULL, NULL), "accept");
	ok(close(listener), "close");
	ok(setsockopt(p->tx, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
	   "TCP_NODELAY");
	ok(setsockopt(p->tx, IPPROTO_TCP, TCP_ULP, "tls", 4), "TCP_ULP");
	ok(setsockopt(p->rx, IPPROTO_TCP, TCP_ULP, "tls", 4), "TCP_ULP");
	set_key(p->tx, TLS_TX, p->cipher);
	set_key(p->rx, TLS_RX, p->cipher);
}

static void send_tls(struct pair *p)
{
	size_t len = p->batch * p->size;

	want(ok(send(p->tx, p->out, len, 0), "send"), len, "bytes sent");
}

static unsigned int recv_tls(struct pair *p)
{
	size_t len = p->batch * p->size;

	want(ok(recv(p->rx, p->in, len, MSG_WAITALL), "recv"), len,
	     "bytes received");
	return p->batch;
}

const struct way tls_way = {
	.name = "ktls",
	.open = open_tls,
	.send = send_tls,
	.recv = recv_tls,
};
