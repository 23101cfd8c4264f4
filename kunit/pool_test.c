// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Buffers in pages that are used again. */
#include <linux/preempt.h>
#include <linux/skbuff.h>

#include "pool.h"
#include "test_util.h"

#define TURNS		10000
/* More pages than a pool takes from the kernel at once, and keeps. */
#define MOST_PAGES	256

static int pool_test_init(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PAGE_POOL) || PAGE_SIZE > SZ_4K)
		kunit_skip(test, "the kernel has no pool of small pages");
	return 0;
}

/* Return: a buffer with room for @size bytes, which the test frees. */
static struct sk_buff *new_buffer(struct kunit *test, unsigned int size)
{
	struct sk_buff *skb = ipcp_pool_alloc(size);

	KUNIT_ASSERT_NOT_NULL(test, skb);
	return skb;
}

static const unsigned int sizes[] = { 0, 1, 64, 200, 1024, 1500, 2000, 3000 };

static void a_buffer_is_empty_and_has_the_room(struct kunit *test)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct sk_buff *skb = new_buffer(test, sizes[i]);

		KUNIT_EXPECT_EQ(test, skb->len, 0);
		KUNIT_EXPECT_EQ(test, skb_headroom(skb), 0);
		KUNIT_EXPECT_GE(test, skb_tailroom(skb), sizes[i]);
		KUNIT_EXPECT_FALSE(test, skb_is_nonlinear(skb));
		kfree_skb(skb);
	}
}

static void a_buffer_larger_than_a_page_is_refused(struct kunit *test)
{
	unsigned int most = SKB_WITH_OVERHEAD(PAGE_SIZE);

	kfree_skb(new_buffer(test, most));
	KUNIT_EXPECT_NULL(test, ipcp_pool_alloc(most + 1));
	KUNIT_EXPECT_NULL(test, ipcp_pool_alloc(PAGE_SIZE));
	KUNIT_EXPECT_NULL(test, ipcp_pool_alloc(SZ_64K));
}

/* Charges that are too low would let a user hold more memory than allowed. */
static void at_least_a_quarter_of_the_memory_held_is_charged(struct kunit *test)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct sk_buff *skb = new_buffer(test, sizes[i]);

		/* struct sk_buff is charged, too, but is not in the page */
		KUNIT_EXPECT_GE(test,
				skb->truesize - SKB_DATA_ALIGN(sizeof(*skb)),
				PAGE_SIZE / 4);
		kfree_skb(skb);
	}
}

/* Note a page; return the number of different pages. */
static unsigned int note_page(const struct page **seen, unsigned int count,
			      const struct page *page)
{
	for (unsigned int i = 0; i < count; i++)
		if (seen[i] == page)
			return count;
	if (count < MOST_PAGES)
		seen[count] = page;
	return count + 1;
}

static void freed_memory_is_used_again(struct kunit *test)
{
	const struct page **seen;
	unsigned int count = 0;

	seen = kunit_kcalloc(test, MOST_PAGES, sizeof(*seen), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	/* each processor has a pool of its own */
	migrate_disable();
	for (unsigned int i = 0; i < TURNS && count <= MOST_PAGES; i++) {
		struct sk_buff *skb = ipcp_pool_alloc(1500);

		if (skb)
			count = note_page(seen, count, virt_to_page(skb->head));
		consume_skb(skb);
	}
	migrate_enable();
	KUNIT_EXPECT_GT(test, count, 0);
	KUNIT_EXPECT_LE(test, count, MOST_PAGES);
}

static void memory_of_a_buffer_that_is_held_is_not_used_again(struct kunit *test)
{
	struct sk_buff *held = new_buffer(test, 64);

	memset(skb_put(held, 64), 0xa5, 64);
	for (unsigned int i = 0; i < TURNS; i++) {
		struct sk_buff *skb = new_buffer(test, 64);

		memset(skb_put(skb, 64), i, 64);
		consume_skb(skb);
	}
	KUNIT_EXPECT_NULL(test, memchr_inv(held->data, 0xa5, 64));
	kfree_skb(held);
}

static void a_clone_keeps_the_memory(struct kunit *test)
{
	struct sk_buff *skb = new_buffer(test, 64), *clone, *other;

	memset(skb_put(skb, 64), 0xa5, 64);
	clone = skb_clone(skb, GFP_KERNEL);
	consume_skb(skb);
	KUNIT_ASSERT_NOT_NULL(test, clone);
	other = new_buffer(test, 64);
	memset(skb_put(other, 64), 0x5a, 64);
	KUNIT_EXPECT_NULL(test, memchr_inv(clone->data, 0xa5, 64));
	kfree_skb(other);
	kfree_skb(clone);
}

static struct kunit_case pool_test_cases[] = {
	KUNIT_CASE(a_buffer_is_empty_and_has_the_room),
	KUNIT_CASE(a_buffer_larger_than_a_page_is_refused),
	KUNIT_CASE(at_least_a_quarter_of_the_memory_held_is_charged),
	KUNIT_CASE(freed_memory_is_used_again),
	KUNIT_CASE(memory_of_a_buffer_that_is_held_is_not_used_again),
	KUNIT_CASE(a_clone_keeps_the_memory),
	{}
};

static struct kunit_suite pool_test_suite = {
	.name = "ipcp_pool",
	.init = pool_test_init,
	.test_cases = pool_test_cases,
};

kunit_test_suite(pool_test_suite);
