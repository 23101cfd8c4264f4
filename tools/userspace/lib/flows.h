/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The flows of this process, inside libipcp_rekey.
 *
 * The descriptor of a flow is a kernel file descriptor of at least 64, so that
 * it can be polled. The state that the library adds is in a table indexed by
 * the descriptor. Entries are never freed: a late call may find no flow, but
 * never accesses freed memory.
 *
 * fork() waits for the mutexes of the library, so that the child finds each
 * mutex free and the protected data consistent. fork() does not wait for calls
 * that sleep.
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
#define FLOWS_END	4096	/* beyond the last valid descriptor */
#define MESSAGE_MAX	65536	/* longest message */

enum flow_state {
	FLOW_NONE,
	FLOW_COMING,		/* its descriptor is reserved; not a flow yet */
	FLOW_THERE,
	FLOW_ENDING,		/* no new calls may begin */
};

/* Rest of a message that did not fit into the buffer of a read. */
struct rest {
	struct rest *next;
	size_t off;
	size_t len;		/* 0 if only the end of the message is left */
	unsigned char data[MESSAGE_MAX];
};

/**
 * struct flow - state of a flow in the library
 * @use: read-locked by each call, write-locked to add or remove the flow
 * @state: enum flow_state; atomic
 * @flags: FLOWF*; atomic
 * @lock: protects @qos to @rests, and the end of the flow; lockless reads of
 *	@rcv_limited and @rests are allowed
 * @qos: requested quality
 * @rcv_limited: true if @rcvtimeo is set
 * @snd_limited: true if @sndtimeo is set
 * @rcvtimeo: time limit of a read
 * @sndtimeo: time limit of a write
 * @rests: rests of messages, oldest first
 * @spare: spare buffer for a rest, exchanged atomically
 * @set: set that contains the flow. The lock in fqueue.c protects @set, @entry
 *	and @over
 * @entry: unique number of the last addition of the flow to a set, or 0
 * @over: true if the end of the flow has been reported
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
	uint32_t entry;
	bool over;
};

/* The time at which waiting ends. */
struct limit {
	bool none;
	int64_t at;		/* ns, CLOCK_MONOTONIC */
};

void flows_lock(void);
void flows_unlock(void);
int flows_reserve(int fd);
void flows_unreserve(int fd);
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
