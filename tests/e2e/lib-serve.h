/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The server of the cases in lib-cases.c. */
#ifndef LIB_SERVE_H
#define LIB_SERVE_H

#define LIB_SIZE	65536	/* of the read buffer, in bytes */

/* Serve the names that the program is bound to. Return: 1 on failure. */
int lib_serve(void);

#endif /* LIB_SERVE_H */
