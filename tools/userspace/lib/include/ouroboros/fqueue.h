/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Sets of flows, and the events of the flows in a set. See libipcp_rekey(3). */
#ifndef OUROBOROS_FQUEUE_H
#define OUROBOROS_FQUEUE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include <ouroboros/cdefs.h>

enum fqtype {
	FLOW_PKT     = (1 << 0),	/* readable */
	FLOW_DOWN    = (1 << 1),	/* the flow is down */
	FLOW_UP      = (1 << 2),	/* never reported here */
	FLOW_ALLOC   = (1 << 3),	/* never reported here */
	FLOW_DEALLOC = (1 << 4),	/* deallocated by the peer */
	FLOW_PEER    = (1 << 5)		/* the peer is silent */
};

struct flow_set;
struct fqueue;
struct timespec;

typedef struct flow_set fset_t;
typedef struct fqueue fqueue_t;

__BEGIN_DECLS

fset_t *fset_create(void);
void fset_destroy(fset_t *set);
void fset_zero(fset_t *set);
int fset_add(fset_t *set, int fd);
bool fset_has(const fset_t *set, int fd);
void fset_del(fset_t *set, int fd);

fqueue_t *fqueue_create(void);
void fqueue_destroy(fqueue_t *fq);
int fqueue_next(fqueue_t *fq);
enum fqtype fqueue_type(fqueue_t *fq);

ssize_t fevent(fset_t *set, fqueue_t *fq, const struct timespec *timeo);

__END_DECLS

#endif /* OUROBOROS_FQUEUE_H */
