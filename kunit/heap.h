/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_HEAP_H
#define _IPCP_KUNIT_HEAP_H

#include <kunit/test.h>
#include <linux/spinlock.h>

#define HEAP_OBJECTS	256
#define HEAP_SECRETS	8

/**
 * struct heap_watch - what a task takes of the heap, and what becomes of it
 * @task: whose memory is watched, while it is watched
 * @lock: protects the next members
 * @live: taken and not given back
 * @count: how many those are
 * @secret: what no memory may hold when it is given back
 * @nsecrets: how many secrets there are
 * @exposed: how often it did
 * @lost: more was taken than there is room for
 * @size: call @hook when so many bytes are taken
 * @hook: what shall happen then, in the middle of what is tested; it can
 *	neither sleep nor take memory
 * @arg: for @hook
 */
struct heap_watch {
	struct task_struct *task;
	raw_spinlock_t lock;	/* taken in tracepoints */
	struct {
		const void *mem;
		size_t size;
	} live[HEAP_OBJECTS];
	unsigned int count;
	struct {
		u8 bytes[64];
		size_t len;
	} secret[HEAP_SECRETS];
	unsigned int nsecrets;
	unsigned int exposed;
	bool lost;
	size_t size;
	void (*hook)(void *arg);
	void *arg;
};

struct heap_watch *heap_watch(struct kunit *test);
void heap_begin(struct heap_watch *w);
void heap_end(struct heap_watch *w);
void heap_secret(struct heap_watch *w, const void *bytes, size_t len);
void heap_expect_nothing_left(struct kunit *test, struct heap_watch *w);

void failing_allocations(struct kunit *test);

#endif /* _IPCP_KUNIT_HEAP_H */
