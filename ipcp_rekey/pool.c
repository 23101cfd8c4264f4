// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Buffers for single messages of programs, in pages that are used again. The
 * allocator of the kernel may clear each buffer (init_on_alloc), which a
 * message overwrites at once. A page of a pool is cleared only when it is new.
 *
 * Each processor has a pool. A page returns to its pool from the processor that
 * frees the buffer; the stack does this without a call into the module. A
 * message in flight pins the module. A clone at a packet socket does not, nor
 * does a packet that its receiver took over (skb_orphan()) and queued at a
 * socket of others: these can hold pages longer than the module is loaded.
 */
#include <linux/bottom_half.h>
#include <linux/hardirq.h>
#include <linux/local_lock.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <net/page_pool/helpers.h>

#include "pool.h"

/*
 * A buffer that is held also holds the rest of its page. With at most four in
 * a page, a user holds at most four times the memory that is charged.
 */
#define IPCP_POOL_MIN	1024U

/* Unused pages that a pool keeps, in addition to those of its own cache. */
#define IPCP_POOL_SIZE	64

/**
 * struct ipcp_pool - the pages of a processor
 * @lock: protects the cache of @pages where bottom halves can be preempted
 * @pages: owned; NULL if the kernel has no page pools
 */
struct ipcp_pool {
	local_lock_t lock;
	struct page_pool *pages;
};

static DEFINE_PER_CPU(struct ipcp_pool, ipcp_pools) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

/* Large pages would be held by a few short messages. */
static bool is_of_use(void)
{
	return IS_ENABLED(CONFIG_PAGE_POOL) && PAGE_SIZE <= 4 * IPCP_POOL_MIN;
}

/**
 * ipcp_pool_init() - Create the pool of each processor
 *
 * Context: Process context, before ipcp_pool_alloc().
 * Return: 0, or -ENOMEM.
 */
int ipcp_pool_init(void)
{
	const struct page_pool_params params = {
		.pool_size = IPCP_POOL_SIZE,
		.nid = NUMA_NO_NODE,
	};
	struct page_pool *pages;
	int cpu;

	if (!is_of_use())
		return 0;
	for_each_possible_cpu(cpu) {
		pages = page_pool_create(&params);
		if (IS_ERR(pages)) {
			ipcp_pool_exit();
			return PTR_ERR(pages);
		}
		per_cpu(ipcp_pools.pages, cpu) = pages;
	}
	return 0;
}

/**
 * ipcp_pool_exit() - Free the pools
 *
 * The kernel keeps a pool until the last of its buffers is freed.
 *
 * Context: Process context, after all calls of ipcp_pool_alloc().
 */
void ipcp_pool_exit(void)
{
	int cpu;

	if (!is_of_use())
		return;
	for_each_possible_cpu(cpu) {
		page_pool_destroy(per_cpu(ipcp_pools.pages, cpu));
		per_cpu(ipcp_pools.pages, cpu) = NULL;
	}
}

static struct sk_buff *alloc_from(struct page_pool *pages, unsigned int size)
{
	struct sk_buff *skb;
	void *head;

	head = page_pool_alloc_va(pages, &size, GFP_NOWAIT | __GFP_NOWARN);
	if (unlikely(!head))
		return NULL;
	skb = napi_build_skb(head, size);
	if (likely(skb))
		skb_mark_for_recycle(skb);
	else
		page_pool_free_va(pages, head, false);
	return skb;
}

/**
 * ipcp_pool_alloc() - Allocate a buffer in memory that was used before
 * @size: room in the buffer, in bytes
 *
 * The memory is not cleared: write all bytes that are sent.
 *
 * Context: Any context but hard interrupts, with interrupts enabled.
 * Return: an empty buffer; or NULL, if the buffer would be larger than a page
 * or if the pool cannot grow: call alloc_skb() then.
 */
struct sk_buff *ipcp_pool_alloc(unsigned int size)
{
	unsigned int with_info = max_t(unsigned int, SKB_HEAD_ALIGN(size),
				       IPCP_POOL_MIN);
	struct sk_buff *skb;

	if (!is_of_use() || with_info > PAGE_SIZE)
		return NULL;
	local_bh_disable();
	local_lock_nested_bh(&ipcp_pools.lock);
	skb = alloc_from(this_cpu_read(ipcp_pools.pages), with_info);
	local_unlock_nested_bh(&ipcp_pools.lock);
	local_bh_enable();
	return skb;
}
