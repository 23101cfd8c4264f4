/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The other side of the cases of lib-cases.c. */
#ifndef LIB_SERVE_H
#define LIB_SERVE_H

#define LIB_SIZE	65536	/* of the longest message that is read */

/* Serve the names that the program is bound to. Return: 1, if that fails. */
int lib_serve(void);

#endif /* LIB_SERVE_H */
