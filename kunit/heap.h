/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_KUNIT_HEAP_H
#define _IPCP_KUNIT_HEAP_H

#include <kunit/test.h>
#include <linux/spinlock.h>

#define HEAP_OBJECTS	256
#define HEAP_SECRETS	8

/**
 * struct heap_watch - the heap allocations of a task
 * @task: watched task, or NULL
 * @lock: protects the members from @live to @lost
 * @live: allocations that are not freed yet
 * @count: number of entries in @live
 * @secret: secrets that freed memory must not contain
 * @nsecrets: number of entries in @secret
 * @exposed: number of secrets found in freed memory
 * @lost: true if @live or @secret was too small
 * @size: call @hook for each allocation of this size
 * @hook: called in the middle of the tested function; it must neither sleep nor
 *	allocate
 * @arg: argument of @hook
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
