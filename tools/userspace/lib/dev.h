/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * User-space interface of the device: one function for each call, which returns
 * a negative errno on failure, and error messages that say what to do.
 */
#ifndef IPCP_DEV_H
#define IPCP_DEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ipcp_rekey.h>

/* The operation that failed; the meaning of an errno depends on it. */
enum ipcp_dev_op {
	IPCP_DEV_OPEN,
	IPCP_DEV_ALLOC,
	IPCP_DEV_LISTEN,
	IPCP_DEV_ACCEPT,
	IPCP_DEV_READ,
	IPCP_DEV_WRITE,
	IPCP_DEV_REKEY,
	IPCP_DEV_INFO,
	IPCP_DEV_SET,
};

int ipcp_dev_check_name(const char *name);
int ipcp_dev_open(int flags);
int ipcp_dev_alloc(int fd, const char *name, const struct ipcp_qos *qos,
		   int64_t timeout);
int ipcp_dev_listen(int fd, const char *name, unsigned int backlog);
int ipcp_dev_provide(int fd, const char *name, unsigned int mtu);
int ipcp_dev_accept(int fd, unsigned int flags, int64_t timeout,
		    struct ipcp_qos *qos);
int ipcp_dev_rekey(int fd);
int ipcp_dev_info(int fd, struct ipcp_info *info);
int ipcp_dev_set(int fd, const struct ipcp_set *set);
int ipcp_dev_nonblock(int fd, bool on);

const char *ipcp_dev_words(enum ipcp_dev_op op, int err);
void ipcp_dev_explain(int fd, enum ipcp_dev_op op, int err, const char *name,
		      char *buf, size_t len);

void ipcp_dev_ready(void);

#endif /* IPCP_DEV_H */
