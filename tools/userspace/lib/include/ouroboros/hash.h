/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Included by programs, which use nothing of it. */
#ifndef OUROBOROS_HASH_H
#define OUROBOROS_HASH_H
#endif /* OUROBOROS_HASH_H */
