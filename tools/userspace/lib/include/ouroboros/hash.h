/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Empty: programs include this header, but use nothing from it. */
#ifndef OUROBOROS_HASH_H
#define OUROBOROS_HASH_H
#endif /* OUROBOROS_HASH_H */
