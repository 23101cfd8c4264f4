/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Flags, time limits and state of a flow. See libipcp_rekey(3).
 */
#ifndef OUROBOROS_FCCNTL_H
#define OUROBOROS_FCCNTL_H

#include <sys/types.h>

#include <ouroboros/cdefs.h>

#define FLOWFRDONLY	00000000	/* access mode: one of these three */
#define FLOWFWRONLY	00000001
#define FLOWFRDWR	00000002
#define FLOWFACCMODE	00000003
#define FLOWFINVALID	(FLOWFWRONLY | FLOWFRDWR)
#define FLOWFDOWN	00000004	/* the flow is down, permanently */

#define FLOWFRNOBLOCK	00001000	/* reads do not block */
#define FLOWFWNOBLOCK	00002000	/* writes do not block */
#define FLOWFNONBLOCK	(FLOWFRNOBLOCK | FLOWFWNOBLOCK)

#define FLOWFRNOPART	00010000	/* read a whole message, or fail */
#define FLOWFWNOPART	00020000	/* always set */

#define FLOWFDEFAULT	(FLOWFRDWR | FLOWFWNOPART)

#define FRCTFRTX	00000001
#define FRCTFRESCNTL	00000002
#define FRCTFLINGER	00000004

/* commands, and the type of the third argument */
#define FLOWSRCVTIMEO	00000001	/* const struct timespec *, NULL: none */
#define FLOWGRCVTIMEO	00000002	/* struct timespec * */
#define FLOWSSNDTIMEO	00000003	/* const struct timespec *, NULL: none */
#define FLOWGSNDTIMEO	00000004	/* struct timespec * */
#define FLOWGQOSSPEC	00000005	/* qosspec_t * */
#define FLOWSFLAGS	00000006	/* uint32_t */
#define FLOWGFLAGS	00000007	/* uint32_t * */
#define FLOWGRXQLEN	00000010	/* size_t * */
#define FLOWGTXQLEN	00000011	/* size_t * */

#define FRCTSFLAGS	00001000	/* -EPERM: there is no FRCT layer */
#define FRCTGFLAGS	00002000

__BEGIN_DECLS

int fccntl(int fd, int cmd, ...);

__END_DECLS

#endif /* OUROBOROS_FCCNTL_H */
