// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Watch the heap, and make allocations fail. The tracepoints of the slab
 * allocators show each allocation of a task and, just before the memory is
 * freed, each free by any task. With these, a test can check that no memory is
 * left, and that no freed memory contained a secret.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "fail_nth.h"
#include "heap.h"

static bool holds(const void *mem, size_t size, const void *secret, size_t len)
{
	for (size_t i = 0; i + len <= size; i++)
		if (!memcmp(mem + i, secret, len))
			return true;
	return false;
}

static void taken(struct heap_watch *w, const void *mem, size_t size)
{
	unsigned long flags;

	if (!mem || READ_ONCE(w->task) != current || !in_task())
		return;
	raw_spin_lock_irqsave(&w->lock, flags);
	if (w->count < HEAP_OBJECTS) {
		w->live[w->count].mem = mem;
		w->live[w->count++].size = size;
	} else {
		w->lost = true;
	}
	raw_spin_unlock_irqrestore(&w->lock, flags);
	if (w->hook && w->size == size)
		w->hook(w->arg);
}

static void given_back(struct heap_watch *w, const void *mem)
{
	unsigned long flags;
	size_t size = 0;

	raw_spin_lock_irqsave(&w->lock, flags);
	for (unsigned int i = 0; i < w->count; i++) {
		if (w->live[i].mem == mem) {
			size = w->live[i].size;
			w->live[i] = w->live[--w->count];
			break;
		}
	}
	for (unsigned int i = 0; i < w->nsecrets; i++)
		if (holds(mem, size, w->secret[i].bytes, w->secret[i].len))
			w->exposed++;
	raw_spin_unlock_irqrestore(&w->lock, flags);
}

static void on_kmalloc(void *data, unsigned long call_site, const void *mem,
		       size_t size, size_t bytes_alloc, gfp_t gfp, int node)
{
	taken(data, mem, size);
}

static void on_cache_alloc(void *data, unsigned long call_site, const void *mem,
			   struct kmem_cache *cache, gfp_t gfp, int node)
{
	taken(data, mem, kmem_cache_size(cache));
}

static void on_kfree(void *data, unsigned long call_site, const void *mem)
{
	given_back(data, mem);
}

static void on_cache_free(void *data, unsigned long call_site, const void *mem,
			  const struct kmem_cache *cache)
{
	given_back(data, mem);
}

static void unwatch(void *data)
{
	unregister_trace_kmem_cache_free(on_cache_free, data);
	unregister_trace_kfree(on_kfree, data);
	unregister_trace_kmem_cache_alloc(on_cache_alloc, data);
	unregister_trace_kmalloc(on_kmalloc, data);
	tracepoint_synchronize_unregister();
}

/* Watch the heap until the test ends. Skip the test without tracepoints. */
struct heap_watch *heap_watch(struct kunit *test)
{
	struct heap_watch *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	int err;

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "the kernel has no tracepoints");
	KUNIT_ASSERT_NOT_NULL(test, w);
	raw_spin_lock_init(&w->lock);
	err = register_trace_kmalloc(on_kmalloc, w) ?:
	      register_trace_kmem_cache_alloc(on_cache_alloc, w) ?:
	      register_trace_kfree(on_kfree, w) ?:
	      register_trace_kmem_cache_free(on_cache_free, w);
	KUNIT_ASSERT_EQ(test, err, 0);
	KUNIT_ASSERT_EQ(test, kunit_add_action_or_reset(test, unwatch, w), 0);
	return w;
}

/* Watch the task's allocations from here to heap_end() until they are freed. */
void heap_begin(struct heap_watch *w)
{
	WRITE_ONCE(w->task, current);
}

void heap_end(struct heap_watch *w)
{
	WRITE_ONCE(w->task, NULL);
}

/* Add a secret that freed memory must not contain. */
void heap_secret(struct heap_watch *w, const void *bytes, size_t len)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&w->lock, flags);
	if (w->nsecrets < HEAP_SECRETS && len <= sizeof(w->secret[0].bytes)) {
		memcpy(w->secret[w->nsecrets].bytes, bytes, len);
		w->secret[w->nsecrets++].len = len;
	} else {
		w->lost = true;
	}
	raw_spin_unlock_irqrestore(&w->lock, flags);
}

/*
 * Expect that all memory was freed, without a secret in it. Except with
 * CONFIG_TINY_RCU, RCU frees in bulk without a tracepoint, so only kmemleak can
 * find memory that is left.
 */
void heap_expect_nothing_left(struct kunit *test, struct heap_watch *w)
{
	KUNIT_EXPECT_FALSE(test, w->lost);
	KUNIT_EXPECT_EQ(test, w->exposed, 0);
	if (IS_ENABLED(CONFIG_TINY_RCU))
		KUNIT_EXPECT_EQ(test, w->count, 0);
}

/*
 * Return: the address of a setting in a folder of debugfs, or NULL. Only the
 * files in debugfs have the addresses of these settings.
 */
static void *setting(const char *folder, const char *name)
{
	struct dentry *dir = debugfs_lookup(folder, NULL);
	struct dentry *file;
	void *value = NULL;

	if (IS_ERR_OR_NULL(dir))
		return NULL;
	file = debugfs_lookup(name, dir);
	if (!IS_ERR_OR_NULL(file)) {
		value = d_inode(file)->i_private;
		dput(file);
	}
	dput(dir);
	return value;
}

/*
 * Let failslab print no messages, and fail allocations that may sleep, too.
 * Pages do not fail, since the allocator of slabs then tries a smaller number
 * of pages, and the call succeeds. Without @ours, restore the settings.
 *
 * Return: false if the kernel has no failslab.
 */
static bool set_up_failing(bool ours)
{
	static unsigned long verbose_before;
	static u32 order_before;
	bool *ignore = setting("failslab", "ignore-gfp-wait");
	unsigned long *verbose = setting("failslab", "verbose");
	u32 *order = setting("fail_page_alloc", "min-order");

	if (!ignore || !verbose)
		return false;
	if (ours) {
		verbose_before = *verbose;
		order_before = order ? *order : 0;
	}
	*ignore = !ours;
	*verbose = ours ? 0 : verbose_before;
	if (order)
		*order = ours ? U32_MAX : order_before;
	return true;
}

static void end_failing(void *unused)
{
	fail_nth(0);
	set_up_failing(false);
}

/* Enable fail_nth() until the end of the test, or skip the test. */
void failing_allocations(struct kunit *test)
{
	if (!set_up_failing(true))
		kunit_skip(test, "the kernel has no failslab");
	KUNIT_ASSERT_EQ(test,
			kunit_add_action_or_reset(test, end_failing, NULL), 0);
}
