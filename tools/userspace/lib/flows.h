/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Inside libipcp_rekey: the flows of this process.
 *
 * A flow's descriptor is a file descriptor of the kernel's, from 64 on, so it
 * can be polled. What the library knows besides lies in a table by that number,
 * whose entries stay: a call that is late finds no flow, never freed memory.
 */
#ifndef IPCP_FLOWS_H
#define IPCP_FLOWS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>
#include <ouroboros/fqueue.h>
#include <ouroboros/qos.h>

#include "dev.h"

#define FLOWS_FIRST	64
#define FLOWS_END	4096	/* the first that is none */
#define MESSAGE_MAX	65536	/* no message is longer */

enum flow_state {
	FLOW_NONE,
	FLOW_THERE,
	FLOW_ENDING,		/* no call may begin any more */
};

/* What is left of a message, after a read that it did not fit into. */
struct rest {
	struct rest *next;
	size_t off;
	size_t len;		/* 0 if the end was not told yet */
	unsigned char data[MESSAGE_MAX];
};

/**
 * struct flow - what the library knows of a flow
 * @use: held for reading by a call, for writing while the flow comes or goes
 * @state: enum flow_state, atomic
 * @flags: FLOWF*, atomic
 * @lock: for what follows
 * @qos: what was asked of it
 * @rcv_limited: whether there is a @rcvtimeo
 * @snd_limited: whether there is a @sndtimeo
 * @rcvtimeo: how long a read may wait
 * @sndtimeo: how long a write may wait
 * @rests: messages that were read in part, the first one first
 * @spare: room for one, to be taken and put back atomically
 * @set: set that it is in; under the sets' lock, as what follows
 * @quiet: that the peer is silent was told
 * @over: that it is over was told
 */
struct flow {
	pthread_rwlock_t use;
	int state;
	uint32_t flags;
	pthread_mutex_t lock;
	qosspec_t qos;
	bool rcv_limited;
	bool snd_limited;
	struct timespec rcvtimeo;
	struct timespec sndtimeo;
	struct rest *rests;
	struct rest *spare;
	fset_t *set;
	bool quiet;
	bool over;
};

/* A point in time until which something waits. */
struct limit {
	bool none;
	int64_t at;		/* ns, CLOCK_MONOTONIC */
};

int flows_reserve(int fd);
void flows_add(int fd, const qosspec_t *qos);
struct flow *flows_at(int fd);
struct flow *flows_get(int fd, int *err);
void flows_put(void *flow);
int flows_end(void);

bool rests_any(void);
bool rests_waiting(struct flow *flow);
void rests_drop(struct flow *flow);
struct rest *rests_get_room(struct flow *flow);
void rests_put_room(struct flow *flow, struct rest *rest);
void rests_add(struct flow *flow, struct rest *rest);
bool rests_read(struct flow *flow, void *buf, size_t count, ssize_t *ret);

void sets_forget(int fd, struct flow *flow);

int flow_errno(enum ipcp_dev_op op, int err);
int64_t flow_limit(const struct timespec *timeo);
void limit_start(struct limit *limit, const struct timespec *timeo);
const struct timespec *limit_left(const struct limit *limit,
				  struct timespec *left);

#endif /* IPCP_FLOWS_H */
