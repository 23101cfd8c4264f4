/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Flows: exchange messages with a named peer. See libipcp_rekey(3).
 */
#ifndef OUROBOROS_DEV_H
#define OUROBOROS_DEV_H

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <ouroboros/cdefs.h>
#include <ouroboros/qos.h>

struct timespec;

__BEGIN_DECLS

int flow_alloc(const char *dst, qosspec_t *qs, const struct timespec *timeo);
int flow_accept(qosspec_t *qs, const struct timespec *timeo);
int flow_join(const char *bc, const struct timespec *timeo);
int flow_dealloc(int fd);

ssize_t flow_write(int fd, const void *buf, size_t count);
ssize_t flow_read(int fd, void *buf, size_t count);

/* Extension, not in Ouroboros. Since version IPCP_REKEY_2. */
int flow_peer_name(int fd, char *buf, size_t len);

__END_DECLS

#endif /* OUROBOROS_DEV_H */
