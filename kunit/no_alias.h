/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Included in front of main.c: the family's name loads the module itself, never
 * the one with the tests, which would take its place.
 */
#include <linux/module.h>
#include <net/genetlink.h>

#undef MODULE_ALIAS_GENL_FAMILY
#define MODULE_ALIAS_GENL_FAMILY(family)	MODULE_INFO(tests, family)
