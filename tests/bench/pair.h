/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A sender and a receiver, and the ways between them to compare. */
#ifndef _BENCH_PAIR_H
#define _BENCH_PAIR_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define BATCH_MAX	64
#define KEY_LEN		32
#define HDR_LEN		12	/* as our header: the same on the wire */
#define TAG_LEN		16
#define DATAGRAM_ROOM	65536
#define BUF_LEN		(BATCH_MAX * DATAGRAM_ROOM)

enum cipher {
	CIPHER_NONE,
	CIPHER_AES,		/* AES-256-GCM */
	CIPHER_CHACHA,		/* ChaCha20-Poly1305 */
};

struct sealer;

/**
 * struct pair - both ends of a way
 * @way: how messages are sent
 * @cipher: cipher, for a way that has one
 * @size: bytes of a message
 * @batch: messages a call
 * @tx: descriptor of the sender
 * @rx: descriptor of the receiver
 * @sealer: keys, for a way that encrypts in the program
 * @out: @batch messages to be sent, one after the other
 * @in: messages received, room for @batch messages
 * @wire: messages as on the wire, if these differ
 */
struct pair {
	const struct way *way;
	enum cipher cipher;
	size_t size;
	unsigned int batch;
	int tx, rx;
	struct sealer *sealer;
	uint8_t *out, *in, *wire;
};

/**
 * struct way - a way of sending messages, to be compared with others
 * @name: name on the command line
 * @needs_fds: the descriptors are given on the command line
 * @open: opens both ends, unless they are given
 * @send: sends @batch messages
 * @recv: waits, then receives at most @batch messages; returns how many
 */
struct way {
	const char *name;
	int needs_fds;
	void (*open)(struct pair *p, unsigned int number);
	void (*send)(struct pair *p);
	unsigned int (*recv)(struct pair *p);
};

extern const struct way udp_way, udp_batch_way, unix_way, tls_way;
extern const struct way flow_way, flow_batch_way, flow_local_way;

/* pair.c */
void die(const char *what) __attribute__((noreturn));
int ok(int ret, const char *what);
void want(size_t got, size_t expected, const char *what);
int socket_in(const char *host, int type);
struct sockaddr_in address_of(const char *host, unsigned int number);

/* seal.c */
struct sealer *sealer_new(enum cipher cipher);
size_t seal(struct sealer *s, uint8_t *wire, const uint8_t *msg, size_t len);
size_t unseal(struct sealer *s, uint8_t *msg, const uint8_t *wire, size_t len);

#endif
