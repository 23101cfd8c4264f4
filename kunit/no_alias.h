/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Included before main.c, so that the name of the family loads the module
 * itself, and not the module with the tests in its place.
 */
#include <linux/module.h>
#include <net/genetlink.h>

#undef MODULE_ALIAS_GENL_FAMILY
#define MODULE_ALIAS_GENL_FAMILY(family)	MODULE_INFO(tests, family)
