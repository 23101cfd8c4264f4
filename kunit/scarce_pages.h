/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Included before segs.c, so that a test can make page allocations fail on any
 * kernel.
 */
#ifndef _IPCP_KUNIT_SCARCE_PAGES_H
#define _IPCP_KUNIT_SCARCE_PAGES_H

#include <linux/gfp.h>
#include <linux/skbuff.h>

struct page *test_alloc_pages(gfp_t gfp, unsigned int order);

#undef alloc_pages
#define alloc_pages(gfp, order)	test_alloc_pages(gfp, order)

#endif /* _IPCP_KUNIT_SCARCE_PAGES_H */
