/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_VERSION_H
#define _IPCP_VERSION_H

/* The project's version. The Makefile, DKMS and the tools read it here. */
#define IPCP_VERSION_STRING	"0.1.0"

#endif /* _IPCP_VERSION_H */
